// log.c: one line a message, to stderr or the journal, and to the VM's log file.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_WINDOW 60u        // seconds
#define LIMIT_LINES  5u         // lines a call site may print in a window

// The program's log: two of its few file-scope variables.
static _Atomic int log_level = LOG_INFO;
static _Atomic int log_fd = -1;

void log_set_level(enum log_level level)
{
	atomic_store(&log_level, (int)level);
}

int log_open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return -errno;
	log_close_file();
	atomic_store(&log_fd, fd);
	return 0;
}

void log_close_file(void)
{
	int fd = atomic_exchange(&log_fd, -1);

	if (fd >= 0)
		close(fd);
}

static size_t stamp(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	return n + (size_t)snprintf(buf + n, size - n, ".%03ldZ ", ts.tv_nsec / 1000000);
}

// Prefixes for sd-daemon(3): the journal turns them into priorities.
static const char *const journal_prefix[] = { "<3>", "<4>", "<6>", "<7>" };
static const char *const level_word[] = { "error", "warning", "info", "debug" };

static void emit(enum log_level level, const char *text)
{
	char line[1200], when[48];
	int fd = atomic_load(&log_fd);
	bool journal = getenv("JOURNAL_STREAM") != NULL;
	int n;

	n = snprintf(line, sizeof(line), "%sberth: %s%s%s\n", journal ? journal_prefix[level] : "",
		     level <= LOG_WARN && !journal ? level_word[level] : "",
		     level <= LOG_WARN && !journal ? ": " : "", text);
	if (n > 0 && write(STDERR_FILENO, line, MIN((size_t)n, sizeof(line) - 1)) < 0)
		n = 0;          // nowhere left to complain
	if (fd < 0)
		return;
	stamp(when, sizeof(when));
	n = snprintf(line, sizeof(line), "%s%-7s %s\n", when, level_word[level], text);
	if (n > 0 && write(fd, line, MIN((size_t)n, sizeof(line) - 1)) < 0)
		log_close_file();
}

static void vlog(enum log_level level, const char *fmt, va_list ap, uint64_t suppressed) PRINTF(2, 0);

static void vlog(enum log_level level, const char *fmt, va_list ap, uint64_t suppressed)
{
	char text[1024];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		return;
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	if (suppressed && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n, " (%llu more like this were not shown)",
			 (unsigned long long)suppressed);
	emit(level, text);
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if ((int)level > atomic_load(&log_level))
		return;
	va_start(ap, fmt);
	vlog(level, fmt, ap, 0);
	va_end(ap);
}

void log_limited(struct log_limit *limit, enum log_level level, const char *fmt, ...)
{
	struct timespec ts;
	va_list ap;

	if ((int)level > atomic_load(&log_level))
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	if ((uint64_t)ts.tv_sec >= atomic_load(&limit->window) + LIMIT_WINDOW || !atomic_load(&limit->window)) {
		atomic_store(&limit->window, (uint64_t)ts.tv_sec);
		atomic_store(&limit->used, 0);
	}
	if (atomic_fetch_add(&limit->used, 1) >= LIMIT_LINES) {
		atomic_fetch_add(&limit->suppressed, 1);
		return;
	}
	va_start(ap, fmt);
	vlog(level, fmt, ap, atomic_exchange(&limit->suppressed, 0));
	va_end(ap);
}
