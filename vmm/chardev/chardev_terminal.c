// chardev_terminal.c: the terminal that Berth was started from, as a serial port.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Standard input that is no terminal is read until it ends; its end is not the port's. The descriptors' file
// flags are left alone, since other processes share them; what must not block goes through descriptors of our
// own.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "chardev/chardev_impl.h"

#define ESCAPE 0x1d     // Ctrl-]

struct terminal {
	struct chardev cd;
	bool raw;               // `saved` must be put back
	struct termios saved;
	int own_out;            // our own description of standard output, or -1
	bool escaped;           // Ctrl-] was the last key
	void (*escape)(void *arg, char key);
	void *escape_arg;
};

static struct terminal *terminal_of(struct chardev *cd)
{
	return CONTAINER_OF(cd, struct terminal, cd);
}

static size_t terminal_decode(struct chardev *cd, uint8_t *buf, size_t len)
{
	struct terminal *t = terminal_of(cd);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (!t->escape) {
			buf[n++] = buf[i];
		} else if (t->escaped) {
			t->escaped = false;
			if (buf[i] == ESCAPE)
				buf[n++] = ESCAPE;
			else
				t->escape(t->escape_arg, (char)buf[i]);
		} else if (buf[i] == ESCAPE) {
			t->escaped = true;
		} else {
			buf[n++] = buf[i];
		}
	}
	return n;
}

void chardev_terminal_restore(const struct chardev *cd)
{
	const struct terminal *t = (const struct terminal *)(const void *)cd;

	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

static void terminal_hangup(struct chardev *cd, bool input, int code)
{
	if (input) {
		if (code)
			log_warn("%s: standard input failed: %s", cd->name, strerror(code));
		chardev_detach_input(cd);
		return;
	}
	log_warn("%s: standard output takes nothing more: %s", cd->name, strerror(code));
	chardev_accept(cd, false);
	chardev_detach(cd);
}

static void terminal_close(struct chardev *cd)
{
	struct terminal *t = terminal_of(cd);

	chardev_terminal_restore(cd);
	chardev_detach(cd);
	if (t->own_out >= 0)
		close(t->own_out);
	chardev_teardown(cd);
	free(t);
}

static const struct chardev_kind_ops terminal_ops = {
	.decode = terminal_decode,
	.hangup = terminal_hangup,
	.close = terminal_close,
};

// A terminal or pipe is opened again for a description with O_NONBLOCK; a regular file never blocks for long
// and would lose its position. Sockets do without by MSG_DONTWAIT.
static int output_descriptor(struct terminal *t, bool *socket)
{
	struct stat st;

	*socket = false;
	t->own_out = -1;
	if (fstat(STDOUT_FILENO, &st) < 0)
		return -1;
	if (S_ISSOCK(st.st_mode))
		*socket = true;
	else if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode))
		t->own_out = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return t->own_out >= 0 ? t->own_out : STDOUT_FILENO;
}

// Every key goes to the guest as typed, Ctrl-C included.
static void make_raw(struct terminal *t)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	t->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

int chardev_terminal_open(struct loop *loop, const struct chardev_args *args,
			  const struct chardev_client *client, struct chardev **out, struct err *err)
{
	struct terminal *t = calloc(1, sizeof(*t));
	bool socket;
	int out_fd;

	if (!t || chardev_setup(&t->cd, loop, args, client, &terminal_ops)) {
		free(t);
		return err_set(err, ENOMEM, args->name, "no memory for the port");
	}
	t->cd.lossless = true;
	t->cd.is_terminal = true;
	t->escape = args->escape;
	t->escape_arg = args->escape_arg;
	out_fd = output_descriptor(t, &socket);
	if (chardev_attach(&t->cd, fcntl(STDIN_FILENO, F_GETFD) < 0 ? -1 : STDIN_FILENO, out_fd, socket)) {
		terminal_close(&t->cd);
		return err_set(err, ENOMEM, args->name, "no memory for the port");
	}
	make_raw(t);
	chardev_accept(&t->cd, out_fd >= 0);
	chardev_set_connected(&t->cd, true);
	*out = &t->cd;
	return 0;
}
