// piix4.c: the PIIX4's functions put together.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/piix4.h"

#include <errno.h>
#include <stdlib.h>

enum piix4_function { USB = 2, PM = 3 };        // 0 is ISA, 1 IDE

static uint8_t devfn(enum piix4_function f) { return (uint8_t)(PIIX4_ISA_DEVFN | f); }

static int create_functions(const struct platform *p, const struct piix4_args *args, struct piix4 *x,
			    struct err *err)
{
	int r = piix4_pm_create(p, args->bx, devfn(PM), &x->pm, err);

	if (r == 0)
		r = piix4_isa_create(p, args->bx, x->pm, &x->isa, err);
	if (r == 0 && args->uhci)
		r = uhci_create(p, pci_root_bus(p->pci), devfn(USB), UHCI_PIIX4, &x->uhci, err);
	return r;
}

int piix4_create(const struct platform *p, const struct piix4_args *args, struct piix4 **out, struct err *err)
{
	struct piix4 *x = calloc(1, sizeof(*x));
	int r;

	if (!x)
		return err_set(err, ENOMEM, "piix4", "no memory for it");
	r = create_functions(p, args, x, err);
	if (r < 0) {
		if (x->isa)
			piix4_isa_class.destroy(x->isa);
		if (x->pm)
			piix4_pm_class.destroy(x->pm);
		piix4_free(x);
		return r;
	}
	*out = x;
	return 0;
}

void piix4_free(struct piix4 *piix4)
{
	free(piix4);
}
