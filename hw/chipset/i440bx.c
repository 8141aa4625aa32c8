// i440bx.c: the 440BX host bridge and AGP bridge (Intel 82443BX).
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/i440bx.h"

#include <errno.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "hw/chipset/config_reg.h"
#include "hw/chipset/post_identity.h"
#include "hw/pci/ecam.h"
#include "hw/pci/regs.h"

enum i440bx_reg {
	NBXCFG = 0x50,
	DRAMC = 0x57,
	DRAMT = 0x58,
	PAM0 = 0x59,
	PAM6 = 0x5f,
	DRB0 = 0x60,
	FDHC = 0x68,
	MBSC = 0x69,
	SMRAM = 0x72,
	ESMRAMC = 0x73,
	RPS = 0x74,
	SDRAMC = 0x76,
	PGPOL = 0x78,
	PMCR = 0x7a,
	SCRR = 0x7b,
	EAP = 0x80,
	ERRCMD = 0x90,
	ERRSTS = 0x91,
	AGPCTRL = 0xb0,
	APSIZE = 0xb4,
	ATTBASE = 0xb8,
	AMTT = 0xbc,
	LPTT = 0xbd,
	MMCONFIG = 0xc4,        // VMware's: base, size, enable of the memory-mapped configuration space
	BSPAD = 0xd0,
};

enum smram_bit {
	SMRAM_D_OPEN = 1 << 6,
	SMRAM_D_CLS = 1 << 5,
	SMRAM_D_LCK = 1 << 4,
	SMRAM_WRITABLE = 0x78,
	ESMRAMC_WRITABLE = 0x87,
};

#define MMCONFIG_ENABLE  1u
#define MMCONFIG_128_MB  (1u << 1)       // 256 MiB >> n
#define PAM_NIBBLE       0x3u
#define DRB_ROWS         8u
#define DRB_UNIT         (8ull << 20)   // row boundaries count 8 MiB
#define AGP_DEVFN        (1u << 3)
#define FIRST_LINK       1u             // device 0 pin A is wired to PIRQB

static const struct config_reg host_regs[] = {
	{ PCI_COMMAND, 2, 0x0006, PCI_COMMAND_PARITY | PCI_COMMAND_SERR, 0 },
	{ PCI_LATENCY, 1, 0x00, 0xf8, 0 },
	{ PCI_CACHE_LINE, 1, 0x00, 0x00, 0 },
	{ PCI_INTERRUPT_LINE, 1, 0x00, 0x00, 0 },
	{ NBXCFG, 4, 0x00000000, 0xff0fcff8, 0 },
	{ DRAMC, 1, 0x00, 0x3f, 0 },
	{ DRAMT, 1, 0x03, 0xff, 0 },
	{ PAM0, 1, 0x00, 0x30, 0 },
	{ PAM0 + 1, 1, 0x00, 0x33, 0 },
	{ PAM0 + 2, 1, 0x00, 0x33, 0 },
	{ PAM0 + 3, 4, 0x00000000, 0x33333333, 0 },
	{ DRB0, 4, 0x01010101, 0xffffffff, 0 },
	{ DRB0 + 4, 4, 0x01010101, 0xffffffff, 0 },
	{ FDHC, 1, 0x00, 0xc0, 0 },
	{ MBSC, 2, 0x0000, 0xffff, 0 },
	{ MBSC + 2, 4, 0x00000000, 0xffffffff, 0 },
	{ SMRAM, 1, 0x02, SMRAM_WRITABLE, 0 },
	{ ESMRAMC, 1, 0x38, ESMRAMC_WRITABLE, 0x40 },
	{ RPS, 2, 0x0000, 0xffff, 0 },
	{ SDRAMC, 2, 0x0000, 0x03ff, 0 },
	{ PGPOL, 2, 0x0000, 0xff0f, 0 },
	{ PMCR, 1, 0x00, 0xff, 0 },
	{ SCRR, 2, 0x0038, 0xffff, 0 },
	{ EAP, 4, 0x00000000, 0x00000000, 0x00000003 },
	{ ERRCMD, 1, 0x80, 0xff, 0 },
	{ ERRSTS, 2, 0x0000, 0x0000, 0x1fff },
	{ AGPCTRL, 4, 0x00000000, 0x0000a280, 0 },
	{ APSIZE, 1, 0x00, 0x3f, 0 },
	{ ATTBASE, 4, 0x00000000, 0xfffff000, 0 },
	{ AMTT, 1, 0x00, 0xf8, 0 },
	{ LPTT, 1, 0x00, 0xf8, 0 },
	{ BSPAD, 4, 0x00000000, 0xffffffff, 0 },
	{ BSPAD + 4, 4, 0x00000000, 0xffffffff, 0 },
};

// All windows closed: base above limit.
static const struct config_reg agp_regs[] = {
	{ PCI_STATUS, 2, PCI_STATUS_66MHZ | PCI_STATUS_DEVSEL_MEDIUM, 0, PCI_STATUS_ERRORS },
	{ PCI_SECONDARY_LATENCY, 1, 0x40, 0xff, 0 },
	{ PCI_IO_BASE, 2, 0x00f0, 0xf0f0, 0 },
	{ PCI_SECONDARY_STATUS, 2, 0x02a0, 0, PCI_STATUS_ERRORS },
	{ PCI_MEMORY_BASE, 4, 0x0000fff0, 0xfff0fff0, 0 },
	{ PCI_PREFETCH_BASE, 4, 0x0000fff0, 0xfff0fff0, 0 },
	{ PCI_BRIDGE_CONTROL, 2, 0x0080, PCI_BRIDGE_WRITABLE, PCI_BRIDGE_DISCARD_STATUS },
};

struct i440bx {
	struct pci_root *root;
	struct pci_dev host, agp;
	struct pirq pirq;
	struct ecam ecam;
	struct post_identity identity;  // root's lock
	struct gmem *mem;
	void (*listener)(void *arg, bool final);
	void *listener_arg;
};

// --- PAM and SMRAM -------------------------------------------------------------------------------

// PAM0's upper half is the 64 KiB from F0000h; PAM1..6 hold two 16 KiB segments each, the lower one in the
// low half.
static void pam_decode(const uint8_t *pam, uint8_t flags[GMEM_PAM_SEGMENTS])
{
	for (unsigned i = 0; i < GMEM_PAM_SEGMENTS - 1; i++)
		flags[i] = (uint8_t)(pam[1 + i / 2] >> (i % 2 * 4) & PAM_NIBBLE);
	flags[GMEM_PAM_SEGMENTS - 1] = (uint8_t)(pam[0] >> 4 & PAM_NIBBLE);
}

static void pam_apply(struct i440bx *bx)
{
	uint8_t flags[GMEM_PAM_SEGMENTS];

	pam_decode(&bx->host.config[PAM0], flags);
	if (bx->mem)
		gmem_pam_set(bx->mem, flags);
}

// Once locked, only D_CLS and the error bit move until the next reset.
static void smram_apply(struct i440bx *bx)
{
	uint8_t value = bx->host.config[SMRAM];

	if (value & SMRAM_D_LCK) {
		pci_config_set(&bx->host, SMRAM, 1, value & ~(uint32_t)SMRAM_D_OPEN);
		bx->host.wmask[SMRAM] = SMRAM_D_CLS;
		bx->host.wmask[ESMRAMC] = 0;
	} else {
		bx->host.wmask[SMRAM] = SMRAM_WRITABLE;
		bx->host.wmask[ESMRAMC] = ESMRAMC_WRITABLE;
	}
}

static bool touches(unsigned off, unsigned size, unsigned first, unsigned last)
{
	return off <= last && off + size > first;
}

static void host_written(struct pci_dev *dev, unsigned off, unsigned size)
{
	struct i440bx *bx = dev->owner;

	if (touches(off, size, PAM0, PAM6))
		pam_apply(bx);
	if (touches(off, size, SMRAM, ESMRAMC))
		smram_apply(bx);
	if (touches(off, size, PAM0, PAM0))
		post_identity_pam0(&bx->identity, dev->config[PAM0]);
}

static const struct pci_ops host_ops = { .config_written = host_written };

// --- identity ------------------------------------------------------------------------------------

static void present(void *arg, bool final)
{
	const struct pci_id *id = post_identity_ids(final);
	struct i440bx *bx = arg;

	pci_config_set(&bx->host, PCI_VENDOR, 2, id->vendor);
	pci_config_set(&bx->host, PCI_DEVICE, 2, id->device);
	pci_config_set(&bx->host, PCI_REVISION, 1, id->revision);
	pci_config_set(&bx->host, PCI_SUBSYSTEM_VENDOR, 2, id->subsystem_vendor);
	pci_config_set(&bx->host, PCI_SUBSYSTEM_DEVICE, 2, id->subsystem_device);
	pci_root_set_post(bx->root, !final);
	if (bx->listener)
		bx->listener(bx->listener_arg, final);
}

void i440bx_on_identity(struct i440bx *bx, void (*fn)(void *arg, bool final), void *arg)
{
	pthread_mutex_lock(pci_root_lock(bx->root));
	bx->listener = fn;
	bx->listener_arg = arg;
	if (fn)
		fn(arg, post_identity_final(&bx->identity));
	pthread_mutex_unlock(pci_root_lock(bx->root));
}

void i440bx_acpi_enabled(struct i440bx *bx)
{
	pthread_mutex_lock(pci_root_lock(bx->root));
	post_identity_acpi_enabled(&bx->identity);
	pthread_mutex_unlock(pci_root_lock(bx->root));
}

bool i440bx_identity_final(struct i440bx *bx)
{
	bool final;

	pthread_mutex_lock(pci_root_lock(bx->root));
	final = post_identity_final(&bx->identity);
	pthread_mutex_unlock(pci_root_lock(bx->root));
	return final;
}

// --- life ----------------------------------------------------------------------------------------

static struct irq_pin *link_pin(void *arg, unsigned link)
{
	return pirq_link(&((struct i440bx *)arg)->pirq, link);
}

// One row that ends where memory does, as far as eight bits of 8 MiB reach.
static void fill_row_boundaries(struct i440bx *bx)
{
	uint64_t units = bx->mem ? (gmem_low_size(bx->mem) + gmem_high_size(bx->mem)) / DRB_UNIT : 0;
	uint8_t drb = (uint8_t)MIN(units, 0xffu);

	for (unsigned i = 0; i < DRB_ROWS && drb; i++)
		bx->host.config[DRB0 + i] = drb;
}

// Read-only, where VMware's firmware could move it: SeaBIOS does not know the register.
static int claim_ecam(struct i440bx *bx, struct bus *mmio, struct err *err)
{
	int r = ecam_init(&bx->ecam, bx->root, mmio, err);

	if (r == 0)
		config_regs_apply(&bx->host, &(struct config_reg){
			MMCONFIG, 4, ECAM_BASE | MMCONFIG_128_MB | MMCONFIG_ENABLE, 0, 0 }, 1);
	return r;
}

static int attach_bridges(struct i440bx *bx, const struct i440bx_args *args, struct bus *mmio, struct err *err)
{
	static const struct pci_id agp_id = {
		.vendor = 0x8086, .device = 0x7191, .revision = 0x01, .class_code = 0x060400,
		.header_type = 1,
	};
	const struct pci_id *host_id = post_identity_ids(post_identity_final(&bx->identity));
	int r;

	pci_dev_init(&bx->host, "440bx-host", host_id, &host_ops, bx);
	config_regs_apply(&bx->host, host_regs, ARRAY_SIZE(host_regs));
	fill_row_boundaries(bx);
	r = args->ecam ? claim_ecam(bx, mmio, err) : 0;
	if (r == 0)
		r = pci_attach(pci_root_bus(bx->root), &bx->host, 0, err);
	if (r < 0)
		return r;
	pci_dev_init(&bx->agp, "440bx-agp", &agp_id, NULL, bx);
	config_regs_apply(&bx->agp, agp_regs, ARRAY_SIZE(agp_regs));
	r = pci_attach(pci_root_bus(bx->root), &bx->agp, AGP_DEVFN, err);
	if (r < 0)
		return r;
	return pci_bridge_bus(&bx->agp, err) ? 0 : -ENOMEM;
}

int i440bx_create(struct platform *p, const struct i440bx_args *args, struct i440bx **out, struct err *err)
{
	struct i440bx *bx = calloc(1, sizeof(*bx));
	struct pci_root_host host = {
		.ports = p->ports, .mmio = p->mmio, .mem = p->mem, .link = link_pin, .rotation = FIRST_LINK,
		.msi = p->msi, .arg = bx,
	};
	int r;

	if (!bx)
		return err_set(err, ENOMEM, "440bx", "no memory for the host bridge");
	bx->mem = p->mem;
	pirq_init(&bx->pirq, p);
	post_identity_init(&bx->identity, args->post_identity, &(struct post_identity_host){ present, bx });
	r = pci_root_create(&bx->root, &host, err);
	if (r == 0)
		r = attach_bridges(bx, args, p->mmio, err);
	if (r == 0)
		pci_root_set_post(bx->root, args->post_identity);
	if (r == 0)
		r = pci_root_claim_ports(bx->root, err);
	if (r < 0) {
		ecam_release(&bx->ecam);
		pci_root_destroy(bx->root);
		free(bx);
		return r;
	}
	p->pci = bx->root;
	*out = bx;
	return 0;
}

struct pci_bus *i440bx_agp_bus(struct i440bx *bx) { return bx->agp.secondary; }
struct pirq *i440bx_pirq(struct i440bx *bx) { return &bx->pirq; }
bool i440bx_has_ecam(const struct i440bx *bx) { return bx->ecam.range.ops != NULL; }

void i440bx_restored(struct i440bx *bx)
{
	pthread_mutex_lock(pci_root_lock(bx->root));
	pam_apply(bx);
	smram_apply(bx);
	pci_root_restore_post(bx->root, !post_identity_final(&bx->identity));
	post_identity_restored(&bx->identity);
	pthread_mutex_unlock(pci_root_lock(bx->root));
}

static void reset(void *dev)
{
	struct i440bx *bx = dev;

	pci_dev_reset(&bx->host);
	pci_dev_reset(&bx->agp);
	pci_root_reset(bx->root);
	pthread_mutex_lock(pci_root_lock(bx->root));
	pam_apply(bx);
	smram_apply(bx);
	post_identity_reset(&bx->identity);
	pthread_mutex_unlock(pci_root_lock(bx->root));
}

static void destroy(void *dev)
{
	struct i440bx *bx = dev;

	ecam_release(&bx->ecam);
	pci_root_destroy(bx->root);
	pirq_destroy(&bx->pirq);
	free(bx);
}

static void *regs(void *dev) { return &((struct i440bx *)dev)->identity.regs; }

const struct device_class i440bx_class = {
	.name = "440bx",
	.reset = reset,
	.destroy = destroy,
	.fields = &post_identity_fields,
	.regs = regs,
};
