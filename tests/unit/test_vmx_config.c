// test_vmx_config.c: from a .vmx to a machine: every part, every problem, paths, defaults.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/file.h"
#include "vmx/config.h"
#include "vmx/load.h"
#include "vmx/paths.h"
#include "vmx/vmx_file.h"

#define HEAD "config.version = \"8\"\nvirtualHW.version = \"19\"\nguestOS = \"debian12-64\"\nmemsize = \"64\"\n"

static char folder[64], vmx[96];

struct loaded {
	struct vm_config *c;
	struct vmx_file *f;
	struct vmx_report report;
	struct err err;
	int r;
};

static void make_folder(void)
{
	strcpy(folder, "/tmp/berth-cfg-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(vmx, sizeof(vmx), "%s/My VM.vmx", folder);
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name)
{
	static char paths[4][400];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void touch(const char *name)
{
	ck_assert_int_eq(file_replace(in_folder(name), "x", 1, NULL), 0);
}

static struct loaded load(const char *text)
{
	struct loaded l = { 0 };

	ck_assert_int_eq(file_replace(vmx, text, strlen(text), NULL), 0);
	l.r = vm_config_load(vmx, &l.c, &l.f, &l.report, &l.err);
	return l;
}

static void unload(struct loaded *l)
{
	vm_config_free(l->c);
	vmx_file_free(l->f);
	vmx_report_free(&l->report);
}

static const struct vmx_problem *find(const struct loaded *l, enum vmx_severity severity, const char *key)
{
	for (size_t i = 0; i < l->report.count; i++) {
		const struct vmx_problem *p = &l->report.list[i];

		if (p->severity == severity && (!key ? !p->key : p->key && !strcmp(p->key, key)))
			return p;
	}
	return NULL;
}

static void show(const struct loaded *l)
{
	for (size_t i = 0; i < l->report.count; i++)
		printf("%d %u %s: %s\n", (int)l->report.list[i].severity, l->report.list[i].line,
		       l->report.list[i].key ? l->report.list[i].key : "-", l->report.list[i].text);
}

// --- whole files ---------------------------------------------------------------------------------------

START_TEST(three_keys_make_a_machine)
{
	struct loaded l = load("config.version = 8\nvirtualHW.version = 4\nguestOS = other\n");

	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->name, "My VM");
	ck_assert_str_eq(l.c->vmx_path, vmx);
	ck_assert_str_eq(l.c->dir, folder);
	ck_assert_uint_eq(l.c->mem_mb, 32);
	ck_assert_uint_eq(l.c->cpus, 1);
	ck_assert_uint_eq(l.c->cores_per_socket, 1);
	ck_assert_int_eq(l.c->firmware, VM_FIRMWARE_BIOS);
	ck_assert(!l.c->has_uuid_bios && !l.c->guest_64 && !l.c->hpet && !l.c->nested && !l.c->vnc.enabled);
	ck_assert(l.c->hypervisor_leaves && l.c->vmmouse && l.c->log_enabled && !l.c->restrict_backdoor);
	ck_assert_str_eq(l.c->log_path, in_folder("vmware.log"));
	ck_assert_str_eq(l.c->vnc.ip, "127.0.0.1");
	ck_assert_int_eq(l.c->vnc.max_connections, -1);
	ck_assert_uint_eq(l.c->svga_vram, 16u << 20);
	ck_assert_uint_eq(l.c->stop_timeout, 60);
	ck_assert(!l.c->has_rtc_start && !l.c->boot_order && !l.c->bios_path);
	for (unsigned i = 0; i < VM_SERIALS; i++)
		ck_assert_int_eq(l.c->serial[i].kind, VM_SERIAL_NONE);
	unload(&l);
}
END_TEST

START_TEST(everything_at_once)
{
	struct loaded l;

	touch("d.vmdk");
	touch("rom.bin");
	l = load("config.version = 8\nvirtualHW.version = 9\nguestOS = \"Windows7-64\"\ndisplayName = \"a%2fb%25\"\n"
		 "numvcpus = 6\ncpuid.coresPerSocket = 3\nmemsize = 4096\nhpet0.present = TRUE\nvhv.enable = TRUE\n"
		 "hypervisor.cpuid.v0 = FALSE\nmonitor_control.restrict_backdoor = TRUE\nsmbios.reflectHost = TRUE\n"
		 "smbios.noOEMStrings = TRUE\nsmbios.addHostVendor = TRUE\nbios.bootOrder = \"cdrom,hdd\"\nbios.hddOrder = \"ide0:0\"\n"
		 "bios.bootDelay = 5000\nbios.forceSetupOnce = TRUE\nsvga.vramSize = 5000000\nsvga.autodetect = FALSE\n"
		 "svga.maxWidth = 1024\nsvga.maxHeight = 768\nvmmouse.present = FALSE\nlogging = FALSE\n"
		 "log.fileName = logs/x.log\nberth.disk.allowOutside = TRUE\nberth.disk.cache = Direct\nberth.disk.ignoreParentCID = TRUE\nberth.bios = rom.bin\nberth.stopTimeout = 5\n"
		 "rtc.diffFromUTC = -3600\nrtc.startTime = 1000000000\n"
		 "uuid.bios = \"56 4d 6f ca 63 a5 a8 3e-13 ec 73 89 1d 94 89 23\"\n"
		 "ide0:1.present = TRUE\nide0:1.fileName = d.vmdk\nide0:1.virtualSSD = 1\nide0:1.writeThrough = TRUE\n"
		 "ide0:1.mode = independent-persistent\nberth.disk.allowDevice = TRUE\n");
	show(&l);
	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->name, "a/b%");
	ck_assert_str_eq(l.c->guest_os, "windows7-64");
	ck_assert(l.c->guest_64 && l.c->nested && !l.c->hypervisor_leaves && l.c->restrict_backdoor && l.c->hpet);
	ck_assert(l.c->smbios_reflect_host && l.c->smbios_no_oem_strings && l.c->smbios_add_host_vendor && l.c->force_setup_once);
	ck_assert(l.c->disk_direct && l.c->disk_ignore_parent_cid);
	ck_assert(!l.c->vmmouse && !l.c->log_enabled && l.c->disk_allow_outside);
	ck_assert_uint_eq(l.c->cpus, 6);
	ck_assert_uint_eq(l.c->cores_per_socket, 3);
	ck_assert_str_eq(l.c->boot_order, "cdrom,hdd");
	ck_assert(l.c->disk_allow_device);
	ck_assert_str_eq(l.c->hdd_order, "ide0:0");
	ck_assert_uint_eq(l.c->boot_delay_ms, 5000);
	ck_assert_uint_eq(l.c->svga_vram, 8u << 20);
	ck_assert_uint_eq(l.c->svga_max_width, 1024);
	ck_assert_uint_eq(l.c->svga_max_height, 768);
	ck_assert_str_eq(l.c->log_path, in_folder("logs/x.log"));
	ck_assert_str_eq(l.c->bios_path, in_folder("rom.bin"));
	ck_assert_uint_eq(l.c->stop_timeout, 5);
	ck_assert_int_eq(l.c->rtc_diff, -3600);
	ck_assert(l.c->has_rtc_start && l.c->rtc_start == 1000000000);
	ck_assert(l.c->has_uuid_bios && l.c->uuid_bios[15] == 0x23);
	ck_assert_int_eq(l.c->ide[0][1].kind, VM_DRIVE_DISK);
	ck_assert_str_eq(l.c->ide[0][1].node, "ide0:1");
	ck_assert(l.c->ide[0][1].ssd && l.c->ide[0][1].write_through && l.c->ide[0][1].independent);
	ck_assert(l.c->ide[0][1].mode == VM_DISK_PERSISTENT && l.c->ide[0][1].connected);
	unload(&l);
}
END_TEST

START_TEST(a_file_that_is_not_there)
{
	struct loaded l = { 0 };

	l.r = vm_config_load("/nonexistent/x.vmx", &l.c, &l.f, &l.report, &l.err);
	ck_assert_int_eq(l.r, -ENOENT);
	ck_assert(l.err.exit == EXIT_CONFIG && *l.err.remedy && !l.c && !l.f);
	unload(&l);
}
END_TEST

START_TEST(a_folder_with_one_vmx_will_do)
{
	struct loaded l = load(HEAD);

	unload(&l);
	l.r = vm_config_load(folder, &l.c, &l.f, &l.report, &l.err);
	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->vmx_path, vmx);
	unload(&l);
	touch("other.VMX");
	l = (struct loaded){ 0 };
	ck_assert_int_eq(vm_config_load(folder, &l.c, &l.f, &l.report, &l.err), -ENOENT);
	unload(&l);
}
END_TEST

START_TEST(an_encrypted_vm_has_one_problem)
{
	struct loaded l = load("displayName = x\nencryption.keySafe = \"vmware:key/list\"\nencryption.data = AAAA\n");

	ck_assert_int_eq(l.r, -EINVAL);
	ck_assert_uint_eq(l.report.errors, 1);
	ck_assert_int_eq(l.report.exit, EXIT_CONFIG);
	ck_assert_uint_eq(l.report.list[0].line, 2);
	ck_assert_ptr_null(l.c);
	ck_assert_ptr_nonnull(l.f);
	unload(&l);
	l = load(HEAD "encryption.keySafe = \"vmware:key/list\"\nvtpm.present = TRUE\n");
	ck_assert_int_eq(l.r, -EINVAL);
	ck_assert_uint_eq(l.report.errors, 1);
	unload(&l);
}
END_TEST

START_TEST(a_suspended_vm_is_busy)
{
	struct loaded l = load(HEAD "checkpoint.vmState = \"My VM-5.vmss\"\n");

	ck_assert_int_eq(l.r, -EINVAL);
	ck_assert_int_eq(l.report.exit, EXIT_BUSY);
	ck_assert_ptr_nonnull(strstr(find(&l, VMX_ERROR, "checkpoint.vmState")->text, "My VM-5.vmss"));
	unload(&l);
	// With something to mend as well, that comes first.
	l = load(HEAD "checkpoint.vmState = \"My VM-5.vmss\"\nnumvcpus = 0\n");
	ck_assert_int_eq(l.report.exit, EXIT_CONFIG);
	unload(&l);
	l = load(HEAD "checkpoint.vmState = \"My VM-5.vmss\"\nuuid.bios = 0\n");
	ck_assert_int_eq(l.report.exit, EXIT_CONFIG);
	unload(&l);
}
END_TEST

START_TEST(a_vm_open_in_vmware_is_busy)
{
	struct loaded l;

	ck_assert_int_eq(mkdir(in_folder("My VM.vmx.lck"), 0777), 0);
	touch("My VM.vmx.lck/M12345.lck");
	l = load(HEAD);
	ck_assert_int_eq(l.r, -EINVAL);
	ck_assert_int_eq(l.report.exit, EXIT_BUSY);
	unload(&l);
}
END_TEST

// --- one problem each ----------------------------------------------------------------------------------

static const struct problem_case {
	const char *text;               // behind HEAD, which has four lines
	enum vmx_severity severity;
	const char *key;
	unsigned line;
} problems[] = {
	{ "junk\n", VMX_ERROR, NULL, 5 },
	{ "a = 1\nA = 2\n", VMX_ERROR, "A", 6 },
	{ "annotation = \"x\n", VMX_WARNING, "annotation", 5 },
	{ "annotation = \"\xff\"\n", VMX_WARNING, "annotation", 5 },
	{ "annotation = \"|00\"\n", VMX_WARNING, "annotation", 5 },
	{ ".encoding = klingon\n", VMX_WARNING, ".encoding", 5 },
	{ "berth.biso = x\n", VMX_WARNING, "berth.biso", 5 },
	{ "berth.bios = x\n", VMX_ERROR, "berth.bios", 5 },
	{ "berth.stopTimeout = 0\n", VMX_ERROR, "berth.stopTimeout", 5 },
	{ "numvcpus = two\n", VMX_ERROR, "numvcpus", 5 },
	{ "numvcpus = 0\n", VMX_ERROR, "numvcpus", 5 },
	{ "numvcpus = 256\n", VMX_ERROR, "numvcpus", 5 },
	{ "numvcpus = 99999999999999999999\n", VMX_ERROR, "numvcpus", 5 },
	{ "numvcpus = 4\ncpuid.coresPerSocket = 3\n", VMX_ERROR, "cpuid.coresPerSocket", 6 },
	{ "cpuid.coresPerSocket = 2\n", VMX_ERROR, "cpuid.coresPerSocket", 5 },
	{ "uuid.bios = \"12 34\"\n", VMX_ERROR, "uuid.bios", 5 },
	{ "firmware = efi\n", VMX_ERROR, "firmware", 5 },
	{ "firmware = coreboot\n", VMX_ERROR, "firmware", 5 },
	{ "hpet0.present = perhaps\n", VMX_ERROR, "hpet0.present", 5 },
	{ "bios.bootOrder = \"hdd,tape\"\n", VMX_WARNING, "bios.bootOrder", 5 },
	{ "bios.hddOrder = \"hdd\"\n", VMX_WARNING, "bios.hddOrder", 5 },
	{ "bios.bootDelay = -1\n", VMX_ERROR, "bios.bootDelay", 5 },
	{ "svga.vramSize = lots\n", VMX_ERROR, "svga.vramSize", 5 },
	{ "svga.vramSize = 268435456\n", VMX_NOTE, "svga.vramSize", 5 },
	{ "rtc.startTime = 999999999999999\n", VMX_ERROR, "rtc.startTime", 5 },
	{ "cpuid.1.ecx = 01\n", VMX_ERROR, "cpuid.1.ecx", 5 },
	{ "ide0:0.present = maybe\n", VMX_ERROR, "ide0:0.present", 5 },
	{ "ide0:0.present = TRUE\n", VMX_ERROR, "ide0:0.fileName", 0 },
	{ "ide0:0.present = TRUE\nide0:0.fileName = no.vmdk\n", VMX_ERROR, "ide0:0.fileName", 6 },
	{ "ide0:0.present = TRUE\nide0:0.deviceType = tape\n", VMX_ERROR, "ide0:0.deviceType", 6 },
	{ "ide0:0.present = TRUE\nide0:0.mode = undoable\nide0:0.redo = x.REDO_a\nide0:0.fileName = /dev/null\n", VMX_WARNING, "ide0:0.redo", 7 },
	{ "ide0:0.present = TRUE\nide0:0.mode = nonpersistent\nide0:0.redo = x.REDO_a\nide0:0.fileName = /dev/null\n", VMX_NOTE, "ide0:0.redo", 7 },
	{ "workingDir = nowhere\n", VMX_WARNING, "workingDir", 5 },
	{ "berth.disk.onReadError = shrug\n", VMX_ERROR, "berth.disk.onReadError", 5 },
	{ "disk.locking = perhaps\n", VMX_ERROR, "disk.locking", 5 },
	{ "ide0:0.present = TRUE\nide0:0.mode = sideways\n", VMX_ERROR, "ide0:0.mode", 6 },
	{ "ide0:0.present = TRUE\nide0:0.redo = x.REDO_a\nide0:0.fileName = no.vmdk\n", VMX_ERROR, "ide0:0.redo", 6 },
	{ "ide1:0.present = TRUE\nide1:0.fileName = no.iso\n", VMX_WARNING, "ide1:0.fileName", 6 },
	{ "ide1:0.present = TRUE\nide1:0.deviceType = cdrom-raw\n", VMX_NOTE, "ide1:0.deviceType", 6 },
	{ "serial0.present = TRUE\nserial0.fileType = file\n", VMX_ERROR, "serial0.fileName", 0 },
	{ "serial0.present = TRUE\nserial0.fileType = tape\n", VMX_ERROR, "serial0.fileType", 6 },
	{ "serial0.present = TRUE\nserial0.fileType = device\n", VMX_WARNING, "serial0.fileType", 6 },
	{ "serial0.present = TRUE\n", VMX_WARNING, NULL, 0 },
	{ "serial0.present = TRUE\nserial0.fileType = pipe\nserial0.fileName = p\nserial0.pipe.endPoint = peer\n",
	  VMX_ERROR, "serial0.pipe.endPoint", 8 },
	{ "serial0.present = TRUE\nserial0.fileType = network\nserial0.fileName = host\n", VMX_ERROR, "serial0.fileName",
	  7 },
	{ "serial0.present = TRUE\nserial0.fileType = network\nserial0.fileName = tcp://host:0\n", VMX_ERROR,
	  "serial0.fileName", 7 },
	{ "serial0.present = TRUE\nserial0.fileType = network\nserial0.fileName = tcp://host:65536\n", VMX_ERROR,
	  "serial0.fileName", 7 },
	{ "serial0.present = TRUE\nserial0.fileType = network\nserial0.fileName = udp://host:1\n", VMX_ERROR,
	  "serial0.fileName", 7 },
	{ "serial0.present = TRUE\nserial0.fileType = network\nserial0.fileName = ssl://host:1\n", VMX_WARNING,
	  "serial0.fileName", 7 },
	{ "serial3.present = TRUE\nserial3.vspc = telnet://c:1\n", VMX_WARNING, "serial3.vspc", 6 },
	{ "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.vnc.port = 65536\n", VMX_ERROR, "RemoteDisplay.vnc.port", 6 },
	{ "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.vnc.ip = localhosts\n", VMX_ERROR, "RemoteDisplay.vnc.ip", 6 },
	{ "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.vnc.ip = 0.0.0.0\n", VMX_WARNING, "RemoteDisplay.vnc.ip", 6 },
	{ "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.vnc.key = AAAA\n", VMX_ERROR, "RemoteDisplay.vnc.key", 6 },
	{ "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.vnc.password = 123456789\n", VMX_NOTE,
	  "RemoteDisplay.vnc.password", 6 },
	{ "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.maxConnections = 0\n", VMX_WARNING,
	  "RemoteDisplay.maxConnections", 6 },
	{ "scsi0.present = TRUE\n", VMX_WARNING, "scsi0.present", 5 },
	{ "scsi0.present = TRUE\nscsi0:0.present = TRUE\nscsi0:0.fileName = x.vmdk\n", VMX_WARNING, "scsi0:0.present", 6 },
	{ "ethernet0.present = TRUE\n", VMX_WARNING, "ethernet0.present", 5 },
	{ "sound.present = TRUE\n", VMX_WARNING, "sound.present", 5 },
	{ "usb_xhci.present = TRUE\n", VMX_WARNING, "usb_xhci.present", 5 },
	{ "ethernet0.present = TRUE\n", VMX_WARNING, "ethernet0.present", 5 },
	{ "ethernet0.present = TRUE\nethernet0.addressType = static\nethernet0.address = 00:50:56:00:0g:00\n",
	  VMX_ERROR, "ethernet0.address", 7 },
	{ "ethernet0.present = TRUE\nethernet0.generatedAddress = 01:00:5e:00:00:00\n", VMX_ERROR,
	  "ethernet0.generatedAddress", 6 },
	{ "usb.present = TRUE\nusb.pciSlotNumber = thirty\n", VMX_ERROR, "usb.pciSlotNumber", 6 },
	{ "floppy0.present = TRUE\n", VMX_WARNING, "floppy0.present", 5 },
	{ "vtpm.present = TRUE\n", VMX_WARNING, "vtpm.present", 5 },
	{ "scsi0.present = TRUE\nscsi0:0.present = TRUE\n", VMX_WARNING, NULL, 0 },
	{ "svga.maxWidth = 100\n", VMX_ERROR, "svga.maxWidth", 5 },
	{ "ide1:0.present = TRUE\nide1:0.fileName = \"auto detect\"\n", VMX_NOTE, "ide1:0.fileName", 6 },
};

START_TEST(problem_is_reported_with_its_line)
{
	const struct problem_case *c = &problems[_i];
	char text[1000];
	const struct vmx_problem *p;
	struct loaded l;

	snprintf(text, sizeof(text), HEAD "%s", c->text);
	l = load(text);
	p = find(&l, c->severity, c->key);
	show(&l);
	ck_assert_msg(p != NULL, "%s", c->text);
	ck_assert_uint_eq(p->line, c->line);
	ck_assert_msg(p->text[strlen(p->text) - 1] != '.', "%s", p->text);
	ck_assert_int_eq(l.r, l.report.errors ? -EINVAL : 0);
	if (c->severity == VMX_ERROR)
		ck_assert_int_eq(l.report.exit, EXIT_CONFIG);
	else
		ck_assert_uint_eq(l.report.errors, 0);
	ck_assert_ptr_nonnull(l.c);
	unload(&l);
}
END_TEST

static const char *const fine[] = {
	"numvcpus = \"\"\n", "scsi0.present = FALSE\nscsi0:0.present = TRUE\n", "ide0:0.fileName = no.vmdk\n",
	"serial0.fileType = tape\n", "RemoteDisplay.vnc.port = 70000\n", "firmware = BIOS\n", "unknown.key = x\n",
	"floppy0.present = FALSE\n", "floppy0.fileName = x\n", "checkpoint.vmState = \"\"\n", "uuid.bios = \"\"\n",
	"ide0:0.present = FALSE\nide0:0.mode = sideways\n", "bios.bootOrder = \"CDROM, hdd,ethernet3 net,disk\"\n",
	"cpuid.1.ecx = \"----:----:----:----:----:----:----:----\"\n", "svga.autodetect = TRUE\nsvga.maxWidth = x\n",
	"serial0.present = TRUE\nserial0.startConnected = FALSE\n",
};

START_TEST(nothing_to_say_about_this)
{
	char text[500];
	struct loaded l;

	snprintf(text, sizeof(text), HEAD "%s", fine[_i]);
	l = load(text);
	show(&l);
	ck_assert_msg(l.r == 0 && l.report.count == 0, "%s", fine[_i]);
	unload(&l);
}
END_TEST

static const struct { const char *value; bool ok; uint64_t mb; } memory[] = {
	{ "32", true, 32 }, { "1048576", true, 1048576 }, { "36", true, 36 }, { "4", true, 4 }, { "0", false },
	{ "-4", false }, { "255", false }, { "33", false }, { "1048580", false }, { "4096.5", false }, { "4G", false },
	{ "9223372036854775807", false },
};

START_TEST(memory_sizes)
{
	char text[200];
	struct loaded l;

	snprintf(text, sizeof(text), "config.version = 8\nvirtualHW.version = 19\nguestOS = other\nmemsize = \"%s\"\n",
		 memory[_i].value);
	l = load(text);
	ck_assert_msg((l.r == 0) == memory[_i].ok, "%s", memory[_i].value);
	if (memory[_i].ok)
		ck_assert_uint_eq(l.c->mem_mb, memory[_i].mb);
	else
		ck_assert_uint_eq(find(&l, VMX_ERROR, "memsize")->line, 4);
	unload(&l);
}
END_TEST

START_TEST(versions)
{
	struct loaded l = load("memsize = 64\n");

	ck_assert_ptr_nonnull(find(&l, VMX_ERROR, "config.version"));
	ck_assert_ptr_nonnull(find(&l, VMX_ERROR, "virtualHW.version"));
	ck_assert_ptr_nonnull(find(&l, VMX_NOTE, "guestOS"));
	ck_assert_uint_eq(l.report.errors, 2);
	ck_assert_str_eq(l.c->guest_os, "other");
	unload(&l);
	l = load("config.version = 8\nvirtualHW.version = 23\nguestOS = templeos-64\n");
	ck_assert_int_eq(l.r, 0);
	ck_assert_ptr_nonnull(find(&l, VMX_WARNING, "virtualHW.version"));
	ck_assert_int_eq(l.c->hw_version, 23);
	ck_assert_ptr_nonnull(find(&l, VMX_NOTE, "guestOS"));
	ck_assert(l.c->guest_64);
	unload(&l);
	l = load("config.version = x\nvirtualHW.version = -3\nguestOS = arm-other-64\n");
	ck_assert_uint_eq(l.report.errors, 3);
	unload(&l);
}
END_TEST

START_TEST(limits_of_old_hardware_are_told)
{
	struct loaded l = load("config.version = 8\nvirtualHW.version = 7\nguestOS = debian5\nmemsize = 524288\n"
			       "numvcpus = 16\nusb_xhci.present = TRUE\n");

	ck_assert_int_eq(l.r, 0);
	ck_assert_ptr_nonnull(find(&l, VMX_NOTE, "numvcpus"));
	ck_assert_ptr_nonnull(find(&l, VMX_NOTE, "memsize"));
	ck_assert_ptr_nonnull(find(&l, VMX_NOTE, "usb_xhci.present"));
	unload(&l);
}
END_TEST

START_TEST(all_problems_of_one_run)
{
	struct loaded l = { 0 };
	static const char *const keys[] = { "virtualHW.version", "numvcpus", "uuid.bios", "firmware", "ide0:0.present",
		"ide1:0.deviceType", "RemoteDisplay.vnc.port", "RemoteDisplay.vnc.key", "cpuid.1.ecx", "serial0.fileName",
		"checkpoint.vmState" };

	l.r = vm_config_load(SOURCE_ROOT "/tests/data/vmx/malformed.vmx", &l.c, &l.f, &l.report, &l.err);
	show(&l);
	ck_assert_int_eq(l.r, -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		ck_assert_msg(find(&l, VMX_ERROR, keys[i]) != NULL, "%s", keys[i]);
	ck_assert_ptr_nonnull(strstr(find(&l, VMX_ERROR, "numvcpus")->text, "line 9"));
	ck_assert_uint_ge(l.report.errors, 15);
	unload(&l);
}
END_TEST

START_TEST(reports_are_bounded)
{
	char *text = malloc(3000 * 12), *p = text;
	struct loaded l;

	for (int i = 0; i < 3000; i++)
		p += sprintf(p, "%s\n", i % 2 ? "junk junk" : "a = 1");
	l = load(text);
	ck_assert_uint_le(l.report.count, 600);
	ck_assert_uint_gt(l.report.errors, 1000);
	unload(&l);
	free(text);
}
END_TEST

// --- drives --------------------------------------------------------------------------------------------

START_TEST(cd_drives)
{
	struct loaded l;

	touch("a.ISO");
	touch("b.img");
	l = load(HEAD "ide0:0.present = TRUE\nide0:0.fileName = \"auto detect\"\n"
		 "ide0:1.present = TRUE\nide0:1.deviceType = cdrom-image\nide0:1.fileName = emptyBackingString\n"
		 "ide1:0.present = TRUE\nide1:0.fileName = \"A.iso\"\n"
		 "ide1:1.present = TRUE\nide1:1.deviceType = CDROM-IMAGE\nide1:1.fileName = b.img\n"
		 "ide1:1.startConnected = FALSE\n");
	show(&l);
	ck_assert_int_eq(l.r, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(l.c->ide[i / 2][i % 2].kind, VM_DRIVE_CDROM);
	ck_assert(!l.c->ide[0][0].path && !l.c->ide[0][0].connected);
	ck_assert(!l.c->ide[0][1].path && !l.c->ide[0][1].connected);
	ck_assert_str_eq(l.c->ide[1][0].path, in_folder("a.ISO"));
	ck_assert(l.c->ide[1][0].connected);
	ck_assert_str_eq(l.c->ide[1][1].path, in_folder("b.img"));
	ck_assert(!l.c->ide[1][1].connected);
	unload(&l);
	l = load(HEAD "ide0:0.present = TRUE\nide0:0.deviceType = cdrom-image\nide0:0.fileName = a.ISO\n"
		 "ide0:0.clientDevice = TRUE\nide0:1.present = TRUE\nide0:1.fileName = /dev/sr0\n"
		 "ide1:0.present = TRUE\nide1:0.deviceType = cdrom-image\nide1:0.autodetect = TRUE\nide1:0.fileName = a.ISO\n");
	ck_assert_int_eq(l.r, 0);
	ck_assert(l.c->ide[0][0].kind == VM_DRIVE_CDROM && !l.c->ide[0][0].path);
	ck_assert(l.c->ide[0][1].kind == VM_DRIVE_CDROM && !l.c->ide[0][1].path);
	ck_assert(l.c->ide[1][0].kind == VM_DRIVE_CDROM && !l.c->ide[1][0].path);
	unload(&l);
}
END_TEST

START_TEST(one_disk_is_not_two)
{
	struct loaded l;

	touch("a.vmdk");
	l = load(HEAD "ide0:0.present = TRUE\nide0:0.fileName = a.vmdk\nide1:0.present = TRUE\nide1:0.fileName = ./A.VMDK\n");
	ck_assert_int_eq(l.r, -EINVAL);
	ck_assert_uint_eq(find(&l, VMX_ERROR, "ide1:0.fileName")->line, 8);
	unload(&l);
}
END_TEST

static const struct { const char *name; enum path_how how; const char *want; } names[] = {
	{ "Disk.vmdk", PATH_AS_WRITTEN, "Disk.vmdk" },
	{ "./Disk.vmdk", PATH_AS_WRITTEN, "Disk.vmdk" },
	{ ".\\Disk.vmdk", PATH_AS_WRITTEN, "Disk.vmdk" },
	{ "disk.VMDK", PATH_OTHER_CASE, "Disk.vmdk" },
	{ "SUB\\Other.vmdk", PATH_OTHER_CASE, "Sub/other.vmdk" },
	{ "Sub/other.vmdk", PATH_AS_WRITTEN, "Sub/other.vmdk" },
	{ "/vmfs/volumes/ds1/vm/disk.vmdk", PATH_BESIDE, "Disk.vmdk" },
	{ "E:\\VMs\\x\\Disk.vmdk", PATH_BESIDE, "Disk.vmdk" },
	{ "e:/VMs/DISK.vmdk", PATH_BESIDE, "Disk.vmdk" },
	{ "\\\\server\\share\\Disk.vmdk", PATH_BESIDE, "Disk.vmdk" },
	{ "odd\\name", PATH_AS_WRITTEN, "odd\\name" },
	{ "missing.vmdk", PATH_MISSING, "missing.vmdk" },
	{ "C:\\missing.vmdk", PATH_MISSING, "missing.vmdk" },
	{ "nosub/Disk.vmdk", PATH_MISSING, "nosub/Disk.vmdk" },
};

START_TEST(paths)
{
	enum path_how how;
	char *path;

	touch("Disk.vmdk");
	touch("odd\\name");
	ck_assert_int_eq(mkdir(in_folder("Sub"), 0777), 0);
	touch("Sub/other.vmdk");
	path = path_resolve(folder, names[_i].name, &how);
	ck_assert_str_eq(path, in_folder(names[_i].want));
	ck_assert_int_eq(how, names[_i].how);
	free(path);
}
END_TEST

START_TEST(absolute_and_impossible_paths)
{
	char *longest = malloc(10001), *path;
	enum path_how how;

	touch("Disk.vmdk");
	path = path_resolve("/nowhere", in_folder("Disk.vmdk"), &how);
	ck_assert_str_eq(path, in_folder("Disk.vmdk"));
	ck_assert_int_eq(how, PATH_AS_WRITTEN);
	free(path);
	path = path_resolve(folder, "/no/such.vmdk", &how);
	ck_assert_str_eq(path, "/no/such.vmdk");
	ck_assert_int_eq(how, PATH_MISSING);
	free(path);
	memset(longest, 'a', 10000);
	longest[10000] = '\0';
	ck_assert_ptr_null(path_resolve(folder, longest, &how));
	ck_assert_ptr_null(path_output(folder, longest));
	free(longest);
}
END_TEST

// --- ports and masks -----------------------------------------------------------------------------------

START_TEST(serial_ports)
{
	struct loaded l = load(HEAD
		"serial0.present = TRUE\nserial0.fileType = file\nserial0.fileName = out\\com1.txt\n"
		"serial1.present = TRUE\nserial1.fileType = pipe\nserial1.fileName = \"\\\\.\\pipe\\com_2\"\n"
		"serial1.pipe.endPoint = client\nserial1.tryNoRxLoss = TRUE\n"
		"serial2.present = TRUE\nserial2.fileType = NETWORK\nserial2.fileName = \"telnet://:7001\"\n"
		"serial3.present = TRUE\nserial3.fileType = thinprint\n"
		"answer.msg.serial.file.open = \"Replace\"\n");

	show(&l);
	ck_assert_int_eq(l.r, 0);
	ck_assert_int_eq(l.c->serial[0].kind, VM_SERIAL_FILE);
	ck_assert_str_eq(l.c->serial[0].path, in_folder("out/com1.txt"));
	ck_assert(!l.c->serial[0].append);
	ck_assert_int_eq(l.c->serial[1].kind, VM_SERIAL_PIPE);
	ck_assert_str_eq(l.c->serial[1].path, in_folder("com_2"));
	ck_assert(!l.c->serial[1].server && l.c->serial[1].no_rx_loss);
	ck_assert_int_eq(l.c->serial[2].kind, VM_SERIAL_NETWORK);
	ck_assert_str_eq(l.c->serial[2].path, "telnet://:7001");
	ck_assert(l.c->serial[2].server);
	ck_assert_int_eq(l.c->serial[3].kind, VM_SERIAL_NULL);
	unload(&l);
}
END_TEST

START_TEST(vnc)
{
	char text[500], key[173];
	struct loaded l;

	memset(key, 'A', 172);
	strcpy(key + 168, "AAE=");
	snprintf(text, sizeof(text), HEAD "RemoteDisplay.vnc.enabled = TRUE\nRemoteDisplay.vnc.port = 5907\n"
		 "RemoteDisplay.vnc.ip = \"::\"\nRemoteDisplay.maxConnections = 2\nRemoteDisplay.vnc.key = \"%s\"\n", key);
	l = load(text);
	show(&l);
	ck_assert_int_eq(l.r, 0);
	ck_assert_uint_eq(l.report.count, 0);
	ck_assert(l.c->vnc.enabled && l.c->vnc.port == 5907 && l.c->vnc.has_key && l.c->vnc.max_connections == 2);
	ck_assert_str_eq(l.c->vnc.ip, "::");
	ck_assert_uint_eq(l.c->vnc.key[127], 1);
	ck_assert_uint_eq(l.c->vnc.key[0], 0);
	unload(&l);
}
END_TEST

START_TEST(features_by_name)
{
	struct loaded l = load(HEAD "featMask.vm.cpuid.AES = \"Val:0\"\nfeatMask.vm.cpuid.lm = \"Min:1\"\n"
			       "featMask.vm.cpuid.NX = \"Val:1\"\nfeatMask.vm.hv.capable = \"Min:1\"\n"
			       "featMask.vm.cpuid.NONSENSE = \"Max:0\"\nmonitor.phys_bits_used = \"43\"\n");

	ck_assert_int_eq(l.r, 0);
	ck_assert_uint_eq(l.c->cpuid_mask_count, 3);
	ck_assert_uint_eq(l.c->cpuid_masks[0].leaf, 1);
	ck_assert_str_eq(l.c->cpuid_masks[0].bits, "------0-------------------------");
	ck_assert_str_eq(l.c->cpuid_masks[0].key, "featMask.vm.cpuid.AES");
	ck_assert_int_eq(l.c->cpuid_masks[1].bits[2], 'T');
	ck_assert_int_eq(l.c->cpuid_masks[2].bits[11], 'H');
	ck_assert_ptr_nonnull(find(&l, VMX_WARNING, "featMask.vm.cpuid.NONSENSE"));
	ck_assert_uint_eq(l.c->phys_bits, 43);
	unload(&l);
	l = load(HEAD "monitor.phys_bits_used = \"900\"\n");
	ck_assert_int_eq(l.r, 0);
	ck_assert_uint_eq(l.c->phys_bits, 0);
	unload(&l);
}
END_TEST

START_TEST(memory_policy_and_affinity)
{
	static const struct { const char *list; bool ok; uint64_t first; } lists[] = {
		{ "all", true, 0 }, { "0,2,4-7", true, 0xf5 }, { "63", true, UINT64_C(1) << 63 }, { "1, 3", true, 0xa },
		{ "", true, 0 }, { "x", false }, { "5-3", false }, { "1024", false }, { "1-", false }, { "-1", false }, { "1;2", false },
	};
	char text[400];
	struct loaded l;

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		snprintf(text, sizeof(text), HEAD "sched.cpu.affinity = \"%s\"\n", lists[i].list);
		l = load(text);
		ck_assert_msg((l.r == 0) == lists[i].ok, "%s", lists[i].list);
		if (lists[i].ok)
			ck_assert_msg(l.c->affinity[0] == lists[i].first, "%s", lists[i].list);
		unload(&l);
	}
	l = load(HEAD "berth.memory.backing = \"HugeTLB\"\nsched.mem.pin = \"TRUE\"\nnvram = \"x y.nvram\"\n");
	ck_assert_int_eq(l.c->mem_backing, VM_MEMORY_HUGETLB);
	ck_assert(l.c->mem_locked);
	ck_assert_str_eq(l.c->nvram_path, in_folder("x y.berth-nvram"));
	unload(&l);
	l = load(HEAD "berth.memory.backing = \"paper\"\n");
	ck_assert_ptr_nonnull(find(&l, VMX_ERROR, "berth.memory.backing"));
	ck_assert_str_eq(l.c->nvram_path, in_folder("My VM.berth-nvram"));
	unload(&l);
}
END_TEST

START_TEST(identity_of_the_guest)
{
	struct loaded l = load(HEAD "vm.genid = \"-2\"\nvm.genidX = \"1\"\nvmci0.present = \"TRUE\"\nvmci0.id = \"-5\"\n");
	static const uint8_t genid[16] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 };

	ck_assert_int_eq(l.r, 0);
	ck_assert(l.c->has_genid && l.c->vmci);
	ck_assert_mem_eq(l.c->genid, genid, 16);
	ck_assert_uint_eq(l.c->vmci_id, 0xfffffffb);
	unload(&l);
}
END_TEST

START_TEST(masks)
{
	struct loaded l = load(HEAD "cpuid.1.ecx = \"0---:----:----:----:----:----:----:---1\"\n"
			       "cpuid.80000001.EDX.amd = \"hHtTfFrRxX------------------------\"\n"
			       "cpuid.80000001.edx.AMD.x = 1\n"
			       "cpuid.d.eax.intel = \"--------------------------------\"\n");

	show(&l);
	ck_assert_uint_eq(l.report.errors, 1);
	unload(&l);
	l = load(HEAD "cpuid.1.ecx = \"0---:----:----:----:----:----:----:---1\"\n"
		 "cpuid.80000001.EDX.amd = \"hHtTfFrRxX----------------------\"\n"
		 "cpuid.d.eax.intel = \"--------------------------------\"\n");
	ck_assert_int_eq(l.r, 0);
	ck_assert_uint_eq(l.c->cpuid_mask_count, 2);
	ck_assert_uint_eq(l.c->cpuid_masks[0].leaf, 1);
	ck_assert_uint_eq(l.c->cpuid_masks[0].reg, 2);
	ck_assert_int_eq(l.c->cpuid_masks[0].vendor, 0);
	ck_assert_str_eq(l.c->cpuid_masks[0].bits, "0------------------------------1");
	ck_assert_uint_eq(l.c->cpuid_masks[1].leaf, 0x80000001);
	ck_assert_uint_eq(l.c->cpuid_masks[1].reg, 3);
	ck_assert_int_eq(l.c->cpuid_masks[1].vendor, 'a');
	ck_assert_str_eq(l.c->cpuid_masks[1].bits, "HHTTFFRRxx----------------------");
	unload(&l);
}
END_TEST

// --- samples -------------------------------------------------------------------------------------------

static struct loaded load_sample(const char *name)
{
	char path[400], *data;
	struct loaded l;
	size_t len;

	snprintf(path, sizeof(path), SOURCE_ROOT "/tests/data/vmx/%s.vmx", name);
	ck_assert_int_eq(file_read(path, VMX_FILE_MAX, &data, &len, NULL), 0);
	l = load(data);
	free(data);
	show(&l);
	return l;
}

// --- nesting ---

static const struct nesting_case {
	const char *lines;
	int hw;
	bool good, nested;
	enum vm_said said;
	const char *problem;    // key of the one to be found, NULL = none
	enum vmx_severity severity;
} nesting_cases[] = {
	{ "", 19, true, false, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "vhv.enable = TRUE\n", 9, true, true, VM_SAID_TRUE, NULL, VMX_ERROR },
	{ "vhv.enable = TRUE\n", 8, true, true, VM_SAID_TRUE, "vhv.enable", VMX_WARNING },
	{ "vhv.enable = TRUE\n", 7, false, true, VM_SAID_TRUE, "vhv.enable", VMX_ERROR },
	{ "vhv.enable = TRUE\nvcpu.hotadd = TRUE\n", 9, true, true, VM_SAID_TRUE, "vcpu.hotadd", VMX_NOTE },
	{ "guestOS = vmkernel65\nmemsize = 8192\n", 13, true, true, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "guestOS = vmkernel65\nmemsize = 1024\n", 13, true, true, VM_SAID_NOTHING, "memsize", VMX_NOTE },
	{ "guestOS = winHyperV\n", 9, true, true, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "guestOS = winhyperv\n", 7, true, false, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "guestOS = vmkernel6\nvhv.enable = FALSE\nmemsize = 8192\n", 11, true, false, VM_SAID_FALSE, "vhv.enable", VMX_NOTE },
	{ "cpuid.1.ecx = \"----:----:----:----:----:----:--h-:----\"\n", 8, true, true, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "cpuid.1.ecx = \"----:----:----:----:----:----:--0-:----\"\n", 9, true, false, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "cpuid.1.ecx = \"----:----:----:----:----:----:---h:----\"\n", 9, true, false, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "cpuid.80000001.ecx.amd = \"----:----:----:----:----:----:----:-h--\"\n", 9, true, true, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "cpuid.8000000A.edx.amd = \"hhhh:hhhh:hhhh:hhhh:hhhh:hhhh:hhhh:hhhh\"\n", 9, true, true, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "cpuid.1.ecx = \"----:----:----:----:----:----:--T-:----\"\n", 9, true, true, VM_SAID_TRUE, NULL, VMX_ERROR },
	{ "featMask.vm.cpuid.VMX = \"Min:1\"\n", 9, true, true, VM_SAID_TRUE, NULL, VMX_ERROR },
	{ "cpuid.1.ecx = \"----:----:----:----:----:----:--T-:----\"\nvhv.enable = FALSE\n", 9, false, false, VM_SAID_FALSE,
	  "cpuid.1.ecx", VMX_ERROR },
	{ "cpuid.1.ecx = \"----:----:----:----:----:----:--0-:----\"\nvhv.enable = TRUE\n", 9, true, true, VM_SAID_TRUE,
	  "cpuid.1.ecx", VMX_WARNING },
	{ "featMask.vm.hv.capable = \"Min:1\"\n", 10, true, true, VM_SAID_TRUE, NULL, VMX_ERROR },
	{ "featMask.vm.hv.capable = \"Val:0\"\n", 10, true, false, VM_SAID_FALSE, NULL, VMX_ERROR },
	{ "featMask.vm.hv.capable = \"Max:1\"\n", 10, true, false, VM_SAID_NOTHING, NULL, VMX_ERROR },
	{ "featMask.vm.hv.capable = \"1\"\n", 10, false, false, VM_SAID_NOTHING, "featMask.vm.hv.capable", VMX_ERROR },
	{ "featMask.vm.hv.capable = \"Min:1\"\nvhv.enable = FALSE\n", 10, true, false, VM_SAID_FALSE, NULL, VMX_ERROR },
	{ "vvtd.enable = TRUE\n", 19, false, false, VM_SAID_NOTHING, "vvtd.enable", VMX_ERROR },
	{ "vvtd.enable = FALSE\n", 19, true, false, VM_SAID_NOTHING, NULL, VMX_ERROR },
};

START_TEST(who_is_a_hypervisor)
{
	const struct nesting_case *c = &nesting_cases[_i];
	bool has_guest = strstr(c->lines, "guestOS"), has_size = strstr(c->lines, "memsize");
	char text[600];
	struct loaded l;

	snprintf(text, sizeof(text), "config.version = 8\nvirtualHW.version = %d\n%s%s%s", c->hw,
		 has_guest ? "" : "guestOS = debian12-64\n", has_size ? "" : "memsize = 64\n", c->lines);
	l = load(text);
	ck_assert_msg((l.r == 0) == c->good, "%s: %d", c->lines, l.r);
	ck_assert_msg(l.c->nested == c->nested && l.c->nesting.said == c->said, "%s: %d, %d", c->lines, l.c->nested, l.c->nesting.said);
	ck_assert_msg(!l.c->hot_add, "%s: adds CPUs", c->lines);
	if (c->problem)
		ck_assert_msg(find(&l, c->severity, c->problem), "%s: no problem at %s", c->lines, c->problem);
	else
		ck_assert_msg(!find(&l, VMX_ERROR, "vhv.enable") && !find(&l, VMX_WARNING, "vhv.enable"), "%s", c->lines);
	unload(&l);
}
END_TEST

START_TEST(enlightenments)
{
	struct loaded l = load(HEAD "berth.hyperv.vpindex = TRUE\nberth.hyperv.time = TRUE\nberth.hyperv.synic = TRUE\n"
			       "berth.hyperv.stimer = TRUE\nberth.hyperv.spinlocks = 8191\n");

	ck_assert_int_eq(l.r, 0);
	ck_assert_uint_eq(l.c->hyperv, 1u << VM_HV_VPINDEX | 1u << VM_HV_TIME | 1u << VM_HV_SYNIC | 1u << VM_HV_STIMER);
	ck_assert_uint_eq(l.c->hyperv_spinlocks, 8191);
	unload(&l);
	l = load(HEAD "berth.hyperv.stimer = TRUE\nberth.hyperv.evmcs = TRUE\nberth.hyperv.vapic = TRUE\nhypervisor.cpuid.v0 = FALSE\n");
	ck_assert_int_lt(l.r, 0);
	ck_assert_ptr_nonnull(strstr(find(&l, VMX_ERROR, "berth.hyperv.stimer")->text, "berth.hyperv.synic"));
	ck_assert_ptr_nonnull(strstr(find(&l, VMX_ERROR, "berth.hyperv.evmcs")->text, "vhv.enable"));
	ck_assert_ptr_nonnull(find(&l, VMX_ERROR, "hypervisor.cpuid.v0"));
	unload(&l);
}
END_TEST

START_TEST(counters_and_inner_permission)
{
	struct loaded l = load(HEAD "vpmc.enable = TRUE\nvmx.allowNested = FALSE\n");

	ck_assert_int_eq(l.r, 0);
	ck_assert(l.c->pmu && l.c->nesting.allow_nested == VM_SAID_FALSE);
	unload(&l);
	l = load(HEAD);
	ck_assert(!l.c->pmu && l.c->nesting.allow_nested == VM_SAID_NOTHING);
	unload(&l);
}
END_TEST

START_TEST(workstation_sample)
{
	static const char *const samples[] = { "workstation17", "workstation17-crlf" };
	struct loaded l;

	touch("data.vmdk");
	touch("debian-12.7.0-amd64-netinst.iso");
	l = load_sample(samples[_i]);
	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->name, "Debian 12.x 64-bit");
	ck_assert_uint_eq(l.c->cpus, 4);
	ck_assert_uint_eq(l.c->mem_mb, 4096);
	ck_assert_str_eq(l.c->ide[0][0].path, in_folder("data.vmdk"));
	ck_assert_int_eq(l.c->ide[1][0].kind, VM_DRIVE_CDROM);
	ck_assert_uint_eq(l.c->svga_vram, 128u << 20);
	ck_assert_ptr_nonnull(find(&l, VMX_WARNING, "scsi0:0.present"));
	ck_assert_ptr_nonnull(find(&l, VMX_WARNING, "ethernet0.present"));
	ck_assert_ptr_null(find(&l, VMX_WARNING, "pciBridge0.present"));
	unload(&l);
}
END_TEST

START_TEST(esxi_sample)
{
	struct loaded l;

	touch("data.vmdk");
	touch("rescue.iso");
	l = load_sample("esxi");
	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->name, "web/01");
	ck_assert_str_eq(l.c->ide[0][0].path, in_folder("data.vmdk"));
	ck_assert_str_eq(l.c->ide[1][0].path, in_folder("rescue.iso"));
	ck_assert(l.c->ide[0][1].kind == VM_DRIVE_CDROM && !l.c->ide[0][1].path);
	ck_assert_int_eq(l.c->serial[0].kind, VM_SERIAL_FILE);
	ck_assert(!l.c->serial[0].append);
	unload(&l);
}
END_TEST

START_TEST(fusion_and_windows_samples)
{
	struct loaded l;

	touch("virtual disk.vmdk");
	touch("Gr\xc3\xb6\xc3\x9f" "e.vmdk");
	l = load_sample("fusion");
	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->name, "macOS lab \"quoted\" | bar");
	ck_assert_str_eq(l.c->ide[0][0].path, in_folder("virtual disk.vmdk"));
	unload(&l);
	l = load_sample("windows-1252");
	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->name, "B\xc3\xbcro K\xc3\xb6ln \xe2\x82\xac 5");
	ck_assert_str_eq(l.c->ide[0][0].path, in_folder("Gr\xc3\xb6\xc3\x9f" "e.vmdk"));
	unload(&l);
}
END_TEST

START_TEST(a_serial_file_on_another_host_goes_beside_the_vmx)
{
	struct loaded l = load(HEAD "serial0.present = TRUE\nserial0.fileType = file\n"
			       "serial0.fileName = /vmfs/volumes/ds/vm/console.log\n");

	ck_assert_int_eq(l.r, 0);
	ck_assert_str_eq(l.c->serial[0].path, in_folder("console.log"));
	unload(&l);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("vmx_config");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_add_test(t, three_keys_make_a_machine);
	tcase_add_test(t, everything_at_once);
	tcase_add_test(t, a_file_that_is_not_there);
	tcase_add_test(t, a_folder_with_one_vmx_will_do);
	tcase_add_test(t, an_encrypted_vm_has_one_problem);
	tcase_add_test(t, a_suspended_vm_is_busy);
	tcase_add_test(t, a_vm_open_in_vmware_is_busy);
	tcase_add_loop_test(t, problem_is_reported_with_its_line, 0, ARRAY_SIZE(problems));
	tcase_add_loop_test(t, nothing_to_say_about_this, 0, ARRAY_SIZE(fine));
	tcase_add_loop_test(t, memory_sizes, 0, ARRAY_SIZE(memory));
	tcase_add_test(t, versions);
	tcase_add_test(t, limits_of_old_hardware_are_told);
	tcase_add_test(t, all_problems_of_one_run);
	tcase_add_test(t, reports_are_bounded);
	tcase_add_test(t, cd_drives);
	tcase_add_test(t, one_disk_is_not_two);
	tcase_add_loop_test(t, paths, 0, ARRAY_SIZE(names));
	tcase_add_test(t, absolute_and_impossible_paths);
	tcase_add_test(t, serial_ports);
	tcase_add_test(t, a_serial_file_on_another_host_goes_beside_the_vmx);
	tcase_add_test(t, vnc);
	tcase_add_test(t, features_by_name);
	tcase_add_test(t, identity_of_the_guest);
	tcase_add_test(t, memory_policy_and_affinity);
	tcase_add_test(t, masks);
	tcase_add_loop_test(t, who_is_a_hypervisor, 0, ARRAY_SIZE(nesting_cases));
	tcase_add_test(t, counters_and_inner_permission);
	tcase_add_test(t, enlightenments);
	tcase_add_loop_test(t, workstation_sample, 0, 2);
	tcase_add_test(t, esxi_sample);
	tcase_add_test(t, fusion_and_windows_samples);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
