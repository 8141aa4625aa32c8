// vdiskmanager.c: `vmware-vdiskmanager`: VMware's options and messages in front of the disk tools.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// One operation per call. Progress is rewritten on one line of standard output, as the original does.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/compiler.h"
#include "cli/disk_cmd.h"

#define FAILED       1
#define MIB          (1ull << 20)
#define MIN_SIZE     MIB
#define MAX_SIZE     (8192ull << 30)
#define MAX_BUSLOGIC (2040ull << 30)

struct request {
	char operation;                 // the letter; 0 = none yet
	const char *operand;            // that belongs to the letter: mount point, source, size
	const char *adapter, *size, *disk;
	int type;                       // -1 = not given
	bool quiet;
};

static const struct disk_type { enum vmdk_kind kind; bool preallocate; } types[] = {
	{ VMDK_KIND_MONOLITHIC_SPARSE, false }, { VMDK_KIND_SPLIT_SPARSE, false }, { VMDK_KIND_MONOLITHIC_FLAT, true },
	{ VMDK_KIND_SPLIT_FLAT, true }, { VMDK_KIND_VMFS, true }, { VMDK_KIND_STREAM_OPTIMIZED, false },
	{ VMDK_KIND_VMFS, false },
};

static void usage(FILE *to)
{
	fputs("VMware Virtual Disk Manager, as Berth speaks it.\n"
	      "Usage: vmware-vdiskmanager OPTIONS <disk-name> | <mount-point>\n"
	      "Offline disk manipulation utility\n"
	      "  Operations, only one may be specified at a time:\n"
	      "     -c                   : create disk; needs -a, -s and -t\n"
	      "     -d                   : defragment the disk\n"
	      "     -k                   : shrink the disk\n"
	      "     -n <source-disk>     : rename the disk; the new name is <disk-name>\n"
	      "     -p                   : prepare the file system mounted at <mount-point> for shrinking\n"
	      "     -r <source-disk>     : convert the disk; needs -t; the new disk is <disk-name>\n"
	      "     -x <new-capacity>    : expand the disk to the given capacity\n"
	      "     -R                   : check the disk and repair it\n"
	      "     -e                   : check that the chain of disks is consistent\n"
	      "     -D                   : make the disk deletable\n"
	      "     -U                   : delete the disk\n"
	      "  Other options:\n"
	      "     -q                   : say nothing but errors\n"
	      "     -h                   : this text\n"
	      "  For -c and -r:\n"
	      "     -a <adapter>         : ide, buslogic, lsilogic; others are taken for lsilogic\n"
	      "     -s <size>            : 850MB, 10GB; a plain number counts sectors of 512 bytes\n"
	      "     -t <disk-type>       : 0 single growable, 1 growable split in 2 GB files, 2 single preallocated,\n"
	      "                            3 preallocated split, 4 preallocated for ESX, 5 compressed for streaming, 6 thin for ESX\n"
	      "Exit codes: 0 done, 1 failed, 255 wrong command line. vmware-vdiskmanager(1) tells more.\n", to);
}

static int wrong(const char *what)
{
	fprintf(stderr, "%s. Try `vmware-vdiskmanager -h`.\n", what);
	return 255;
}

// --- failures --------------------------------------------------------------------------------------------

// Codes as VIX numbers them.
static unsigned vix_code(int code)
{
	static const struct { int code; unsigned vix;
	} rows[] = {
		{ ENOMEM, 2 },     { EINVAL, 3 },  { ENOENT, 4 },  { EBUSY, 5 },  { ENOTSUP, 6 }, { ENOSPC, 8 },
		{ ECANCELED, 10 }, { EEXIST, 12 }, { EACCES, 13 }, { EPERM, 13 }, { EFBIG, 24 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].code == code)
			return rows[i].vix;
	}
	return 7;               // a file error
}

static int failed(struct disk_session *s, const char *action, const char *disk, const struct err *err)
{
	char text[1200];

	disk_end(s, -(err->code ? err->code : EIO), err);
	fprintf(stderr, "Failed to %s '%s' : %s (0x%x).\n", action, disk, err_sentence(err, text, sizeof(text)),
		vix_code(err->code));
	return FAILED;
}

static int done(struct disk_session *s, const char *message)
{
	disk_end(s, 0, NULL);
	if (!s->quiet)
		puts(message);
	return 0;
}

static void announce(const struct request *q)
{
	if (!q->quiet)
		printf("Creating disk '%s'\n", q->disk);
}

// --- operations ------------------------------------------------------------------------------------------

// Packer hands on what its template says. A descriptor knows few words.
static const char *adapter_of(const struct request *q)
{
	static const char *const known[] = { "ide", "buslogic", "lsilogic", "legacyESX" };

	for (size_t i = 0; q->adapter && i < ARRAY_SIZE(known); i++) {
		if (!strcasecmp(q->adapter, known[i]))
			return known[i];
	}
	return q->adapter ? "lsilogic" : NULL;
}

static int check_size(const struct request *q, uint64_t *bytes)
{
	bool buslogic = q->adapter && !strcasecmp(q->adapter, "buslogic");

	if (!q->size || !disk_size(q->size, 512, bytes))
		return wrong("The size is missing or is none (-s)");
	if (*bytes < MIN_SIZE || *bytes > (buslogic ? MAX_BUSLOGIC : MAX_SIZE))
		return wrong(buslogic ? "The size must be from 1 MB to 2040 GB"
				      : "The size must be from 1 MB to 8192 GB");
	return 0;
}

static int create(struct disk_session *s, const struct request *q, struct err *err)
{
	struct vmdk_create_args args = { .path = q->disk,
					 .progress = s->tool.progress.fn,
					 .arg = s->tool.progress.arg };
	uint64_t bytes;
	int r = check_size(q, &bytes);

	if (r || q->type < 0 || !q->adapter) {
		disk_end(s, 0, NULL);
		return r ? r : wrong("Creating a disk needs -a, -s and -t");
	}
	args.kind = types[q->type].kind;
	args.preallocate = types[q->type].preallocate;
	args.adapter = adapter_of(q);
	args.sectors = bytes / 512;
	announce(q);
	r = vmdk_create(&args, err);
	if (r < 0)
		return failed(s, "create disk", q->disk, err);
	s->tool.progress.fn(s, 1, 1);
	return done(s, "Virtual disk creation successful.");
}

static int convert(struct disk_session *s, const struct request *q, struct err *err)
{
	struct tool_convert_args args = { .from = { .path = q->operand }, .to = q->disk, .adapter = adapter_of(q) };
	struct tool_convert_result result;

	if (q->type < 0) {
		disk_end(s, 0, NULL);
		return wrong("Converting a disk needs -t");
	}
	args.kind = types[q->type].kind;
	args.preallocate = types[q->type].preallocate;
	announce(q);
	if (tool_convert(&s->tool, &args, &result, err) < 0)
		return failed(s, "convert disk", q->operand, err);
	s->tool.progress.fn(s, 1, 1);
	return done(s, "Virtual disk conversion successful.");
}

static int defragment(struct disk_session *s, const struct request *q, struct err *err)
{
	struct tool_shrink_result result;

	if (tool_defragment(&s->tool, q->disk, &result, err) < 0)
		return failed(s, "defragment", q->disk, err);
	s->tool.progress.fn(s, 1, 1);
	return done(s, "Defragmentation completed successfully.");
}

static int shrink(struct disk_session *s, const struct request *q, struct err *err)
{
	struct tool_shrink_result result;

	if (tool_shrink(&s->tool, q->disk, &result, err) < 0)
		return failed(s, "shrink", q->disk, err);
	s->tool.progress.fn(s, 1, 1);
	return done(s, "Shrink completed successfully.");
}

static int prepare(struct disk_session *s, const struct request *q, struct err *err)
{
	if (tool_fill_free(&s->tool, q->disk, err) < 0)
		return failed(s, "prepare for shrinking", q->disk, err);
	s->tool.progress.fn(s, 1, 1);
	return done(s, "Preparation completed successfully.");
}

static int rename_disk(struct disk_session *s, const struct request *q, struct err *err)
{
	if (tool_rename(&s->tool, q->operand, q->disk, err) < 0)
		return failed(s, "rename disk", q->operand, err);
	return done(s, "Renaming completed successfully.");
}

static int expand(struct disk_session *s, const struct request *q, struct err *err)
{
	struct request sized = *q;
	uint64_t bytes;
	int r;

	sized.size = q->operand;
	r = check_size(&sized, &bytes);
	if (r) {
		disk_end(s, 0, NULL);
		return r;
	}
	if (tool_grow(&s->tool, q->disk, bytes / 512, err) < 0)
		return failed(s, "expand disk", q->disk, err);
	s->tool.progress.fn(s, 1, 1);
	r = done(s, "Disk expansion completed successfully.");
	if (!s->quiet)
		puts("\nWARNING: If the virtual disk is partitioned, you must use a disk management\n"
		     "utility inside the virtual machine to increase the size of the partitions.");
	return r;
}

static void show_finding(void *arg, enum tool_finding kind, const char *file, const char *text)
{
	(void)arg;
	if (kind == FINDING_DAMAGE || kind == FINDING_MENDABLE)
		fprintf(stderr, "%s: %s\n", file ? file : "", text);
}

static int check(struct disk_session *s, const struct request *q, struct err *err)
{
	struct tool_check_args args = { .path = q->disk, .repair = q->operation == 'R', .found = show_finding };
	struct tool_check_result result;

	if (tool_check(&s->tool, &args, &result, err) < 0)
		return failed(s, args.repair ? "repair" : "check", q->disk, err);
	disk_end(s, 0, NULL);
	if (result.findings[FINDING_DAMAGE] || (!args.repair && result.findings[FINDING_MENDABLE])) {
		fprintf(stderr, args.repair ? "The virtual disk, '%s', is corrupted and cannot be repaired (0x7).\n"
					    : "The chain of the disk '%s' is not consistent (0x7).\n", q->disk);
		return FAILED;
	}
	if (s->quiet)
		return 0;
	if (!args.repair)
		puts("Disk chain is consistent.");
	else if (result.findings[FINDING_MENDED])
		printf("The virtual disk, '%s', was corrupted and has been successfully repaired.\n", q->disk);
	else
		printf("No errors were found on the virtual disk, '%s'.\n", q->disk);
	return 0;
}

static int make_deletable(struct disk_session *s, const struct request *q, struct err *err)
{
	if (tool_make_deletable(&s->tool, q->disk, true, err) < 0)
		return failed(s, "make deletable", q->disk, err);
	return done(s, "Disk is deletable now.");
}

static int delete_disk(struct disk_session *s, const struct request *q, struct err *err)
{
	if (tool_delete(&s->tool, q->disk, err) < 0)
		return failed(s, "delete disk", q->disk, err);
	return done(s, "Disk deletion successful.");
}

static const struct operation {
	char letter;
	bool operand;                   // takes an argument of its own
	const char *verb;               // of the progress
	int (*run)(struct disk_session *s, const struct request *q, struct err *err);
} operations[] = {
	{ 'c', false, "Create", create }, { 'd', false, "Defragment", defragment }, { 'k', false, "Shrink", shrink },
	{ 'n', true, "Rename", rename_disk }, { 'p', false, "Prepare", prepare }, { 'r', true, "Convert", convert },
	{ 'x', true, "Grow", expand }, { 'R', false, "Check", check }, { 'e', false, "Check", check },
	{ 'D', false, "Change", make_deletable }, { 'U', false, "Delete", delete_disk },
};

static const struct operation *find_operation(int letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		if (operations[i].letter == letter)
			return &operations[i];
	}
	return NULL;
}

// --- the command line ------------------------------------------------------------------------------------

// 0, or an exit code; -1 = help was printed.
static int take_option(struct request *q, int c)
{
	const struct operation *o = find_operation(c);

	if (o && q->operation)
		return wrong("Only one operation at a time");
	if (o) {
		q->operation = (char)c;
		q->operand = o->operand ? optarg : NULL;
		return 0;
	}
	switch (c) {
	case 'a': q->adapter = optarg; return 0;
	case 's': q->size = optarg; return 0;
	case 'q': q->quiet = true; return 0;
	case 'h': usage(stdout); return -1;
	case 't':
		if (optarg[0] < '0' || optarg[0] > '6' || optarg[1])
			return wrong("The disk type (-t) is a number from 0 to 6");
		q->type = optarg[0] - '0';
		return 0;
	default: return wrong("See above");
	}
}

int main(int argc, char **argv)
{
	struct request q = { .type = -1 };
	struct disk_session s = { .plain = true };
	struct err err = { 0 };
	const struct operation *o;
	int c, r = 0;

	while (!r && (c = getopt(argc, argv, "cdkn:pr:x:ReDUa:s:t:qh")) != -1)
		r = take_option(&q, c);
	if (r)
		return r < 0 ? 0 : r;
	o = find_operation(q.operation);
	if (!o || optind != argc - 1) {
		usage(stderr);
		return 255;
	}
	q.disk = argv[optind];
	if (disk_begin(&s, o->verb, q.quiet, &err) < 0)
		return failed(&s, "work on", q.disk, &err);
	return o->run(&s, &q, &err);
}
