// test_slots.c: pciSlotNumber decoded and encoded.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <stdlib.h>

#include "hw/pci/slots.h"

static const struct { int number; struct pci_slot slot; bool root_port; int guest; } known[] = {
	{ 15, { PCI_SLOT_BUS0, 0, 15 }, false, -1 },
	{ 17, { PCI_SLOT_BUS0, 0, 17 }, false, -1 },
	{ 32, { 0, 0, 0 }, false, 32 },
	{ 33, { 0, 0, 1 }, false, 33 },
	{ 63, { 0, 0, 31 }, false, 63 },
	{ 160, { 4, 0, 0 }, true, 160 },
	{ 192, { 5, 0, 0 }, true, 192 },
	{ 256, { 7, 0, 0 }, true, 256 },
	{ 1184, { 4, 1, 0 }, true, 161 },
	{ 1216, { 5, 1, 0 }, true, 193 },
	{ 1280, { 7, 1, 0 }, true, 257 },
	{ 2208, { 4, 2, 0 }, true, 162 },
	{ 2304, { 7, 2, 0 }, true, 258 },
	{ 7424, { 7, 7, 0 }, true, 263 },
};

START_TEST(known_numbers)
{
	struct pci_slot s;

	ck_assert(pci_slot_decode(known[_i].number, &s));
	ck_assert_int_eq(s.bridge, known[_i].slot.bridge);
	ck_assert_uint_eq(s.function, known[_i].slot.function);
	ck_assert_uint_eq(s.device, known[_i].slot.device);
	ck_assert_int_eq(pci_slot_encode(&s), known[_i].number);
	ck_assert_int_eq(pci_slot_guest_number(&s, known[_i].root_port), known[_i].guest);
}
END_TEST

START_TEST(both_ways)
{
	unsigned sound = 0;

	for (int n = -10; n < 9000; n++) {
		struct pci_slot s;

		if (!pci_slot_decode(n, &s))
			continue;
		sound++;
		ck_assert_int_eq(pci_slot_encode(&s), n);
	}
	// All of 13 bits but functions 1 to 7 of bus 0.
	ck_assert_uint_eq(sound, 8192 - 7 * 32);
}
END_TEST

START_TEST(refused)
{
	static const struct pci_slot bad[] = {
		{ -2, 0, 0 }, { 31, 0, 0 }, { 0, 8, 0 }, { 0, 0, 32 }, { PCI_SLOT_BUS0, 1, 3 },
	};
	struct pci_slot s = { 3, 2, 1 };

	ck_assert(!pci_slot_decode(-1, &s));
	ck_assert(!pci_slot_decode(8192, &s));
	ck_assert(!pci_slot_decode(1024, &s));
	ck_assert_int_eq(s.bridge, 3);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(pci_slot_encode(&bad[i]), -1);
		ck_assert_int_eq(pci_slot_guest_number(&bad[i], true), -1);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("slots");
	TCase *tc = tcase_create("slots");
	SRunner *r;
	int failed;

	tcase_add_loop_test(tc, known_numbers, 0, (int)(sizeof(known) / sizeof(known[0])));
	tcase_add_test(tc, both_ways);
	tcase_add_test(tc, refused);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
