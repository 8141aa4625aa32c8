// answer_moved.c: recording whether a VM was moved or copied, for its next start.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/answer_moved.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmx/moved.h"
#include "vmx/vmx_file.h"

// `berth run` holds a lock on the .vmx.
static bool runs(const char *path)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	return locked;
}

static int check_free(const char *path, struct err *err)
{
	if (runs(path)) {
		err_set(err, EBUSY, path, "this VM is running; moved or copied is a question of its start");
		err_exit(err, EXIT_BUSY);
		return -EBUSY;
	}
	return vmx_lock_check(path, err);
}

static int record(const char *path, enum moved_answer answer, struct err *err)
{
	struct vmx_file *file;
	int r = vmx_file_load(path, &file, err);

	if (r < 0)
		return r;
	r = vmx_file_set(file, MOVED_ANSWER_KEY, answer == MOVED_COPIED ? "copied" : "moved", err);
	if (r >= 0)
		r = vmx_file_save(file, err);
	vmx_file_free(file);
	return r;
}

int answer_moved(const char *vmx, const char *word, struct err *err)
{
	enum moved_answer answer = moved_word(word);
	char *path;
	int r;

	if (answer == MOVED_ASK) {
		err_set(err, EINVAL, word, "is no answer to the question whether the VM was moved or copied");
		err_remedy(err, "Say `moved` or `copied`");
		err_exit(err, EXIT_USAGE);
		return -EINVAL;
	}
	path = realpath(vmx, NULL);
	if (!path) {
		err_set(err, errno, vmx, "cannot be opened: %s", strerror(errno));
		err_exit(err, EXIT_CONFIG);
		return -err->code;
	}
	r = check_free(path, err);
	if (!r)
		r = record(path, answer, err);
	free(path);
	return r;
}
