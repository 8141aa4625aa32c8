; storm.asm: as many exits as it can make, of every kind, for the host to stay responsive under.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"
%include "unreal.inc"

main:
	call enter_flat
	say 'storm begins'
	mov bp, ROUNDS
.round:
	mov cx, 2000
	mov edi, 50000000h
.once:
	mov [edi], ecx
	mov eax, [edi]
	mov al, [dword 0a0000h]
	mov [dword 0b8000h], al
	mov dx, 3000h
	in al, dx
	out dx, al
	mov dx, 0cfch
	in eax, dx
	mov [dword 0ffff0h], al
	loop .once
	mov al, '.'
	call putc
	dec bp
	jnz .round
	mov si, text_line
	call puts
	say 'ok storm'
	jmp finish

	times (SECTORS + 1) * 512 - ($ - $$) db 0
