// report.c: the list of problems of one .vmx.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmx/charset.h"
#include "vmx/load.h"

#define PROBLEMS_MAX 500u       // a file of garbage has one a line; nobody reads more

static void set_exit(struct vmx_report *report, enum exit_code code)
{
	// Something to mend outweighs something to wait for.
	if (report->exit != EXIT_CONFIG)
		report->exit = code;
}

static void add(struct loader *l, struct vmx_problem p)
{
	struct vmx_problem *list;

	if (!p.text || l->report->count >= PROBLEMS_MAX) {
		l->no_memory |= !p.text;
		free(p.text);
		free(p.key);
		return;
	}
	list = realloc(l->report->list, (l->report->count + 1) * sizeof(*list));
	if (!list) {
		l->no_memory = true;
		free(p.text);
		free(p.key);
		return;
	}
	l->report->list = list;
	list[l->report->count++] = p;
}

struct place { enum vmx_severity severity; unsigned line; const char *key; };

PRINTF(3, 0)
static void add_text(struct loader *l, struct place at, const char *fmt, va_list ap)
{
	struct vmx_problem p = { .severity = at.severity, .line = at.line };
	char buf[1000], *clean;

	vsnprintf(buf, sizeof(buf), fmt, ap);
	// Values come from the file; what is printed is text without control characters.
	clean = utf8_clean(buf, strlen(buf));
	p.text = clean;
	p.key = at.key ? utf8_clean(at.key, strnlen(at.key, 200)) : NULL;
	add(l, p);
	if (at.severity == VMX_ERROR)
		l->report->errors++;
}

static unsigned line_of(struct loader *l, const char *key)
{
	const struct vmx_entry *e = key ? vmx_file_find(l->file, key) : NULL;

	return e ? e->line : 0;
}

void problem(struct loader *l, enum vmx_severity severity, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(l, (struct place){ severity, line_of(l, key), key }, fmt, ap);
	va_end(ap);
	if (severity == VMX_ERROR)
		set_exit(l->report, EXIT_CONFIG);
}

void problem_at(struct loader *l, enum vmx_severity severity, unsigned line, const char *key, const char *fmt,
		...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(l, (struct place){ severity, line, key }, fmt, ap);
	va_end(ap);
	if (severity == VMX_ERROR)
		set_exit(l->report, EXIT_CONFIG);
}

void vmx_report_add(struct vmx_report *report, enum vmx_severity severity, unsigned line, const char *key,
		    const char *fmt, ...)
{
	struct loader l = { .report = report };
	va_list ap;

	va_start(ap, fmt);
	add_text(&l, (struct place){ severity, line, key }, fmt, ap);
	va_end(ap);
	if (severity == VMX_ERROR)
		set_exit(report, EXIT_CONFIG);
}

void problem_busy(struct loader *l, const char *key, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(l, (struct place){ VMX_ERROR, line_of(l, key), key }, fmt, ap);
	va_end(ap);
	set_exit(l->report, EXIT_BUSY);
}

void vmx_report_free(struct vmx_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->list[i].key);
		free(report->list[i].text);
	}
	free(report->list);
	*report = (struct vmx_report){ 0 };
}
