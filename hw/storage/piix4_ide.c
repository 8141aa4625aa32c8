// piix4_ide.c: the PIIX4's IDE function: configuration, decoding of the legacy ports, creation, reset.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/storage/piix4_ide_dev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "hw/pci/regs.h"

#define CONFIG_COMMAND 0x04u
#define COMMAND_IO     0x01u
#define CONFIG_IDETIM  0x40u            // two bytes for each channel
#define IDETIM_DECODE  0x80u            // in the upper byte
#define CONFIG_SIDETIM 0x44u
#define CONFIG_UDMACTL 0x48u
#define CONFIG_UDMATIM 0x4au

#define BAR_MASTER 4

static const struct {
	uint16_t command, control;
	uint8_t irq;
	const char *name, *control_name;
} legacy[CHANNELS] = {
	{ 0x1f0, 0x3f6, 14, "ide0", "ide0-control" },
	{ 0x170, 0x376, 15, "ide1", "ide1-control" },
};

// --- configuration -----------------------------------------------------------------------------------

static void decode(struct channel *c, bool on)
{
	struct bus *ports = c->ide->platform->ports;

	if (on == c->decoded)
		return;
	c->decoded = false;
	if (!on) {
		bus_remove(ports, &c->command);
		bus_remove(ports, &c->control);
		return;
	}
	if (bus_insert(ports, &c->command, NULL)) {
		log_guest("ide%u: its ports are taken by another device", c->number);
		return;
	}
	if (bus_insert(ports, &c->control, NULL)) {
		bus_remove(ports, &c->command);
		log_guest("ide%u: its control port is taken by another device", c->number);
		return;
	}
	c->decoded = true;
}

// Root lock held.
static void update_decode(struct piix4_ide *ide)
{
	const uint8_t *config = ide->pci.config;

	for (unsigned i = 0; i < CHANNELS; i++)
		decode(&ide->channel[i], (config[CONFIG_COMMAND] & COMMAND_IO) &&
						 (config[CONFIG_IDETIM + i * 2 + 1] & IDETIM_DECODE));
}

static void config_written(struct pci_dev *pci, unsigned off, unsigned size)
{
	struct piix4_ide *ide = pci->owner;

	(void)off;
	(void)size;
	update_decode(ide);
	if (!pci_bus_master(pci))
		return;
	pthread_mutex_lock(&ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++)
		ata_dma_ready(&ide->channel[i].ata);
	pthread_mutex_unlock(&ide->lock);
}

static const struct pci_ops pci_ops = { .config_written = config_written };

static void init_config(struct piix4_ide *ide)
{
	static const struct pci_id id = {
		.vendor = 0x8086, .device = 0x7111, .subsystem_vendor = 0x15ad, .subsystem_device = 0x1976,
		.class_code = 0x01018a, .revision = 1,
	};
	uint8_t *wmask = ide->pci.wmask;

	pci_dev_init(&ide->pci, "piix4-ide", &id, &pci_ops, ide);
	put_le16(&ide->pci.config[PCI_STATUS], PCI_STATUS_FAST_B2B | PCI_STATUS_DEVSEL_MEDIUM);
	pci_bar_registers(&ide->pci, BAR_MASTER, PCI_BAR_IO, 2 * BMIDE_SIZE, &ide_master_ops, ide,
			  &ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++) {
		wmask[CONFIG_IDETIM + i * 2] = 0xff;
		wmask[CONFIG_IDETIM + i * 2 + 1] = ide->channel[i].populated ? 0xf3 : 0x73;
	}
	wmask[CONFIG_SIDETIM] = 0xff;
	wmask[CONFIG_UDMACTL] = 0x0f;
	put_le16(wmask + CONFIG_UDMATIM, 0x3333);
}

// --- creation ----------------------------------------------------------------------------------------

static void init_channel(struct piix4_ide *ide, unsigned number, const struct piix4_ide_args *args)
{
	struct channel *c = &ide->channel[number];

	c->ide = ide;
	c->number = number;
	irq_line_connect(&c->irq, &ide->platform->isa_irq[legacy[number].irq]);
	c->command = (struct bus_range){
		.first = legacy[number].command, .last = legacy[number].command + 7u,
		.name = legacy[number].name, .ops = &ide_command_ops, .dev = c, .lock = &ide->lock,
	};
	c->control = (struct bus_range){
		.first = legacy[number].control, .last = legacy[number].control,
		.name = legacy[number].control_name, .ops = &ide_control_ops, .dev = c, .lock = &ide->lock,
	};
	ide_init_channel(c, args->drive[number]);
}

static int check_args(const struct piix4_ide_args *args, struct err *err)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct piix4_ide_drive *drive = &args->drive[i / 2][i % 2];

		if (drive->kind == ATA_KIND_DISK && !drive->disk)
			return err_set(err, EINVAL, "ide", "ide%u:%u is a disk without an image", i / 2,
				       i % 2);
	}
	return 0;
}

int piix4_ide_create(const struct platform *platform, const struct piix4_ide_args *args,
		     struct piix4_ide **out, struct err *err)
{
	struct piix4_ide *ide;
	int rc = check_args(args, err);

	if (rc)
		return rc;
	ide = calloc(1, sizeof(*ide));
	if (ide)
		ide->regs = calloc(1, sizeof(*ide->regs));
	if (!ide || !ide->regs) {
		free(ide);
		return err_set(err, ENOMEM, "ide", "not enough memory");
	}
	pthread_mutex_init(&ide->lock, NULL);
	ide->platform = platform;
	ide->tray_moved = args->tray_moved;
	ide->tray_arg = args->arg;
	for (unsigned i = 0; i < CHANNELS; i++)
		init_channel(ide, i, args);
	init_config(ide);
	rc = pci_attach(args->bus, &ide->pci, args->devfn, err);
	if (rc) {
		ide->destroyed = true;
		ide_release_when_quiet(ide);
		return rc;
	}
	for (unsigned i = 0; i < CHANNELS; i++)
		ide_reset_channel(&ide->channel[i]);
	*out = ide;
	return 0;
}

// --- the machine's table -----------------------------------------------------------------------------

static void lock_root(struct piix4_ide *ide) { pthread_mutex_lock(pci_root_lock(ide->platform->pci)); }
static void unlock_root(struct piix4_ide *ide) { pthread_mutex_unlock(pci_root_lock(ide->platform->pci)); }

static void ide_reset(void *dev)
{
	struct piix4_ide *ide = dev;

	pci_dev_reset(&ide->pci);
	lock_root(ide);
	update_decode(ide);
	unlock_root(ide);
	pthread_mutex_lock(&ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++)
		ide_reset_channel(&ide->channel[i]);
	pthread_mutex_unlock(&ide->lock);
}

static void ide_stop(void *dev)
{
	struct piix4_ide *ide = dev;

	pthread_mutex_lock(&ide->lock);
	ide->stopped = true;
	pthread_mutex_unlock(&ide->lock);
}

static void ide_destroy(void *dev)
{
	struct piix4_ide *ide = dev;

	pci_detach(&ide->pci);
	lock_root(ide);
	for (unsigned i = 0; i < CHANNELS; i++)
		decode(&ide->channel[i], false);
	unlock_root(ide);
	ide_stop(ide);
	ide->destroyed = true;
	ide_release_when_quiet(ide);
}

static void *ide_regs(void *dev)
{
	struct piix4_ide *ide = dev;

	return ide->regs;
}

static void ide_loaded(void *dev)
{
	struct piix4_ide *ide = dev;

	lock_root(ide);
	update_decode(ide);
	unlock_root(ide);
	pthread_mutex_lock(&ide->lock);
	for (unsigned i = 0; i < CHANNELS; i++)
		ata_loaded(&ide->channel[i].ata);
	pthread_mutex_unlock(&ide->lock);
}

static void sanitize(void *regs)
{
	struct piix4_ide_regs *r = regs;

	for (unsigned i = 0; i < CHANNELS; i++) {
		ata_regs_sanitize(&r->ata[i]);
		bmide_regs_sanitize(&r->bm[i]);
	}
}

static const struct field field_list[] = {
	ATA_FIELDS(struct piix4_ide_regs, ata[0]),
	ATA_FIELDS(struct piix4_ide_regs, ata[1]),
	BMIDE_FIELDS(struct piix4_ide_regs, bm[0]),
	BMIDE_FIELDS(struct piix4_ide_regs, bm[1]),
};

static const struct fields fields = {
	.name = "piix4-ide",
	.version = 1,
	.struct_size = sizeof(struct piix4_ide_regs),
	.list = field_list,
	.count = ARRAY_SIZE(field_list),
	.sanitize = sanitize,
};

const struct device_class piix4_ide_class = {
	.name = "piix4-ide",
	.reset = ide_reset,
	.stop = ide_stop,
	.destroy = ide_destroy,
	.fields = &fields,
	.regs = ide_regs,
	.loaded = ide_loaded,
};
