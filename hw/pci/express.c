// express.c: the PCI Express capability, extended capabilities, and advanced features.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/pci/internal.h"

#include "base/bytes.h"

enum express_bits {
	CAPS_VERSION_2 = 2,
	CAPS_TYPE_SHIFT = 4,
	CAPS_SLOT = 1 << 8,
	DEVCAP_FLR = 1 << 28,
	DEVCTL_WRITABLE = 0x78ff,       // all but extended tags, phantom functions, auxiliary power, FLR
	DEVSTA_CLEAR = 0x000f,
	LNKCAP_5GT_X32 = 0x0202,        // speed 2, width 32
	LNKCAP_ASPM_L0S = 1 << 10,
	LNKCAP_REPORTS_ACTIVE = 1 << 20,
	LNKCTL_ENDPOINT = 0x00c3,
	LNKCTL_ROOT_PORT = 0x00d3,      // with link disable
	LNKSTA_5GT_X32 = 0x0202,
	LNKCTL2_2_5GT = 0x0001,
	LNKCTL2_SPEED = 0x000f,
	RTCTL_WRITABLE = 0x001f,
	RTSTA_PME = 1 << 16,
};

enum ext_cap { EXT_NEXT_SHIFT = 20, EXT_VERSION_SHIFT = 16, SERIAL_LENGTH = 12 };

static void describe_link(struct pci_dev *dev, uint8_t off, bool root)
{
	put_le32(&dev->config[off + EXPRESS_LNKCAP],
		 LNKCAP_5GT_X32 | LNKCAP_ASPM_L0S | (root ? LNKCAP_REPORTS_ACTIVE : 0));
	put_le16(&dev->wmask[off + EXPRESS_LNKCTL], root ? LNKCTL_ROOT_PORT : LNKCTL_ENDPOINT);
	put_le16(&dev->config[off + EXPRESS_LNKSTA], LNKSTA_5GT_X32);
	put_le16(&dev->config[off + EXPRESS_LNKCTL2], LNKCTL2_2_5GT);
	put_le16(&dev->wmask[off + EXPRESS_LNKCTL2], LNKCTL2_SPEED);
}

uint8_t pci_add_express(struct pci_dev *dev, uint8_t at, enum pci_express_type type, unsigned flags)
{
	uint8_t off = pci_add_cap(dev, PCI_CAP_EXPRESS, at, EXPRESS_LENGTH);
	bool root = type == PCI_EXPRESS_ROOT_PORT;

	if (!off)
		return 0;
	dev->express_cap = off;
	dev->express_flr = flags & PCI_EXPRESS_FLR;
	dev->config_size = PCI_EXPRESS_CONFIG_SIZE;
	put_le16(&dev->config[off + EXPRESS_CAPS], (uint16_t)(CAPS_VERSION_2 | (unsigned)type << CAPS_TYPE_SHIFT |
							      (flags & PCI_EXPRESS_SLOT ? CAPS_SLOT : 0)));
	put_le32(&dev->config[off + EXPRESS_DEVCAP], dev->express_flr ? DEVCAP_FLR : 0);
	put_le16(&dev->wmask[off + EXPRESS_DEVCTL], DEVCTL_WRITABLE);
	put_le16(&dev->w1cmask[off + EXPRESS_DEVSTA], DEVSTA_CLEAR);
	describe_link(dev, off, root);
	if (root) {
		put_le16(&dev->wmask[off + EXPRESS_RTCTL], RTCTL_WRITABLE);
		put_le32(&dev->w1cmask[off + EXPRESS_RTSTA], RTSTA_PME);
	}
	return off;
}

uint16_t pci_add_ext_cap(struct pci_dev *dev, uint16_t id, unsigned version, unsigned len)
{
	unsigned at = dev->ext_len, last = 0;

	if (dev->config_size <= PCI_CONFIG_SIZE || len < 4 || len % 4 || len > PCI_EXT_SIZE - at)
		return 0;
	dev->ext_len += len;
	put_le32(&dev->ext[at], id | version << EXT_VERSION_SHIFT);
	if (at) {
		while (get_le32(&dev->ext[last]) >> EXT_NEXT_SHIFT)
			last = (get_le32(&dev->ext[last]) >> EXT_NEXT_SHIFT) - PCI_CONFIG_SIZE;
		put_le32(&dev->ext[last],
			 get_le32(&dev->ext[last]) | (at + PCI_CONFIG_SIZE) << EXT_NEXT_SHIFT);
	}
	return (uint16_t)(PCI_CONFIG_SIZE + at);
}

uint16_t pci_add_serial_number(struct pci_dev *dev, uint32_t low, uint32_t high)
{
	uint16_t off = pci_add_ext_cap(dev, PCI_EXT_CAP_SERIAL, 1, SERIAL_LENGTH);

	if (!off)
		return 0;
	pci_config_set(dev, off + 4u, 4, low);
	pci_config_set(dev, off + 8u, 4, high);
	return off;
}

uint8_t pci_add_af(struct pci_dev *dev, uint8_t at)
{
	uint8_t off = pci_add_cap(dev, PCI_CAP_AF, at, AF_LENGTH);

	if (!off)
		return 0;
	dev->af_cap = off;
	dev->config[off + AF_LENGTH_REG] = AF_LENGTH;
	dev->config[off + AF_CAPS] = AF_CAPS_TP | AF_CAPS_FLR;
	return off;
}
