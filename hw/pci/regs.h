// regs.h: names of the configuration registers that more than one file uses.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_PCI_REGS_H
#define BERTH_PCI_REGS_H

enum pci_reg {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x09,
	PCI_CACHE_LINE = 0x0c,
	PCI_LATENCY = 0x0d,
	PCI_HEADER = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM_DEVICE = 0x2e,
	PCI_ROM = 0x30,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
	// header type 1
	PCI_PRIMARY = 0x18,
	PCI_SECONDARY = 0x19,
	PCI_SUBORDINATE = 0x1a,
	PCI_SECONDARY_LATENCY = 0x1b,
	PCI_IO_BASE = 0x1c,
	PCI_IO_LIMIT = 0x1d,
	PCI_SECONDARY_STATUS = 0x1e,
	PCI_MEMORY_BASE = 0x20,
	PCI_MEMORY_LIMIT = 0x22,
	PCI_PREFETCH_BASE = 0x24,
	PCI_PREFETCH_LIMIT = 0x26,
	PCI_PREFETCH_BASE_UPPER = 0x28,
	PCI_PREFETCH_LIMIT_UPPER = 0x2c,
	PCI_IO_BASE_UPPER = 0x30,
	PCI_IO_LIMIT_UPPER = 0x32,
	PCI_BRIDGE_ROM = 0x38,
	PCI_BRIDGE_CONTROL = 0x3e,
};

enum pci_command_bit {
	PCI_COMMAND_IO = 1 << 0,
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_MWI = 1 << 4,
	PCI_COMMAND_PARITY = 1 << 6,
	PCI_COMMAND_SERR = 1 << 8,
	PCI_COMMAND_INTX_OFF = 1 << 10,
};

enum pci_status_bit {
	PCI_STATUS_INTX = 1 << 3,
	PCI_STATUS_CAPS = 1 << 4,
	PCI_STATUS_66MHZ = 1 << 5,
	PCI_STATUS_FAST_B2B = 1 << 7,
	PCI_STATUS_DEVSEL_MEDIUM = 1 << 9,
	PCI_STATUS_ERRORS = 0xf900,     // the bits that writing 1 clears
};

enum pci_bridge_control_bit {
	PCI_BRIDGE_WRITABLE = 0x0b7f,
	PCI_BRIDGE_ISA = 1 << 2,        // of each KiB of I/O only the first 256 bytes pass
	PCI_BRIDGE_BUS_RESET = 1 << 6,
	PCI_BRIDGE_DISCARD_STATUS = 1 << 10,
};

enum pci_header_type {
	PCI_HEADER_BRIDGE = 0x01,
	PCI_HEADER_TYPE_MASK = 0x7f,
	PCI_HEADER_MULTIFUNCTION = 0x80,
};

enum pci_cap_id {
	PCI_CAP_PM = 0x01,
	PCI_CAP_MSI = 0x05,
	PCI_CAP_SUBSYSTEM = 0x0d,
	PCI_CAP_EXPRESS = 0x10,
	PCI_CAP_MSIX = 0x11,
	PCI_CAP_AF = 0x13,
};

// Registers of the advanced features capability.
enum pci_af_reg {
	AF_LENGTH_REG = 2,
	AF_CAPS = 3,
	AF_CAPS_TP = 1 << 0,
	AF_CAPS_FLR = 1 << 1,
	AF_CONTROL = 4,
	AF_CONTROL_FLR = 1 << 0,
	AF_LENGTH = 6,
};

enum pci_ext_cap_id { PCI_EXT_CAP_SERIAL = 0x0003 };

// Registers of the PCI Express capability.
enum pci_express_reg {
	EXPRESS_CAPS = 0x02,
	EXPRESS_DEVCAP = 0x04,
	EXPRESS_DEVCTL = 0x08,
	EXPRESS_DEVCTL_FLR = 1 << 15,
	EXPRESS_DEVSTA = 0x0a,
	EXPRESS_LNKCAP = 0x0c,
	EXPRESS_LNKCTL = 0x10,
	EXPRESS_LNKSTA = 0x12,
	EXPRESS_SLTCAP = 0x14,
	EXPRESS_SLTCTL = 0x18,
	EXPRESS_SLTSTA = 0x1a,
	EXPRESS_RTCTL = 0x1c,
	EXPRESS_RTSTA = 0x20,
	EXPRESS_LNKCTL2 = 0x30,
	EXPRESS_LENGTH = 0x3c,
};

#endif
