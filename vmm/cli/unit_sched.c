// unit_sched.c: shares, limits and reservations of ESXi as CPUWeight=, CPUQuota=, MemoryHigh=, MemoryMin=.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/unit_sched.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "vmx/value.h"

#define NORMAL_SHARES   1000    // of one virtual CPU; systemd's normal weight is 100
#define MOST_MHZ        10000000
#define MOST_MB         (1 << 24)
#define OVERHEAD_MB     64      // of the process itself, beyond the guest's memory

struct text { char *at; size_t left; };

PRINTF(2, 3)
static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->at, t->left, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < t->left) {
		t->at += n;
		t->left -= (size_t)n;
	} else {
		*t->at = '\0';          // no half lines
	}
}

// A number from LEAST to MOST; false for anything else, "unlimited" and absence included.
static bool number(const struct vmx_file *f, const char *key, int64_t least, int64_t most, int64_t *out)
{
	const char *value = vmx_file_get(f, key);

	return value && value_int(value, out) == 0 && *out >= least && *out <= most;
}

static bool shares(const struct vmx_file *f, int64_t *out)
{
	static const struct { const char *word; int64_t shares; } words[] = { { "low", 500 }, { "normal", 1000 }, { "high", 2000 } };
	const char *value = vmx_file_get(f, "sched.cpu.shares");
	int64_t cpus = 1;

	number(f, "numvcpus", 1, 1024, &cpus);
	for (size_t i = 0; value && i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(value, words[i].word)) {
			*out = words[i].shares * cpus;
			return true;
		}
	}
	return number(f, "sched.cpu.shares", 1, 1000000, out);
}

static void put_cpu(const struct vmx_file *f, unsigned host_mhz, struct text *t)
{
	int64_t n;

	if (shares(f, &n))
		put(t, "CPUWeight=%" PRId64 "\n", MIN(MAX(n * 100 / NORMAL_SHARES, INT64_C(1)), INT64_C(10000)));
	if (host_mhz && number(f, "sched.cpu.max", 1, MOST_MHZ, &n))
		put(t, "CPUQuota=%" PRId64 "%%\n", MAX(n * 100 / host_mhz, INT64_C(1)));
}

static void put_memory(const struct vmx_file *f, struct text *t)
{
	const char *pin = vmx_file_get(f, "sched.mem.pin");
	bool pinned = false;
	int64_t n;

	if (number(f, "sched.mem.max", 4, MOST_MB, &n))
		put(t, "MemoryHigh=%" PRId64 "M\n", n + OVERHEAD_MB);
	if (number(f, "sched.mem.min", 1, MOST_MB, &n) || number(f, "sched.mem.minsize", 1, MOST_MB, &n))
		put(t, "MemoryMin=%" PRId64 "M\n", n);
	if (pin && value_bool(pin, &pinned) == 0 && pinned)
		put(t, "LimitMEMLOCK=infinity\n");
}

void unit_sched_text(const struct vmx_file *f, unsigned host_mhz, char *buf, size_t size)
{
	struct text t = { buf, size };

	*buf = '\0';
	put_cpu(f, host_mhz, &t);
	put_memory(f, &t);
}

unsigned unit_host_mhz(void)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	double mhz = 0;

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "cpu MHz : %lf", &mhz) != 1)
		;
	if (f)
		fclose(f);
	return mhz > 0 && mhz < MOST_MHZ ? (unsigned)mhz : 0;
}
