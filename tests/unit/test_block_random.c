// test_block_random.c: seeded scripts of reads, writes, flushes and discards, compared with a plain buffer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "block_fixture.h"

#include "block/image.h"

#define DISK_SIZE (64ull << 20)
#define MAX_LEN   (256u << 10)
#define MAX_IOV   24
#define MAX_DEPTH 64

struct script;

struct slot {
	struct block_req req;
	struct iovec iov[MAX_IOV];
	char *buf;
	bool busy, learning;
	struct script *script;
};

struct script {
	uint64_t seed;
	struct disk *disk;
	char *model;
	struct slot slots[MAX_DEPTH];
	unsigned depth, busy, left;
};

static uint64_t next(struct script *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed;
}

// Splits LEN bytes of BUF into pieces of odd sizes, empty ones among them.
static int split(struct script *s, struct slot *slot, size_t len)
{
	size_t at = 0;
	int n = 0;

	while (at < len && n < MAX_IOV - 1) {
		size_t part = next(s) % 5 ? next(s) % (len / 2 + 1) : next(s) % 7;

		part = MIN(part, len - at);
		slot->iov[n++] = (struct iovec){ slot->buf + at, part };
		at += part;
	}
	slot->iov[n++] = (struct iovec){ slot->buf + at, len - at };
	return n;
}

static bool conflicts(const struct script *s, uint64_t offset, uint64_t len, bool change)
{
	for (unsigned i = 0; i < s->depth; i++) {
		const struct block_req *r = &s->slots[i].req;

		if (!s->slots[i].busy || r->op == BLOCK_FLUSH || (!change && r->op == BLOCK_READ && !s->slots[i].learning))
			continue;
		if (offset < r->offset + r->length && r->offset < offset + len)
			return true;
	}
	return false;
}

// A discard is an offer: what it covers holds afterwards what it held, or zeros, sector by sector. A read tells.
static void learn(struct block_req *req, int result)
{
	static const char zeros[512];
	struct slot *slot = req->owner;
	struct script *s = slot->script;

	ck_assert_int_eq(result, 0);
	for (uint64_t i = 0; i < req->length; i += 512) {
		if (memcmp(slot->buf + i, s->model + req->offset + i, 512))
			ck_assert_msg(!memcmp(slot->buf + i, zeros, 512), "discarded sector at %llu is garbage",
				      (unsigned long long)(req->offset + i));
	}
	memcpy(s->model + req->offset, slot->buf, req->length);
	slot->busy = slot->learning = false;
	s->busy--;
}

static void discarded(struct slot *slot)
{
	struct block_req *req = &slot->req;

	slot->learning = true;          // the model does not know yet what is there
	slot->iov[0] = (struct iovec){ slot->buf, req->length };
	*req = (struct block_req){ .op = BLOCK_READ, .offset = req->offset, .length = req->length, .iov = slot->iov,
				   .iovcnt = 1, .done = learn, .owner = slot };
	disk_submit(slot->script->disk, req);
}

static void done(struct block_req *req, int result)
{
	struct slot *slot = req->owner;
	struct script *s = slot->script;

	ck_assert_int_eq(result, 0);
	if (req->op == BLOCK_DISCARD) {
		discarded(slot);
		return;
	}
	if (req->op == BLOCK_READ)
		ck_assert_msg(!memcmp(slot->buf, s->model + req->offset, req->length),
			      "read of %llu at %llu differs", (unsigned long long)req->length,
			      (unsigned long long)req->offset);
	slot->busy = false;
	s->busy--;
}

// Half of the requests crowd in a few grains, so that new grains are shared by several writes in flight.
static void choose(struct script *s, uint64_t *offset, uint64_t *len)
{
	do {
		*len = (1 + next(s) % (next(s) % 3 ? 16 : MAX_LEN / 512)) * 512;
		*offset = next(s) % (next(s) % 2 ? 8192 : DISK_SIZE / 512) * 512;
	} while (*offset + *len > DISK_SIZE);
}

static enum block_op choose_op(struct script *s)
{
	unsigned n = next(s) % 100;

	return n < 40 ? BLOCK_WRITE : n < 85 ? BLOCK_READ : n < 94 ? BLOCK_DISCARD : BLOCK_FLUSH;
}

static void submit(struct script *s, struct slot *slot)
{
	enum block_op op = choose_op(s);
	uint64_t offset = 0, len = 0;

	if (op != BLOCK_FLUSH) {
		choose(s, &offset, &len);
		if (conflicts(s, offset, len, op != BLOCK_READ))
			return;
	}
	slot->req = (struct block_req){
		.op = op, .offset = offset, .length = len, .iov = slot->iov, .done = done, .owner = slot };
	slot->req.flags = next(s) % 50 ? 0 : BLOCK_FUA;
	slot->req.iovcnt = op == BLOCK_FLUSH || op == BLOCK_DISCARD ? 0 : split(s, slot, len);
	for (size_t i = 0; op == BLOCK_WRITE && i < len; i += 8)
		*(uint64_t *)(void *)(slot->buf + i) = next(s);
	if (op == BLOCK_WRITE)
		memcpy(s->model + offset, slot->buf, len);
	slot->busy = true;
	s->busy++;
	s->left--;
	disk_submit(s->disk, &slot->req);
}

static void run_script(struct script *s)
{
	while (s->left || s->busy) {
		for (unsigned i = 0; i < s->depth && s->left; i++) {
			if (!s->slots[i].busy)
				submit(s, &s->slots[i]);
		}
		ck_assert_int_eq(loop_turn(s->disk->loop), 0);
	}
}

static struct script *new_script(struct disk *disk, uint64_t seed, unsigned depth, unsigned count)
{
	struct script *s = calloc(1, sizeof(*s));

	s->seed = seed * 0x9e3779b97f4a7c15ull + 1;
	s->disk = disk;
	s->model = calloc(1, DISK_SIZE);
	s->depth = depth;
	s->left = count;
	for (unsigned i = 0; i < depth; i++) {
		s->slots[i].buf = aligned_alloc(8, MAX_LEN);
		s->slots[i].script = s;
	}
	return s;
}

static void free_script(struct script *s)
{
	for (unsigned i = 0; i < s->depth; i++)
		free(s->slots[i].buf);
	free(s->model);
	free(s);
}

static const char *const kinds[] = {
	"monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
};

static const unsigned depths[] = { 1, 8, 64 };

// Two sessions on one image, so that the second finds tables and grains of the first.
START_TEST(against_qemu_img)
{
	const char *kind = kinds[_i / (int)ARRAY_SIZE(depths)];
	unsigned depth = depths[_i % (int)ARRAY_SIZE(depths)];
	struct fixture f;
	struct script *s;

	if (!have_qemu_img()) {
		fprintf(stderr, "skipped: qemu-img is not installed\n");
		return;
	}
	fixture_setup(&f);
	shell("qemu-img create -q -f vmdk -o subformat=%s %s/d.vmdk 64M >/dev/null", kind, f.dir);
	s = new_script(must_open(&f, "d.vmdk", (struct disk_open_args){ 0 }), (uint64_t)_i + 1, depth, 600);
	ck_assert_str_eq(s->disk->kind, kind);
	ck_assert_uint_eq(s->disk->size, DISK_SIZE);
	run_script(s);
	must_close(&f, s->disk);
	s->disk = must_open(&f, "d.vmdk", (struct disk_open_args){ 0 });
	s->left = 600;
	run_script(s);
	must_close(&f, s->disk);
	put_file(&f, "model.raw", s->model, DISK_SIZE);
	if (strstr(kind, "Sparse"))
		shell("qemu-img check -q %s/d.vmdk", f.dir);
	shell("qemu-img compare -q -f raw -F vmdk %s/model.raw %s/d.vmdk", f.dir, f.dir);
	free_script(s);
	fixture_teardown(&f);
}
END_TEST

// From front to back in one request.
static void read_whole(struct fixture *f, const struct script *s, const char *name)
{
	struct disk *disk = must_open(f, name, (struct disk_open_args){ .readonly = true });
	char *all = malloc(DISK_SIZE);
	uint64_t at = 0;

	ck_assert_int_eq(do_rw(disk, BLOCK_READ, 0, all, DISK_SIZE, 0), 0);
	while (at < DISK_SIZE && !memcmp(all + at, s->model + at, 512))
		at += 512;
	ck_assert_msg(at == DISK_SIZE, "sector %llu differs", (unsigned long long)at / 512);
	free(all);
	must_close(f, disk);
}

static const struct { unsigned layers; const char *base; } chains[] = {
	{ 2, "monolithicSparse" }, { 2, "monolithicFlat" }, { 3, "twoGbMaxExtentSparse" }, { 8, "monolithicFlat" },
};

// A child as Workstation makes it of a split disk. The cut lies between grains: qemu-img reads past the end of an extent
// that ends within one.
static void make_split_delta(struct fixture *f, const char *name, const struct delta *d)
{
	char text[1024], extent[64];
	uint64_t sizes[2] = { 70016, d->sectors - 70016 };

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=\"twoGbMaxExtentSparse\"\n"
		 "parentFileNameHint=\"%s\"\n", d->cid, d->parent_cid, d->parent);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(extent, sizeof(extent), "%.*s-s00%u.vmdk", (int)strcspn(name, "."), name, i + 1);
		make_sparse(f, extent, sizes[i], 128, NULL, i);
		if (d->zeroed)
			poke32(f, extent, 8, 7);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "RW %llu SPARSE \"%s\"\n",
			 (unsigned long long)sizes[i], extent);
	}
	put_text(f, name, text);
}

// FORGET: no table stays in memory that could be read again, so that requests find them on their way in and out.
static void run_session(struct fixture *f, struct script *s, const char *name, unsigned count, bool forget)
{
	s->disk = must_open(f, name, (struct disk_open_args){ 0 });
	if (forget)
		CONTAINER_OF(s->disk, struct image, disk)->tables.limit = 1;
	s->left = count;
	run_script(s);
	must_close(f, s->disk);
}

// Every layer gets its share of writes while it is the top; the parents must be as they were afterwards.
START_TEST(against_qemu_img_in_chains)
{
	unsigned layers = chains[_i / (int)ARRAY_SIZE(depths)].layers;
	unsigned depth = depths[_i % (int)ARRAY_SIZE(depths)];
	struct fixture f;
	struct script *s;
	char name[32], below[32] = "l0.vmdk";

	if (!have_qemu_img()) {
		fprintf(stderr, "skipped: qemu-img is not installed\n");
		return;
	}
	fixture_setup(&f);
	shell("qemu-img create -q -f vmdk -o subformat=%s %s/l0.vmdk 64M >/dev/null",
	      chains[_i / (int)ARRAY_SIZE(depths)].base, f.dir);
	s = new_script(NULL, (uint64_t)_i + 1001, depth, 0);
	run_session(&f, s, below, 400, false);
	for (unsigned l = 1; l < layers; l++) {
		struct delta d = { .parent = below, .parent_cid = cid_of(&f, below), .cid = 0x1000 + l,
				   .sectors = DISK_SIZE / 512, .zeroed = (l + (unsigned)_i) % 2 };

		snprintf(name, sizeof(name), "l%u.vmdk", l);
		if (l % 3 == 2)
			make_split_delta(&f, name, &d);
		else
			make_delta(&f, name, &d);
		shell("cat %s/%s %s/l0*.vmdk | cksum > %s/sum", f.dir, below, f.dir, f.dir);
		run_session(&f, s, name, layers > 3 ? 150 : 300, false);
		run_session(&f, s, name, layers > 3 ? 150 : 300, true);
		shell("cat %s/%s %s/l0*.vmdk | cksum | cmp - %s/sum", f.dir, below, f.dir, f.dir);
		ck_assert_uint_ne(cid_of(&f, name), d.cid);
		shell("qemu-img check -q %s/%s", f.dir, name);
		strcpy(below, name);
	}
	read_whole(&f, s, name);
	put_file(&f, "model.raw", s->model, DISK_SIZE);
	shell("qemu-img compare -q -f raw -F vmdk %s/model.raw %s/%s", f.dir, f.dir, name);
	free_script(s);
	fixture_teardown(&f);
}
END_TEST

// A disk of many small pieces: requests that cross extents of both kinds, with odd sizes and grains.
START_TEST(many_extents)
{
	struct fixture f;
	struct script *s;
	char text[4096] = DESC_HEAD "createType=\"custom\"\n";
	uint64_t left = DISK_SIZE / 512;

	fixture_setup(&f);
	for (unsigned i = 0; left; i++) {
		uint64_t n = MIN(left, i % 4 == 3 ? 7 : 20011 + 111 * i);
		char name[32], path[256], line[96];

		snprintf(name, sizeof(name), "d-%03u.vmdk", i);
		if (i % 2)
			make_sparse(&f, name, n, 8u << i % 5, NULL, i % 3 != 0);
		else
			shell("truncate -s %llu %s", (unsigned long long)(n + 3) * 512,
			      path_in(&f, name, path, sizeof(path)));
		snprintf(line, sizeof(line), "RW %llu %s \"%s\"%s\n", (unsigned long long)n,
			 i % 2 ? "SPARSE" : "FLAT", name, i % 2 ? "" : " 3");
		strcat(text, line);
		left -= n;
	}
	put_text(&f, "d.vmdk", text);
	s = new_script(must_open(&f, "d.vmdk", (struct disk_open_args){ 0 }), 77, 32, 2500);
	run_script(s);
	must_close(&f, s->disk);
	s->disk = must_open(&f, "d.vmdk", (struct disk_open_args){ .write_through = true });
	s->left = 200;
	run_script(s);
	must_close(&f, s->disk);
	read_whole(&f, s, "d.vmdk");
	free_script(s);
	fixture_teardown(&f);
}
END_TEST

START_TEST(raw_disk)
{
	struct fixture f;
	struct script *s;

	fixture_setup(&f);
	shell("truncate -s 64M %s/d.img", f.dir);
	s = new_script(must_open(&f, "d.img", (struct disk_open_args){ .raw = true }), 99, 64, 1500);
	run_script(s);
	must_close(&f, s->disk);
	{
		size_t len;
		char *all = get_file(&f, "d.img", &len);

		ck_assert_uint_eq(len, DISK_SIZE);
		ck_assert(!memcmp(all, s->model, DISK_SIZE));
		free(all);
	}
	free_script(s);
	fixture_teardown(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("block_random");
	TCase *tc = tcase_create("differential");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tc);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, against_qemu_img, 0, (int)(ARRAY_SIZE(kinds) * ARRAY_SIZE(depths)));
	tcase_add_loop_test(tc, against_qemu_img_in_chains, 0, (int)(ARRAY_SIZE(chains) * ARRAY_SIZE(depths)));
	tcase_add_test(tc, many_extents);
	tcase_add_test(tc, raw_disk);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
