; string.asm: rep ins and rep outs of every width, forwards and backwards, across pages.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
	; rep insb: the fw_cfg signature.
	call select_signature
	mov di, SCRATCH
	mov dx, 511h
	mov cx, 4
	rep insb
	push cx
	mov eax, [SCRATCH]
	expect 554d4551h, 'insb-forward'
	movzx eax, di
	expect SCRATCH + 4, 'insb-di'
	pop cx
	movzx eax, cx
	expect 0, 'insb-cx'

	; The same backwards.
	call select_signature
	mov di, SCRATCH + 3
	mov dx, 511h
	mov cx, 4
	std
	rep insb
	cld
	mov eax, [SCRATCH]
	expect 51454d55h, 'insb-backward'

	; Across a page: the target lies at both sides of 0a000h.
	mov dword [9ffch], 0
	mov dword [0a000h], 0
	call select_signature
	mov di, 9ffeh
	mov dx, 511h
	mov cx, 4
	rep insb
	mov eax, [9ffeh]
	expect 554d4551h, 'insb-across-pages'

	; Nothing moves with CX = 0.
	mov dword [SCRATCH], 12345678h
	mov di, SCRATCH
	mov dx, 511h
	xor cx, cx
	rep insb
	mov eax, [SCRATCH]
	expect 12345678h, 'insb-zero-count'

	; rep insw: IDENTIFY DEVICE of the boot disk, 256 words; the same again word by word.
	mov di, 0b000h
	call identify
	mov cx, 256
	rep insw
	mov di, 0b400h
	call identify
	mov cx, 256
.word:
	in ax, dx
	stosw
	loop .word
	mov si, 0b000h
	mov di, 0b400h
	mov cx, 256
	repe cmpsw
	movzx eax, cx
	expect 0, 'insw-identify'
	movzx eax, byte [0b000h + 99]	; capabilities: LBA
	and al, 2
	expect 2, 'insw-lba-bit'

	; rep insd: the PCI data window answers the same dword again and again.
	mov eax, 80000000h
	mov dx, 0cf8h
	out dx, eax
	mov di, SCRATCH
	mov dx, 0cfch
	mov cx, 4
	rep insd
	mov eax, [SCRATCH]
	cmp eax, [SCRATCH + 12]
	sete al
	movzx eax, al
	expect 1, 'insd-repeats'
	movzx eax, word [SCRATCH + 8]
	expect 8086h, 'insd-vendor'

	; rep outsw and rep outsd into a register that keeps the last value: PCI address register.
	mov si, .addresses
	mov dx, 0cf8h
	mov cx, 3
	rep outsd
	in eax, dx
	expect 80000008h, 'outsd-last'
	mov si, .addresses + 8
	mov dx, 0cf8h
	mov cx, 3
	std
	rep outsd
	cld
	in eax, dx
	expect 80000000h, 'outsd-backward'

	; rep outsw: a sector's data port takes words; the buffer commands need no medium. Written, then read back.
	mov cx, 256
	mov di, 0b000h
.fill:
	mov ax, cx
	imul ax, 257
	stosw
	loop .fill
	mov al, 0e8h			; WRITE BUFFER
	call ata_command
	jc .no_buffer
	mov si, 0b000h
	mov cx, 256
	rep outsw
	call ata_idle
	mov al, 0e4h			; READ BUFFER
	call ata_command
	jc .no_buffer
	mov di, 0b400h
	mov cx, 256
	rep insw
	mov si, 0b000h
	mov di, 0b400h
	mov cx, 256
	repe cmpsw
	movzx eax, cx
	expect 0, 'outsw-buffer'
	jmp .text
.no_buffer:
	say 'note no READ/WRITE BUFFER'
.text:
	; rep outsb: a line of text, the way the boot loaders do it not: at once.
	mov si, .line
	mov cx, .line_end - .line
	mov dx, COM1
	rep outsb
	movzx eax, cx
	expect 0, 'outsb-cx'

	; String moves from and to device memory.
	mov ax, 3
	int 10h
	mov ax, 0b800h
	mov es, ax
	xor di, di
	mov ax, 0741h
	mov cx, 80 * 25
	rep stosw
	mov ax, [es:80 * 25 * 2 - 2]
	movzx eax, ax
	expect 0741h, 'stosw-device'
	push ds
	mov ax, 0b800h
	mov ds, ax
	mov dword [0], 07420742h
	mov dword [4], 07430743h
	xor si, si
	mov di, 160
	mov cx, 4
	rep movsw			; device to device
	mov eax, [164]
	xor bx, bx
	mov es, bx
	xor si, si
	mov di, SCRATCH
	mov cx, 2
	rep movsd			; device to RAM
	pop ds
	push eax
	mov eax, [SCRATCH]
	expect 07420742h, 'movsd-device-ram'
	pop eax
	expect 07430743h, 'movsw-device-device'
	jmp finish

.addresses	dd 80000000h, 80000004h, 80000008h
.line		db 'rep outsb says hello', 13, 10
.line_end:

select_signature:
	mov dx, 510h
	xor ax, ax
	out dx, ax
	ret

identify:
	mov al, 0ech
; ata_command: AL to the master of the first channel; waits for DRQ; DX = data port, carry set when it was refused.
ata_command:
	push ax
	mov dx, 1f6h
	mov al, 0a0h
	out dx, al
	call ata_idle
	pop ax
	mov dx, 1f7h
	out dx, al
	mov cx, 0ffffh
.wait:
	in al, dx
	test al, 80h
	jnz .again
	test al, 21h
	jnz .refused
	test al, 8
	jnz .ready
.again:
	loop .wait
.refused:
	stc
	ret
.ready:
	mov dx, 1f0h
	clc
	ret

ata_idle:
	mov dx, 1f7h
	mov cx, 0ffffh
.busy:
	in al, dx
	test al, 88h
	loopnz .busy
	ret

	times (SECTORS + 1) * 512 - ($ - $$) db 0
