; hang.asm: a guest that hears nothing. With ACPI defined it first says, as an operating system does, that it will.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
%ifdef ACPI
	mov ebx, 71138086h
	call pci_find
	jc .no_acpi
	or al, 40h
	call pci_read
	and ax, 0ffc0h
	mov dx, ax
	add dx, 2
	mov ax, 100h			; power button enabled
	out dx, ax
	add dx, 2
	in ax, dx
	or al, 1			; SCI_EN
	out dx, ax
.no_acpi:
%endif
	say 'hanging'
	cli
.forever:
	hlt
	jmp .forever

	times (SECTORS + 1) * 512 - ($ - $$) db 0
