// bootorder.c: what the firmware boots from, in which order, and how long it waits.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/firmware/bootorder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "hw/firmware/fw_cfg.h"

#define SETUP_WAIT_MS 30000u

// --- names -------------------------------------------------------------------------------------------

// Appends "/NAME@device,function" to the N characters of BUF, the function only when it is not 0.
static int add_node(char *buf, int n, const char *name, unsigned devfn)
{
	unsigned device = devfn >> 3 & 0x1f, function = devfn & 7;

	n += snprintf(buf + n, BOOT_PATH_SIZE - (size_t)n, "/%s@%x", name, device);
	if (function)
		n += snprintf(buf + n, BOOT_PATH_SIZE - (size_t)n, ",%x", function);
	return n;
}

// The longest is half of BOOT_PATH_SIZE.
static int pci_path(char *buf, const char *name, const struct boot_place *at)
{
	int n = snprintf(buf, BOOT_PATH_SIZE, "/pci@i0cf8");

	if (at->bridge != BOOT_NO_BRIDGE)
		n = add_node(buf, n, "pci-bridge", (unsigned)at->bridge);
	return add_node(buf, n, name, at->devfn);
}

void boot_path_ide(char *buf, unsigned devfn, unsigned channel, unsigned unit)
{
	int n = pci_path(buf, "ide", &(struct boot_place){ BOOT_NO_BRIDGE, devfn });

	snprintf(buf + n, BOOT_PATH_SIZE - (size_t)n, "/drive@%x/disk@%x", channel, unit);
}

void boot_path_scsi(char *buf, const struct boot_place *at, unsigned target, unsigned lun)
{
	int n = pci_path(buf, "scsi", at);

	snprintf(buf + n, BOOT_PATH_SIZE - (size_t)n, "/channel@0/disk@%x,%x", target, lun);
}

void boot_path_nic(char *buf, const struct boot_place *at)
{
	pci_path(buf, "ethernet", at);
}

// --- order -------------------------------------------------------------------------------------------

struct order {
	const struct boot_args *args;
	size_t count;                   // of the devices that are looked at
	bool used[BOOT_DEVICES_MAX];
	struct blob *out;
	bool first;
};

static void emit(struct order *o, size_t index)
{
	if (o->used[index])
		return;
	o->used[index] = true;
	if (!o->first)
		blob_u8(o->out, '\n');
	o->first = false;
	blob_put(o->out, o->args->devices[index].path, strlen(o->args->devices[index].path));
}

static bool word_is(const char *word, size_t len, const char *text)
{
	return strlen(text) == len && !strncasecmp(word, text, len);
}

static void emit_node(struct order *o, const char *word, size_t len, bool disks_only)
{
	for (size_t i = 0; i < o->count; i++) {
		const struct boot_device *d = &o->args->devices[i];

		if (word_is(word, len, d->node) && (!disks_only || d->class == BOOT_DISK))
			emit(o, i);
	}
}

// Calls FN with each word of a list that commas, semicolons or blanks separate.
static void each_word(const char *list, void (*fn)(struct order *o, const char *word, size_t len),
		      struct order *o)
{
	static const char separators[] = ",; \t";

	while (list && *(list += strspn(list, separators))) {
		size_t len = strcspn(list, separators);

		fn(o, list, len);
		list += len;
	}
}

static void disk_word(struct order *o, const char *word, size_t len)
{
	emit_node(o, word, len, true);
}

static void emit_class(struct order *o, enum boot_class class)
{
	if (class == BOOT_DISK)
		each_word(o->args->disk_order, disk_word, o);
	for (size_t i = 0; i < o->count; i++) {
		if (o->args->devices[i].class == class)
			emit(o, i);
	}
}

static const struct { const char *word; enum boot_class class; } classes[] = {
	{ "hdd", BOOT_DISK }, { "disk", BOOT_DISK }, { "hd", BOOT_DISK },
	{ "cdrom", BOOT_CDROM }, { "cd", BOOT_CDROM },
	{ "floppy", BOOT_FLOPPY }, { "fd", BOOT_FLOPPY },
	{ "net", BOOT_NET }, { "ethernet", BOOT_NET },
};

// A class, or one device by its node.
static void order_word(struct order *o, const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (word_is(word, len, classes[i].word)) {
			emit_class(o, classes[i].class);
			return;
		}
	}
	emit_node(o, word, len, false);
}

void boot_order_write(const struct boot_args *args, struct blob *b)
{
	struct order o = { .args = args, .out = b, .first = true };

	o.count = MIN(args->count, BOOT_DEVICES_MAX);
	each_word(args->order, order_word, &o);
	for (enum boot_class class = 0; class < BOOT_CLASSES; class++)
		emit_class(&o, class);
}

// --- files -------------------------------------------------------------------------------------------

// SeaBIOS has no setup; its boot menu is what a person who asks for the setup can be given.
static int add_menu(const struct boot_args *args, struct fw_cfg *fw)
{
	static const char message[] = "\nPress ESC for the boot menu (there is no setup).\n\n";
	unsigned wait = args->setup_once ? MAX(args->delay_ms, SETUP_WAIT_MS) : args->delay_ms;
	int r = fw_cfg_add_item_int(fw, FW_CFG_BOOT_MENU, 2, wait != 0);

	if (r == 0 && wait)
		r = fw_cfg_add_file_int(fw, "etc/boot-menu-wait", 4, MIN(wait, BOOT_WAIT_MAX_MS));
	if (r == 0 && args->setup_once)
		r = fw_cfg_add_file(fw, "etc/boot-menu-message", message, sizeof(message) - 1);
	return r;
}

static int add_order(const struct boot_args *args, struct fw_cfg *fw)
{
	struct blob order = { 0 };
	int r = 0;

	boot_order_write(args, &order);
	if (order.failed)
		r = -ENOMEM;
	else if (order.len)
		r = fw_cfg_add_file(fw, "bootorder", order.data, order.len);
	blob_free(&order);
	return r;
}

int boot_build(const struct boot_args *args, struct fw_cfg *fw, struct err *err)
{
	int r = add_order(args, fw);

	if (r == 0)
		r = add_menu(args, fw);
	if (r == 0)
		r = fw_cfg_add_file_int(fw, "etc/boot-fail-wait", 4, args->retry_ms);
	return r < 0 ? err_set(err, -r, "bootorder", "the boot settings cannot be stored: %s", strerror(-r))
		     : 0;
}
