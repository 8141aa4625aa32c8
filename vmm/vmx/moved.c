// moved.c: the moved-or-copied question, generated identities.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/moved.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/compiler.h"
#include "vmx/load.h"
#include "vmx/mac.h"
#include "vmx/uuid.h"
#include "vmx/value.h"

#define LOCATION_KEY    "berth.location"
#define ADAPTERS        10u
#define CONTROLLERS     4u
#define KEY_MAX         64u
#define OFFSET_MAX      0xffffff

static const char *written(const struct vmx_file *f, const char *key)
{
	const char *value = vmx_file_get(f, key);

	return value && *value ? value : NULL;
}

static bool is_true(const struct vmx_file *f, const char *key)
{
	const char *value = written(f, key);
	bool on = false;

	return value && value_bool(value, &on) == 0 && on;
}

// "ethernet" 3 "present" -> ethernet3.present.
static const char *device_key(char buf[KEY_MAX], const char *device, unsigned index, const char *name)
{
	snprintf(buf, KEY_MAX, "%s%u.%s", device, index, name);
	return buf;
}

// --- the question --------------------------------------------------------------------------------------

enum moved_place moved_place(const struct vmx_file *f, const uint8_t here[16])
{
	const char *text = written(f, LOCATION_KEY);
	uint8_t there[16];

	if (!text || value_uuid(text, there) < 0)
		return MOVED_NEVER_RAN;
	return memcmp(there, here, sizeof(there)) ? MOVED_ELSEWHERE : MOVED_SAME;
}

enum moved_answer moved_word(const char *text)
{
	static const struct { const char *word; enum moved_answer answer; } words[] = {
		{ "copied", MOVED_COPIED }, { "I copied it", MOVED_COPIED },
		{ "moved", MOVED_MOVED }, { "I moved it", MOVED_MOVED },
	};

	for (size_t i = 0; text && i < ARRAY_SIZE(words); i++) {
		if (!strcasecmp(text, words[i].word))
			return words[i].answer;
	}
	return MOVED_ASK;
}

static enum moved_answer action_word(const char *text)
{
	if (text && (!strcasecmp(text, "create") || !strcasecmp(text, "change")))
		return MOVED_COPIED;
	if (text && !strcasecmp(text, "keep"))
		return MOVED_MOVED;
	return MOVED_ASK;
}

enum moved_answer moved_decide(const struct vmx_file *f, enum moved_place place)
{
	enum moved_answer recorded = moved_word(written(f, MOVED_ANSWER_KEY)), answer;

	if (recorded != MOVED_ASK)
		return recorded;        // for this start, wherever it is
	if (place == MOVED_SAME)
		return MOVED_NOTHING;
	answer = moved_word(written(f, "answer.msg.uuid.altered"));
	if (answer == MOVED_ASK)
		answer = action_word(written(f, "uuid.action"));
	// Only VMware knows its location of a VM that Berth never ran. One without any was never run at all.
	if (place == MOVED_NEVER_RAN)
		return answer == MOVED_COPIED && written(f, "uuid.location") ? MOVED_COPIED : MOVED_NOTHING;
	if (answer == MOVED_ASK && is_true(f, "msg.autoAnswer"))
		answer = MOVED_COPIED;
	return answer;
}

void moved_check(const struct vmx_file *f, const char *vmx_path, struct vmx_report *report)
{
	struct loader l = { .file = f, .report = report };
	uint8_t host[16], here[16];

	uuid_host_id(host);
	uuid_location(host, vmx_path, here);
	if (moved_decide(f, moved_place(f, here)) == MOVED_ASK)
		problem(&l, VMX_ERROR, LOCATION_KEY,
			"the VM has run in another place; say `berth answer VM.vmx moved` or `berth answer VM.vmx copied`");
}

// --- generated values ----------------------------------------------------------------------------------

static int set_uuid(struct vmx_file *f, const char *key, const uint8_t uuid[16], struct err *err)
{
	char text[UUID_TEXT];

	uuid_format(uuid, text);
	return vmx_file_set(f, key, text, err);
}

static bool has_uuid(const struct vmx_file *f, uint8_t uuid[16])
{
	const char *text = written(f, "uuid.bios");

	return text && value_uuid(text, uuid) == 0;
}

// The address of an adapter is VMware's to choose: neither a person's nor vCenter's.
static bool is_generated(const struct vmx_file *f, unsigned adapter)
{
	char key[KEY_MAX];
	const char *type = written(f, device_key(key, "ethernet", adapter, "addressType"));

	return is_true(f, device_key(key, "ethernet", adapter, "present")) && (!type || !strcasecmp(type, "generated"));
}

static uint32_t offset_of(const struct vmx_file *f, unsigned adapter)
{
	char key[KEY_MAX];
	const char *text = written(f, device_key(key, "ethernet", adapter, "generatedAddressOffset"));
	int64_t offset;

	if (text && value_int(text, &offset) == 0 && offset >= 0 && offset <= OFFSET_MAX)
		return (uint32_t)offset;
	return adapter * MAC_OFFSET_STEP;
}

static int set_mac(struct vmx_file *f, unsigned adapter, const uint8_t uuid[16], struct err *err)
{
	char key[KEY_MAX], text[MAC_TEXT];
	uint32_t offset = offset_of(f, adapter);
	uint8_t mac[6];
	int r;

	mac_generate(uuid, offset, mac);
	mac_format(mac, text);
	r = vmx_file_set(f, device_key(key, "ethernet", adapter, "generatedAddress"), text, err);
	snprintf(text, sizeof(text), "%" PRIu32, offset);
	return r < 0 ? r : vmx_file_set(f, device_key(key, "ethernet", adapter, "generatedAddressOffset"), text, err);
}

// ANEW: also where there is an address already.
static int set_macs(struct vmx_file *f, const uint8_t uuid[16], bool anew, struct err *err)
{
	char key[KEY_MAX];
	int r = 0;

	for (unsigned i = 0; i < ADAPTERS && r >= 0; i++) {
		if (is_generated(f, i) && (anew || !written(f, device_key(key, "ethernet", i, "generatedAddress"))))
			r = set_mac(f, i, uuid, err);
	}
	return r;
}

static bool is_sas(const struct vmx_file *f, unsigned controller)
{
	char key[KEY_MAX];
	const char *model = written(f, device_key(key, "scsi", controller, "virtualDev"));

	return is_true(f, device_key(key, "scsi", controller, "present")) && model &&
	       (!strcasecmp(model, "lsisas1068") || !strcasecmp(model, "pvscsi"));
}

static int set_wwns(struct vmx_file *f, const uint8_t uuid[16], bool anew, struct err *err)
{
	char key[KEY_MAX], text[SAS_WWN_TEXT];
	int r = 0;

	for (unsigned i = 0; i < CONTROLLERS && r >= 0; i++) {
		if (!is_sas(f, i) || (!anew && written(f, device_key(key, "scsi", i, "sasWWID"))))
			continue;
		uuid_sas_wwn(uuid, i, text);
		r = vmx_file_set(f, device_key(key, "scsi", i, "sasWWID"), text, err);
	}
	return r;
}

static int set_vmci_id(struct vmx_file *f, const uint8_t uuid[16], bool anew, struct err *err)
{
	char text[16];

	if (!is_true(f, "vmci0.present") || (!anew && written(f, "vmci0.id")))
		return 0;
	snprintf(text, sizeof(text), "%" PRId32, uuid_vmci_id(uuid));
	return vmx_file_set(f, "vmci0.id", text, err);
}

static int set_derived(struct vmx_file *f, const uint8_t uuid[16], bool anew, struct err *err)
{
	int r = set_macs(f, uuid, anew, err);

	if (r >= 0)
		r = set_wwns(f, uuid, anew, err);
	if (r >= 0)
		r = set_vmci_id(f, uuid, anew, err);
	return r;
}

int identity_new_generation(struct vmx_file *f, struct err *err)
{
	static const char *const keys[] = { "vm.genid", "vm.genidX" };
	int64_t halves[2];
	char text[24];
	int r = 0;

	if (getrandom(halves, sizeof(halves), 0) != sizeof(halves))
		return err_set(err, errno, "vm.genid", "the kernel gives no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < ARRAY_SIZE(keys) && r >= 0; i++) {
		snprintf(text, sizeof(text), "%" PRId64, halves[i]);
		r = vmx_file_set(f, keys[i], text, err);
	}
	return r;
}

// Absent, or -1 as ESXi writes it for "not yet".
static bool has_generation(const struct vmx_file *f)
{
	const char *low = written(f, "vm.genid"), *high = written(f, "vm.genidX");

	return low && high && strcmp(low, "-1") && strcmp(high, "-1");
}

int identity_complete(struct vmx_file *f, bool genid, struct err *err)
{
	uint8_t uuid[16];
	int r = 0;

	if (!has_uuid(f, uuid)) {
		r = uuid_generate(uuid, err);
		if (r >= 0)
			r = set_uuid(f, "uuid.bios", uuid, err);
	}
	if (r >= 0)
		r = set_derived(f, uuid, false, err);
	if (r >= 0 && genid && !has_generation(f))
		r = identity_new_generation(f, err);
	return r;
}

// --- carrying an answer out ----------------------------------------------------------------------------

static int make_copy(struct vmx_file *f, struct err *err)
{
	uint8_t uuid[16];
	int r = uuid_generate(uuid, err);

	if (r >= 0)
		r = set_uuid(f, "uuid.bios", uuid, err);
	if (r >= 0)
		r = set_uuid(f, "uuid.location", uuid, err);
	if (r >= 0)
		r = set_derived(f, uuid, true, err);
	if (r >= 0 && written(f, "vm.genid"))
		r = identity_new_generation(f, err);
	return r;
}

int moved_apply(struct vmx_file *f, enum moved_answer answer, const uint8_t here[16], struct err *err)
{
	int r = 0;

	if (answer == MOVED_COPIED)
		r = make_copy(f, err);
	else if (answer == MOVED_MOVED)
		r = set_uuid(f, "uuid.location", here, err);
	if (r >= 0)
		r = set_uuid(f, LOCATION_KEY, here, err);
	if (r >= 0)
		r = vmx_file_remove(f, MOVED_ANSWER_KEY, err);
	return r;
}
