; sector.asm: a boot sector that says one byte on COM1 and stops.
; SPDX-License-Identifier: GPL-2.0-or-later
	bits 16
	org 7c00h

	mov dx, 3fbh		; eight data bits: out of reset the port has five
	mov al, 3
	out dx, al
	mov dx, 3f8h
	mov al, 'S'
	out dx, al
	mov al, 10
	out dx, al
.stop:
	sti
	hlt
	jmp .stop
	times 510 - ($ - $$) db 0
	dw 0aa55h
