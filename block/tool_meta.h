// tool_meta.h: what a .vmdk says of itself, read without opening it as a disk: for tools.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_META_H
#define BERTH_BLOCK_TOOL_META_H

#include <sys/types.h>

#include "block/image_file.h"
#include "block/vmdk_desc.h"

struct tool_meta {
	struct vmdk_desc desc;
	char *text;                     // the descriptor, NUL-terminated; its places are those of DESC
	size_t len;
	bool embedded;                  // descriptor and data in one file
	uint64_t text_at, room;         // where the text lies in the file, and how many bytes it may have there
	mode_t mode;                    // of the file
};

// Reads the descriptor of PATH, which is a text or a sparse extent that holds one. No lock is taken. *META is valid
// in any case and wants tool_meta_free(). 0, or -errno; -EINVAL with a sentence for an extent without descriptor.
// Any thread.
int tool_meta_read(const char *path, struct tool_meta *meta, struct err *err);
// The same through a file that is open (and locked).
int tool_meta_load(const struct image_file *file, struct tool_meta *meta, struct err *err);
void tool_meta_free(struct tool_meta *meta);

#endif
