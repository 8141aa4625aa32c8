; triple.asm: a fault with nowhere to go.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"
%include "unreal.inc"

main:
	say 'about to triple fault'
	cli
	lidt [nowhere]
	lgdt [flat_pointer]
	mov eax, cr0
	or al, 1
	mov cr0, eax
	jmp .protected
.protected:
	mov ax, 0fff8h			; beyond the table: #GP, and no vector for it, nor for the next fault
	mov ds, ax
	mov eax, cr0
	and al, 0feh
	mov cr0, eax
	xor ax, ax
	mov ds, ax
	say 'bad still here'
	jmp finish

nowhere	dw 0
	dd 0

	times (SECTORS + 1) * 512 - ($ - $$) db 0
