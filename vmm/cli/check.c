// check.c: `berth check VM.vmx`.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/check.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/disk.h"
#include "cli/check_priv.h"
#include "kvm/nested_host.h"
#include "vmx/moved.h"

#define CHECK_QUEUE 16u

static const char usage_text[] =
	"Usage: berth check [--json] [--all] VM.vmx\n"
	"Shows the machine that `berth run` would build, what is wrong with the file, and what becomes of\n"
	"its keys. Changes nothing. VM.vmx may be a folder with one .vmx in it.\n"
	"\n"
	"  --all             list every key, not only those that are unknown, not honoured or inactive\n"
	"  --json            one JSON object: machine, problems [{severity, line, key, text}],\n"
	"                    keys [{key, line, fate, why}], exit\n"
	"  --keys-markdown   print the table of all keys Berth knows, as Markdown, and end\n"
	"  -h, --help        this text\n"
	"\n"
	"Exit codes: 0 nothing would stop a start, 2 usage, 3 configuration, 5 a disk cannot be opened,\n"
	"8 in use or suspended. See berth(1), berth.vmx(5).\n";

// --- gathering -----------------------------------------------------------------------------------------

static void note_failure(struct check_drive *d, struct err *err)
{
	err_exit(err, EXIT_DISK);
	d->exit = err->exit;
	err_sentence(err, d->problem, sizeof(d->problem));
}

static void look_at_drive(const struct check *check, struct loop *loop, const struct vm_drive *v,
			  struct check_drive *d)
{
	bool writes = v->kind == VM_DRIVE_DISK && v->mode == VM_DISK_PERSISTENT;
	struct disk_open_args args = { .path = v->path, .raw = v->kind == VM_DRIVE_CDROM, .readonly = true,
				       .rehearse = writes,
				       .allow_outside = check->config->disk_allow_outside,
				       .ignore_parent_cid = check->config->disk_ignore_parent_cid,
				       .allow_device = check->config->disk_allow_device,
				       .home = check->config->dir };
	struct err err = { 0 };
	struct disk *disk;

	if (writes && access(v->path, F_OK) == 0 && access(v->path, W_OK) < 0) {
		err_set(&err, EACCES, v->path, "cannot be written by this user");
		note_failure(d, &err);
		return;
	}
	if (disk_open(loop, &args, &disk, &err) < 0) {
		note_failure(d, &err);
		return;
	}
	d->opened = true;
	d->size = disk->size;
	snprintf(d->kind, sizeof(d->kind), "%s", disk->kind);
	disk_close(disk, &err);
}

// Files that do not exist are in the report already.
static void look_at_drives(struct check *check)
{
	struct loop *loop;

	if (loop_create(&loop, "check", CHECK_QUEUE, NULL) < 0)
		return;
	check->disks_looked_at = true;
	for (unsigned i = 0; i < CHECK_DRIVES; i++) {
		const struct vm_drive *v = &check->config->ide[i / 2][i % 2];

		if (v->kind != VM_DRIVE_NONE && v->path && access(v->path, F_OK) == 0)
			look_at_drive(check, loop, v, &check->drive[i]);
	}
	loop_destroy(loop);
}

void check_load(struct check *check, const char *path)
{
	*check = (struct check){ .path = path };
	vm_config_load(path, &check->config, &check->file, &check->report, &check->err);
	if (!check->config)
		return;
	moved_check(check->file, check->config->vmx_path, &check->report);
	pci_plan_make(check->config, &check->pci, &check->report);
	look_at_drives(check);
}

void check_host(struct check *check)
{
	struct host_probe probe = host_probe_real();
	struct host_config host = { 0 };

	if (!check->config)
		return;
	host_config_load(HOST_CONFIG_PATH, &host, NULL);
	nested_settle(&probe, &host, check->config, &check->nesting);
}

void check_free(struct check *check)
{
	vm_config_free(check->config);
	vmx_file_free(check->file);
	vmx_report_free(&check->report);
}

size_t check_errors(const struct check *check)
{
	size_t n = check->report.errors + (check->err.code != 0);

	for (unsigned i = 0; i < CHECK_DRIVES; i++)
		n += check->drive[i].problem[0] != '\0';
	return n;
}

enum exit_code check_exit(const struct check *check)
{
	if (check->err.code)
		return check->err.exit ? check->err.exit : EXIT_CONFIG;
	if (check->report.errors)
		return check->report.exit;
	for (unsigned i = 0; i < CHECK_DRIVES; i++) {
		if (check->drive[i].problem[0])
			return check->drive[i].exit;
	}
	return EXIT_GUEST_OFF;
}

// --- the command ---------------------------------------------------------------------------------------

struct options {
	bool all, json;
	const char *path;
};

enum { OPT_ALL = 256, OPT_JSON, OPT_MARKDOWN, OPT_MAN };

static const struct option long_options[] = {
	{ "all", no_argument, NULL, OPT_ALL },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "keys-markdown", no_argument, NULL, OPT_MARKDOWN },
	{ "keys-man", no_argument, NULL, OPT_MAN },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

// -1 = go on, otherwise the exit code.
static int parse(struct options *o, int argc, char **argv)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case OPT_ALL: o->all = true; break;
		case OPT_JSON: o->json = true; break;
		case OPT_MARKDOWN: vmx_keys_markdown(stdout); return EXIT_GUEST_OFF;
		case OPT_MAN: vmx_keys_man(stdout); return EXIT_GUEST_OFF;
		case 'h': fputs(usage_text, stdout); return EXIT_GUEST_OFF;
		default: fputs("Try `berth check --help`.\n", stderr); return EXIT_USAGE;
		}
	}
	if (optind != argc - 1) {
		fputs("berth check: name one .vmx file. Try `berth check --help`.\n", stderr);
		return EXIT_USAGE;
	}
	o->path = argv[optind];
	return -1;
}

static void print_unreadable(const struct check *check)
{
	char text[1200];

	fprintf(stderr, "berth check: %s\n", err_sentence(&check->err, text, sizeof(text)));
}

int check_main(int argc, char **argv)
{
	struct options o = { 0 };
	struct check check;
	int code = parse(&o, argc, argv);

	if (code >= 0)
		return code;
	check_load(&check, o.path);
	check_host(&check);
	code = (int)check_exit(&check);
	if (o.json) {
		if (check_print_json(&check, stdout) < 0)
			code = EXIT_INTERNAL;
	} else if (check.err.code) {
		print_unreadable(&check);
	} else {
		check_print(&check, o.all, stdout);
	}
	check_free(&check);
	return code;
}
