// disk_info.c: `berth disk info` and `berth disk map`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "cli/disk_cmd.h"
#include "cli/text.h"

static const char *printable(const char *text, char buf[512])
{
	return text_printable(text ? text : "", buf, 512);
}

static void print_json(json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	if (text)
		puts(text);
	free(text);
	json_decref(value);
}

static const char *type_of(const struct tool_link *l)
{
	return l->raw ? "raw" : l->meta.desc.create_type;
}

// --- info: text ------------------------------------------------------------------------------------------

static void print_extent(size_t i, const struct tool_extent *x, uint64_t allocated)
{
	char size[32], used[32], name[512];

	printf("  extent %zu: %s, %s, \"%s\"", i + 1, vmdk_extent_type_name(x->desc->type),
	       disk_bytes(x->length, size, sizeof(size)), printable(x->desc->name, name));
	if (x->kind == TOOL_OPAQUE)
		printf("\n");
	else
		printf(", %s allocated%s\n", disk_bytes(allocated, used, sizeof(used)),
		       x->kind == TOOL_SPARSE && x->h.unclean ? ", not closed properly" : "");
}

static int print_link(struct tool_link *l, unsigned depth, struct err *err)
{
	const struct vmdk_desc *d = &l->meta.desc;
	char size[32], space[32], name[512];
	uint64_t allocated;

	printf("%s%s: %s, %s (%" PRIu64 " bytes), %s on the host\n", depth ? "parent " : "", printable(l->path, name),
	       type_of(l), disk_bytes(l->size, size, sizeof(size)), l->size,
	       disk_bytes(tool_space(l), space, sizeof(space)));
	if (l->raw)
		return 0;
	printf("  adapter %s, geometry %u/%u/%u, CID %08x", *d->adapter ? printable(d->adapter, name) : "unknown",
	       d->cylinders, d->heads, d->track_sectors, d->cid);
	if (d->parent_cid != VMDK_NO_PARENT)
		printf(", parent CID %08x, parent \"%s\"", d->parent_cid, printable(d->parent_hint, name));
	printf("\n");
	for (size_t i = 0; i < l->count; i++) {
		int r = tool_allocated(l, i, &allocated, err);

		if (r < 0)
			return r;
		print_extent(i, &l->extents[i], allocated);
	}
	return 0;
}

// --- info: JSON ------------------------------------------------------------------------------------------

// Names come from files that others wrote, in any encoding.
static json_t *json_text(const char *text)
{
	char buf[PATH_MAX];

	return json_string(disk_utf8(text, buf, sizeof(buf)));
}

static json_t *extent_json(const struct tool_extent *x, uint64_t allocated)
{
	json_t *o =
		json_pack("{s:s, s:I}", "type", vmdk_extent_type_name(x->desc->type), "size", (json_int_t)x->length);

	if (x->desc->name)
		json_object_set_new(o, "file", json_text(x->desc->name));
	if (x->kind != TOOL_OPAQUE)
		json_object_set_new(o, "allocated", json_integer((json_int_t)allocated));
	if (x->kind == TOOL_SPARSE)
		json_object_set_new(o, "unclean", json_boolean(x->h.unclean));
	return o;
}

static void describe(json_t *o, const struct vmdk_desc *d)
{
	char cid[16];

	snprintf(cid, sizeof(cid), "%08x", d->cid);
	json_object_set_new(o, "cid", json_string(cid));
	if (d->parent_cid != VMDK_NO_PARENT) {
		snprintf(cid, sizeof(cid), "%08x", d->parent_cid);
		json_object_set_new(o, "parentCid", json_string(cid));
		if (d->parent_hint)
			json_object_set_new(o, "parentFileNameHint", json_text(d->parent_hint));
	}
	json_object_set_new(o, "adapter", json_text(d->adapter));
	json_object_set_new(o, "geometry",
			    json_pack("[i,i,i]", (int)d->cylinders, (int)d->heads, (int)d->track_sectors));
}

static int link_json(struct tool_link *l, json_t *list, struct err *err)
{
	json_t *o = json_pack("{s:o, s:o, s:I, s:I}", "path", json_text(l->path), "type", json_text(type_of(l)), "size", (json_int_t)l->size,
			      "hostBytes", (json_int_t)tool_space(l));
	json_t *extents = json_array();
	uint64_t allocated;

	json_array_append_new(list, o);
	if (!l->raw)
		describe(o, &l->meta.desc);
	json_object_set_new(o, "extents", extents);
	for (size_t i = 0; i < l->count && !l->raw; i++) {
		int r = tool_allocated(l, i, &allocated, err);

		if (r < 0)
			return r;
		json_array_append_new(extents, extent_json(&l->extents[i], allocated));
	}
	return 0;
}

static int show_info(struct tool_chain *chain, bool json, struct err *err)
{
	json_t *list = json_array();
	int r = 0;

	for (unsigned i = 0; i < chain->count && !r; i++)
		r = json ? link_json(chain->links[i], list, err) : print_link(chain->links[i], i, err);
	if (json && !r)
		print_json(json_pack("{s:O}", "chain", list));
	json_decref(list);
	return r;
}

int disk_info_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk info [--json] DISK\n"
		"Tells type, size, adapter, content id, extents and parents of a disk, and the space that it takes.\n"
		"      --json             for programs\n"
		"      --raw              the disk is a plain image, whatever its name\n"
		"      --allow-outside    extents may lie outside the folders of their disks\n"
		"Exit codes: 0 done, 2 usage, 3 no such file, 5 damaged, or a parent is missing, 8 in use, 1 anything else.\n", 1, 1 };
	struct tool_open how = { 0 };
	struct tool_chain chain;
	struct err err = { 0 };
	bool json = false;
	int r = disk_parse(argc, argv, &usage,
			   (struct disk_option[]){ { "json", 0, &json, NULL },
						   { "raw", 0, &how.raw, NULL },
						   { "allow-outside", 0, &how.allow_outside, NULL },
						   { 0 } });

	if (r >= 0)
		return r;
	how.raw = disk_is_raw(argv[optind], how.raw);
	r = tool_chain_open(argv[optind], how, &chain, &err);
	if (!r) {
		r = show_info(&chain, json, &err);
		tool_chain_close(&chain);
	}
	return r < 0 ? cli_fail(&err) : 0;
}

// --- map -------------------------------------------------------------------------------------------------

static const char *const range_words[] = { [TOOL_DATA] = "data", [TOOL_ZEROS] = "zero", [TOOL_ABSENT] = "absent" };

// B goes on where A ends.
static bool joins(const struct tool_range *a, const struct tool_range *b)
{
	if (a->kind != b->kind || (a->kind != TOOL_ABSENT && a->layer != b->layer))
		return false;
	return a->kind != TOOL_DATA || (a->file == b->file && a->file_offset != TOOL_NO_PLACE &&
					a->file_offset + a->length == b->file_offset);
}

static void show_range(const struct tool_range *r, json_t *list)
{
	bool placed = r->kind == TOOL_DATA && r->file_offset != TOOL_NO_PLACE;
	char name[512];

	if (list) {
		json_t *o = json_pack("{s:I, s:I, s:s}", "start", (json_int_t)r->start, "length", (json_int_t)r->length,
				      "kind", range_words[r->kind]);

		if (r->kind != TOOL_ABSENT)
			json_object_set_new(o, "layer", json_integer((json_int_t)r->layer));
		if (r->kind == TOOL_DATA)
			json_object_set_new(o, "file", json_text(r->file->name));
		if (placed)
			json_object_set_new(o, "fileOffset", json_integer((json_int_t)r->file_offset));
		json_array_append_new(list, o);
		return;
	}
	printf("%14" PRIu64 " %14" PRIu64 " %-6s", r->start, r->length, range_words[r->kind]);
	if (r->kind != TOOL_ABSENT)
		printf(" layer %u", r->layer);
	if (r->kind == TOOL_DATA)
		printf("  %s", printable(r->file->name, name));
	if (placed)
		printf(" at %" PRIu64, r->file_offset);
	printf("\n");
}

static int show_map(struct tool_chain *chain, json_t *list, struct err *err)
{
	struct tool_range held = { 0 }, range;

	for (uint64_t at = 0; at < chain->links[0]->size; at += range.length) {
		int r = tool_chain_find(chain, at, &range, err);

		if (r < 0)
			return r;
		if (held.length && joins(&held, &range)) {
			held.length += range.length;
			continue;
		}
		if (held.length)
			show_range(&held, list);
		held = range;
	}
	if (held.length)
		show_range(&held, list);
	return 0;
}

int disk_map_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disk map [--json] DISK\n"
		"Lists ranges of the disk: start and length in bytes, data, zero or absent (in no layer), the layer (0 is the disk\n"
		"itself, 1 its parent) and the place in the file.\n"
		"      --json             for programs\n"
		"      --raw              the disk is a plain image, whatever its name\n"
		"      --allow-outside    extents may lie outside the folders of their disks\n"
		"Exit codes: 0 done, 2 usage, 3 no such file, 5 damaged, or a parent is missing, 8 in use, 1 anything else.\n", 1, 1 };
	struct tool_open how = { 0 };
	struct tool_chain chain;
	json_t *list = NULL;
	struct err err = { 0 };
	bool json = false;
	int r = disk_parse(argc, argv, &usage,
			   (struct disk_option[]){ { "json", 0, &json, NULL },
						   { "raw", 0, &how.raw, NULL },
						   { "allow-outside", 0, &how.allow_outside, NULL },
						   { 0 } });

	if (r >= 0)
		return r;
	how.raw = disk_is_raw(argv[optind], how.raw);
	r = tool_chain_open(argv[optind], how, &chain, &err);
	if (r < 0)
		return cli_fail(&err);
	list = json ? json_array() : NULL;
	r = show_map(&chain, list, &err);
	tool_chain_close(&chain);
	if (json && !r)
		print_json(list);
	else
		json_decref(list);
	return r < 0 ? cli_fail(&err) : 0;
}
