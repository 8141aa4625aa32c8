; smi.asm: system management interrupts that the guest sends itself: the CPU comes back as it was.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"
%include "unreal.inc"

ICR		equ 0fee00300h
SELF_SMI	equ 40200h

main:
	call enter_flat
	mov eax, 11223344h
	mov edx, 55667788h
	mov edi, 99aabbcch
	mov cx, 200
.again:
	mov dword [dword ICR], SELF_SMI
	nop
	nop
	loop .again
	expect 11223344h, 'eax'
	mov eax, edx
	expect 55667788h, 'edx'
	mov eax, edi
	expect 99aabbcch, 'edi'
	movzx eax, byte [dword 0fffffff0h]	; the segment's limit is still 4 GiB
	expect 0eah, 'limit'
	jmp finish

	times (SECTORS + 1) * 512 - ($ - $$) db 0
