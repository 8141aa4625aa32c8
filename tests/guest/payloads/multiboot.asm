; multiboot.asm: a kernel that GRUB's multiboot loads, as those of kvm-unit-tests: prints its words and its module, and ends.
; SPDX-License-Identifier: GPL-2.0-or-later
	bits 32
	org 400000h

COM1		equ 3f8h
FLAGS		equ 1 << 16		; the addresses stand here, not in an ELF header

	align 4
header:
	dd 1badb002h, FLAGS, -(1badb002h + FLAGS)
	dd header, header, end, end, start

start:
	mov esp, stack
	mov edx, COM1 + 3
	mov al, 3			; eight bits a character
	out dx, al
	mov esi, [ebx + 16]		; the command line
	call puts
	mov esi, line
	call puts
	mov eax, [ebx + 24]		; the first module
	mov esi, [eax]
	mov ecx, [eax + 4]
	sub ecx, esi
.next:
	lodsb
	call putc
	loop .next
	mov esi, last
	call puts
.forever:
	hlt
	jmp .forever

puts:
	lodsb
	test al, al
	jz .done
	call putc
	jmp puts
.done:
	ret

putc:
	mov edx, COM1
	out dx, al
	ret

line	db 10, 0
last	db 'SUMMARY: 1 tests', 10, '--- DONE: ', '0' + CODE, ' ---', 10, 0
	times 64 db 0
stack:
end:
