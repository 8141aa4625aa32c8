; fill.asm: writes sectors far apart on the second IDE drive, flushes, reads them back.
; SPDX-License-Identifier: GPL-2.0-or-later
;
; Each sector lies in a grain of its own, so each write makes a sparse image grow. Lines besides those of common.inc:
;   filling | error NUMBER STATUS | written COUNT ERRORS
%include "common.inc"

%ifndef COUNT
%define COUNT 64
%endif
STEP		equ 256			; sectors from one to the next
SECTOR		equ 9000h

main:
	say 'filling'
	mov dx, 3f6h			; no interrupts
	mov al, 0ah
	out dx, al
	xor esi, esi
.write:
	call make_sector
	mov al, 30h
	call command
	call data_or_error
	jc .failed
	push esi
	mov si, SECTOR
	mov dx, 1f0h
	mov cx, 256
	rep outsw
	pop esi
	call finished
	jnc .next
.failed:
	inc word [errors]
	bts [bad], esi
	push eax
	push esi
	mov si, text_error
	call puts
	pop esi
	mov eax, esi
	call put_hex
	mov al, ' '
	call putc
	pop eax
	call put_hex
	push esi
	mov si, text_line
	call puts
	pop esi
.next:
	inc esi
	cmp esi, COUNT
	jb .write

	mov al, 0e7h			; FLUSH CACHE
	call command
	call finished
	setc al
	movzx eax, al
	mov [flush_error], eax
	mov si, text_written
	call puts
	mov eax, COUNT
	call put_hex
	mov al, ' '
	call putc
	movzx eax, word [errors]
	call put_hex
	mov si, text_line
	call puts
	mov eax, [flush_error]
	expect 0, 'flush'

	; What was written without an error must be there.
	xor esi, esi
.read:
	bt [bad], esi
	jc .skip
	mov al, 20h
	call command
	call data_or_error
	jc .differs
	mov di, SECTOR + 512
	mov dx, 1f0h
	mov cx, 256
	rep insw
	call make_sector
	push esi
	mov si, SECTOR
	mov di, SECTOR + 512
	mov cx, 256
	repe cmpsw
	pop esi
	je .skip
.differs:
	inc word [wrong]
.skip:
	inc esi
	cmp esi, COUNT
	jb .read
	movzx eax, word [wrong]
	expect 0, 'data'
	jmp finish

errors		dw 0
wrong		dw 0
flush_error	dd 0
bad		times 16 dd 0
text_error	db 'error ', 0
text_written	db 'written ', 0

; make_sector: the content of sector number ESI.
make_sector:
	mov di, SECTOR
	mov cx, 128
	mov eax, esi
	imul eax, 01000193h
.word:
	stosd
	add eax, 9e3779b9h
	loop .word
	ret

; command: AL for the sector number ESI of the slave, one sector.
command:
	push ax
	call ready
	mov dx, 1f6h
	mov al, 0f0h
	out dx, al
	call ready
	mov eax, esi
	imul eax, STEP
	mov ecx, eax
	mov dx, 1f2h
	mov al, 1
	out dx, al
	inc dx
	mov eax, ecx
	out dx, al
	inc dx
	shr eax, 8
	out dx, al
	inc dx
	shr eax, 8
	out dx, al
	pop ax
	mov dx, 1f7h
	out dx, al
	ret

; ready: waits while the drive is busy; AL is the status.
ready:
	mov dx, 1f7h
.busy:
	in al, dx
	test al, 80h
	jnz .busy
	ret

; finished: waits for the end of a command; carry and EAX = status when it failed.
finished:
	call ready
	movzx eax, al
	test al, 21h			; error, device fault
	jz .end
	stc
.end:
	ret

; data_or_error: waits for the drive to want data; carry and EAX = status when it failed.
data_or_error:
	call finished
	jc .end
	test al, 8
	jz data_or_error
	clc
.end:
	ret

	times (SECTORS + 1) * 512 - ($ - $$) db 0
