// build.c: the machine, written down once, top to bottom.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "hw/chipset/dma8237.h"
#include "hw/chipset/hpet.h"
#include "hw/chipset/i440bx.h"
#include "hw/chipset/piix4.h"
#include "hw/chipset/rtc.h"
#include "hw/display/vga.h"
#include "hw/firmware/debugcon.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/input/i8042.h"
#include "hw/pci/pci.h"
#include "hw/serial/serial.h"
#include "hw/storage/piix4_ide.h"
#include "machine/internal.h"
#include "vnc/vnc_server.h"

// Device numbers on bus 0, vmware-hardware 1.2.
#define DEVFN_PIIX4_IDE (7u << 3 | 1)
#define DEVFN_SVGA      (15u << 3)

static int build_chipset(struct machine *m, struct err *err)
{
	int r = i440bx_create(&m->platform, &(struct i440bx_args){ 0 }, &m->i440bx, err);

	if (r < 0)
		return r;
	machine_add_device(m, &i440bx_class, m->i440bx);
	return 0;
}
