// test_formats_chain.c: ESX delta disks on parents of every kind that can be read.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "formats_fixture.h"

#include "block/stream_write.h"

#define SECTORS 10000u

static struct fixture f;
static uint8_t *copy;

static void setup(void)
{
	fixture_setup(&f);
	copy = calloc(SECTORS, 512);
	for (uint32_t i = 0; i < SECTORS; i++) {
		if (i / 200 % 3)
			memset(copy + i * 512, (int)(i % 251) + 1, 512);
	}
}

static void teardown(void)
{
	free(copy);
	fixture_teardown(&f);
}

// --- parents ---------------------------------------------------------------------------------------------

static void write_copy(void)
{
	struct disk *d = must_open(&f, "p.vmdk", (struct disk_open_args){ 0 });

	for (uint32_t i = 0; i < SECTORS; i += 100) {
		if (copy[i * 512] || copy[(i + 99) * 512])
			ck_assert_int_eq(do_rw(d, BLOCK_WRITE, i * 512ull, copy + i * 512, 100 * 512, 0), 0);
	}
	must_close(&f, d);
}

static void flat_parent(void)
{
	put_file(&f, "p-flat.vmdk", copy, SECTORS * 512);
	put_text(&f, "p.vmdk", DESC_HEAD "createType=\"vmfs\"\nRW 10000 VMFS \"p-flat.vmdk\"\n");
}

static void sparse_parent(void)
{
	make_monolithic(&f, "p.vmdk", SECTORS);
	write_copy();
}

static void cowd_parent(void)
{
	cowd_text(&f, "p.vmdk", "p-delta.vmdk", SECTORS);
	make_cowd(&f, "p-delta.vmdk", SECTORS, 1);
	write_copy();
}

static void stream_parent(void)
{
	char path[256];
	struct stream_write_args args = { .path = path_in(&f, "p.vmdk", path, sizeof(path)), .sectors = SECTORS };
	struct stream_writer *w;

	ck_assert_int_eq(stream_write_open(&args, &w, NULL), 0);
	for (uint32_t at = 0; at < SECTORS; at += STREAM_GRAIN_SECTORS)
		ck_assert_int_eq(stream_write_grain(w, copy + at * 512,
						    MIN(STREAM_GRAIN_SECTORS, SECTORS - at) * 512, NULL), 0);
	ck_assert_int_eq(stream_write_finish(w, NULL), 0);
}

static void sesparse_parent(void)
{
	struct se_layout l = make_sesparse(&f, "p-sesparse.vmdk", SECTORS, 1, SECTORS / 8);

	se_text(&f, "p.vmdk", "p-sesparse.vmdk", SECTORS);
	poke64(&f, "p-sesparse.vmdk", SE_DIRECTORY * 512, 0x1000000000000000);
	for (uint32_t i = 0; i < SECTORS / 8; i++)
		poke64(&f, "p-sesparse.vmdk", SE_TABLES * 512 + 8 * i, se_entry(i));
	poke(&f, "p-sesparse.vmdk", l.grains * 512, copy, SECTORS * 512);
}

static void (*const parents[])(void) = { flat_parent, sparse_parent, cowd_parent, stream_parent, sesparse_parent };
static const uint32_t grains[] = { 1, 8, 128 };

static uint32_t cid_of_parent(void)
{
	char *raw, *at;
	size_t len;
	uint32_t cid;

	raw = get_file(&f, "p.vmdk", &len);
	at = memmem(raw, len, "\nCID=", 5);
	ck_assert_ptr_nonnull(at);
	cid = (uint32_t)strtoul(at + 5, NULL, 16);
	free(raw);
	return cid;
}

// --- children --------------------------------------------------------------------------------------------

static void make_child(uint32_t grain)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=aaaaaaaa\nparentCID=%08x\ncreateType=\"vmfsSparse\"\n"
		 "parentFileNameHint=\"p.vmdk\"\nRW 10000 VMFSSPARSE \"d-delta.vmdk\"\n", cid_of_parent());
	put_text(&f, "d.vmdk", text);
	make_cowd(&f, "d-delta.vmdk", SECTORS, grain);
}

static void expect_copy(struct disk *d)
{
	uint8_t *back = malloc(SECTORS * 512);

	ck_assert_int_eq(do_rw(d, BLOCK_READ, 0, back, SECTORS * 512, 0), 0);
	for (uint32_t i = 0; i < SECTORS; i++)
		ck_assert_msg(!memcmp(copy + i * 512, back + i * 512, 512), "sector %u", i);
	free(back);
}

static char *digest(void)
{
	char *text;
	size_t len;

	shell("cd %s && cat p*.vmdk | cksum >sum", f.dir);
	text = get_file(&f, "sum", &len);
	text[len - 1] = '\0';
	return text;
}

struct flight {
	struct block_req req;
	struct iovec iov;
	int result;
};

// Eight writes at once, none on top of another.
static void write_some(struct disk *d, uint64_t *seed)
{
	struct flight all[8];

	for (uint32_t i = 0; i < 8; i++) {
		uint64_t first, count;

		*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
		first = (*seed >> 33) % (SECTORS / 8 - 100) + i * (SECTORS / 8);
		count = 1 + (*seed >> 20) % 100;
		memset(copy + first * 512, (int)(*seed >> 50), count * 512);
		all[i].iov = (struct iovec){ copy + first * 512, count * 512 };
		all[i].result = NOT_DONE;
		all[i].req = (struct block_req){ .op = BLOCK_WRITE, .offset = first * 512, .length = count * 512, .iovcnt = 1,
						 .iov = &all[i].iov, .done = note_done, .owner = &all[i].result };
		disk_submit(d, &all[i].req);
	}
	for (uint32_t i = 0; i < 8; i++) {
		while (all[i].result == NOT_DONE)
			ck_assert_int_eq(loop_turn(f.loop), 0);
		ck_assert_int_eq(all[i].result, 0);
	}
}

START_TEST(delta_on_every_parent)
{
	uint64_t seed = (uint64_t)_i + 1;
	char *before, *after;
	struct disk *d;

	parents[_i % ARRAY_SIZE(parents)]();
	make_child(grains[_i / ARRAY_SIZE(parents)]);
	before = digest();
	for (int session = 0; session < 2; session++) {
		d = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
		expect_copy(d);
		for (int i = 0; i < 12; i++)
			write_some(d, &seed);
		expect_copy(d);
		must_close(&f, d);
	}
	after = digest();
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	if (have_qemu_img() && _i % ARRAY_SIZE(parents) != 3) {
		put_file(&f, "raw", copy, SECTORS * 512);
		shell("cd %s && qemu-img compare -q -f vmdk -F raw d.vmdk raw", f.dir);
	}
}
END_TEST

static void add(TCase *tc)
{
	tcase_add_loop_test(tc, delta_on_every_parent, 0, ARRAY_SIZE(parents) * ARRAY_SIZE(grains));
}

int main(void)
{
	return run_suite("formats_chain", add, setup, teardown);
}
