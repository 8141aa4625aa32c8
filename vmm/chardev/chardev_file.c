// chardev_file.c: serial output into a file (or a device or FIFO that behaves like one). Nothing is read.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "chardev/chardev_impl.h"

// A full disk may get room again: what could not be written is dropped, later output is tried anew. A FIFO
// whose reader left takes nothing more.
static void file_hangup(struct chardev *cd, bool input, int code)
{
	int fd = cd->out_fd;

	(void)input;
	log_guest("%s: cannot write the output file: %s", cd->name, strerror(code));
	if (code != EPIPE) {
		cd->wire_len = cd->wire_off = 0;
		return;
	}
	chardev_accept(cd, false);
	chardev_detach(cd);
	close(fd);
}

static void file_close(struct chardev *cd)
{
	int fd = cd->out_fd;

	chardev_detach(cd);
	if (fd >= 0)
		close(fd);
	chardev_teardown(cd);
	free(cd);
}

static const struct chardev_kind_ops file_ops = { .hangup = file_hangup, .close = file_close };

int chardev_file_open(struct loop *loop, const struct chardev_args *args, const struct chardev_client *client,
		      struct chardev **out, struct err *err)
{
	// Without O_NONBLOCK the open of a FIFO would wait for its reader.
	int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
		    (args->append ? O_APPEND : O_TRUNC);
	struct chardev *cd;
	int fd, r;

	if (!args->path || !*args->path)
		return err_set(err, EINVAL, args->name, "no file name for the serial port's output");
	fd = open(args->path, flags, 0644);
	if (fd < 0) {
		r = err_set(err, errno, args->path, "cannot open the file for %s: %s", args->name,
			    strerror(errno));
		err_exit(err, EXIT_CONFIG);
		return r;
	}
	cd = calloc(1, sizeof(*cd));
	if (!cd || chardev_setup(cd, loop, args, client, &file_ops)) {
		free(cd);
		close(fd);
		return err_set(err, ENOMEM, args->name, "no memory for the port");
	}
	chardev_attach(cd, -1, fd, false);
	chardev_accept(cd, true);
	chardev_set_connected(cd, true);
	*out = cd;
	return 0;
}
