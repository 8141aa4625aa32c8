// test_disk_tool.c: the disk tools: check and repair, convert, compare, commit, grow, shrink, rename, wipe.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "block/tool.h"
#include "block/tool_text.h"

#define GRAIN   65536ull
#define SECTORS 204800ull               // 100 MiB: four tables

static struct fixture f;
static struct tool tool;
static char said[4096];

static void note_said(void *arg, const char *text)
{
	(void)arg;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", text);
}

static void setup(void)
{
	fixture_setup(&f);
	said[0] = '\0';
	tool = (struct tool){ .loop = f.loop, .say = note_said };
}

static void teardown(void)
{
	fixture_teardown(&f);
}

static const char *at(const char *name)
{
	static char bufs[8][256];
	static unsigned next;

	return path_in(&f, name, bufs[next++ % 8], sizeof(bufs[0]));
}

static void must(int r)
{
	char text[1200];

	ck_assert_msg(r == 0, "%d: %s", r, err_sentence(&f.err, text, sizeof(text)));
}

static void must_say(int r, int code, const char *needle)
{
	char text[1200];

	err_sentence(&f.err, text, sizeof(text));
	ck_assert_msg(r == -code, "%d instead of %d: %s", r, -code, text);
	ck_assert_msg(strstr(text, needle) != NULL, "no \"%s\" in: %s", needle, text);
}

static unsigned files_in_folder(void)
{
	DIR *dir = opendir(f.dir);
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void create(const char *name, enum vmdk_kind kind, const char *parent)
{
	must(vmdk_create(&(struct vmdk_create_args){ .path = at(name), .kind = kind, .sectors = parent ? 0 : SECTORS,
						     .parent = parent ? at(parent) : NULL }, &f.err));
}

// Some data: at the start, across grains and tables, at the end.
static void fill(const char *name)
{
	struct disk *d = must_open(&f, name, (struct disk_open_args){ 0 });

	write_byte(d, 0, 4096, 1);
	write_byte(d, 32 * 1048576 - 8192, 16384, 2);
	write_byte(d, 40 * GRAIN, GRAIN, 0);
	write_byte(d, 50 * GRAIN, 3 * GRAIN, 3);
	write_byte(d, SECTORS * 512 - 512, 512, 4);
	must_close(&f, d);
}

static void expect_filled(const char *name, bool raw)
{
	struct disk *d = must_open(&f, name, (struct disk_open_args){ .readonly = true, .raw = raw });

	expect_byte(d, 0, 4096, 1);
	expect_byte(d, 4096, GRAIN, 0);
	expect_byte(d, 32 * 1048576 - 8192, 16384, 2);
	expect_byte(d, 50 * GRAIN, 3 * GRAIN, 3);
	expect_byte(d, 60 * GRAIN, 4 * GRAIN, 0);
	expect_byte(d, SECTORS * 512 - 512, 512, 4);
	must_close(&f, d);
}

// --- check -----------------------------------------------------------------------------------------------

static void check(const char *name, bool repair, struct tool_check_result *result)
{
	must(tool_check(&tool, &(struct tool_check_args){ .path = at(name), .repair = repair }, result, &f.err));
}

static void expect_clean(const char *name)
{
	struct tool_check_result r;

	check(name, false, &r);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE] + r.findings[FINDING_MENDABLE] + r.findings[FINDING_LOST], 0);
}

// Where the entry of GRAIN stands in a monolithic sparse disk: in its table, or in the copy.
static uint64_t entry_at(const char *name, uint32_t grain, bool copy)
{
	uint64_t directory = peek32(&f, name, copy ? 48 : 56) * 512ull;

	return peek32(&f, name, directory + grain / 512 * 4) * 512ull + grain % 512 * 4;
}

static void poke_entry(const char *name, uint32_t grain, bool copy, uint32_t value)
{
	poke32(&f, name, entry_at(name, grain, copy), value);
}

static uint32_t entry_of(const char *name, uint32_t grain)
{
	return peek32(&f, name, entry_at(name, grain, false));
}

// Puts a grain of BYTE into a sparse file by hand: children of chains that the engine may not open.
static void put_grain(const char *name, uint32_t grain, int byte)
{
	char data[GRAIN];
	struct stat st;
	uint32_t sector;

	ck_assert_int_eq(stat(at(name), &st), 0);
	sector = (uint32_t)((st.st_size + 65535) / 65536 * 128);
	memset(data, byte, sizeof(data));
	poke(&f, name, sector * 512ull, data, sizeof(data));
	poke_entry(name, grain, false, sector);
	poke_entry(name, grain, true, sector);
}

enum damage {
	BAD_MAIN, BAD_COPY, MAIN_LOST, COPY_LOST, BOTH_BAD, BEHIND_END, ON_METADATA, OVERLAP, UNCLEAN, LOST_GRAIN,
	DIRECTORY_LOST, COPY_DIRECTORY_LOST, DIRECTORIES_BAD, TABLES_SHARED,
};

static void break_it(enum damage damage)
{
	uint32_t gd = peek32(&f, "d.vmdk", 56) * 512, rgd = peek32(&f, "d.vmdk", 48) * 512;

	switch (damage) {
	case BAD_MAIN: poke_entry("d.vmdk", 50, false, 0xfffffff0); break;
	case BAD_COPY: poke_entry("d.vmdk", 50, true, 0xfffffff0); break;
	case MAIN_LOST: poke_entry("d.vmdk", 50, false, 0); break;
	case COPY_LOST: poke_entry("d.vmdk", 50, true, 0); break;
	case BOTH_BAD:
		poke_entry("d.vmdk", 50, false, 0xfffffff0);
		poke_entry("d.vmdk", 50, true, 3);
		break;
	case BEHIND_END:
		poke_entry("d.vmdk", 900, false, 1 << 24);
		poke_entry("d.vmdk", 900, true, 1 << 24);
		break;
	case ON_METADATA:
		poke_entry("d.vmdk", 50, false, 1);
		poke_entry("d.vmdk", 50, true, 1);
		break;
	case OVERLAP:
		poke_entry("d.vmdk", 51, false, entry_of("d.vmdk", 50));
		poke_entry("d.vmdk", 51, true, entry_of("d.vmdk", 50));
		break;
	case UNCLEAN: poke(&f, "d.vmdk", 72, "\1", 1); break;
	case LOST_GRAIN:
		poke_entry("d.vmdk", 50, false, 0);
		poke_entry("d.vmdk", 50, true, 0);
		break;
	case DIRECTORY_LOST: poke32(&f, "d.vmdk", gd, 0); break;
	case COPY_DIRECTORY_LOST: poke32(&f, "d.vmdk", rgd, 0xffffff00); break;
	case DIRECTORIES_BAD:
		poke32(&f, "d.vmdk", gd, 0xffffff00);
		poke32(&f, "d.vmdk", rgd, 0xffffff00);
		break;
	case TABLES_SHARED: poke32(&f, "d.vmdk", gd, peek32(&f, "d.vmdk", gd + 4)); break;
	}
}

static const struct { enum damage damage; enum tool_finding finding; } damages[] = {
	{ BAD_MAIN, FINDING_MENDABLE }, { BAD_COPY, FINDING_MENDABLE }, { MAIN_LOST, FINDING_MENDABLE },
	{ COPY_LOST, FINDING_MENDABLE }, { BOTH_BAD, FINDING_DAMAGE }, { BEHIND_END, FINDING_DAMAGE },
	{ ON_METADATA, FINDING_DAMAGE }, { OVERLAP, FINDING_DAMAGE }, { UNCLEAN, FINDING_MENDABLE },
	{ LOST_GRAIN, FINDING_LOST }, { DIRECTORY_LOST, FINDING_MENDABLE }, { COPY_DIRECTORY_LOST, FINDING_MENDABLE },
	{ DIRECTORIES_BAD, FINDING_DAMAGE }, { TABLES_SHARED, FINDING_DAMAGE },
};

START_TEST(check_finds)
{
	struct tool_check_result r;

	create("d.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	fill("d.vmdk");
	expect_clean("d.vmdk");
	break_it(damages[_i].damage);
	check("d.vmdk", false, &r);
	ck_assert_uint_gt(r.findings[damages[_i].finding], 0);
	if (damages[_i].finding != FINDING_DAMAGE)
		ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 0);
	check("d.vmdk", true, &r);
	if (damages[_i].finding != FINDING_MENDABLE)
		return;
	ck_assert_uint_gt(r.findings[FINDING_MENDED], 0);
	expect_clean("d.vmdk");
	expect_filled("d.vmdk", false);
}
END_TEST

START_TEST(check_of_nonsense)
{
	struct tool_check_result r;

	put_text(&f, "d.vmdk", "KDMV and nothing else, but long enough to be looked at as a header of a sparse extent");
	check("d.vmdk", false, &r);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 1);
	must_say(tool_check(&tool, &(struct tool_check_args){.path = at("none.vmdk")}, &r, &f.err), ENOENT,
		 "none.vmdk");
}
END_TEST

START_TEST(check_chain)
{
	struct tool_check_result r;
	struct disk *d;

	create("p.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	create("c.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, "p.vmdk");
	check("c.vmdk", false, &r);
	ck_assert_uint_eq(r.links, 2);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 0);
	d = must_open(&f, "p.vmdk", (struct disk_open_args){ 0 });
	write_byte(d, 0, 512, 1);
	must_close(&f, d);
	check("c.vmdk", true, &r);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 1);
	ck_assert_int_eq(unlink(at("p.vmdk")), 0);
	check("c.vmdk", false, &r);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 1);
}
END_TEST

// --- convert and compare ---------------------------------------------------------------------------------

static const enum vmdk_kind kinds[] = {
	VMDK_KIND_MONOLITHIC_SPARSE,
	VMDK_KIND_MONOLITHIC_FLAT,
	VMDK_KIND_SPLIT_SPARSE,
	VMDK_KIND_SPLIT_FLAT,
	VMDK_KIND_VMFS,
};

static int convert(const char *from, bool from_raw, const char *to, bool to_raw, enum vmdk_kind kind, uint64_t *moved)
{
	struct tool_convert_args args = {
		.from = {.path = at(from), .raw = from_raw}, .to = at(to), .to_raw = to_raw, .kind = kind};
	struct tool_convert_result result;
	int r = tool_convert(&tool, &args, &result, &f.err);

	if (moved)
		*moved = result.moved;
	return r;
}

static uint64_t difference(const char *a, bool a_raw, const char *b, bool b_raw)
{
	struct tool_source x = { .path = at(a), .raw = a_raw }, y = { .path = at(b), .raw = b_raw };
	struct tool_compare_result r;

	must(tool_compare(&tool, &x, &y, &r, &f.err));
	ck_assert_uint_eq(r.size[0], r.size[1]);
	return r.difference;
}

// The grain of zeros at 40 and the rest of the first one are not written.
START_TEST(convert_both_ways)
{
	uint64_t moved;

	create("s.vmdk", kinds[_i], NULL);
	fill("s.vmdk");
	must(convert("s.vmdk", false, "r.raw", true, 0, &moved));
	ck_assert_uint_le(moved, 7 * GRAIN);
	ck_assert_uint_ge(moved, 4096 + 16384 + 3 * GRAIN + 512);
	expect_filled("r.raw", true);
	must(convert("r.raw", true, "t.vmdk", false, kinds[_i], &moved));
	ck_assert_uint_le(moved, 7 * GRAIN);
	ck_assert_uint_ge(moved, 4096 + 16384 + 3 * GRAIN + 512);
	expect_filled("t.vmdk", false);
	expect_clean("t.vmdk");
	ck_assert_uint_eq(difference("s.vmdk", false, "t.vmdk", false), UINT64_MAX);
	if (have_qemu_img())
		shell("qemu-img compare -f raw -F vmdk '%s/r.raw' '%s/t.vmdk' >/dev/null", f.dir, f.dir);
}
END_TEST

START_TEST(compare_finds_first)
{
	struct disk *d;

	create("a.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	create("b.vmdk", VMDK_KIND_MONOLITHIC_FLAT, NULL);
	fill("a.vmdk");
	fill("b.vmdk");
	ck_assert_uint_eq(difference("a.vmdk", false, "b.vmdk", false), UINT64_MAX);
	d = must_open(&f, "b.vmdk", (struct disk_open_args){ 0 });
	write_byte(d, 70 * 1048576 + 1024, 512, 9);
	write_byte(d, 60 * 1048576 + 512, 512, 9);
	must_close(&f, d);
	ck_assert_uint_eq(difference("a.vmdk", false, "b.vmdk", false), 60 * 1048576 + 512);
}
END_TEST

static int stop(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	return 1;
}

START_TEST(convert_to_stream)
{
	create("s.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	fill("s.vmdk");
	must(convert("s.vmdk", false, "t.vmdk", false, VMDK_KIND_STREAM_OPTIMIZED, NULL));
	expect_filled("t.vmdk", false);
	tool.progress.fn = stop;
	must_say(convert("s.vmdk", false, "u.vmdk", false, VMDK_KIND_STREAM_OPTIMIZED, NULL), ECANCELED, "stopped");
	ck_assert_uint_eq(files_in_folder(), 2);
}
END_TEST

START_TEST(convert_leaves_nothing)
{
	struct rlimit limit = { 48 << 20, 48 << 20 };

	create("s.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	fill("s.vmdk");
	must_say(convert("s.vmdk", false, "s.vmdk", false, 0, NULL), EEXIST, "exists already");
	tool.progress.fn = stop;
	must_say(convert("s.vmdk", false, "t.vmdk", false, VMDK_KIND_SPLIT_SPARSE, NULL), ECANCELED, "stopped");
	tool.progress.fn = NULL;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	must_say(convert("s.vmdk", false, "t.vmdk", false, VMDK_KIND_VMFS, NULL), EFBIG, "t-flat.vmdk");
	must_say(convert("s.vmdk", false, "t.raw", true, 0, NULL), EFBIG, "t.raw");
	ck_assert_uint_eq(files_in_folder(), 1);
	expect_clean("s.vmdk");
}
END_TEST

START_TEST(busy)
{
	struct tool_shrink_result r;
	struct disk *d;

	create("s.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	d = must_open(&f, "s.vmdk", (struct disk_open_args){ 0 });
	must_say(convert("s.vmdk", false, "t.vmdk", false, 0, NULL), EBUSY, "another program");
	must_say(tool_shrink(&tool, at("s.vmdk"), &r, &f.err), EBUSY, "another program");
	must_say(tool_rename(&tool, at("s.vmdk"), at("t.vmdk"), &f.err), EBUSY, "another program");
	must_say(tool_grow(&tool, at("s.vmdk"), SECTORS * 2, &f.err), EBUSY, "another program");
	must_close(&f, d);
	shell("mkdir '%s/s.vmdk.lck'; echo 'host 1-1 1 X 1' > '%s/s.vmdk.lck/M00001.lck'", f.dir, f.dir);
	must_say(tool_delete(&tool, at("s.vmdk"), &f.err), EBUSY, "M00001.lck");
	ck_assert_int_eq(access(at("s.vmdk"), F_OK), 0);
}
END_TEST

// --- chains ----------------------------------------------------------------------------------------------

START_TEST(map_through_layers)
{
	struct tool_chain chain;
	struct tool_range range;

	create("p.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	fill("p.vmdk");
	create("c.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, "p.vmdk");
	put_grain("c.vmdk", 51, 8);
	must(tool_chain_open(at("c.vmdk"), (struct tool_open){ 0 }, &chain, &f.err));
	ck_assert_uint_eq(chain.count, 2);
	must(tool_chain_find(&chain, 50 * GRAIN, &range, &f.err));
	ck_assert(range.kind == TOOL_DATA && range.layer == 1 && range.length == GRAIN);
	must(tool_chain_find(&chain, 51 * GRAIN, &range, &f.err));
	ck_assert(range.kind == TOOL_DATA && range.layer == 0 && range.length == GRAIN);
	ck_assert_uint_eq(range.file_offset, entry_of("c.vmdk", 51) * 512ull);
	must(tool_chain_find(&chain, 60 * GRAIN, &range, &f.err));
	ck_assert(range.kind == TOOL_ABSENT);
	tool_chain_close(&chain);
}
END_TEST

static int commit(const char *child, bool force, bool remove)
{
	struct tool_commit_result result;
	struct tool_commit_args args = { .path = at(child), .force = force, .remove = remove };

	return tool_commit(&tool, &args, &result, &f.err);
}

static void expect_committed(void)
{
	struct disk *d = must_open(&f, "p.vmdk", (struct disk_open_args){ .readonly = true });

	expect_byte(d, 0, 4096, 1);
	expect_byte(d, 50 * GRAIN, GRAIN, 3);
	expect_byte(d, 51 * GRAIN, GRAIN, 8);
	expect_byte(d, 52 * GRAIN, GRAIN, 3);
	expect_byte(d, 900 * GRAIN, GRAIN, 9);
	expect_byte(d, SECTORS * 512 - 512, 512, 4);
	must_close(&f, d);
}

static void make_chain(enum vmdk_kind parent)
{
	create("p.vmdk", parent, NULL);
	fill("p.vmdk");
	create("c.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, "p.vmdk");
	put_grain("c.vmdk", 51, 8);
	put_grain("c.vmdk", 900, 9);
}

static bool has_note(const char *name)
{
	struct tool_meta meta;
	bool found;

	must(tool_meta_read(at(name), &meta, &f.err));
	found = strstr(meta.text, "berth.commit") != NULL;
	tool_meta_free(&meta);
	return found;
}

START_TEST(commit_into_parent)
{
	make_chain(kinds[_i]);
	must(commit("c.vmdk", false, false));
	expect_committed();
	expect_clean("c.vmdk");
	expect_clean("p.vmdk");
	ck_assert(!has_note("c.vmdk"));
	must(commit("c.vmdk", false, true));
	ck_assert_int_ne(access(at("c.vmdk"), F_OK), 0);
	expect_committed();
}
END_TEST

START_TEST(commit_refusals)
{
	struct disk *d;

	make_chain(VMDK_KIND_MONOLITHIC_SPARSE);
	must_say(commit("p.vmdk", false, false), EINVAL, "no parent");
	create("c2.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, "p.vmdk");
	must_say(commit("c.vmdk", false, false), EBUSY, "c2.vmdk");
	ck_assert_int_eq(unlink(at("c2.vmdk")), 0);
	create("g.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, "c.vmdk");
	must_say(commit("c.vmdk", false, true), EBUSY, "children of its own");
	d = must_open(&f, "p.vmdk", (struct disk_open_args){ 0 });
	write_byte(d, 0, 512, 7);
	must_close(&f, d);
	must_say(commit("c.vmdk", false, false), EINVAL, "CID mismatch");
}
END_TEST

// The process died between the parent's new CID and the child's knowledge of it.
START_TEST(commit_goes_on)
{
	struct tool_link *link;
	struct desc_text text;
	struct disk *d;
	char cid[9];

	make_chain(VMDK_KIND_MONOLITHIC_SPARSE);
	must(tool_link_open(at("c.vmdk"), (struct tool_open){ .writable = true }, &link, &f.err));
	ck_assert(tool_text_copy(&link->meta, &text));
	snprintf(cid, sizeof(cid), "%08x", link->meta.desc.parent_cid);
	desc_text_set(&text, "ddb.berth.commit", cid);
	must(tool_text_store(link, &text, &f.err));
	desc_text_free(&text);
	tool_link_close(link);
	d = must_open(&f, "p.vmdk", (struct disk_open_args){ 0 });
	write_byte(d, 51 * GRAIN, GRAIN, 8);
	must_close(&f, d);
	must(commit("c.vmdk", false, false));
	expect_committed();
	expect_clean("c.vmdk");
	ck_assert(!has_note("c.vmdk"));
}
END_TEST

START_TEST(commit_without_room)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	make_chain(VMDK_KIND_MONOLITHIC_SPARSE);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_int_lt(commit("c.vmdk", false, false), 0);
	ck_assert(!has_note("c.vmdk"));
	limit.rlim_cur = limit.rlim_max;
	expect_clean("p.vmdk");
	struct tool_check_result r;
	check("c.vmdk", false, &r);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 0);
}
END_TEST

// --- growing, shrinking, ordering ------------------------------------------------------------------------

START_TEST(grow)
{
	struct disk *d;

	create("d.vmdk", kinds[_i], NULL);
	fill("d.vmdk");
	must(tool_grow(&tool, at("d.vmdk"), 9000000, &f.err));
	expect_clean("d.vmdk");
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	ck_assert_uint_eq(d->size, 9000000ull * 512);
	ck_assert_uint_eq(d->geometry.cylinders, 9000000 / (64 * 32));
	expect_byte(d, 50 * GRAIN, GRAIN, 3);
	expect_byte(d, SECTORS * 512 - 512, 512, 4);
	expect_byte(d, SECTORS * 512, GRAIN, 0);
	write_byte(d, 9000000ull * 512 - GRAIN, GRAIN, 6);
	must_close(&f, d);
	expect_clean("d.vmdk");
	if (have_qemu_img())
		shell("qemu-io -r -c 'read -P 6 %llu 64k' -c 'read -P 3 %llu 64k' '%s/d.vmdk' | grep -qv failed",
		      9000000ull * 512 - GRAIN, 50 * GRAIN, f.dir);
}
END_TEST

START_TEST(grow_refusals)
{
	create("p.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	create("c.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, "p.vmdk");
	must_say(tool_grow(&tool, at("p.vmdk"), SECTORS * 2, &f.err), EBUSY, "c.vmdk");
	must_say(tool_grow(&tool, at("c.vmdk"), SECTORS * 2, &f.err), EINVAL, "child");
	ck_assert_int_eq(unlink(at("c.vmdk")), 0);
	must_say(tool_grow(&tool, at("p.vmdk"), 8, &f.err), EINVAL, "smaller");
}
END_TEST

START_TEST(shrink)
{
	struct tool_shrink_result r;

	create("d.vmdk", kinds[_i], NULL);
	fill("d.vmdk");
	must(tool_shrink(&tool, at("d.vmdk"), &r, &f.err));
	ck_assert_uint_lt(r.after, r.before);
	expect_filled("d.vmdk", false);
	expect_clean("d.vmdk");
}
END_TEST

START_TEST(shrink_child_hides_parent)
{
	struct tool_shrink_result r;

	make_chain(VMDK_KIND_MONOLITHIC_SPARSE);
	put_grain("c.vmdk", 50, 0);
	must(tool_shrink(&tool, at("c.vmdk"), &r, &f.err));
	ck_assert_uint_ne(entry_of("c.vmdk", 50), 0);
	must(commit("c.vmdk", false, false));
	struct disk *d = must_open(&f, "p.vmdk", (struct disk_open_args){ .readonly = true });
	expect_byte(d, 50 * GRAIN, GRAIN, 0);
	must_close(&f, d);
}
END_TEST

START_TEST(defragment)
{
	struct tool_shrink_result r;

	create("d.vmdk", kinds[_i], NULL);
	fill("d.vmdk");
	must(tool_defragment(&tool, at("d.vmdk"), &r, &f.err));
	expect_filled("d.vmdk", false);
	expect_clean("d.vmdk");
	if (kinds[_i] == VMDK_KIND_MONOLITHIC_SPARSE) {
		ck_assert_uint_eq(entry_of("d.vmdk", 0), 128);
		ck_assert_uint_eq(entry_of("d.vmdk", 51), entry_of("d.vmdk", 50) + 128);
		ck_assert_uint_gt(entry_of("d.vmdk", 512), entry_of("d.vmdk", 52));
	}
}
END_TEST

START_TEST(damaged_disks_are_left_alone)
{
	struct tool_shrink_result r;
	uint64_t wiped;

	create("d.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	fill("d.vmdk");
	break_it(OVERLAP);
	must_say(tool_shrink(&tool, at("d.vmdk"), &r, &f.err), EINVAL, "not in order");
	must_say(tool_defragment(&tool, at("d.vmdk"), &r, &f.err), EINVAL, "not in order");
	must_say(tool_wipe(&tool, &(struct tool_wipe_args){.path = at("d.vmdk")}, &wiped, &f.err), EINVAL,
		 "not in order");
	must_say(tool_grow(&tool, at("d.vmdk"), SECTORS * 2, &f.err), EINVAL, "not in order");
}
END_TEST

// --- renaming, deleting, wiping --------------------------------------------------------------------------

START_TEST(rename_all)
{
	unsigned files;

	create("old.vmdk", kinds[_i], NULL);
	fill("old.vmdk");
	files = files_in_folder();
	must(tool_rename(&tool, at("old.vmdk"), at("new.vmdk"), &f.err));
	expect_filled("new.vmdk", false);
	ck_assert_uint_eq(files_in_folder(), files);
	ck_assert_int_ne(access(at("old.vmdk"), F_OK), 0);
	shell("! ls '%s' | grep -q old", f.dir);
}
END_TEST

START_TEST(rename_family)
{
	struct tool_check_result r;

	make_chain(VMDK_KIND_SPLIT_SPARSE);
	create("x-s001.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	must_say(tool_rename(&tool, at("p.vmdk"), at("x.vmdk"), &f.err), EEXIST, "x-s001.vmdk");
	expect_filled("p.vmdk", false);
	must(tool_rename(&tool, at("p.vmdk"), at("q.vmdk"), &f.err));
	ck_assert(strstr(said, "c.vmdk is a child") != NULL);
	must(tool_rename(&tool, at("q.vmdk"), at("p.vmdk"), &f.err));
	shell("mkdir '%s/sub'", f.dir);
	must(tool_rename(&tool, at("c.vmdk"), at("sub/d.vmdk"), &f.err));
	check("sub/d.vmdk", false, &r);
	ck_assert_uint_eq(r.links, 2);
	ck_assert_uint_eq(r.findings[FINDING_DAMAGE], 0);
}
END_TEST

START_TEST(deletion)
{
	create("d.vmdk", kinds[_i], NULL);
	must(tool_make_deletable(&tool, at("d.vmdk"), true, &f.err));
	expect_clean("d.vmdk");
	must(tool_delete(&tool, at("d.vmdk"), &f.err));
	ck_assert_uint_eq(files_in_folder(), 0);
}
END_TEST

START_TEST(wipe_all)
{
	uint64_t wiped;
	struct disk *d;

	create("d.vmdk", kinds[_i], NULL);
	fill("d.vmdk");
	must(tool_wipe(&tool, &(struct tool_wipe_args){ .path = at("d.vmdk"), .all = true }, &wiped, &f.err));
	ck_assert_uint_gt(wiped, 0);
	d = must_open(&f, "d.vmdk", (struct disk_open_args){ .readonly = true });
	expect_byte(d, 0, SECTORS * 512, 0);
	must_close(&f, d);
	expect_clean("d.vmdk");
}
END_TEST

START_TEST(wipe_free_space)
{
	uint32_t sector;
	uint64_t wiped;
	uint8_t byte;

	create("d.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, NULL);
	fill("d.vmdk");
	sector = entry_of("d.vmdk", 50);
	break_it(LOST_GRAIN);
	must(tool_wipe(&tool, &(struct tool_wipe_args){ .path = at("d.vmdk") }, &wiped, &f.err));
	ck_assert_uint_ge(wiped, GRAIN);
	peek(&f, "d.vmdk", sector * 512ull + 5, &byte, 1);
	ck_assert_uint_eq(byte, 0);
	expect_clean("d.vmdk");
	must_say(tool_wipe(&tool, &(struct tool_wipe_args){.path = at("none.vmdk"), .all = true}, &wiped,
			   &f.err),
		 ENOENT, "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("disk_tool");
	TCase *tc = tcase_create("tool");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, check_finds, 0, ARRAY_SIZE(damages));
	tcase_add_test(tc, check_of_nonsense);
	tcase_add_test(tc, check_chain);
	tcase_add_loop_test(tc, convert_both_ways, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, compare_finds_first);
	tcase_add_test(tc, convert_to_stream);
	tcase_add_test(tc, convert_leaves_nothing);
	tcase_add_test(tc, busy);
	tcase_add_test(tc, map_through_layers);
	tcase_add_loop_test(tc, commit_into_parent, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, commit_refusals);
	tcase_add_test(tc, commit_goes_on);
	tcase_add_test(tc, commit_without_room);
	tcase_add_loop_test(tc, grow, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, grow_refusals);
	tcase_add_loop_test(tc, shrink, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, shrink_child_hides_parent);
	tcase_add_loop_test(tc, defragment, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, damaged_disks_are_left_alone);
	tcase_add_loop_test(tc, rename_all, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, rename_family);
	tcase_add_loop_test(tc, deletion, 0, ARRAY_SIZE(kinds));
	tcase_add_loop_test(tc, wipe_all, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tc, wipe_free_space);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
