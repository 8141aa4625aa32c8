// control_cmds.c: the table of control commands.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/control_cmds.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "machine/hotplug.h"
#include "machine/question.h"

#define MAX_STEPS      65536u   // key presses and releases of one request
#define MAX_DELAY_MS   10000u
#define DEFAULT_DELAY  20u
#define MAX_STOP_SECS  86400u

typedef int command_fn(struct control_call *c, json_t *args, struct err *err);

json_t *control_answer(json_t *id, json_t *result)
{
	json_t *o = json_object();

	if (id)
		json_object_set(o, "id", id);
	json_object_set_new(o, "return", result ? result : json_object());
	return o;
}

static const char *code_name(int code)
{
	switch (code) {
	case EINVAL: return "EINVAL";
	case ENOENT: return "ENOENT";
	case EBUSY: return "EBUSY";
	case EEXIST: return "EEXIST";
	case ENOMEM: return "ENOMEM";
	case ENOSYS: return "ENOSYS";
	default: return "EIO";
	}
}

// What err.h cut off at its sizes may end in half a character, and JSON carries none.
static json_t *any_string(char *text)
{
	json_t *s = json_string(text);

	for (char *p = text; !s && *p; p++) {
		if (!isascii(*p))
			*p = '?';
	}
	return s ? s : json_string(text);
}

json_t *control_error(json_t *id, const struct err *err)
{
	json_t *o = json_object(), *e = json_object();
	char text[1200];
	struct err bare = *err;

	bare.remedy[0] = '\0';
	err_sentence(&bare, text, sizeof(text));
	json_object_set_new(e, "message", any_string(text));
	json_object_set_new(e, "remedy", any_string(memcpy(bare.remedy, err->remedy, sizeof(bare.remedy))));
	json_object_set_new(e, "code", json_string(code_name(err->code)));
	if (id)
		json_object_set(o, "id", id);
	json_object_set_new(o, "error", e);
	return o;
}

// --- arguments -------------------------------------------------------------------------------------

static int get_unsigned(json_t *args, const char *name, unsigned max, unsigned *value, struct err *err)
{
	json_t *v = json_object_get(args, name);

	if (!v)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max)
		return err_set(err, EINVAL, name, "must be a number from 0 to %u", max);
	*value = (unsigned)json_integer_value(v);
	return 0;
}

static int get_string(json_t *args, const char *name, const char **value, struct err *err)
{
	json_t *v = json_object_get(args, name);

	*value = NULL;
	if (!json_is_string(v))
		return err_set(err, EINVAL, name, "must be there and be a string");
	*value = json_string_value(v);
	return 0;
}

// --- commands --------------------------------------------------------------------------------------

static json_t *drive_status(const struct vm_drive *d)
{
	return json_pack("{s:s, s:s, s:s?, s:b}", "node", d->node ? d->node : "?", "type",
			 d->kind == VM_DRIVE_DISK ? "disk" : "cdrom", "file", d->path, "connected", d->connected);
}

static json_t *drives_status(const struct vm_config *c)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < VM_IDE_CHANNELS * 2; i++) {
		const struct vm_drive *d = &c->ide[i / 2][i % 2];

		if (d->kind != VM_DRIVE_NONE)
			json_array_append_new(list, drive_status(d));
	}
	return list;
}

static json_t *devices_status(const struct machine *m)
{
	struct machine_plugged d;
	json_t *list = json_array();

	for (unsigned i = 0; machine_plugged(m, i, &d); i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:b}", "node", d.node, "type", d.type, "slot",
						      (int)d.slot, "leaving", d.leaving));
	return list;
}

static json_t *question_status(const struct question *q)
{
	json_t *choices = json_array();
	char text[sizeof(q->text)];

	for (unsigned i = 0; i < q->count; i++)
		json_array_append_new(choices, json_pack("{s:s, s:s}", "answer", q->choices[i].word, "label",
							 q->choices[i].label));
	memcpy(text, q->text, sizeof(text));
	return json_pack("{s:s, s:o, s:s, s:o}", "id", q->id, "text", any_string(text), "standard",
			 q->choices[q->standard].word, "choices", choices);
}

static json_t *registers_status(struct machine *m, unsigned cpus)
{
	json_t *list = json_array();
	char text[1024];

	for (unsigned i = 0; i < cpus; i++) {
		machine_registers(m, i, text, sizeof(text));
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static int do_status(struct control_call *c, json_t *args, struct err *err)
{
	const struct vm_config *cfg = machine_config(c->machine);
	struct machine_info info;

	(void)err;
	machine_info(c->machine, &info);
	c->result = json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:i, s:I, s:I}", "name", cfg->name, "vmx", cfg->vmx_path,
			      "state", machine_state_name(machine_state(c->machine)), "pid", (int)getpid(),
			      "cpus", (int)info.cpus, "memory_mb", (json_int_t)(info.mem_bytes >> 20),
			      "hardware_version", cfg->hw_version, "uptime_ms", (json_int_t)(info.uptime_ns / 1000000),
			      "resets", (json_int_t)info.resets);
	if (!c->result)
		return 0;
	json_object_set_new(c->result, "memory_resident", json_integer((json_int_t)info.mem_resident));
	json_object_set_new(c->result, "drives", drives_status(cfg));
	json_object_set_new(c->result, "devices", devices_status(c->machine));
	json_object_set_new(c->result, "accesses",
			    json_pack("{s:I, s:I, s:I}", "port", (json_int_t)info.port_accesses, "memory",
				      (json_int_t)info.mmio_accesses, "unclaimed", (json_int_t)info.unclaimed));
	if (info.nested)
		json_object_set_new(c->result, "inner_guest", info.inner_guest < 0 ? json_null() : json_boolean(info.inner_guest));
	if (machine_question(c->machine))
		json_object_set_new(c->result, "question", question_status(machine_question(c->machine)));
	if (info.vnc_port)
		json_object_set_new(c->result, "vnc", json_pack("{s:s, s:i, s:i}", "ip", cfg->vnc.ip, "port",
								(int)info.vnc_port, "clients", (int)info.vnc_clients));
	if (json_is_true(json_object_get(args, "registers")))
		json_object_set_new(c->result, "registers", registers_status(c->machine, info.cpus));
	return 0;
}

static int do_stop(struct control_call *c, json_t *args, struct err *err)
{
	unsigned timeout = machine_config(c->machine)->stop_timeout;
	bool hard = json_is_true(json_object_get(args, "hard"));
	int r = get_unsigned(args, "timeout", MAX_STOP_SECS, &timeout, err);

	if (r < 0)
		return r;
	if (hard)
		machine_stop_hard(c->machine);
	else
		machine_stop_politely(c->machine, timeout);
	c->result = json_pack("{s:b, s:i}", "hard", hard, "timeout", hard ? 0 : (int)timeout);
	return 0;
}

static int do_reset(struct control_call *c, json_t *args, struct err *err)
{
	(void)args;
	(void)err;
	machine_reset(c->machine, "control socket");
	return 0;
}

static int do_pause(struct control_call *c, json_t *args, struct err *err)
{
	(void)args;
	(void)err;
	machine_pause(c->machine);
	return 0;
}

static int do_resume(struct control_call *c, json_t *args, struct err *err)
{
	(void)args;
	(void)err;
	machine_resume(c->machine);
	return 0;
}

static int do_answer(struct control_call *c, json_t *args, struct err *err)
{
	const char *word;
	int r = get_string(args, "answer", &word, err);

	return r < 0 ? r : machine_answer(c->machine, word, err);
}

static char *base64(const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = malloc((len + 2) / 3 * 4 + 1), *o = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < len ? p[i + 2] : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*o++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*o = '\0';
	return out;
}

static int do_screenshot(struct control_call *c, json_t *args, struct err *err)
{
	uint8_t *png = NULL;
	size_t len = 0;
	char *text;
	int r = console_png(machine_console(c->machine), &png, &len);

	(void)args;
	if (r < 0)
		return err_set(err, -r, "screenshot", "the picture cannot be made: %s", strerror(-r));
	text = base64(png, len);
	free(png);
	if (!text)
		return err_set(err, ENOMEM, "screenshot", "no memory for the picture");
	c->result = json_pack("{s:s}", "png", text);
	free(text);
	return 0;
}

static int do_cd(struct control_call *c, json_t *args, struct err *err)
{
	json_t *path = json_object_get(args, "path");
	const char *node;
	int r = get_string(args, "node", &node, err);

	if (r < 0)
		return r;
	if (path && !json_is_null(path) && !json_is_string(path))
		return err_set(err, EINVAL, "path", "must be a string, or null to empty the tray");
	return machine_change_cd(c->machine, node, json_string_value(path), err);
}

static int do_device_add(struct control_call *c, json_t *args, struct err *err)
{
	const char *node;
	int r = get_string(args, "node", &node, err);

	return r < 0 ? r : machine_plug(c->machine, node, err);
}

static int do_device_remove(struct control_call *c, json_t *args, struct err *err)
{
	const char *node;
	int r = get_string(args, "node", &node, err);

	return r < 0 ? r : machine_unplug(c->machine, node, json_is_true(json_object_get(args, "hard")), err);
}

// --- typing ----------------------------------------------------------------------------------------

static int take_keys(struct control_call *c, struct keymap_event *keys, int n, unsigned delay)
{
	if (n <= 0) {
		free(keys);
		return n;
	}
	c->keys = keys;
	c->key_count = (size_t)n;
	c->delay_ms = delay;
	return 0;
}

static int do_type(struct control_call *c, json_t *args, struct err *err)
{
	unsigned delay = DEFAULT_DELAY;
	struct keymap_event *keys;
	const char *text;
	size_t bad = 0;
	int r = get_string(args, "text", &text, err), n;

	if (!r)
		r = get_unsigned(args, "delay_ms", MAX_DELAY_MS, &delay, err);
	if (r < 0)
		return r;
	if (strlen(text) > MAX_STEPS / 4)
		return err_set(err, EINVAL, "text", "is longer than %u characters", MAX_STEPS / 4);
	keys = malloc((strlen(text) * 4 + 1) * sizeof(*keys));
	if (!keys)
		return err_set(err, ENOMEM, "type", "no memory for the keys");
	n = keymap_text(text, keys, strlen(text) * 4 + 1, &bad);
	if (n < 0) {
		free(keys);
		return err_set_at(err, EINVAL, "text", bad, "holds a character that a US keyboard does not have");
	}
	return take_keys(c, keys, n, delay);
}

static int add_named(json_t *name, struct keymap_event *keys, size_t room, struct err *err)
{
	int n;

	if (!json_is_string(name))
		return err_set(err, EINVAL, "keys", "must be a list of key names");
	n = keymap_name(json_string_value(name), keys, room);
	if (n < 0) {
		err_set(err, EINVAL, json_string_value(name), "is not a key or a combination of keys");
		err_remedy(err, "Names are like f2, enter, ctrl-alt-delete; berth(1) lists them");
		return -EINVAL;
	}
	return n;
}

static int do_sendkey(struct control_call *c, json_t *args, struct err *err)
{
	json_t *list = json_object_get(args, "keys");
	unsigned delay = DEFAULT_DELAY;
	struct keymap_event *keys;
	size_t n = 0, room, count = json_array_size(list);
	int r = get_unsigned(args, "delay_ms", MAX_DELAY_MS, &delay, err);

	if (r < 0)
		return r;
	if (!count || count > MAX_STEPS / KEYMAP_PRESSED)
		return err_set(err, EINVAL, "keys", "must be a list of 1 to %u key names", MAX_STEPS / KEYMAP_PRESSED);
	room = count * KEYMAP_PRESSED;
	keys = malloc(room * sizeof(*keys));
	if (!keys)
		return err_set(err, ENOMEM, "sendkey", "no memory for the keys");
	for (size_t i = 0; i < count; i++) {
		r = add_named(json_array_get(list, i), keys + n, room - n, err);
		if (r < 0) {
			free(keys);
			return r;
		}
		n += (size_t)r;
	}
	return take_keys(c, keys, (int)n, delay);
}

static int do_version(struct control_call *c, json_t *args, struct err *err)
{
	(void)args;
	(void)err;
	c->result = json_pack("{s:s, s:i}", "version", BERTH_VERSION, "protocol", 1);
	return 0;
}

static int do_events(struct control_call *c, json_t *args, struct err *err)
{
	(void)args;
	(void)err;
	c->subscribe = true;
	return 0;
}

static const struct {
	const char *name;
	command_fn *fn;
	bool needs_machine;
} commands[] = {
	{ "status", do_status, true },
	{ "stop", do_stop, true },
	{ "reset", do_reset, true },
	{ "pause", do_pause, true },
	{ "resume", do_resume, true },
	{ "answer", do_answer, true },
	{ "screenshot", do_screenshot, true },
	{ "cd", do_cd, true },
	{ "device-add", do_device_add, true },
	{ "device-remove", do_device_remove, true },
	{ "sendkey", do_sendkey, false },
	{ "type", do_type, false },
	{ "version", do_version, false },
	{ "events", do_events, false },
};

static int run_command(struct control_call *c, const char *name, json_t *args, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		if (commands[i].needs_machine && !c->machine)
			return err_set(err, ENOSYS, name, "there is no machine to do this with");
		return commands[i].fn(c, args, err);
	}
	err_set(err, ENOSYS, "execute", "there is no command of this name");
	err_remedy(err, "docs/control.md lists the commands");
	return -ENOSYS;
}

static int run_request(struct control_call *c, json_t *request, struct err *err)
{
	json_t *args = json_object_get(request, "arguments");
	const char *name;
	int r;

	if (!json_is_object(request))
		return err_set(err, EINVAL, "request", "is not a JSON object");
	r = get_string(request, "execute", &name, err);
	if (r < 0)
		return r;
	if (args && !json_is_object(args))
		return err_set(err, EINVAL, "arguments", "is not a JSON object");
	return run_command(c, name, args, err);
}

json_t *control_handle(struct control_call *c, const char *line, size_t len)
{
	json_error_t where;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &where), *answer = NULL;
	struct err err = { 0 };
	int r;

	c->id = NULL;
	if (!request) {
		err_set(&err, EINVAL, "request", "is not JSON: %s", where.text);
		return control_error(NULL, &err);
	}
	c->id = json_incref(json_is_object(request) && json_object_get(request, "id") ?
			    json_object_get(request, "id") : json_null());
	r = run_request(c, request, &err);
	if (r < 0)
		answer = control_error(c->id, &err);
	else if (!c->keys)
		answer = control_answer(c->id, c->result);
	json_decref(request);
	if (answer) {
		json_decref(c->id);
		c->id = NULL;
	}
	return answer;
}
