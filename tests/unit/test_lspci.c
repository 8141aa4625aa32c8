// test_lspci.c: configuration spaces against what `lspci -vv` shows of a VMware guest, field by field.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/compiler.h"
#include "chipset_world.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "bus/console.h"
#include "hw/chipset/piix4_isa.h"
#include "hw/display/vga.h"
#include "hw/nic/e1000.h"
#include "hw/nic/vmxnet3.h"
#include "hw/pci/regs.h"
#include "hw/pci/root_port.h"
#include "hw/pci/vmware_bridge.h"
#include "hw/storage/piix4_ide.h"
#include "hw/vmware/vmci.h"

enum { HW_VERSION = 19, PORTS = 4, FIRST_PORT_DEVICE = 0x15, FIRST_PORT_BUS = 3, BUSES = 0x23 };

static const uint8_t mac[6] = { 0x00, 0x50, 0x56, 0x9a, 0x60, 0xe7 };

struct guest {
	struct chipset_world *w;
	struct console console;
	struct piix4_ide *ide;
	struct vga *vga;
	struct vmci *vmci;
	struct vmware_bridge *bridge;
	struct root_port *ports[PORTS];
	struct e1000 *e1000;
	struct vmxnet3 *vmxnet3;
};

// --- the machine ---------------------------------------------------------------------------------------

static void add_chipset(struct guest *g)
{
	struct platform *p;

	g->w = world_new();
	p = &g->w->p;
	ck_assert_int_eq(console_init(&g->console), 0);
	p->console = &g->console;
	ck_assert_int_eq(i440bx_create(p, &(struct i440bx_args){ .ecam = true }, &g->w->bx, NULL), 0);
	ck_assert_int_eq(piix4_create(p, &(struct piix4_args){ .bx = g->w->bx }, &g->w->piix4, NULL), 0);
	ck_assert_int_eq(piix4_ide_create(p, &(struct piix4_ide_args){ .bus = pci_root_bus(p->pci), .devfn = DEVFN(7, 1) },
					  &g->ide, NULL), 0);
	ck_assert_int_eq(vga_create(p, &(struct vga_args){ .bus = pci_root_bus(p->pci), .devfn = DEVFN(15, 0), .vram = 4 << 20,
							  .max_width = 1024, .max_height = 768 }, &g->vga, NULL), 0);
	ck_assert_int_eq(vmci_create(p, &(struct vmci_args){ .bus = pci_root_bus(p->pci), .devfn = DEVFN(7, 7) }, &g->vmci, NULL), 0);
}

static void add_bridges(struct guest *g)
{
	struct pci_bus *root = pci_root_bus(g->w->p.pci);

	ck_assert_int_eq(vmware_bridge_create(root, DEVFN(0x11, 0), HW_VERSION, &g->bridge, NULL), 0);
	for (unsigned i = 0; i < PORTS; i++) {
		struct root_port_args args = { .device = FIRST_PORT_DEVICE + i, .functions = 8, .slot = 160 + 32 * i };

		ck_assert_int_eq(root_port_create(root, &args, &g->ports[i], NULL), 0);
	}
	ck_assert_int_eq(e1000_create(vmware_bridge_bus(g->bridge), DEVFN(1, 0), mac, &g->e1000, NULL), 0);
	ck_assert_int_eq(vmxnet3_create(root_port_bus(g->ports[0], 0), 0, mac, HW_VERSION, &g->vmxnet3, NULL), 0);
}

// As the firmware does.
static void number_buses(struct guest *g)
{
	struct pci_root *root = g->w->p.pci;

	pci_config_write(root, 0, DEVFN(1, 0), PCI_PRIMARY, 2, 0x0100);
	pci_config_write(root, 0, DEVFN(1, 0), PCI_SUBORDINATE, 1, 1);
	pci_config_write(root, 0, DEVFN(0x11, 0), PCI_PRIMARY, 2, 0x0200);
	pci_config_write(root, 0, DEVFN(0x11, 0), PCI_SUBORDINATE, 1, 2);
	for (unsigned i = 0; i < 8 * PORTS; i++) {
		unsigned devfn = DEVFN(FIRST_PORT_DEVICE, 0) + i, bus = FIRST_PORT_BUS + i;

		pci_config_write(root, 0, devfn, PCI_PRIMARY, 2, bus << 8);
		pci_config_write(root, 0, devfn, PCI_SUBORDINATE, 1, bus);
	}
}

static void destroy(struct guest *g)
{
	vmxnet3_class.destroy(g->vmxnet3);
	e1000_class.destroy(g->e1000);
	for (unsigned i = PORTS; i-- > 0;)
		root_port_class.destroy(g->ports[i]);
	vmware_bridge_class.destroy(g->bridge);
	vmci_class.destroy(g->vmci);
	vga_class.destroy(g->vga);
	piix4_ide_class.destroy(g->ide);
	world_free(g->w);
	console_destroy(&g->console);
}

// --- lspci -----------------------------------------------------------------------------------------------

static void dump_function(FILE *out, struct pci_root *root, unsigned bus, unsigned devfn)
{
	bool express = pci_config_read(root, bus, devfn, 0x100, 4) != UINT32_MAX;

	fprintf(out, "%02x:%02x.%x function\n", bus, devfn >> 3, devfn & 7);
	for (unsigned row = 0; row < (express ? 0x1000u : 0x100u); row += 16) {
		fprintf(out, "%02x:", row);
		for (unsigned i = 0; i < 16; i++)
			fprintf(out, " %02x", pci_config_read(root, bus, devfn, row + i, 1));
		fputc('\n', out);
	}
	fputc('\n', out);
}

static void dump(struct guest *g, const char *path)
{
	struct pci_root *root = g->w->p.pci;
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	for (unsigned bus = 0; bus < BUSES; bus++) {
		for (unsigned devfn = 0; devfn < 256; devfn++) {
			if (pci_config_read(root, bus, devfn, PCI_VENDOR, 2) == 0xffff)
				continue;
			pci_config_write(root, bus, devfn, PCI_COMMAND, 2, 7);
			dump_function(out, root, bus, devfn);
		}
	}
	ck_assert_int_eq(fclose(out), 0);
}

// The output, every run of blanks and line ends one blank; blocks begin with '\n'.
static char *run_lspci(const char *path)
{
	char command[160], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len), *in;
	int c, last = 0;

	snprintf(command, sizeof(command), "PATH=$PATH:/usr/sbin:/sbin lspci -n -vvv -F %s 2>&1", path);
	in = popen(command, "r");
	ck_assert_ptr_nonnull(in);
	while ((c = getc(in)) != EOF) {
		bool begins = last == '\n' && c != '\n' && c != '\t';

		if (begins)
			fputc('\n', out);
		if (c != ' ' && c != '\t' && c != '\n')
			fputc(c, out);
		else if (last != ' ' && last != '\t' && last != '\n')
			fputc(' ', out);
		last = c;
	}
	ck_assert_int_eq(pclose(in), 0);
	fclose(out);
	return text;
}

// Whether the block of the function at PLACE ("00:15.0") holds FIELD.
static bool holds(const char *text, const char *place, const char *field)
{
	char head[16];
	const char *block = text, *end, *found;

	snprintf(head, sizeof(head), "%s ", place);
	while (block && strncmp(block, head, strlen(head))) {
		block = strchr(block, '\n');
		block += block != NULL;
	}
	ck_assert_msg(block, "lspci shows no %s", place);
	end = strchr(block, '\n');
	found = strstr(block, field);
	return found && (!end || found < end);
}

static void compare(const char *text, const char *place, char *line)
{
	bool differs = *line == '!';
	char *bar = differs ? strstr(line, " | ") : NULL;

	if (bar)
		*bar = '\0';
	ck_assert_msg(!differs || (bar && bar[3]), "[%s] %s: no reason", place, line);
	line += differs ? 2 : 0;
	ck_assert_msg(holds(text, place, line) == !differs, "[%s] %s: %s", place, line,
		      differs ? "is equal now; it is no difference any more" : "is not so");
}

static unsigned compare_all(const char *text)
{
	char place[16] = "", *golden, *rest, *line;
	unsigned compared = 0;
	size_t len;

	ck_assert_int_eq(file_read(SOURCE_ROOT "/tests/lab/golden/lspci-vv.txt", 1 << 20, &golden, &len, NULL), 0);
	for (rest = golden; (line = strsep(&rest, "\n"));) {
		if (!*line || *line == '#')
			continue;
		if (*line == '[') {
			snprintf(place, sizeof(place), "%.7s", line + 1);
			continue;
		}
		compare(text, place, line);
		compared++;
	}
	free(golden);
	return compared;
}

static bool have_lspci(void)
{
	const char *own_only = getenv("BERTH_TEST_OWN_ONLY");

	// Under the sanitizers there is nothing to learn from programs that are not ours.
	return !(own_only && *own_only) && system("PATH=$PATH:/usr/sbin:/sbin command -v lspci >/dev/null") == 0;
}

START_TEST(as_vmware_shows_them)
{
	char path[] = "/tmp/berth-lspci-XXXXXX", *text;
	struct guest g = { 0 };

	add_chipset(&g);
	add_bridges(&g);
	number_buses(&g);
	close(mkstemp(path));
	dump(&g, path);
	if (have_lspci()) {
		text = run_lspci(path);
		ck_assert_uint_gt(compare_all(text), 100);
		free(text);
	}
	unlink(path);
	destroy(&g);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("lspci");
	TCase *t = tcase_create("golden");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, as_vmware_shows_them);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
