// root_port.c: VMware's PCIe root ports 15ad:07a0.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/root_port.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "hw/pci/internal.h"

enum root_port_config {
	SUBSYSTEM_CAP = 0x40,
	SUBSYSTEM_LENGTH = 8,
	PM_CAP = 0x48,
	PM_CAPS = 0xc803,               // version 3, PME from D0, D3hot and D3cold
	EXPRESS_CAP = 0x50,
	MSI_CAP = 0x8c,
};

enum slot_caps {
	SLTCAP_BUTTON = 1 << 0,
	SLTCAP_POWER = 1 << 1,
	SLTCAP_HOTPLUG = 1 << 6,
	SLTCAP_POWER_LIMIT = 240 << 7,  // watts
	SLTCAP_NO_COMMAND_COMPLETED = 1 << 18,
	SLTCAP_NUMBER_SHIFT = 19,
};

enum slot_control {
	SLTCTL_EVENTS = 0x100f,         // enables, at the bits of the events in slot status
	SLTCTL_INTERRUPT = 1 << 5,
	SLTCTL_POWER_OFF = 1 << 10,
	SLTCTL_WRITABLE = 0x142f,
};

enum slot_status {
	SLTSTA_BUTTON = 1 << 0,
	SLTSTA_PRESENCE_CHANGED = 1 << 3,
	SLTSTA_EVENTS = 0x010f,         // button, power fault, latch, presence; link state
	SLTSTA_PRESENT = 1 << 6,
	SLTSTA_LINK_CHANGED = 1 << 8,
};

enum link_bits { LNKCTL_DISABLE = 1 << 4, LNKSTA_ACTIVE = 1 << 13, LNKSTA_SPEED_WIDTH = 0x0202 };

struct port {
	struct pci_dev dev;
	struct root_port *rp;
	bool raised;            // an enabled event is pending: the message for it went out
	bool leaving;           // what is in the slot shall leave when the guest switches the slot off
};

struct root_port {
	struct root_port_args args;
	unsigned functions;
	struct port port[ROOT_PORT_FUNCTIONS];
};

static uint16_t reg(const struct pci_dev *dev, unsigned off) { return get_le16(&dev->config[EXPRESS_CAP + off]); }

static void set(struct pci_dev *dev, unsigned off, unsigned value)
{
	pci_config_set(dev, EXPRESS_CAP + off, 2, value);
}

static bool occupied(const struct pci_dev *dev) { return reg(dev, EXPRESS_SLTSTA) & SLTSTA_PRESENT; }

static bool link_wanted(const struct pci_dev *dev)
{
	return occupied(dev) && !(reg(dev, EXPRESS_SLTCTL) & SLTCTL_POWER_OFF) &&
	       !(reg(dev, EXPRESS_LNKCTL) & LNKCTL_DISABLE);
}

// Link-changed is bit 8 of the status and bit 12 of the enables; the others are at the same places.
static unsigned enabled_events(const struct pci_dev *dev)
{
	unsigned enables = reg(dev, EXPRESS_SLTCTL) & SLTCTL_EVENTS;

	return reg(dev, EXPRESS_SLTSTA) & ((enables & 0xf) | (enables >> 4 & SLTSTA_LINK_CHANGED));
}

// The message goes out when the first enabled event comes up, not for each (PCIe 6.7.3.4).
static void tell_events(struct port *p)
{
	bool up = (reg(&p->dev, EXPRESS_SLTCTL) & SLTCTL_INTERRUPT) && enabled_events(&p->dev);

	if (up && !p->raised)
		pci_msi_send(&p->dev, 0);
	p->raised = up;
}

static void show_link(struct pci_dev *dev, bool active)
{
	set(dev, EXPRESS_LNKSTA, LNKSTA_SPEED_WIDTH | (active ? LNKSTA_ACTIVE : 0));
	dev->closed = !active;
}

// Brings the link to what presence, power and link control say. Root lock held.
static void follow(struct port *p)
{
	struct pci_dev *dev = &p->dev;
	bool want = link_wanted(dev);

	if (want != dev->closed)
		return;
	show_link(dev, want);
	set(dev, EXPRESS_SLTSTA, reg(dev, EXPRESS_SLTSTA) | SLTSTA_LINK_CHANGED);
	if (dev->secondary && want)
		pci_bus_reset_locked(dev->secondary);
	else if (dev->secondary)
		pci_bus_bars_update(dev->secondary);
}

static void config_written(struct pci_dev *dev, unsigned off, unsigned size)
{
	struct port *p = dev->owner;

	if (off + size <= EXPRESS_CAP || off >= EXPRESS_CAP + EXPRESS_LENGTH)
		return;
	follow(p);
	tell_events(p);
	if (p->leaving && (reg(dev, EXPRESS_SLTCTL) & SLTCTL_POWER_OFF)) {
		p->leaving = false;
		p->rp->args.let_go(p->rp->args.arg, p->rp->args.slot + (dev->devfn & 7));
	}
}

// What a reset restores says what is in the slot: the machine is switched on with it.
static void reset_shows(struct pci_dev *dev, bool present)
{
	put_le16(&dev->reset[EXPRESS_CAP + EXPRESS_SLTSTA], present ? SLTSTA_PRESENT : 0);
	put_le16(&dev->reset[EXPRESS_CAP + EXPRESS_SLTCTL], present ? 0 : SLTCTL_POWER_OFF);
	put_le16(&dev->reset[EXPRESS_CAP + EXPRESS_LNKSTA], LNKSTA_SPEED_WIDTH | (present ? LNKSTA_ACTIVE : 0));
}

// Somebody puts a card in or takes it out: the guest hears of it; the slot's power is as it left it. An operating system
// that finds a button does not listen to presence: whoever puts a card into a slot that is off presses it.
static void presence_changed(struct port *p, bool present)
{
	unsigned status = reg(&p->dev, EXPRESS_SLTSTA) & ~(unsigned)SLTSTA_PRESENT;

	set(&p->dev, EXPRESS_SLTSTA, status | SLTSTA_PRESENCE_CHANGED | (present ? SLTSTA_PRESENT : 0));
	if (present && !link_wanted(&p->dev))
		set(&p->dev, EXPRESS_SLTSTA, reg(&p->dev, EXPRESS_SLTSTA) | SLTSTA_BUTTON);
	p->leaving = false;
	follow(p);
	tell_events(p);
}

static void child_attached(struct pci_dev *dev, struct pci_dev *child, bool hot)
{
	(void)child;
	reset_shows(dev, true);
	if (hot) {
		presence_changed(dev->owner, true);
		return;
	}
	set(dev, EXPRESS_SLTSTA, SLTSTA_PRESENT);
	set(dev, EXPRESS_SLTCTL, 0);
	show_link(dev, true);
}

static void child_detached(struct pci_dev *dev, struct pci_dev *child)
{
	(void)child;
	reset_shows(dev, false);
	presence_changed(dev->owner, false);
}

static const struct pci_ops port_ops = {
	.config_written = config_written, .child_attached = child_attached, .child_detached = child_detached,
};

static void describe_slot(struct pci_dev *dev, unsigned number)
{
	uint8_t *config = &dev->config[EXPRESS_CAP], *wmask = &dev->wmask[EXPRESS_CAP];

	put_le32(config + EXPRESS_SLTCAP, SLTCAP_BUTTON | SLTCAP_POWER | SLTCAP_HOTPLUG | SLTCAP_POWER_LIMIT |
						  SLTCAP_NO_COMMAND_COMPLETED | number << SLTCAP_NUMBER_SHIFT);
	put_le16(config + EXPRESS_SLTCTL, SLTCTL_POWER_OFF);
	put_le16(wmask + EXPRESS_SLTCTL, SLTCTL_WRITABLE);
	put_le16(&dev->w1cmask[EXPRESS_CAP + EXPRESS_SLTSTA], SLTSTA_EVENTS);
}

static void describe(struct port *p, unsigned number)
{
	static const struct pci_id id = {
		.vendor = 0x15ad, .device = 0x07a0, .revision = 0x01, .class_code = 0x060400, .header_type = 1,
	};
	struct pci_dev *dev = &p->dev;
	uint8_t cap;

	pci_dev_init(dev, "root-port", &id, &port_ops, p);
	put_le16(&dev->config[PCI_STATUS], 0);          // DEVSEL timing means nothing on PCI Express
	put_le16(&dev->config[PCI_SECONDARY_STATUS], 0);
	put_le16(&dev->config[PCI_PREFETCH_BASE], 1);
	put_le16(&dev->config[PCI_PREFETCH_LIMIT], 1);
	put_le32(&dev->wmask[PCI_PREFETCH_BASE_UPPER], UINT32_MAX);
	put_le32(&dev->wmask[PCI_PREFETCH_LIMIT_UPPER], UINT32_MAX);
	cap = pci_add_cap(dev, PCI_CAP_SUBSYSTEM, SUBSYSTEM_CAP, SUBSYSTEM_LENGTH);
	put_le16(&dev->config[cap + 4], id.vendor);
	put_le16(&dev->config[cap + 6], id.device);
	pci_add_pm(dev, PM_CAP, PM_CAPS);
	pci_add_express(dev, EXPRESS_CAP, PCI_EXPRESS_ROOT_PORT, PCI_EXPRESS_SLOT);
	pci_add_msi(dev, MSI_CAP, true);
	describe_slot(dev, number);
	dev->closed = true;
}

bool root_port_press_button(struct root_port *rp, unsigned function)
{
	struct port *p = &rp->port[function];
	pthread_mutex_t *lock = pci_root_lock(p->dev.bus->root);
	bool heard;

	pthread_mutex_lock(lock);
	p->leaving = occupied(&p->dev) && rp->args.let_go;
	set(&p->dev, EXPRESS_SLTSTA, reg(&p->dev, EXPRESS_SLTSTA) | SLTSTA_BUTTON);
	tell_events(p);
	heard = p->raised;
	pthread_mutex_unlock(lock);
	return heard;
}

static int attach(struct pci_bus *bus, struct root_port *rp, const struct root_port_args *args, struct err *err)
{
	for (unsigned f = 0; f < args->functions; f++) {
		struct pci_dev *dev = &rp->port[f].dev;
		int r;

		rp->port[f].rp = rp;
		describe(&rp->port[f], args->slot + f);
		// Every function says so, as VMware's do; pci_attach() would mark function 0 alone.
		if (args->functions > 1)
			dev->config[PCI_HEADER] |= PCI_HEADER_MULTIFUNCTION;
		r = pci_attach(bus, dev, (uint8_t)(args->device << 3 | f), err);
		if (r < 0)
			return r;
		rp->functions = f + 1;
		if (!pci_bridge_bus(dev, err))
			return -ENOMEM;
	}
	return 0;
}

static void destroy(void *dev)
{
	struct root_port *rp = dev;

	for (unsigned f = rp->functions; f-- > 0;)
		pci_detach(&rp->port[f].dev);
	free(rp);
}

int root_port_create(struct pci_bus *bus, const struct root_port_args *args, struct root_port **out, struct err *err)
{
	struct root_port *rp;
	int r;

	if (!args->functions || args->functions > ROOT_PORT_FUNCTIONS || args->device > 31)
		return err_set(err, EINVAL, "root-port", "%u functions at device %u cannot be", args->functions,
			       args->device);
	rp = calloc(1, sizeof(*rp));
	if (!rp)
		return err_set(err, ENOMEM, "root-port", "no memory for it");
	rp->args = *args;
	r = attach(bus, rp, args, err);
	if (r < 0) {
		destroy(rp);
		return r;
	}
	*out = rp;
	return 0;
}

struct pci_dev *root_port_dev(struct root_port *rp, unsigned function)
{
	return function < rp->functions ? &rp->port[function].dev : NULL;
}

struct pci_bus *root_port_bus(struct root_port *rp, unsigned function)
{
	return function < rp->functions ? rp->port[function].dev.secondary : NULL;
}

static void reset_port(struct port *p)
{
	pthread_mutex_t *lock = pci_root_lock(p->dev.bus->root);

	pthread_mutex_lock(lock);
	pci_reset_locked(&p->dev);
	p->dev.closed = !link_wanted(&p->dev);
	p->raised = p->leaving = false;
	if (p->dev.secondary)
		pci_bus_bars_update(p->dev.secondary);
	pthread_mutex_unlock(lock);
}

static void reset(void *dev)
{
	struct root_port *rp = dev;

	for (unsigned f = 0; f < rp->functions; f++)
		reset_port(&rp->port[f]);
}

// All state is in configuration space.
static void loaded(void *dev)
{
	struct root_port *rp = dev;

	for (unsigned f = 0; f < rp->functions; f++) {
		struct port *p = &rp->port[f];
		pthread_mutex_t *lock = pci_root_lock(p->dev.bus->root);

		pthread_mutex_lock(lock);
		show_link(&p->dev, link_wanted(&p->dev));
		p->raised = (reg(&p->dev, EXPRESS_SLTCTL) & SLTCTL_INTERRUPT) && enabled_events(&p->dev);
		if (p->dev.secondary)
			pci_bus_bars_update(p->dev.secondary);
		pthread_mutex_unlock(lock);
	}
}

const struct device_class root_port_class = {
	.name = "root-port",
	.reset = reset,
	.destroy = destroy,
	.loaded = loaded,
};
