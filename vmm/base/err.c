// err.c: filling and printing struct err.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int fill(struct err *e, int code, const char *object, const char *fmt, va_list ap) PRINTF(4, 0);

static int fill(struct err *e, int code, const char *object, const char *fmt, va_list ap)
{
	if (code <= 0)
		code = EIO;
	if (!e)
		return -code;
	memset(e, 0, sizeof(*e));
	e->code = code;
	snprintf(e->object, sizeof(e->object), "%s", object ? object : "");
	vsnprintf(e->what, sizeof(e->what), fmt, ap);
	return -code;
}

int err_set(struct err *e, int code, const char *object, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fill(e, code, object, fmt, ap);
	va_end(ap);
	return r;
}

int err_set_at(struct err *e, int code, const char *object, uint64_t offset, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = fill(e, code, object, fmt, ap);
	va_end(ap);
	if (e) {
		e->has_offset = true;
		e->offset = offset;
	}
	return r;
}

void err_remedy(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	vsnprintf(e->remedy, sizeof(e->remedy), fmt, ap);
	va_end(ap);
}

void err_exit(struct err *e, enum exit_code code)
{
	if (e && e->exit == EXIT_GUEST_OFF)
		e->exit = code;
}

void err_clear(struct err *e)
{
	if (e)
		memset(e, 0, sizeof(*e));
}

// Names of files and keys come from outside: nothing of them may move the terminal's cursor.
static void one_clean_line(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

const char *err_sentence(const struct err *e, char *buf, size_t size)
{
	char place[48] = "";

	if (!size)
		return buf;
	if (!e || !e->code) {
		snprintf(buf, size, "no error");
		return buf;
	}
	if (e->has_offset)
		snprintf(place, sizeof(place), " (at byte %llu)", (unsigned long long)e->offset);
	snprintf(buf, size, "%s%s%s%s.%s%s%s", e->object, *e->object ? ": " : "",
		 *e->what ? e->what : strerror(e->code), place, *e->remedy ? " " : "", e->remedy,
		 *e->remedy ? "." : "");
	one_clean_line(buf);
	return buf;
}
