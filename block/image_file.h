// image_file.h: the files that a disk is made of: found, confined to the image's folder, locked, opened once.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_IMAGE_FILE_H
#define BERTH_BLOCK_IMAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/loop.h"

struct image_file {
	int fd;
	bool writable;
	uint64_t size;          // bytes; as found at open, moved by the engine when it grows the file
	// First -errno of an fdatasync. The kernel drops the dirty pages it could not write and reports that
	// once: nothing that was written since the sync before can be trusted, so no later flush may succeed
	// either.
	int failed;
	bool sparse;            // holds a sparse extent, so nothing else may lie in it
	struct vmware_lock *lock;       // ours beside the descriptor, or NULL
	int slot;               // of the loop's registered files, or -1
	uint32_t align;         // past the page cache: memory must be aligned so, lengths to sectors; 0 = host's cache
	dev_t dev;
	ino_t ino;
	struct image_file *next;
	char name[256];         // for messages
};

// The folder that extent names are relative to.
struct image_folder {
	int fd;                 // O_PATH
	bool allow_outside;
	char encoding[32];      // of the names in the descriptor; empty or "UTF-8" = take them as they are
};

struct image_file_want {
	bool writable;
	bool device;            // a block device will do as well
	bool unlocked;          // VMware's locks are neither looked at nor taken (disk.locking)
	bool at_once;           // the kernel's lock of a program that was killed is not waited for
};

// Opens the folder of PATH. 0 or -errno; image_folder_close() afterwards. Any thread, as all of this header
// but file_op_start().
int image_folder_open(struct image_folder *folder, const char *path, struct err *err);
void image_folder_close(struct image_folder *folder);

// Opens PATH as the user wrote it, symbolic links followed, and locks it: an OFD write lock, or a read lock
// when it is not to be written; when it is, VMware's <file>.lck, too. -EBUSY when somebody else has one of them.
int image_file_open(const char *path, struct image_file_want want, struct image_file **out, struct err *err);
// The same for a name out of a descriptor: backslashes become slashes, spelling may differ from the disk's in
// case. The name must stay in the folder (no absolute path, no `..`, no link that leads out) unless
// allow_outside is set; an absolute path that does not exist here is looked for in the folder by its last
// part. A file that is in the list KNOWN already is given back again instead of being opened twice.
int image_file_open_in(const struct image_folder *folder, const char *name, struct image_file_want want,
		       struct image_file *known, struct image_file **out, struct err *err);
// Transfers go past the page cache from now on, where the file system does that for whole sectors; else nothing changes,
// and the log says so. For files that hold a guest's data alone.
void image_file_direct(struct image_file *file);
// Closing drops the lock. FILE may be NULL.
void image_file_close(struct image_file *file);
// All LEN bytes or an error; for opening and closing, where waiting is allowed.
int image_file_read(const struct image_file *file, uint64_t offset, void *buf, size_t len, struct err *err);
int image_file_write(const struct image_file *file, uint64_t offset, const void *buf, size_t len,
		     struct err *err);

// --- asynchronous operations ---------------------------------------------------------------------------

enum file_op_kind { FILE_READ, FILE_WRITE, FILE_SYNC, FILE_PUNCH };

// Embedded by its owner; stays until done(). Short transfers are continued, so done() sees 0 or -errno. IOV
// is consumed. A read that meets the end of the file at or behind file->size gives zeros; before it, -EIO.
struct file_op {
	struct loop_op op;
	struct loop *loop;
	struct image_file *file;
	enum file_op_kind kind;
	uint64_t offset, left;
	struct iovec *iov;
	int iovcnt;
	unsigned retries;
	struct bounce *bounce;                          // file_op.c's own
	void (*done)(struct file_op *op, int result);   // loop thread
};

// Loop thread. done() never comes from inside.
void file_op_start(struct file_op *op);

#endif
