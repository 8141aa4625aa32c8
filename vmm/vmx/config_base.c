// config_base.c: identity, firmware, boot, clock, display, log; what the guest will miss.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "vmx/guests.h"
#include "vmx/load.h"
#include "vmx/paths.h"
#include "vmx/uuid.h"
#include "vmx/value.h"

#define HW_NEWEST       22
#define HW_WITH_GENID   10
#define RTC_LATEST      253402300799LL          // the end of the year 9999
#define RTC_DIFF_MAX    (50LL * 366 * 86400)
#define VRAM_LEAST      (4u << 20)
#define VRAM_MOST       (128u << 20)
#define BOOT_DELAY_MAX  600000
#define NAME_SIZE       4096u

// --- identity ------------------------------------------------------------------------------------------

static void load_file_version(struct loader *l)
{
	int64_t version;

	if (!get_written(l, "config.version")) {
		problem(l, VMX_ERROR, "config.version",
			"is missing; every .vmx has it: add config.version = \"8\" if this is "
			"one");
		return;
	}
	version = get_int(l, "config.version", 1, 1000);
	if (version > 1 && (version < 6 || version > 8))
		problem(l, VMX_WARNING, "config.version",
			"%" PRId64 " is not a version Berth knows; read as 8", version);
}

static void load_hw_version(struct loader *l)
{
	size_t errors = l->report->errors;
	int64_t hw;

	// Without a version there is no telling the defaults; the newest hardware gives the fewest further
	// messages.
	l->c->hw_version = HW_NEWEST;
	if (!get_written(l, "virtualHW.version")) {
		problem(l, VMX_ERROR, "virtualHW.version",
			"is missing; it decides what hardware the guest sees");
		return;
	}
	hw = get_int(l, "virtualHW.version", 1, 1000);
	if (l->report->errors != errors)
		return;
	l->c->hw_version = (int)hw;
	if (hw < 3 || hw == 5 || hw > HW_NEWEST)
		problem(l, VMX_WARNING, "virtualHW.version",
			"%" PRId64 " is not a hardware version Berth knows (3 to %d); "
			"the nearest is built",
			hw, HW_NEWEST);
}

static void load_guest(struct loader *l)
{
	const char *name = get_written(l, "guestOS");
	struct guest_traits t;

	if (!name)
		problem(l, VMX_NOTE, "guestOS", "is missing; \"other\" is assumed");
	l->c->guest_os = dup_text(l, name ? name : "other");
	if (!l->c->guest_os)
		return;
	for (char *p = l->c->guest_os; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	t = guest_lookup(l->c->guest_os);
	l->c->guest_64 = t.is_64;
	if (t.arm)
		problem(l, VMX_ERROR, "guestOS",
			"\"%.60s\" is a guest for ARM machines; Berth runs x86 guests", name);
	else if (!t.known)
		problem(l, VMX_NOTE, "guestOS", "\"%.60s\" is not known; treated as %s", name,
			t.is_64 ? "other-64" : "other");
}

// ESXi writes three characters of names as %2f, %5c and %25.
static void decode_name(char *s)
{
	static const struct { const char *code; char byte; } codes[] = {
		{ "%2f", '/' }, { "%5c", '\\' }, { "%25", '%' },
	};
	char *out = s;

	while (*s) {
		char c = *s;
		size_t n = 1;

		for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
			if (!strncasecmp(s, codes[i].code, 3)) {
				c = codes[i].byte;
				n = 3;
			}
		}
		*out++ = c;
		s += n;
	}
	*out = '\0';
}

static void load_name(struct loader *l)
{
	const char *name = get_written(l, "displayName"), *slash = strrchr(l->c->vmx_path, '/');
	char *dot;

	if (name) {
		l->c->name = dup_text(l, name);
		if (l->c->name)
			decode_name(l->c->name);
		return;
	}
	l->c->name = dup_text(l, slash ? slash + 1 : l->c->vmx_path);
	dot = l->c->name ? strrchr(l->c->name, '.') : NULL;
	if (dot && dot > l->c->name)
		*dot = '\0';
}

static void load_uuid(struct loader *l)
{
	const char *text = get_written(l, "uuid.bios");

	if (!text)
		return;
	if (value_uuid(text, l->c->uuid_bios) < 0) {
		problem(l, VMX_ERROR, "uuid.bios",
			"\"%.80s\" is not a UUID; it has sixteen hex bytes: \"56 4d xx xx xx xx xx "
			"xx-xx xx xx xx xx xx xx xx\"",
			text);
		return;
	}
	l->c->has_uuid_bios = true;
	l->c->uuid_bios_text = dup_text(l, text);
}

// The device came with Windows 8; an older machine has it when its file says so.
static void load_genid(struct loader *l)
{
	static const char *const keys[] = { "vm.genid", "vm.genidX" };

	l->c->has_genid = l->c->hw_version >= HW_WITH_GENID || get_written(l, "vm.genid");
	for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
		if (get_written(l, keys[i]))
			put_le64(l->c->genid + 8 * i, (uint64_t)get_int(l, keys[i], INT64_MIN, INT64_MAX));
	}
}

// The context ID is what uuid.bios says while the file says nothing.
static void load_vmci(struct loader *l)
{
	l->c->vmci = get_bool(l, "vmci0.present");
	if (get_written(l, "vmci0.id"))
		l->c->vmci_id = (uint32_t)get_int(l, "vmci0.id", INT32_MIN, INT32_MAX);
	else
		l->c->vmci_id = (uint32_t)uuid_vmci_id(l->c->uuid_bios);
}

void load_identity(struct loader *l)
{
	load_file_version(l);
	load_hw_version(l);
	load_guest(l);
	l->base = (struct vmx_base){ .hw_version = l->c->hw_version, .guest_64 = l->c->guest_64 };
	load_name(l);
	load_uuid(l);
	load_genid(l);
	load_vmci(l);
}

// --- firmware and boot ---------------------------------------------------------------------------------

static void load_firmware(struct loader *l)
{
	const char *firmware = get_text(l, "firmware");

	l->c->firmware = VM_FIRMWARE_BIOS;
	if (!strcasecmp(firmware, "bios"))
		return;
	if (strcasecmp(firmware, "efi")) {
		problem(l, VMX_ERROR, "firmware", "\"%.60s\" is neither bios nor efi", firmware);
		return;
	}
	l->c->firmware = VM_FIRMWARE_EFI;
	problem(l, VMX_ERROR, "firmware",
		"EFI firmware is not supported yet, and the guest was installed for it");
}

static bool boot_word_known(const char *word)
{
	return vmx_pattern_match("{hdd|disk|cdrom|floppy|net|ethernet%d}", word, NULL, NULL);
}

static bool disk_word_known(const char *word)
{
	return vmx_pattern_match("{ide|scsi|sata|nvme}%d:%d", word, NULL, NULL);
}

// Words that mean nothing are named and do no harm.
static char *load_list(struct loader *l, const char *key, bool (*known)(const char *))
{
	const char *list = get_written(l, key);
	char word[64];

	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, ", \t");

		snprintf(word, sizeof(word), "%.*s", (int)MIN(n, sizeof(word)), p);
		if (n && !known(word))
			problem(l, VMX_WARNING, key, "\"%s\" is nothing to boot from; it is skipped", word);
		p += n + (p[n] != '\0');
	}
	return dup_text(l, list);
}

static void load_boot(struct loader *l)
{
	l->c->boot_order = load_list(l, "bios.bootOrder", boot_word_known);
	l->c->hdd_order = load_list(l, "bios.hddOrder", disk_word_known);
	l->c->boot_delay_ms = (unsigned)get_int(l, "bios.bootDelay", 0, BOOT_DELAY_MAX);
	l->c->force_setup_once = get_bool(l, "bios.forceSetupOnce");
}

// --- the rest of the platform --------------------------------------------------------------------------

static void load_clock(struct loader *l)
{
	l->c->rtc_diff = get_int(l, "rtc.diffFromUTC", -RTC_DIFF_MAX, RTC_DIFF_MAX);
	l->c->rtc_start = get_int(l, "rtc.startTime", 0, RTC_LATEST);
	l->c->has_rtc_start = l->c->rtc_start != 0;
	l->c->hpet = get_bool(l, "hpet0.present");
}

static uint64_t round_up_power(uint64_t v)
{
	uint64_t p = 1;

	while (p < v && p < VRAM_MOST)
		p <<= 1;
	return p;
}

static void load_display(struct loader *l)
{
	int64_t vram = get_int(l, "svga.vramSize", 0, INT32_MAX);
	uint64_t used = MAX(round_up_power((uint64_t)vram), VRAM_LEAST);

	if (vram > VRAM_MOST)
		problem(l, VMX_NOTE, "svga.vramSize", "the display adapter has at most %u MiB",
			VRAM_MOST >> 20);
	l->c->svga_vram = used;
	// 0 leaves the limit to the display adapter.
	if (get_bool(l, "svga.autodetect") && get_written(l, "svga.autodetect"))
		return;
	if (get_written(l, "svga.maxWidth"))
		l->c->svga_max_width = (unsigned)get_int(l, "svga.maxWidth", 640, 16384);
	if (get_written(l, "svga.maxHeight"))
		l->c->svga_max_height = (unsigned)get_int(l, "svga.maxHeight", 480, 16384);
}

static char *load_path(struct loader *l, const char *key)
{
	const char *name = get_written(l, key);
	enum path_how how;
	char *path;

	if (!name)
		return NULL;
	path = path_resolve(l->c->dir, name, &how);
	if (!path)
		problem(l, VMX_ERROR, key, "the path is too long");
	else if (how == PATH_MISSING)
		problem(l, VMX_ERROR, key, "there is no file %s", path);
	return path;
}

static void load_log(struct loader *l)
{
	const char *name = get_text(l, "log.fileName");

	l->c->log_enabled = get_bool(l, "logging");
	l->c->log_path = path_output(l->c->dir, name);
	if (!l->c->log_path) {
		problem(l, VMX_ERROR, "log.fileName", "the path is too long");
		l->c->log_path = dup_text(l, "/dev/null");
	}
}

static void load_disk_policy(struct loader *l)
{
	const char *cache = get_text(l, "berth.disk.cache");

	l->c->disk_allow_outside = get_bool(l, "berth.disk.allowOutside");
	l->c->disk_allow_device = get_bool(l, "berth.disk.allowDevice");
	l->c->disk_ignore_parent_cid = get_bool(l, "berth.disk.ignoreParentCID");
	l->c->disk_direct = cache && !strcasecmp(cache, "direct");
	if (cache && !l->c->disk_direct && strcasecmp(cache, "host"))
		problem(l, VMX_ERROR, "berth.disk.cache", "\"%.60s\" is not a cache: host, direct", cache);
}

// Names that the file puts in place of VMware's.
static void load_names(struct loader *l)
{
	l->c->smbios_reflect_host = get_bool(l, "smbios.reflectHost");
	l->c->smbios_no_oem_strings = get_bool(l, "smbios.noOEMStrings");
	l->c->smbios_add_host_vendor = get_bool(l, "smbios.addHostVendor");
	l->c->smbios_short_serial = get_bool(l, "smbios.use12CharSerialNumber");
	l->c->hw_model = dup_text(l, get_written(l, "hw.model"));
	l->c->board_id = dup_text(l, get_written(l, "board-id"));
	l->c->serial_number = dup_text(l, get_written(l, "serialNumber"));
	l->c->hw_model_host = get_bool(l, "hw.model.reflectHost");
	l->c->board_id_host = get_bool(l, "board-id.reflectHost");
	l->c->serial_number_host = get_bool(l, "serialNumber.reflectHost");
}

// VMware's file keeps its name and its content; Berth's lies beside it.
static void load_nvram(struct loader *l)
{
	const char *name = get_written(l, "nvram"), *slash = strrchr(l->c->vmx_path, '/'), *dot;
	char own[NAME_SIZE];

	if (!name)
		name = slash ? slash + 1 : l->c->vmx_path;
	dot = strrchr(name, '.');
	snprintf(own, sizeof(own), "%.*s.berth-nvram", dot && dot > name ? (int)(dot - name) : (int)strlen(name), name);
	l->c->nvram_path = path_output(l->c->dir, own);
	if (!l->c->nvram_path)
		problem(l, VMX_ERROR, "nvram", "the path is too long");
}

void load_platform(struct loader *l)
{
	load_firmware(l);
	load_boot(l);
	load_clock(l);
	load_display(l);
	load_log(l);
	load_names(l);
	load_nvram(l);
	l->c->vmmouse = get_bool(l, "vmmouse.present");
	l->c->restrict_backdoor = get_bool(l, "monitor_control.restrict_backdoor");
	load_disk_policy(l);
	l->c->stop_timeout = (unsigned)get_int(l, "berth.stopTimeout", 1, 86400);
	l->c->bios_path = load_path(l, "berth.bios");
	l->c->vgabios_path = load_path(l, "berth.vgabios");
}

// --- what the guest will miss --------------------------------------------------------------------------

static void tell_missing(struct loader *l, const struct vmx_entry *e, const struct vmx_key *key)
{
	char file_key[KEY_SIZE], device[KEY_SIZE];
	const char *file = NULL, *dot = strrchr(e->name, '.');

	snprintf(device, sizeof(device), "%.*s", dot ? (int)(dot - e->name) : 0, e->name);
	if (strchr(device, ':'))
		file = get_written(l, key_of(file_key, device, "fileName"));
	if (file)
		problem(l, VMX_WARNING, e->name, "%s (%.100s) is not supported yet; the VM runs without it",
			key->about, file);
	else
		problem(l, VMX_WARNING, e->name, "%s is not supported yet; the VM runs without it",
			key->about);
}

static bool has_drives(const struct vm_config *c)
{
	for (unsigned i = 0; i < VM_IDE_CHANNELS * 2; i++) {
		if (c->ide[i / 2][i % 2].kind != VM_DRIVE_NONE)
			return true;
	}
	return false;
}

// A device newer than the hardware version is a sign of a file put together by hand.
static void check_age(struct loader *l, const struct vmx_entry *e, const struct vmx_key *key)
{
	bool on;

	if (key->since > l->c->hw_version && key->type == VMX_BOOL && value_bool(e->value, &on) == 0 && on)
		problem(l, VMX_NOTE, e->name, "VMware has this from hardware version %d on; the VM has %d",
			key->since, l->c->hw_version);
}

static bool is_word(const char *words, const char *value)
{
	size_t n = strlen(value);

	for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|') {
		if (strcspn(w, "|") == n && !strncasecmp(w, value, n))
			return true;
	}
	return false;
}

// A device that nobody ever heard of is a typing error, not one that comes later.
static void check_words(struct loader *l, const struct vmx_entry *e, const struct vmx_key *key)
{
	if (key->words && *e->value && !is_word(key->words, e->value))
		problem(l, VMX_ERROR, e->name, "there is no device \"%s\"; write one of %s", e->value, key->about);
}

void load_missing(struct loader *l)
{
	bool lost = false;

	for (size_t i = 0; i < vmx_file_count(l->file); i++) {
		const struct vmx_entry *e = vmx_file_at(l->file, i);
		struct vmx_verdict v;

		vmx_key_judge(l->file, e, &v);
		if (!v.key || v.fate == VMX_INACTIVE)
			continue;
		check_age(l, e, v.key);
		check_words(l, e, v.key);
		if (v.fate != VMX_NOT_YET || !v.key->device)
			continue;
		tell_missing(l, e, v.key);
		lost |= vmx_pattern_match("{scsi|sata|nvme}%d:%d.present", e->name, NULL, NULL);
	}
	if (lost && !has_drives(l->c))
		problem(l, VMX_WARNING, NULL,
			"the VM has no drive on IDE, the one controller there is so far; nothing will boot");
}
