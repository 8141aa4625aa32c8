// fuzz_vmdk_chain.c: descriptors that name each other, flat files and what lies outside the folder: opened, read, written.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The input chooses, word by word, what four descriptors say: CIDs, parents, extents, names. Some words are raw bytes of
// the input. Whatever they say, opening ends; nothing outside the folders of the disk and of the VM is read or
// written, and a disk that was opened for reading changes no file at all.
#include "fuzz_image.h"

#include <sys/stat.h>

#include "block/disk.h"

#define FLAT_SECTORS 64u
#define SECRET       0x53
#define COUNT(a)     (sizeof(a) / sizeof((a)[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

struct text { char data[4096]; size_t len; };

static struct loop *loop;
static char top[40], outside[128], home[64];

static const char *const disks[] = { "vm/a.vmdk", "vm/b.vmdk", "home/c.vmdk", "vm/sub/d.vmdk" };
static const char *const flats[] = { "vm/1.flat", "vm/2.flat", "home/3.flat", "vm/sub/4.flat" };
static const char *const deltas[] = { "vm/5.cowd", "vm/6.cowd" };

// What the disks say most of the time: a lies on b, b on d.
struct usual { const char *parent_cid, *parent, *extent; };
static const struct usual usual[] = {
	{ "00000001", "b.vmdk", "RW 64 VMFSSPARSE \"5.cowd\"\n" },
	{ "00000001", "sub/d.vmdk", "RW 64 VMFSSPARSE \"6.cowd\"\n" },
	{ "ffffffff", NULL, "RW 64 FLAT \"3.flat\" 0\n" },
	{ "ffffffff", NULL, "RW 64 FLAT \"4.flat\" 0\n" },
};

// --- the folders -------------------------------------------------------------------------------------------

static void at_top(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s/%s", top, name);
}

static void write_file(const char *name, const void *data, size_t len)
{
	char path[128];
	int fd;

	at_top(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	close(fd);
}

static void fill_file(const char *name, int value)
{
	uint8_t data[FLAT_SECTORS * 512];

	memset(data, value, sizeof(data));
	write_file(name, data, sizeof(data));
}

// Without a grain: everything comes from below.
static void empty_delta(const char *name)
{
	uint8_t raw[512 * 8] = "COWD";

	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le32(raw + 12, FLAT_SECTORS);
	put_le32(raw + 16, 1);
	put_le32(raw + 20, 4);
	put_le32(raw + 24, 1);
	put_le32(raw + 28, 5);
	write_file(name, raw, 5 * 512);
}

static void leave(void)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -r %s", top);
	if (system(command) != 0)
		perror(command);
}

static const char base[] = "# Disk DescriptorFile\nversion=1\nCID=00000001\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
			   "RW 64 FLAT \"secret.flat\" 0\n";

static void make_folders(void)
{
	static const char *const names[] = { "vm", "vm/sub", "home", "outside" };
	char path[128];

	for (size_t i = 0; i < COUNT(names); i++) {
		at_top(path, sizeof(path), names[i]);
		if (mkdir(path, 0700) < 0)
			abort();
	}
	write_file("outside/o.vmdk", base, sizeof(base) - 1);
	fill_file("outside/secret.flat", SECRET);
	at_top(path, sizeof(path), "vm/link.vmdk");
	if (symlink("../outside/o.vmdk", path) < 0)
		abort();
	at_top(path, sizeof(path), "vm/link.flat");
	if (symlink("../outside/secret.flat", path) < 0)
		abort();
	at_top(path, sizeof(path), "vm/out");
	if (symlink("../outside", path) < 0)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	snprintf(top, sizeof(top), "/dev/shm/berth-fuzz-XXXXXX");
	if (!mkdtemp(top) || atexit(leave))
		return -1;
	at_top(outside, sizeof(outside), "outside/o.vmdk");
	at_top(home, sizeof(home), "home");
	make_folders();
	return loop_create(&loop, "fuzz", 64, NULL);
}

// --- descriptors -------------------------------------------------------------------------------------------

static void add(struct text *t, const char *word)
{
	size_t len = strlen(word);

	if (len > sizeof(t->data) - t->len)
		len = sizeof(t->data) - t->len;
	memcpy(t->data + t->len, word, len);
	t->len += len;
}

static void add_all(struct text *t, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(t, words[i]);
}

static void add_raw(struct text *t, struct input *in)
{
	for (unsigned n = 1 + take(in, 1) % 24; n && t->len < sizeof(t->data); n--)
		t->data[t->len++] = (char)take(in, 1);
}

// The first word more often than not, one of the COUNT others, or bytes of the input.
static void choose(struct text *t, struct input *in, const char *const *words, size_t count)
{
	uint32_t byte = take(in, 1), pick = byte < 0xa0 ? 0 : byte % (count + 1);

	if (pick < count)
		add(t, words[pick]);
	else
		add_raw(t, in);
}

static void add_extent(struct text *t, struct input *in)
{
	static const char *const access[] = { "RW", "RDONLY", "NOACCESS" };
	static const char *const sectors[] = { "64", "32", "0", "-1", "18446744073709551615", "36028797018963968" };
	static const char *const types[] = { "FLAT", "ZERO", "SPARSE", "VMFS", "VMFSSPARSE", "SESPARSE", "VMFSRDM", "VMFSRAW" };
	static const char *const names[] = { "1.flat", "2.flat", "3.flat", "sub/4.flat", "5.cowd", "6.cowd", "../outside/secret.flat", "link.flat",
					     "out/secret.flat", "sub/../../outside/secret.flat", "a.vmdk", "b.vmdk", "/dev/null",
					     "/etc/passwd", "\\\\.\\PhysicalDrive0", "." };
	static const char *const offsets[] = { "0", "32", "64", "-1", "" };

	choose(t, in, access, COUNT(access));
	add(t, " ");
	choose(t, in, sectors, COUNT(sectors));
	add(t, " ");
	choose(t, in, types, COUNT(types));
	add(t, " \"");
	choose(t, in, names, COUNT(names));
	add(t, "\" ");
	choose(t, in, offsets, COUNT(offsets));
	add(t, "\n");
}

static void add_parent(struct text *t, struct input *in)
{
	static const char *const hints[] = { "b.vmdk", "c.vmdk", "sub/d.vmdk", "../home/c.vmdk", "../outside/o.vmdk", outside, "link.vmdk",
					     "out/o.vmdk", "C:\\vms\\b.vmdk", "/vmfs/volumes/ds/vm/b.vmdk", "a.vmdk", "1.flat", "sub",
					     "/dev/stdin", "sub/../b.vmdk" };

	add(t, "parentFileNameHint=\"");
	choose(t, in, hints, COUNT(hints));
	add(t, "\"\n");
}

// Each bit of SHAPE replaces something usual.
static void make_disk(const char *name, const struct usual *usual_one, struct input *in)
{
	static const char *const types[] = { "custom", "monolithicFlat", "twoGbMaxExtentFlat", "monolithicSparse", "vmfsSparse", "fullDevice" };
	const char *const cids[] = { "00000001", "ffffffff", "2", "" };
	const char *const parent_cids[] = { usual_one->parent_cid, "ffffffff", "00000001", "2", "" };
	struct text t = { .len = 0 };
	uint32_t shape = take(in, 1);

	add(&t, "# Disk DescriptorFile\nversion=1\nCID=");
	choose(&t, in, cids, COUNT(cids));
	add(&t, "\nparentCID=");
	choose(&t, in, parent_cids, COUNT(parent_cids));
	add(&t, "\ncreateType=\"");
	choose(&t, in, types, COUNT(types));
	add(&t, "\"\n");
	if (shape & 1)
		add_parent(&t, in);
	else if (usual_one->parent)
		add_all(&t, (const char *[]){ "parentFileNameHint=\"", usual_one->parent, "\"\n" }, 3);
	if (!(shape & 2))
		add(&t, usual_one->extent);
	for (unsigned n = (shape >> 2) % 4; n; n--)
		add_extent(&t, in);
	write_file(name, t.data, t.len);
}

// --- use -----------------------------------------------------------------------------------------------------

static void expect_file(const char *name, int value)
{
	uint8_t data[FLAT_SECTORS * 512 + 1];
	char path[128];
	int fd;

	at_top(path, sizeof(path), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, data, sizeof(data)) != FLAT_SECTORS * 512)
		abort();
	close(fd);
	for (size_t i = 0; i < FLAT_SECTORS * 512; i++) {
		if (data[i] != value)
			abort();
	}
}

static void expect_no_secret(struct disk *disk)
{
	static uint8_t buf[FLAT_SECTORS * 512];

	memset(buf, 0, sizeof(buf));
	if (disk->size < sizeof(buf) || read_front(disk, buf, sizeof(buf)) < 0)
		return;
	for (size_t i = 0; i < sizeof(buf); i++) {
		if (buf[i] == SECRET)
			abort();
	}
}

static void use(struct input *in, bool readonly)
{
	char path[128];
	struct disk_open_args args = { .path = path, .readonly = readonly, .home = home,
				       .ignore_parent_cid = take(in, 1) & 1 };
	struct disk *disk;
	struct err err = { 0 };
	char text[1200];

	at_top(path, sizeof(path), disks[0]);
	if (disk_open(loop, &args, &disk, &err) < 0) {
		err_sentence(&err, text, sizeof(text));
		return;
	}
	expect_no_secret(disk);
	use_disk(disk, in);
	disk_close(disk, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	for (size_t i = 0; i < COUNT(disks); i++) {
		make_disk(disks[i], &usual[i], &in);
		fill_file(flats[i], (int)i + 1);
	}
	for (size_t i = 0; i < COUNT(deltas); i++)
		empty_delta(deltas[i]);
	use(&in, true);
	for (size_t i = 0; i < COUNT(flats); i++)
		expect_file(flats[i], (int)i + 1);
	use(&in, false);
	expect_file("outside/secret.flat", SECRET);
	return 0;
}
