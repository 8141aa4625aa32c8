; dma.asm: bus-master DMA to RAM, and to everywhere a device must not reach.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

TABLE		equ SCRATCH		; one physical region descriptor, or a few

; attempt ADDRESS, SIZE, 'name': reads the first sector by DMA to there. Any end is right; none is wrong.
%macro attempt 3
	mov dword [TABLE], %1
	mov dword [TABLE + 4], 80000000h | (%2)
	mov ecx, TABLE
	call transfer
	call settle
	expect 1, %3
%endmacro

main:
	mov ebx, 71118086h
	call pci_find
	jc no_controller
	mov esi, eax
	mov al, 4			; command register: I/O and bus master
	call pci_read
	or al, 5
	mov ecx, eax
	mov eax, esi
	mov al, 4
	call pci_write
	mov eax, esi
	mov al, 20h
	call pci_read
	and ax, 0fff0h
	jz no_controller
	mov [bus_master], ax

	; To RAM, where it belongs.
	push es
	mov ax, 1000h
	mov es, ax
	mov word [es:1feh], 0
	mov dword [TABLE], BUFFER
	mov dword [TABLE + 4], 80000200h
	mov ecx, TABLE
	call transfer
	mov ax, [es:1feh]
	movzx eax, ax
	pop es
	expect 0aa55h, 'dma-to-ram'
	call status
	and eax, 3			; neither active nor error
	expect 0, 'dma-status'
	call settle

	; In two pieces.
	push es
	mov ax, 1000h
	mov es, ax
	mov dword [es:1fch], 0
	mov dword [TABLE], BUFFER
	mov dword [TABLE + 4], 100h
	mov dword [TABLE + 8], BUFFER + 100h
	mov dword [TABLE + 12], 80000100h
	mov ecx, TABLE
	call transfer
	mov ax, [es:1feh]
	movzx eax, ax
	pop es
	expect 0aa55h, 'dma-two-pieces'
	call settle

	; Where no device may write.
	attempt 0fffff000h, 200h, 'wild-top'
	attempt 50000000h, 200h, 'wild-hole'
	attempt 0fee00000h, 200h, 'wild-lapic'
	attempt 0a0000h, 200h, 'wild-vga'
	attempt 0fffffffeh, 200h, 'wild-wrap'
	attempt 03fffe00h, 0, 'wild-end-of-ram'	; 64 KiB, of which 512 bytes are RAM
	attempt BUFFER, 2, 'table-too-short'

	; A descriptor table that is not memory, and one without an end.
	mov ecx, 0fffffffch
	call transfer
	call settle
	expect 1, 'table-at-top'
	mov ecx, 50000000h
	call transfer
	call settle
	expect 1, 'table-in-hole'
	mov di, TABLE
	mov cx, 200h
.endless:
	mov eax, BUFFER
	stosd
	mov eax, 2
	stosd
	loop .endless
	mov ecx, TABLE
	call transfer
	call settle
	expect 1, 'table-endless'

	; The BIOS still reads the disk, and the vector table is whole.
	mov si, probe
	mov ah, 42h
	mov dl, [boot_drive]
	int 13h
	setnc al
	movzx eax, al
	expect 1, 'disk-after-all'
	movzx eax, word [0c000h + 510]
	expect 0aa55h, 'sector-after-all'
	jmp finish

no_controller:
	say 'bad no IDE controller'
	jmp finish

bus_master	dw 0
probe:
	db 16, 0
	dw 1, 0c000h, 0
	dq 0

; transfer: READ DMA of sector 0 with the descriptor table at ECX; waits for the end, three seconds at most.
transfer:
	mov dx, [bus_master]
	xor al, al
	out dx, al
	add dx, 2
	mov al, 6			; clear interrupt and error
	out dx, al
	add dx, 2
	mov eax, ecx
	out dx, eax
	mov dx, 3f6h			; no interrupt: the BIOS does not expect one
	mov al, 0ah
	out dx, al
	mov dx, 1f6h
	mov al, 0e0h
	out dx, al
	mov dx, 1f2h
	mov al, 1
	out dx, al
	inc dx
	xor al, al
	out dx, al
	inc dx
	out dx, al
	inc dx
	out dx, al
	mov dx, 1f7h
	mov al, 0c8h
	out dx, al
	mov dx, [bus_master]
	mov al, 9			; start, towards memory
	out dx, al
	call ticks
	lea ebx, [eax + 55]
.wait:
	call status
	test al, 1
	jz .end
	test al, 2
	jnz .end
	mov dx, 1f7h
	in al, dx
	test al, 80h
	jz .end
	call ticks
	cmp eax, ebx
	jb .wait
.end:
	ret

; status: EAX = bus master status of the first channel.
status:
	mov dx, [bus_master]
	add dx, 2
	xor eax, eax
	in al, dx
	ret

; settle: stops the engine, resets the channel; EAX = 1 when the drive is ready again.
settle:
	mov dx, [bus_master]
	xor al, al
	out dx, al
	mov dx, 3f6h
	mov al, 0eh
	out dx, al
	call ticks
	lea ebx, [eax + 2]
.hold:
	call ticks
	cmp eax, ebx
	jb .hold
	mov dx, 3f6h
	mov al, 0ah
	out dx, al
	mov dx, 1f7h
	call ticks
	lea ebx, [eax + 91]
.busy:
	in al, dx
	test al, 80h
	jz .ready
	call ticks
	cmp eax, ebx
	jb .busy
	xor eax, eax
	ret
.ready:
	mov dx, 3f6h
	mov al, 8
	out dx, al
	mov eax, 1
	ret

	times (SECTORS + 1) * 512 - ($ - $$) db 0
