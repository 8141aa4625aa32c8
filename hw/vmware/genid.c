// genid.c: the page with the VM generation ID.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/vmware/genid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"

#define PAGE 4096u

struct genid_regs { uint8_t guid[16]; };

struct genid {
	struct genid_regs regs;
	struct gmem_region *page;
	void (*changed)(void *arg);
	void *arg;
};

static void show(struct genid *g) { memcpy(gmem_region_data(g->page), g->regs.guid, sizeof(g->regs.guid)); }

int genid_create(const struct platform *p, const struct genid_args *args, struct genid **out, struct err *err)
{
	const struct gmem_region_args page = { .name = "generation ID", .size = PAGE, .readonly = true };
	struct genid *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return err_set(err, ENOMEM, "vm.genid", "no memory for its device");
	r = gmem_region_create(p->mem, &page, &g->page, err);
	if (r >= 0) {
		r = gmem_region_map(g->page, gpa(GENID_ADDRESS));
		if (r < 0)
			err_set(err, -r, "vm.genid", "its page cannot be mapped: %s", strerror(-r));
	}
	if (r < 0) {
		free(g);
		return r;
	}
	g->changed = args->changed;
	g->arg = args->arg;
	memcpy(g->regs.guid, args->guid, sizeof(g->regs.guid));
	show(g);
	*out = g;
	return 0;
}

void genid_set(struct genid *g, const uint8_t guid[16])
{
	if (!memcmp(g->regs.guid, guid, sizeof(g->regs.guid)))
		return;
	memcpy(g->regs.guid, guid, sizeof(g->regs.guid));
	show(g);
	if (g->changed)
		g->changed(g->arg);
}

// The page itself goes with the guest's memory.
static void destroy(void *dev) { free(dev); }
static void *regs(void *dev) { return &((struct genid *)dev)->regs; }
static void loaded(void *dev) { show(dev); }

static const struct field list[] = { FIELD_ARRAY(struct genid_regs, guid) };

static const struct fields genid_fields = {
	.name = "genid",
	.version = 1,
	.struct_size = sizeof(struct genid_regs),
	.list = list,
	.count = ARRAY_SIZE(list),
};

const struct device_class genid_class = {
	.name = "genid",
	.destroy = destroy,
	.fields = &genid_fields,
	.regs = regs,
	.loaded = loaded,
};
