// build.c: the machine, written down once, top to bottom.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "base/log.h"
#include "hw/chipset/dma8237.h"
#include "hw/chipset/hpet.h"
#include "hw/chipset/i440bx.h"
#include "hw/chipset/piix4.h"
#include "hw/chipset/piix4_isa.h"
#include "hw/chipset/piix4_pm.h"
#include "hw/chipset/rtc.h"
#include "hw/chipset/uhci.h"
#include "hw/display/vga.h"
#include "hw/firmware/debugcon.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/input/i8042.h"
#include "hw/pci/pci.h"
#include "hw/serial/serial.h"
#include "hw/storage/piix4_ide.h"
#include "hw/vmware/genid.h"
#include "hw/vmware/vmci.h"
#include "machine/internal.h"
#include "vnc/vnc.h"

#define LAST_HW_WITH_UHCI_ON_BUS_0 6
#define FIRST_HW_WITH_VMCI_PPN64   14
#define FIRST_HW_WITH_ECAM         7

#define NVRAM_SETTLE_NS 1000000000ull
#define NVRAM_APART_NS  10000000000ull

static int build_bridges(struct machine *m, struct err *err)
{
	int hw = m->config->hw_version;
	struct i440bx_args args = { .post_identity = true, .ecam = hw >= FIRST_HW_WITH_ECAM };
	int r = i440bx_create(&m->platform, &args, &m->i440bx, err);

	if (r < 0)
		return r;
	machine_add_device(m, &i440bx_class, m->i440bx);
	r = piix4_create(&m->platform, &(struct piix4_args){
				 .bx = m->i440bx, .uhci = m->config->usb && hw <= LAST_HW_WITH_UHCI_ON_BUS_0 },
			 &m->piix4, err);
	if (r < 0)
		return r;
	machine_add_device(m, &piix4_isa_class, m->piix4->isa);
	machine_add_device(m, &piix4_pm_class, m->piix4->pm);
	if (m->piix4->uhci)
		machine_add_device(m, &uhci_class, m->piix4->uhci);
	return 0;
}

static void rtc_alarm(void *arg)
{
	struct machine *m = arg;

	piix4_pm_rtc_alarm(m->piix4->pm);
}

// Settings that cannot be read are not worth a VM that does not start.
static bool load_nvram(struct machine *m)
{
	struct err err = { 0 };
	char text[1200];
	int r = nvram_load(m->config->nvram_path, &m->nvram, &err);

	if (r < 0 && r != -ENOENT)
		log_warn("%s; the firmware starts with its defaults", err_sentence(&err, text, sizeof(text)));
	return r == 0;
}

static int64_t host_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec;
}

void machine_save_nvram(struct machine *m)
{
	struct nvram now = { .clock_diff = m->nvram.clock_diff };
	struct err err = { 0 };
	char text[1200];
	int r;

	loop_timer_cancel(&m->nvram_timer);
	m->nvram_waits = false;
	nvram_take(&now, m->rtc, m->clock_base + (int64_t)(vclock_now(&m->clock) / 1000000000ull));
	// A clock that starts at a given time has no distance to the host's.
	if (m->config->has_rtc_start)
		now.clock_diff = m->nvram.clock_diff;
	if (nvram_equal(&now, &m->nvram))
		return;
	m->nvram_saved = loop_now();
	r = nvram_save(m->config->nvram_path, &now, &err);
	if (r == 0)
		m->nvram = now;
	else if (!m->nvram_failed)
		log_warn("%s", err_sentence(&err, text, sizeof(text)));
	m->nvram_failed = r < 0;
}

// --- what the guest keeps is kept soon ------------------------------------------------------------------
// So that a process that is killed loses little. A setup program writes many bytes one after another, so it waits for
// the end of that; a guest that never ends is written down every few seconds.

static void save_soon(void *arg)
{
	machine_save_nvram(arg);
}

static void on_written(void *arg)
{
	struct machine *m = arg;
	uint64_t soon = loop_now() + NVRAM_SETTLE_NS;

	if (m->state == MACHINE_STOPPED || m->nvram_waits)
		return;
	m->nvram_waits = true;
	loop_timer_set(&m->nvram_timer, MAX(soon, m->nvram_saved + NVRAM_APART_NS));
}

// On a vCPU thread, the RTC's lock held.
static void rtc_written(void *arg)
{
	struct machine *m = arg;

	loop_post(m->loop, &m->nvram_call);
}

static int build_rtc(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	bool kept = load_nvram(m);
	struct rtc_args args = {
		.low_ram = gmem_low_size(m->mem), .high_ram = gmem_high_size(m->mem), .cpus = c->cpus,
		.diff = c->rtc_diff ? c->rtc_diff : m->nvram.clock_diff, .has_start = c->has_rtc_start, .start = c->rtc_start,
		.alarm = rtc_alarm, .written = rtc_written, .arg = m,
	};
	int r = rtc_create(&m->platform, &args, &m->rtc, err);

	if (r < 0)
		return r;
	m->nvram_call = (struct loop_call){ .fn = on_written, .arg = m };
	loop_timer_init(&m->nvram_timer, m->loop, save_soon, m);
	machine_add_device(m, &rtc_class, m->rtc);
	m->clock_base = host_seconds() + c->rtc_diff;
	if (kept)
		nvram_apply(&m->nvram, m->rtc);
	else
		nvram_take(&m->nvram, m->rtc, m->clock_base);
	return 0;
}

static void hpet_legacy(void *arg, bool on)
{
	struct machine *m = arg;

	kvm_pit_gate(m->kvm, on);
	rtc_irq_gate(m->rtc, on);
}

static int build_isa_devices(struct machine *m, struct err *err)
{
	struct dma8237 *dma;
	struct hpet *hpet;
	int r = dma8237_create(&m->platform, &dma, err);

	if (r < 0)
		return r;
	machine_add_device(m, &dma8237_class, dma);
	r = build_rtc(m, err);
	if (r < 0)
		return r;
	r = i8042_create(&m->platform, &m->i8042, err);
	if (r < 0)
		return r;
	machine_add_device(m, &i8042_class, m->i8042);
	if (!m->config->hpet)
		return 0;
	r = hpet_create(&m->platform, &(struct hpet_args){ .legacy = hpet_legacy, .arg = m }, &hpet, err);
	if (!r)
		machine_add_device(m, &hpet_class, hpet);
	return r;
}

// --- serial ports --------------------------------------------------------------------------------------

static struct chardev_args serial_backend(const struct vm_serial *s, const char *name)
{
	struct chardev_args a = { .path = s->path, .append = s->append, .no_rx_loss = s->no_rx_loss, .name = name };

	switch (s->kind) {
	case VM_SERIAL_FILE: a.kind = CHARDEV_FILE; break;
	case VM_SERIAL_PIPE: a.kind = s->server ? CHARDEV_PIPE_SERVER : CHARDEV_PIPE_CLIENT; break;
	case VM_SERIAL_NETWORK: a.kind = s->server ? CHARDEV_NET_SERVER : CHARDEV_NET_CLIENT; break;
	default: a.kind = CHARDEV_NULL; break;
	}
	return a;
}

static void terminal_escape(void *arg, char key)
{
	struct machine *m = arg;

	if (key == 'q')
		machine_stop_hard(m);
}

static int build_serial_ports(struct machine *m, struct err *err)
{
	for (unsigned i = 0; i < VM_SERIALS; i++) {
		const struct vm_serial *s = &m->config->serial[i];
		bool terminal = i == 0 && m->args.console;
		char name[16];
		struct serial_args args = { .index = i };
		struct serial *port;
		int r;

		if (s->kind == VM_SERIAL_NONE && !terminal)
			continue;
		snprintf(name, sizeof(name), "serial%u", i);
		args.chardev = serial_backend(s, name);
		if (terminal)
			args.chardev = (struct chardev_args){ .kind = CHARDEV_TERMINAL, .name = name,
							      .escape = terminal_escape, .escape_arg = m };
		r = serial_create(&m->platform, &args, &port, err);
		if (r < 0)
			return r;
		machine_add_device(m, &serial_class, port);
		if (terminal)
			m->terminal = port;
	}
	return 0;
}

// --- storage and display -----------------------------------------------------------------------------------

static int build_ide(struct machine *m, struct err *err)
{
	struct piix4_ide_args args = { .bus = pci_root_bus(m->platform.pci), .devfn = DEVFN_PIIX4_IDE };
	int r;

	for (unsigned i = 0; i < MACHINE_DRIVES; i++) {
		const struct vm_drive *d = &m->config->ide[i / 2][i % 2];

		args.drive[i / 2][i % 2].kind = d->kind == VM_DRIVE_DISK ? ATA_KIND_DISK :
						d->kind == VM_DRIVE_CDROM ? ATA_KIND_CDROM : ATA_KIND_NONE;
		args.drive[i / 2][i % 2].disk = m->drive[i];
	}
	r = piix4_ide_create(&m->platform, &args, &m->ide, err);
	if (!r)
		machine_add_device(m, &piix4_ide_class, m->ide);
	return r;
}

static int build_display(struct machine *m, struct err *err)
{
	const struct vm_config *c = m->config;
	struct vga_args args = {
		.bus = pci_root_bus(m->platform.pci), .devfn = DEVFN_SVGA, .vram = c->svga_vram,
		.max_width = c->svga_max_width, .max_height = c->svga_max_height,
	};
	struct vga *vga;
	int r = vga_create(&m->platform, &args, &vga, err);

	if (!r)
		machine_add_device(m, &vga_class, vga);
	return r;
}

// --- VMware's own ----------------------------------------------------------------------------------------

static void generation_changed(void *arg)
{
	struct machine *m = arg;

	piix4_pm_gpe(m->piix4->pm, GENID_GPE);
}

static int build_genid(struct machine *m, struct err *err)
{
	struct genid_args args = { .changed = generation_changed, .arg = m };
	int r;

	if (!m->config->has_genid)
		return 0;
	memcpy(args.guid, m->config->genid, sizeof(args.guid));
	r = genid_create(&m->platform, &args, &m->genid, err);
	if (!r)
		machine_add_device(m, &genid_class, m->genid);
	return r;
}

static int build_vmci(struct machine *m, struct err *err)
{
	struct vmci_args args = {
		.bus = pci_root_bus(m->platform.pci), .devfn = DEVFN_VMCI, .context = m->config->vmci_id,
		.ppn64 = m->config->hw_version >= FIRST_HW_WITH_VMCI_PPN64,
	};
	struct vmci *vmci;
	int r;

	if (!m->config->vmci)
		return 0;
	r = vmci_create(&m->platform, &args, &vmci, err);
	if (!r)
		machine_add_device(m, &vmci_class, vmci);
	return r;
}

static int build_vnc(struct machine *m, struct err *err)
{
	const struct vm_vnc *v = &m->config->vnc;
	struct vnc_args args = {
		.ip = v->ip, .port = v->port, .password = v->password, .has_key = v->has_key,
		.max_connections = v->max_connections, .name = m->config->name,
	};

	if (!v->enabled)
		return 0;
	memcpy(args.key, v->key, sizeof(args.key));
	return vnc_server_create(&m->console, &args, &m->vnc, err);
}

// --- for the firmware ------------------------------------------------------------------------------------

static void debugcon_line(void *arg, const char *line)
{
	struct machine *m = arg;

	fprintf(m->debugcon, "%s\n", line);
	fflush(m->debugcon);
}

static int build_firmware_ports(struct machine *m, struct err *err)
{
	struct debugcon_args args = { .arg = m };
	struct debugcon *debugcon;
	int r = fw_cfg_create(&m->platform, &m->fw_cfg, err);

	if (r < 0)
		return r;
	machine_add_device(m, &fw_cfg_class, m->fw_cfg);
	if (m->args.debugcon_path) {
		m->debugcon = fopen(m->args.debugcon_path, "we");
		if (!m->debugcon)
			return err_set(err, errno, m->args.debugcon_path, "cannot be written: %s", strerror(errno));
		args.line = debugcon_line;
	}
	r = debugcon_create(&m->platform, &args, &debugcon, err);
	if (!r)
		machine_add_device(m, &debugcon_class, debugcon);
	return r;
}

int machine_build(struct machine *m, struct err *err)
{
	static int (*const steps[])(struct machine *m, struct err *err) = {
		build_bridges,
		build_isa_devices,
		build_serial_ports,
		build_ide,
		build_genid,    // memory slots come before gathered ranges: see kvm_create_chips()
		build_display,
		build_vmci,
		machine_build_pci_bridges,
		machine_build_usb,
		machine_build_nics,
		build_firmware_ports,
		build_vnc,
	};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(steps); i++)
		r = steps[i](m, err);
	return r;
}
