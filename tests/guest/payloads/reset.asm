; reset.asm: resets the machine by the path RESET, counts in CMOS RAM, switches off the second time.
; SPDX-License-Identifier: GPL-2.0-or-later
;
; RESET: 1 keyboard controller FEh, 2 port 92h, 3 CF9h, 4 CF9h full, 5 jump to the reset vector, 6 ACPI reset register
; by way of the FADT, 7 Ctrl-Alt-Del of the BIOS's keyboard handler (the host sends the keys), 8 the keyboard controller's
; output port.
%include "common.inc"

COUNTER		equ 7dh

main:
	mov al, COUNTER
	out 70h, al
	in al, 71h
	cmp al, 5ah
	je .second
	mov al, COUNTER
	out 70h, al
	mov al, 5ah
	out 71h, al
	say 'first boot'
%if RESET = 1
	mov al, 0feh
	out 64h, al
%elif RESET = 2
	in al, 92h
	and al, 0feh
	out 92h, al
	or al, 1
	out 92h, al
%elif RESET = 3
	mov dx, 0cf9h
	mov al, 2
	out dx, al
	mov al, 6
	out dx, al
%elif RESET = 4
	mov dx, 0cf9h
	mov al, 0ah
	out dx, al
	mov al, 0eh
	out dx, al
%elif RESET = 5
	jmp 0ffffh:0
%elif RESET = 6
	call acpi_reset
%elif RESET = 7
	sti
.halt:
	hlt
	jmp .halt
%elif RESET = 8
	mov al, 0d1h
	out 64h, al
	mov cx, 0ffffh
.busy:
	in al, 64h
	test al, 2
	loopnz .busy
	mov al, 0feh
	out 60h, al
%endif
	; A reset may take a moment, but not three seconds.
	sti
	call ticks
	lea ebx, [eax + 55]
.wait:
	call ticks
	cmp eax, ebx
	jb .wait
	say 'bad still here'
	jmp finish
.second:
	mov al, COUNTER
	out 70h, al
	xor al, al
	out 71h, al
	say 'second boot'
	jmp finish

%if RESET = 6
%include "unreal.inc"

; acpi_reset: RSDP -> RSDT -> FADT -> RESET_REG (system I/O), as an operating system does it.
acpi_reset:
	call enter_flat
	mov esi, 0e0000h
.search:
	cmp dword [esi], 'RSD '
	jne .next
	cmp dword [esi + 4], 'PTR '
	je .rsdp
.next:
	add esi, 16
	cmp esi, 100000h
	jb .search
	say 'bad no RSDP'
	ret
.rsdp:
	mov esi, [esi + 16]
	mov ecx, [esi + 4]
	sub ecx, 36
	shr ecx, 2
.table:
	jecxz .no_fadt
	mov edi, [esi + 32 + ecx * 4]
	dec ecx
	cmp dword [edi], 'FACP'
	jne .table
	cmp dword [edi + 4], 129	; long enough to have a reset register
	jb .no_register
	test byte [edi + 113], 4	; flag RESET_REG_SUP
	jz .no_register
	cmp byte [edi + 116], 1		; system I/O
	jne .no_register
	mov dx, [edi + 120]
	mov al, [edi + 128]
	out dx, al
	ret
.no_fadt:
	say 'bad no FADT'
	ret
.no_register:
	say 'bad FADT without reset register'
	ret
%endif

	times (SECTORS + 1) * 512 - ($ - $$) db 0
