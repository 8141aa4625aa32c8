// vm_commands.c: list, status, stop, reset, pause, resume, answer, screenshot, sendkey, type, cd.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/vm_commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/text.h"

#define EXITS    "Exit codes: 0 done, 2 usage, 3 no such VM or more than one fits, 1 anything else.\n"

struct number_option { const char *command, *name, *unit; long max; };

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static long long number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

#define SHOWN_MAX 1024u

static const char *shown(const json_t *o, const char *key, char buf[SHOWN_MAX])
{
	return text_printable(text_of(o, key), buf, SHOWN_MAX);
}

static int print_json(json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	if (!text)
		return EXIT_INTERNAL;
	puts(text);
	free(text);
	return 0;
}

int run_on(const char *name, const char *command, json_t *arguments, json_t **result)
{
	struct vm_found vm;
	struct err err = { 0 };
	int fd, r = client_find(name, &vm, &err);

	if (r < 0) {
		json_decref(arguments);
		return cli_fail(&err);
	}
	fd = client_connect(vm.socket, &err);
	vm_found_free(&vm);
	if (fd < 0) {
		json_decref(arguments);
		return cli_fail(&err);
	}
	r = client_request(fd, command, arguments, result, &err);
	close(fd);
	return r < 0 ? cli_fail(&err) : 0;
}

// --- list and status -------------------------------------------------------------------------------

static void print_uptime(long long ms)
{
	long long s = ms / 1000;

	if (s >= 86400)
		printf("%lldd%02lldh", s / 86400, s / 3600 % 24);
	else
		printf("%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static void print_row(const json_t *s)
{
	char name[SHOWN_MAX], vmx[SHOWN_MAX];

	printf("%-24s %-9s %7lld %4lld %8lld  ", shown(s, "name", name), text_of(s, "state"), number_of(s, "pid"),
	       number_of(s, "cpus"), number_of(s, "memory_mb"));
	print_uptime(number_of(s, "uptime_ms"));
	printf("  %s\n", shown(s, "vmx", vmx));
}

int list_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth list [--json]\nShows the VMs that run and that this user may control.\n", 0, 0 };
	bool json = false;
	struct vm_list list;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "json", &json, NULL }, { 0 } });

	if (r >= 0)
		return r;
	client_list(&list, NULL);
	if (json) {
		json_t *all = json_array();

		for (size_t i = 0; i < list.count; i++)
			json_array_append(all, list.vm[i].status);
		r = print_json(all);
		json_decref(all);
	} else {
		r = 0;
		if (list.count)
			printf("%-24s %-9s %7s %4s %8s  %s  %s\n", "NAME", "STATE", "PID", "CPUS", "MEMORY", "UPTIME", "VMX");
		else if (isatty(STDERR_FILENO))
			fputs("No VM is running.\n", stderr);
		for (size_t i = 0; i < list.count; i++)
			print_row(list.vm[i].status);
	}
	vm_list_free(&list);
	return r;
}

// Only VMs with nesting have the field; null where KVM cannot tell.
static void print_nesting(const json_t *inner)
{
	if (inner)
		printf("nesting   %s\n", json_is_null(inner) ? "whether an inner guest runs, this host's KVM cannot tell" :
			json_is_true(inner) ? "an inner guest runs at this moment" : "no inner guest runs at this moment");
}

static void print_status(const json_t *s)
{
	const json_t *vnc = json_object_get(s, "vnc"), *drive;
	char name[SHOWN_MAX], vmx[SHOWN_MAX], file[SHOWN_MAX];
	size_t i;

	printf("name      %s\nvmx       %s\nstate     %s\npid       %lld\nmachine   hardware version %lld, %lld CPUs, %lld MiB\nuptime    ",
	       shown(s, "name", name), shown(s, "vmx", vmx), text_of(s, "state"), number_of(s, "pid"),
	       number_of(s, "hardware_version"), number_of(s, "cpus"), number_of(s, "memory_mb"));
	print_uptime(number_of(s, "uptime_ms"));
	printf(", %lld resets\n", number_of(s, "resets"));
	if (number_of(s, "memory_resident"))
		printf("memory    %lld of %lld MiB are in the host's memory\n", number_of(s, "memory_resident") >> 20,
		       number_of(s, "memory_mb"));
	print_nesting(json_object_get(s, "inner_guest"));
	if (vnc)
		printf("vnc       %s:%lld, %lld viewers\n", text_of(vnc, "ip"), number_of(vnc, "port"),
		       number_of(vnc, "clients"));
	json_array_foreach(json_object_get(s, "drives"), i, drive)
		printf("%-9s %s %s\n", text_of(drive, "node"), text_of(drive, "type"),
		       *text_of(drive, "file") ? shown(drive, "file", file) : "(empty)");
	json_array_foreach(json_object_get(s, "devices"), i, drive)
		printf("%-9s %s, slot %lld%s\n", text_of(drive, "node"), text_of(drive, "type"), number_of(drive, "slot"),
		       json_is_true(json_object_get(drive, "leaving")) ? ", leaving" : "");
}

static void print_question(const json_t *q)
{
	char text[SHOWN_MAX], label[SHOWN_MAX];
	const json_t *choice;
	size_t i;

	printf("question  %s\n", shown(q, "text", text));
	json_array_foreach(json_object_get(q, "choices"), i, choice)
		printf("  %-7s %s\n", text_of(choice, "answer"), shown(choice, "label", label));
}

static void print_registers(const json_t *list)
{
	const json_t *text;
	size_t i;

	json_array_foreach(list, i, text)
		printf("vcpu%-5zu %s\n", i, json_string_value(text));
}

int status_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth status [--json] [--registers] VM\nShows one running VM. " WHICH_VM
		"  --registers   the registers of each of its CPUs, too: for a guest that has hung\n" EXITS, 1, 1 };
	bool json = false, registers = false;
	json_t *status = NULL;
	int r = cli_parse(argc, argv, &usage,
			  (struct cli_flag[]){ { "json", &json, NULL }, { "registers", &registers, NULL }, { 0 } });

	if (r >= 0)
		return r;
	r = run_on(argv[optind], "status", registers ? json_pack("{s:b}", "registers", true) : NULL, &status);
	if (r)
		return r;
	if (json)
		r = print_json(status);
	else
		print_status(status);
	if (!json)
		print_registers(json_object_get(status, "registers"));
	if (!json && json_object_get(status, "question"))
		print_question(json_object_get(status, "question"));
	json_decref(status);
	return r;
}

// --- power -----------------------------------------------------------------------------------------

// Waits for the process to end; says on a terminal that it still does. The VM keeps its own time limit.
static void wait_for_end(int fd, const char *name)
{
	unsigned seconds = 0;
	bool terminal = isatty(STDERR_FILENO);

	while (client_wait_end(fd, 1000) == -ETIMEDOUT) {
		seconds++;
		if (terminal)
			fprintf(stderr, "\r%s: waiting for the guest to power off, %u s ", name, seconds);
	}
	if (terminal && seconds)
		fputc('\n', stderr);
}

// The number of an option, if it was given, into ARGUMENTS; says what is wrong with it.
static bool put_number(json_t *arguments, const char *key, const char *text, const struct number_option *option)
{
	long v;

	if (!text)
		return true;
	if (!text_number(text, option->max, &v)) {
		fprintf(stderr, "berth %s: --%s takes %s, 0 to %ld. Try `berth %s --help`.\n", option->command, option->name,
			option->unit, option->max, option->command);
		return false;
	}
	json_object_set_new(arguments, key, json_integer(v));
	return true;
}

static int stop_and_wait(const char *name, json_t *arguments)
{
	struct vm_found vm;
	struct err err = { 0 };
	int fd, r = client_find(name, &vm, &err);

	if (r < 0) {
		json_decref(arguments);
		return cli_fail(&err);
	}
	fd = client_connect(vm.socket, &err);
	vm_found_free(&vm);
	if (fd < 0) {
		json_decref(arguments);
		return cli_fail(&err);
	}
	r = client_request(fd, "stop", arguments, NULL, &err);
	// A hard stop may close the socket before its answer is out: that is success too.
	if (r == 0 || err.code == ECONNRESET) {
		wait_for_end(fd, name);
		r = 0;
	}
	close(fd);
	return r < 0 ? cli_fail(&err) : 0;
}

int stop_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth stop [--hard] [--timeout SECONDS] VM\n"
		"Presses the power button and waits until the guest has powered off; after the timeout (key\n"
		"berth.stopTimeout, 60 s) the VM is stopped. A guest without ACPI is powered off at once.\n"
		"  --hard             at once, as if the plug were pulled; disks are flushed and closed\n"
		"  --timeout SECONDS  how long the guest has\n" WHICH_VM EXITS, 1, 1 };
	static const struct number_option seconds = { "stop", "timeout", "seconds", 86400 };
	bool hard = false;
	const char *timeout = NULL;
	json_t *arguments;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){
		{ "hard", &hard, NULL }, { "timeout", NULL, &timeout }, { 0 } });

	if (r >= 0)
		return r;
	arguments = json_pack("{s:b}", "hard", hard);
	if (!put_number(arguments, "timeout", timeout, &seconds)) {
		json_decref(arguments);
		return EXIT_USAGE;
	}
	return stop_and_wait(argv[optind], arguments);
}

static int simple(int argc, char **argv, const char *text)
{
	const struct cli_usage usage = { text, 1, 1 };
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { 0 } });

	return r >= 0 ? r : run_on(argv[optind], argv[0], NULL, NULL);
}

int reset_main(int argc, char **argv)
{
	return simple(argc, argv, "Usage: berth reset VM\nResets the machine as its reset button would. " WHICH_VM EXITS);
}

int pause_main(int argc, char **argv)
{
	return simple(argc, argv, "Usage: berth pause VM\nStops the virtual CPUs and virtual time. " WHICH_VM EXITS);
}

int resume_main(int argc, char **argv)
{
	return simple(argc, argv, "Usage: berth resume VM\nLets a paused VM go on. " WHICH_VM EXITS);
}

int answer_running(const char *vm, const char *word)
{
	return run_on(vm, "answer", json_pack("{s:s}", "answer", word), NULL);
}

// --- screen and keys -------------------------------------------------------------------------------

int screenshot_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth screenshot VM FILE.png\nWrites what the VM shows as a PNG; - is standard output. " WHICH_VM EXITS, 2, 2 };
	struct err err = { 0 };
	json_t *result = NULL;
	const char *png, *path;
	unsigned char *data;
	size_t len;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { 0 } });

	if (r >= 0)
		return r;
	path = argv[optind + 1];
	r = run_on(argv[optind], "screenshot", NULL, &result);
	if (r)
		return r;
	png = text_of(result, "png");
	data = malloc(strlen(png) + 1);
	len = data ? text_base64_decode(png, data) : 0;
	json_decref(result);
	if (!len)
		r = err_set(&err, EPROTO, path, "the VM sent no picture");
	else if (!strcmp(path, "-"))
		r = fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0 ? 0 : err_set(&err, errno, path, "cannot be written");
	else
		r = file_replace(path, data, len, &err);
	free(data);
	return r < 0 ? cli_fail(&err) : 0;
}

int sendkey_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth sendkey VM KEY...\n"
		"Presses and releases each KEY: a name (enter, f2, a, up) or a combination (ctrl-alt-delete, shift-f10).\n"
		WHICH_VM EXITS, 2, -1, true };
	json_t *keys;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { 0 } });

	if (r >= 0)
		return r;
	keys = json_array();
	for (int i = optind + 1; i < argc; i++)
		json_array_append_new(keys, json_string(argv[i]));
	return run_on(argv[optind], "sendkey", json_pack("{s:o}", "keys", keys), NULL);
}

int type_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth type [--delay MS] VM TEXT\n"
		"Types TEXT on the VM's keyboard (US layout). \\n is Enter, \\t Tab, \\e Escape, \\\\ a backslash.\n"
		"  --delay MS   between key events, 20 by default\n" WHICH_VM EXITS, 2, 2, true };
	static const struct number_option ms = { "type", "delay", "milliseconds", 10000 };
	const char *delay = NULL;
	json_t *arguments;
	char *text;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "delay", NULL, &delay }, { 0 } });

	if (r >= 0)
		return r;
	text = malloc(strlen(argv[optind + 1]) + 1);
	if (!text)
		return EXIT_INTERNAL;
	text_unescape(argv[optind + 1], text);
	arguments = json_pack("{s:s}", "text", text);
	free(text);
	if (!arguments) {
		fputs("berth type: the text is not UTF-8.\n", stderr);
		return EXIT_USAGE;
	}
	if (!put_number(arguments, "delay_ms", delay, &ms)) {
		json_decref(arguments);
		return EXIT_USAGE;
	}
	return run_on(argv[optind], "type", arguments, NULL);
}

int cd_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth cd VM NODE FILE.iso\n       berth cd --eject VM NODE\n"
		"Puts a medium into the CD drive NODE (ide1:0), or takes it out. " WHICH_VM EXITS, 2, 3 };
	bool eject = false;
	char *path = NULL;
	json_t *arguments;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "eject", &eject, NULL }, { 0 } });

	if (r >= 0)
		return r;
	if (eject != (argc - optind == 2)) {
		fputs("berth cd: give a medium, or --eject. Try `berth cd --help`.\n", stderr);
		return EXIT_USAGE;
	}
	if (!eject)
		path = realpath(argv[optind + 2], NULL);
	if (!eject && !path) {
		fprintf(stderr, "berth: %s: cannot be found: %s.\n", argv[optind + 2], strerror(errno));
		return EXIT_CONFIG;
	}
	arguments = json_pack("{s:s, s:s?}", "node", argv[optind + 1], "path", path);
	free(path);
	if (!arguments) {
		fputs("berth cd: the path is not UTF-8.\n", stderr);
		return EXIT_USAGE;
	}
	return run_on(argv[optind], "cd", arguments, NULL);
}
