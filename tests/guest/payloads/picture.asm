; picture.asm: mode 13h with a pattern that the host can compute; any key switches off.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
	mov ax, 13h
	int 10h
	mov ax, 0a000h
	mov es, ax
	xor di, di
	xor bx, bx			; row
.row:
	xor cx, cx			; column
.pixel:
	mov al, cl
	xor al, bl
	stosb
	inc cx
	cmp cx, 320
	jb .pixel
	inc bx
	cmp bx, 200
	jb .row
	; A palette without surprises: component = index / 4, in three directions.
	mov dx, 3c8h
	xor al, al
	out dx, al
	inc dx
	xor cl, cl
.colour:
	mov al, cl
	shr al, 2
	out dx, al			; red
	mov al, cl
	not al
	shr al, 2
	out dx, al			; green
	mov al, cl
	and al, 3fh
	out dx, al			; blue
	inc cl
	jnz .colour
	say 'drawn'
	xor ax, ax
	int 16h
	jmp finish

	times (SECTORS + 1) * 512 - ($ - $$) db 0
