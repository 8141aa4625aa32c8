; keys.asm: prints each key that the BIOS delivers: scan code, character, shift state. Escape switches off.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
	say 'waiting for keys'
.next:
	xor ax, ax
	int 16h
	push ax
	mov ah, 2
	int 16h
	movzx ecx, al
	shl ecx, 16
	pop ax
	mov cx, ax
	mov si, .key
	call puts
	mov eax, ecx
	call put_hex
	mov si, text_line
	call puts
	cmp cl, 27
	jne .next
	jmp finish
.key	db 'key ', 0

	times (SECTORS + 1) * 512 - ($ - $$) db 0
