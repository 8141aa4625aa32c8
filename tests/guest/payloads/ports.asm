; ports.asm: accesses of every width to ports of every device that POST leaves in a known state.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
	; Configuration mechanism 1: the address register is a dword, the data window takes all widths.
	mov eax, 80000000h
	mov dx, 0cf8h
	out dx, eax
	in eax, dx
	expect 80000000h, 'cf8-dword'
	xor eax, eax
	mov dx, 0cfch
	in ax, dx
	expect 8086h, 'cfc-word'
	xor eax, eax
	mov dx, 0cfch
	in al, dx
	expect 86h, 'cfc-byte'
	xor eax, eax
	mov dx, 0cfdh
	in al, dx
	expect 80h, 'cfd-byte'
	mov dx, 0cfch
	in eax, dx
	movzx eax, ax
	expect 8086h, 'cfc-dword'
	mov eax, 8000f800h		; 00:1f.0 is nobody's
	call pci_read
	expect 0ffffffffh, 'pci-absent'

	; Nobody's ports read as ones.
	mov dx, 3000h
	xor eax, eax
	in al, dx
	expect 0ffh, 'unclaimed-byte'
	mov dx, 3000h
	xor eax, eax
	in ax, dx
	expect 0ffffh, 'unclaimed-word'
	mov dx, 3000h
	in eax, dx
	expect 0ffffffffh, 'unclaimed-dword'

	; CMOS RAM.
	cli
	mov al, 7ah
	out 70h, al
	mov al, 0a5h
	out 71h, al
	mov al, 7bh
	out 70h, al
	mov al, 5ah
	out 71h, al
	mov al, 7ah
	out 70h, al
	xor eax, eax
	in al, 71h
	sti
	expect 0a5h, 'cmos-readback'

	; UART scratch register and divisor latch.
	mov dx, COM1 + 7
	mov al, 3ch
	out dx, al
	xor eax, eax
	in al, dx
	expect 3ch, 'uart-scratch'

	; Interrupt masks of both controllers.
	cli
	in al, 0a1h
	mov cl, al
	mov al, 0b7h
	out 0a1h, al
	xor eax, eax
	in al, 0a1h
	xchg al, cl
	out 0a1h, al
	sti
	movzx eax, cl
	expect 0b7h, 'pic-mask'

	; 8237 address register of channel 1 through the flip-flop.
	cli
	out 0ch, al
	mov al, 34h
	out 02h, al
	mov al, 12h
	out 02h, al
	out 0ch, al
	xor eax, eax
	in al, 02h
	mov ah, al
	in al, 02h
	sti
	xchg al, ah
	expect 1234h, 'dma-address'

	; Keyboard controller self test.
	cli
	mov al, 0aah
	out 64h, al
	mov cx, 0ffffh
.self_test:
	in al, 64h
	test al, 1
	loopz .self_test
	xor eax, eax
	in al, 60h
	push eax
	mov al, 60h			; the self test cleared the command byte: give the BIOS its own back
	out 64h, al
	mov cx, 0ffffh
.command:
	in al, 64h
	test al, 2
	loopnz .command
	mov al, 61h
	out 60h, al
	pop eax
	sti
	expect 55h, 'i8042-self-test'

	; fw_cfg: the signature byte by byte.
	mov dx, 510h
	xor ax, ax
	out dx, ax
	mov dx, 511h
	xor eax, eax
	mov cx, 4
.signature:
	shl eax, 8
	in al, dx
	loop .signature
	expect 51454d55h, 'fw-cfg-signature'

	; Time goes on: the timer interrupt, the refresh bit, channel 2 of the PIT, the RTC's seconds.
	call ticks
	mov ebx, eax
	mov ecx, 4000000h
.tick:
	call ticks
	cmp eax, ebx
	loope .tick, ecx
	setne al
	movzx eax, al
	expect 1, 'timer-interrupt'
	mov cx, 0ffffh
	in al, 61h
	mov bl, al
.refresh:
	in al, 61h
	xor al, bl
	test al, 10h
	loopz .refresh
	setnz al
	movzx eax, al
	expect 1, 'refresh-toggles'
	cli
	call rtc_seconds
	mov bl, al
	call ticks
	mov ecx, 2000000
.second:
	call rtc_seconds
	cmp al, bl
	loope .second, ecx
	setne al
	movzx eax, al
	sti
	expect 1, 'rtc-runs'
	jmp finish

rtc_seconds:
	xor al, al
	out 70h, al
	in al, 71h
	ret

	times (SECTORS + 1) * 512 - ($ - $$) db 0
