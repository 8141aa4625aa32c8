// tool_text.h: changing the descriptor of a disk that is open for writing.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BLOCK_TOOL_TEXT_H
#define BERTH_BLOCK_TOOL_TEXT_H

#include "block/tool_chain.h"
#include "block/vmdk_write_desc.h"

// A copy of the text for changing. False when out of memory.
bool tool_text_copy(const struct tool_meta *meta, struct desc_text *text);
// The value of KEY without its quotes. False when there is none, or it does not fit.
bool tool_text_get(const struct tool_meta *meta, const char *key, char *value, size_t size);
// Makes TEXT the descriptor of LINK, durable when it returns, and parses it anew. A text of the same length is written
// in place, where it differs and no more. A separate descriptor of another length is replaced by rename, so that a
// crash leaves the old or the new one; the lock moves to the new file. -ENOSPC when an embedded text has no room.
int tool_text_store(struct tool_link *link, const struct desc_text *text, struct err *err);
// A new content id, because LINK is about to change. Durable when it returns.
int tool_text_new_cid(struct tool_link *link, struct err *err);

#endif
