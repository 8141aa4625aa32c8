; first.asm: a BIOS of 256 KiB that says one byte on the debug port at the reset vector and stops.
; SPDX-License-Identifier: GPL-2.0-or-later
	bits 16
	org 0

DEBUG_PORT	equ 402h

	times 3ff00h db 0ffh
	mov dx, DEBUG_PORT
	mov al, 'B'
	out dx, al
	mov al, 10
	out dx, al
.stop:
	cli
	hlt
	jmp .stop
	times 3fff0h - ($ - $$) db 0ffh
	jmp 0f000h:0ff00h
	times 40000h - ($ - $$) db 0
