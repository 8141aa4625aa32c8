// block_fixture.h: a folder for images, a loop, requests that wait, and a writer of sparse extents.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_TESTS_BLOCK_FIXTURE_H
#define BERTH_TESTS_BLOCK_FIXTURE_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/file.h"
#include "block/disk.h"

struct fixture {
	char dir[64];
	struct loop *loop;
	struct err err;
};

// In memory where there is such a place: the tests sync a lot. TMPDIR chooses another file system.
static inline void fixture_setup(struct fixture *f)
{
	const char *base = getenv("TMPDIR");

	memset(f, 0, sizeof(*f));
	if (!base || strlen(base) > 32)
		base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	snprintf(f->dir, sizeof(f->dir), "%s/berth-block-XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	ck_assert_int_eq(loop_create(&f->loop, "test", 64, &f->err), 0);
}

static inline void PRINTF(1, 2) shell(const char *fmt, ...)
{
	char cmd[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	ck_assert_msg(system(cmd) == 0, "failed: %s", cmd);
}

static inline void fixture_teardown(struct fixture *f)
{
	loop_destroy(f->loop);
	shell("rm -rf '%s'", f->dir);
}

static inline const char *path_in(const struct fixture *f, const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s", f->dir, name);
	return buf;
}

static inline bool have_qemu_img(void)
{
	return system("command -v qemu-img >/dev/null 2>&1") == 0;
}

// --- whole files -----------------------------------------------------------------------------------------

static inline void put_file(const struct fixture *f, const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *out = fopen(path_in(f, name, path, sizeof(path)), "wb");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(data, 1, len, out), len);
	ck_assert_int_eq(fclose(out), 0);
}

static inline void put_text(const struct fixture *f, const char *name, const char *text)
{
	put_file(f, name, text, strlen(text));
}

static inline char *get_file(const struct fixture *f, const char *name, size_t *len)
{
	char path[256], *data;

	ck_assert_int_eq(file_read(path_in(f, name, path, sizeof(path)), 256u << 20, &data, len, NULL), 0);
	return data;
}

static inline void poke(const struct fixture *f, const char *name, uint64_t at, const void *data, size_t len)
{
	char path[256];
	int fd = open(path_in(f, name, path, sizeof(path)), O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, data, len, (off_t)at), (ssize_t)len);
	close(fd);
}

static inline void peek(const struct fixture *f, const char *name, uint64_t at, void *data, size_t len)
{
	char path[256];
	int fd = open(path_in(f, name, path, sizeof(path)), O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, data, len, (off_t)at), (ssize_t)len);
	close(fd);
}

static inline uint32_t peek32(const struct fixture *f, const char *name, uint64_t at)
{
	uint8_t raw[4];

	peek(f, name, at, raw, sizeof(raw));
	return get_le32(raw);
}

static inline void poke32(const struct fixture *f, const char *name, uint64_t at, uint32_t v)
{
	uint8_t raw[4];

	put_le32(raw, v);
	poke(f, name, at, raw, sizeof(raw));
}

// --- a sparse extent, written by hand ----------------------------------------------------------------------
// Header, descriptor at 1, redundant directory at 21, directory behind its tables, data from 128 sectors on
// (or later): the layout that VMware and qemu-img use.

struct layout {
	uint64_t sectors;       // capacity
	uint32_t grain;
	uint32_t tables;
	uint64_t rgd, rgt, gd, gt, data;        // sectors
};

static inline struct layout layout_for(uint64_t sectors, uint32_t grain)
{
	struct layout l = { .sectors = sectors, .grain = grain };
	uint64_t cover = (uint64_t)grain * 512, dir;

	l.tables = (uint32_t)((sectors + cover - 1) / cover);
	dir = (l.tables * 4 + 511) / 512;
	l.rgd = 21;
	l.rgt = l.rgd + dir;
	l.gd = l.rgt + l.tables * 4;
	l.gt = l.gd + dir;
	l.data = (l.gt + l.tables * 4 + grain - 1) / grain * grain;
	return l;
}

static inline void header_bytes(const struct layout *l, bool descriptor, uint8_t raw[512])
{
	memset(raw, 0, 512);
	memcpy(raw, "KDMV", 4);
	put_le32(raw + 4, 1);
	put_le32(raw + 8, 3);
	put_le64(raw + 12, l->sectors);
	put_le64(raw + 20, l->grain);
	put_le64(raw + 28, descriptor ? 1 : 0);
	put_le64(raw + 36, descriptor ? 20 : 0);
	put_le32(raw + 44, 512);
	put_le64(raw + 48, l->rgd);
	put_le64(raw + 56, l->gd);
	put_le64(raw + 64, l->data);
	memcpy(raw + 73, "\n \r\n", 4);
}

// TEXT NULL = no embedded descriptor. WITH_TABLES: all grain tables exist; else the directories are empty.
static inline struct layout make_sparse(const struct fixture *f, const char *name, uint64_t sectors,
					uint32_t grain, const char *text, bool with_tables)
{
	struct layout l = layout_for(sectors, grain);
	uint8_t *raw = calloc(1, l.data * 512);

	header_bytes(&l, text != NULL, raw);
	if (text)
		strncpy((char *)raw + 512, text, 20 * 512);
	for (uint32_t i = 0; with_tables && i < l.tables; i++) {
		put_le32(raw + l.rgd * 512 + 4 * i, (uint32_t)(l.rgt + 4 * i));
		put_le32(raw + l.gd * 512 + 4 * i, (uint32_t)(l.gt + 4 * i));
	}
	put_file(f, name, raw, l.data * 512);
	free(raw);
	return l;
}

#define DESC_HEAD "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"

static inline struct layout make_monolithic(const struct fixture *f, const char *name, uint64_t sectors)
{
	char text[512];

	snprintf(text, sizeof(text), DESC_HEAD "createType=\"monolithicSparse\"\nRW %llu SPARSE \"%s\"\n",
		 (unsigned long long)sectors, name);
	return make_sparse(f, name, sectors, 128, text, true);
}

// --- chains ------------------------------------------------------------------------------------------------

struct delta {
	const char *parent;     // the hint, as written
	uint32_t parent_cid, cid;
	uint64_t sectors;
	bool zeroed;            // its grain tables know entry 1
};

static inline struct layout make_delta(const struct fixture *f, const char *name, const struct delta *d)
{
	char text[2048];
	struct layout l;

	snprintf(text, sizeof(text),
		 "# Disk DescriptorFile\nversion=1\nCID=%08x\nparentCID=%08x\ncreateType=\"monolithicSparse\"\n"
		 "parentFileNameHint=\"%s\"\nRW %llu SPARSE \"%s\"\nddb.longContentID=\"000000000000000000000000%08x\"\n",
		 d->cid, d->parent_cid, d->parent, (unsigned long long)d->sectors, name, d->cid);
	l = make_sparse(f, name, d->sectors, 128, text, true);
	if (d->zeroed)
		poke32(f, name, 8, 7);
	return l;
}

// The CID that stands in an image now, in a text file or at sector 1.
static inline uint32_t cid_of(const struct fixture *f, const char *name)
{
	char raw[2048] = "", path[256], *at;
	int fd = open(path_in(f, name, path, sizeof(path)), O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(pread(fd, raw, sizeof(raw) - 1, 0), 0);
	close(fd);
	at = memmem(raw, sizeof(raw), "\nCID=", 5);
	ck_assert_ptr_nonnull(at);
	return (uint32_t)strtoul(at + 5, NULL, 16);
}

// --- requests ----------------------------------------------------------------------------------------------

static inline int try_open(struct fixture *f, const char *name, struct disk_open_args args,
			   struct disk **disk)
{
	char path[256];

	args.path = path_in(f, name, path, sizeof(path));
	err_clear(&f->err);
	return disk_open(f->loop, &args, disk, &f->err);
}

static inline struct disk *must_open(struct fixture *f, const char *name, struct disk_open_args args)
{
	struct disk *disk = NULL;
	char text[1024];
	int r = try_open(f, name, args, &disk);

	ck_assert_msg(r == 0, "%s", err_sentence(&f->err, text, sizeof(text)));
	return disk;
}

static inline void must_close(struct fixture *f, struct disk *disk)
{
	char text[1024];
	int r = disk_close(disk, &f->err);

	ck_assert_msg(r == 0, "%s", err_sentence(&f->err, text, sizeof(text)));
}

static inline void note_done(struct block_req *req, int result)
{
	*(int *)req->owner = result;
}

#define NOT_DONE 12345

static inline int wait_req(struct disk *disk, struct block_req *req)
{
	int result = NOT_DONE;

	req->done = note_done;
	req->owner = &result;
	disk_submit(disk, req);
	ck_assert_int_eq(result, NOT_DONE);
	while (result == NOT_DONE)
		ck_assert_int_eq(loop_turn(disk->loop), 0);
	return result;
}

static inline int do_rw(struct disk *disk, enum block_op op, uint64_t offset, void *buf, size_t len,
			uint32_t flags)
{
	struct iovec iov = { buf, len };
	struct block_req req = {
		.op = op, .flags = flags, .offset = offset, .length = len, .iov = &iov, .iovcnt = 1 };

	return wait_req(disk, &req);
}

static inline int do_flush(struct disk *disk)
{
	struct block_req req = { .op = BLOCK_FLUSH };

	return wait_req(disk, &req);
}

static inline void write_byte(struct disk *disk, uint64_t offset, size_t len, int byte)
{
	char *buf = malloc(len);

	memset(buf, byte, len);
	ck_assert_int_eq(do_rw(disk, BLOCK_WRITE, offset, buf, len, 0), 0);
	free(buf);
}

static inline void expect_byte(struct disk *disk, uint64_t offset, size_t len, int byte)
{
	uint8_t *buf = malloc(len);
	size_t at = 0;

	memset(buf, ~byte, len);
	ck_assert_int_eq(do_rw(disk, BLOCK_READ, offset, buf, len, 0), 0);
	// Check is slow for a call on each byte.
	while (at < len && buf[at] == byte)
		at++;
	ck_assert_msg(at == len, "byte %zu of %zu at %llu is wrong", at, len, (unsigned long long)offset);
	free(buf);
}

#endif
