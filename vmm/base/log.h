// log.h: messages for people. Levels are defined by who reads them (docs/logging.md).
// SPDX-License-Identifier: GPL-2.0-or-later
//
//   LOG_ERROR   what the user asked for failed; somebody must act
//   LOG_WARN    abnormal, but the VM goes on; look when there is time
//   LOG_INFO    rare changes of state: start, reset, stop, a client connected
//   LOG_DEBUG   for us; may repeat
//
// Safe from every thread. Goes to stderr (with <N> priorities under systemd) and to the VM's log file
// once one is open.
#ifndef BERTH_BASE_LOG_H
#define BERTH_BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "compiler.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
// Opens PATH for appending as the VM's log (vmware.log style). 0 or -errno; without it only stderr is used.
int log_open_file(const char *path);
void log_close_file(void);

void log_msg(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...) log_msg(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

// One call site's budget for lines that a guest or client can trigger.
struct log_limit {
	_Atomic uint64_t window;        // second in which the budget started
	_Atomic uint32_t used;
	_Atomic uint64_t suppressed;    // lines swallowed since the last one printed
};

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...) PRINTF(3, 4);

// A line that the guest (or a client) can cause: at most a few a minute per call site, the rest counted.
#define log_guest(...) \
	do { \
		static struct log_limit log_limit_here; \
		log_limited(&log_limit_here, LOG_WARN, __VA_ARGS__); \
	} while (0)

#endif
