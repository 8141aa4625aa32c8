; mmio.asm: memory-mapped registers of every width, holes, the write-protected BIOS, the frame buffers.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"
%include "unreal.inc"

HOLE		equ 50000000h		; above this VM's RAM, below every BAR

main:
	mov ax, 3
	int 10h
	call planes
	call enter_flat

	; Text memory, all widths.
	mov dword [dword 0b8000h], 07580759h
	movzx eax, byte [dword 0b8002h]
	expect 58h, 'vga-byte'
	movzx eax, word [dword 0b8000h]
	expect 0759h, 'vga-word'
	mov byte [dword 0b8001h], 1fh
	mov eax, [dword 0b8000h]
	expect 07581f59h, 'vga-dword'

	; Nobody's addresses.
	movzx eax, byte [dword HOLE]
	expect 0ffh, 'hole-byte'
	movzx eax, word [dword HOLE + 2]
	expect 0ffffh, 'hole-word'
	mov dword [dword HOLE], 0
	mov eax, [dword HOLE]
	expect 0ffffffffh, 'hole-dword'
	mov eax, [dword HOLE - 2 + 1000h]	; across two pages of the hole
	expect 0ffffffffh, 'hole-across-pages'

	; The BIOS is write-protected after POST.
	mov eax, [dword 0ffff0h]
	mov ecx, eax
	not eax
	mov [dword 0ffff0h], eax
	mov eax, [dword 0ffff0h]
	push ecx
	pop ebx
	mov si, .bios
	call report
	mov eax, [dword 0fffffff0h]
	and eax, 0ffh
	expect 0eah, 'rom-at-4g'

	; APIC registers: version of the local one, version of the I/O one.
	mov eax, [dword 0fee00030h]
	and eax, 0f0h
	expect 10h, 'lapic-version'
	mov dword [dword 0fec00000h], 1
	mov eax, [dword 0fec00010h]
	and eax, 0ff00f0h
	expect 170010h, 'ioapic-version'

	; HPET: Intel's vendor number, a counter that runs.
	mov eax, [dword 0fed00000h]
	shr eax, 16
	expect 8086h, 'hpet-vendor'

	; The display's linear frame buffer is memory.
	mov ebx, 040515adh
	call pci_find
	jc .no_display
	or al, 14h			; BAR 1
	call pci_read
	and eax, 0fffffff0h
	jz .no_display
	mov edi, eax
	mov dword [edi], 11223344h
	mov dword [edi + 4], 55667788h
	mov eax, [edi + 2]
	expect 77881122h, 'frame-buffer'
	jmp finish
.no_display:
	say 'bad frame-buffer: no display 15ad:0405'
	jmp finish
.bios	db 'bios-write-protected', 0

; planes: mode 12h: map mask, latches, write modes 0 to 3, read mode 1.
planes:
	mov ax, 12h
	int 10h
	push es
	mov ax, 0a000h
	mov es, ax
	mov ax, 0f02h			; all planes
	call sequencer
	mov byte [es:0], 0
	mov ax, 0502h			; planes 0 and 2
	call sequencer
	mov byte [es:0], 0a5h
	mov ax, 0204h			; read plane 2
	call graphics
	movzx eax, byte [es:0]
	expect 0a5h, 'plane-2'
	mov ax, 0104h
	call graphics
	movzx eax, byte [es:0]
	expect 0, 'plane-1'
	mov ax, 0f02h
	call sequencer
	mov ax, 0105h			; write mode 1: latches
	call graphics
	mov al, [es:0]
	mov [es:1], al
	mov ax, 0005h
	call graphics
	mov ax, 0004h
	call graphics
	movzx eax, byte [es:1]
	expect 0a5h, 'write-mode-1'
	mov ax, 0205h			; write mode 2: a colour
	call graphics
	mov ax, 0ff08h
	call graphics
	mov byte [es:2], 6
	mov ax, 0005h
	call graphics
	mov ax, 0204h
	call graphics
	movzx eax, byte [es:2]
	expect 0ffh, 'write-mode-2'
	mov ax, 0602h			; colour compare 6
	call graphics
	mov ax, 0f07h
	call graphics
	mov ax, 0805h			; read mode 1
	call graphics
	movzx eax, byte [es:2]
	expect 0ffh, 'read-mode-1'
	mov ax, 0005h
	call graphics
	pop es
	mov ax, 3
	int 10h
	ret

; sequencer, graphics: AH to register AL.
sequencer:
	mov dx, 3c4h
	out dx, ax
	ret
graphics:
	mov dx, 3ceh
	out dx, ax
	ret

	times (SECTORS + 1) * 512 - ($ - $$) db 0
