// fuzz_vmdk_desc.c: the descriptor parser on arbitrary bytes; what it accepts must keep its promises.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "block/vmdk_desc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check(const struct vmdk_desc *d, const char *text, size_t size)
{
	uint64_t sum = 0;

	require(d->count > 0 && d->version >= 1 && d->version <= 4);
	for (size_t i = 0; i < d->count; i++) {
		require(d->extents[i].sectors > 0);
		require(vmdk_extent_type_name(d->extents[i].type)[0] != 'u');
		require(!d->extents[i].name || *d->extents[i].name);
		sum += d->extents[i].sectors;
	}
	require(sum == d->sectors && sum <= 1ull << 37);
	require(d->cid_digits.len <= 8 && d->cid_digits.at + d->cid_digits.len <= size);
	require(!d->long_cid_tail.len || (d->long_cid_tail.len == 8 && d->long_cid_tail.at + 8 <= size));
	require(!d->cid_digits.len || strtoul(text + d->cid_digits.at, NULL, 16) == d->cid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char head[] = "# Disk DescriptorFile\n";
	bool with_head = size && data[0] & 1;
	size_t len = (with_head ? sizeof(head) - 1 : 0) + size;
	char *text = malloc(len + 1);
	struct vmdk_desc d;
	struct err err;

	if (!text)
		return 0;
	memcpy(text, head, sizeof(head) - 1 < len ? sizeof(head) - 1 : len);
	memcpy(text + len - size, data, size);
	text[len] = '\0';
	if (vmdk_desc_parse(text, len, "fuzz", &d, &err) == 0) {
		check(&d, text, len);
		vmdk_desc_free(&d);
	}
	free(text);
	return 0;
}
