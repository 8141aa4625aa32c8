// content_id.h: the CID of a VMDK: a new one goes to disk before the first write of a session.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A delta disk remembers the CID of its parent. A new CID on the parent tells every child that the parent has
// changed behind its back, so it must be durable before the first changed sector is. The digits are replaced
// in place, as many as there were: one small write within a sector, through the descriptor that holds the
// lock; no other byte of the text moves, and no path is looked up while the VM runs.
#ifndef BERTH_BLOCK_CONTENT_ID_H
#define BERTH_BLOCK_CONTENT_ID_H

#include "block/extent.h"

enum content_id_state { CONTENT_OLD, CONTENT_CHANGING, CONTENT_NEW };

struct content_id {
	struct loop *loop;
	struct image_file *file;        // holds the text; NULL = an image without a CID
	uint64_t at;                    // file offset of its digits
	unsigned digits;                // 1..8
	uint64_t long_at;               // of the last 8 digits of ddb.longContentID, 0 = none
	uint32_t value;
	enum content_id_state state;
	struct file_op op;
	struct iovec iov;
	char text[9], long_text[9];
	struct waiter *waiters;
};

static inline bool content_id_is_new(const struct content_id *c)
{
	return !c->file || c->state == CONTENT_NEW;
}

// Calls waiter->fn from the loop when the new CID is durable, or with -errno; the next call then tries again.
void content_id_renew(struct content_id *c, struct waiter *waiter);

#endif
