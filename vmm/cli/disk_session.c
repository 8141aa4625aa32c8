// disk_session.c: one run of a disk tool: its loop, its signals, its progress on the terminal.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/disk_cmd.h"

#define BILLION 1000000000ull

static volatile sig_atomic_t stop_asked;

static void ask_stop(int signal_number)
{
	(void)signal_number;
	stop_asked = 1;
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = ask_stop };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	// A limit of the file size is an error that a write reports.
	signal(SIGXFSZ, SIG_IGN);
}

const char *disk_bytes(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t u = 0;

	while (value >= 1024 && u + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		u++;
	}
	snprintf(buf, size, u && value < 100 && value != (double)(uint64_t)value ? "%.1f %s" : "%.0f %s", value,
		 units[u]);
	return buf;
}

static void show_percent(struct disk_session *s, unsigned percent)
{
	if (s->shown && percent == s->percent)
		return;
	fprintf(stdout, "\r  %s: %u%% done.", s->verb, percent);
	fflush(stdout);
	s->shown = true;
	s->percent = percent;
}

static void show_rate(struct disk_session *s, uint64_t done, uint64_t total)
{
	uint64_t spent = loop_now() - s->began;
	double rate = spent ? (double)done * BILLION / (double)spent : 0;
	uint64_t left = rate > 0 ? (uint64_t)((double)(total - done) / rate) : 0;
	char text[32];

	fprintf(stderr, "\r  %s: %3u%%  %s/s  %llu:%02llu left \033[K", s->verb,
		(unsigned)(total ? done * 100 / total : 100), disk_bytes((uint64_t)rate, text, sizeof(text)),
		(unsigned long long)left / 60, (unsigned long long)left % 60);
	s->shown = true;
}

static int progress(void *arg, uint64_t done, uint64_t total)
{
	struct disk_session *s = arg;

	if (s->plain && !s->quiet)
		show_percent(s, (unsigned)(total ? done * 100 / total : 100));
	else if (!s->quiet && isatty(2))
		show_rate(s, done, total);
	return stop_asked;
}

static void end_line(struct disk_session *s)
{
	if (!s->shown)
		return;
	if (s->plain)
		fputc('\n', stdout);
	else
		fputs("\r\033[K", stderr);
	s->shown = false;
}

static void say(void *arg, const char *text)
{
	struct disk_session *s = arg;

	end_line(s);
	if (!s->quiet)
		fprintf(s->plain ? stdout : stderr, "%s\n", text);
}

int disk_begin(struct disk_session *s, const char *verb, bool quiet, struct err *err)
{
	s->verb = verb;
	s->quiet = quiet;
	s->began = loop_now();
	s->tool = (struct tool){ .progress = { progress, s }, .say = say, .arg = s };
	catch_signals();
	// What the engine notes for a running VM is told here once, as the error.
	log_set_level(LOG_ERROR);
	return loop_create(&s->tool.loop, "disk", 256, err);
}

int disk_end(struct disk_session *s, int r, const struct err *err)
{
	end_line(s);
	if (s->tool.loop)
		loop_destroy(s->tool.loop);
	s->tool.loop = NULL;
	if (r >= 0)
		return 0;
	if (!s->plain)
		cli_fail(err);
	return r == -ECANCELED ? EXIT_KILLED : err->exit ? (int)err->exit : EXIT_INTERNAL;
}
