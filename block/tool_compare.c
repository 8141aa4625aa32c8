// tool_compare.c: whether two disks hold the same.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/compiler.h"
#include "block/tool.h"

static struct tool_chain *open_map(const struct tool_source *source, const struct disk *disk, struct tool_chain *map)
{
	struct tool_open how = { .raw = source->raw, .allow_outside = source->allow_outside };

	if (tool_chain_open(source->path, how, map, NULL) < 0)
		return NULL;
	if (map->links[0]->size == disk->size)
		return map;
	tool_chain_close(map);
	return NULL;
}

static int compare(const struct tool *tool, struct pump_args *args, struct tool_compare_result *result, struct err *err)
{
	struct pump_result pumped;
	int r = tool_pump(args, &pumped, err);

	result->compared = pumped.moved;
	result->difference = pumped.difference;
	return r;
}

int tool_compare(const struct tool *tool, const struct tool_source *a, const struct tool_source *b,
		 struct tool_compare_result *result, struct err *err)
{
	struct pump_args args = { .loop = tool->loop, .mode = PUMP_COMPARE, .progress = tool->progress };
	struct tool_chain map[2] = { 0 };
	int r = tool_disk(tool, a, false, &args.from, err);

	*result = (struct tool_compare_result){ .difference = UINT64_MAX };
	if (r < 0)
		return r;
	r = tool_disk(tool, b, false, &args.to, err);
	if (!r) {
		result->size[0] = args.from->size;
		result->size[1] = args.to->size;
		args.size = MIN(args.from->size, args.to->size);
		args.map = open_map(a, args.from, &map[0]);
		args.map_to = open_map(b, args.to, &map[1]);
		r = compare(tool, &args, result, err);
		tool_chain_close(&map[0]);
		tool_chain_close(&map[1]);
		disk_close(args.to, NULL);
	}
	disk_close(args.from, NULL);
	return r;
}
