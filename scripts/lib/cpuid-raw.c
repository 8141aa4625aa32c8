// cpuid-raw.c: this CPU's CPUID, a line a leaf, as `cpuid -r` prints it. For guests that have no such program.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <cpuid.h>
#include <stdio.h>

// Leaves with more than one answer; the others are asked once.
static unsigned subleaves(unsigned leaf)
{
	switch (leaf) {
	case 4: case 0x8000001d: return 5;
	case 0xb: return 3;
	case 7: return 2;
	default: return 1;
	}
}

static void print_range(unsigned first)
{
	unsigned last, b, c, d;

	__cpuid(first, last, b, c, d);
	if (last < first || last > first + 0x40)
		return;
	for (unsigned leaf = first; leaf <= last; leaf++) {
		for (unsigned sub = 0; sub < subleaves(leaf); sub++) {
			unsigned a;

			__cpuid_count(leaf, sub, a, b, c, d);
			printf("   0x%08x 0x%02x: eax=0x%08x ebx=0x%08x ecx=0x%08x edx=0x%08x\n", leaf, sub, a, b, c, d);
		}
	}
}

int main(void)
{
	puts("CPU 0:");
	print_range(0);
	print_range(0x40000000);
	print_range(0x80000000);
	return 0;
}
