// test_cowd_crash.c: power cuts and I/O errors for ESX sparse extents, as test_vmdk_crash.c has them for hosted ones.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "formats_fixture.h"

#define CRASH_FORMAT "cowd_crash"
#define GRAIN        1u
#define DATA_FILE    "d-delta.vmdk"
#define CRASH_FILE   "crash-delta.vmdk"
#define CUT_RUNS     4
#define ERROR_RUNS   6

// With small grains there are four tables, some of which are made while the disk is used. WITH_TABLES: all exist.
static void make_image(const struct fixture *f, bool with_tables)
{
	struct cowd_layout l = make_cowd(f, DATA_FILE, 16384, GRAIN);
	char path[256];

	cowd_text(f, "d.vmdk", DATA_FILE, 16384);
	cowd_text(f, "crash.vmdk", CRASH_FILE, 16384);
	for (uint32_t i = 0; with_tables && i < l.tables; i++)
		poke32(f, DATA_FILE, 4 * 512 + 4 * i, l.free + 32 * i);
	if (with_tables)
		ck_assert_int_eq(truncate(path_in(f, DATA_FILE, path, sizeof(path)), (l.free + 32 * l.tables) * 512), 0);
}

#include "test_vmdk_crash.c"
