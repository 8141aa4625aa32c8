; backdoor.asm: VMware's port: the first commands, an unknown one, a wrong magic.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

MAGIC		equ 564d5868h

; call_backdoor COMMAND: EBX = argument 0.
%macro call_backdoor 1
	mov eax, MAGIC
	xor ebx, ebx
	mov ecx, %1
	mov edx, 5658h
	in eax, dx
%endmacro

; show 'name ': prints EAX.
%macro show 1
	jmp %%code
%%text	db %1, 0
%%code:
	push eax
	mov si, %%text
	call puts
	pop eax
	call put_hex
	mov si, text_line
	call puts
%endmacro

main:
	call_backdoor 10		; GETVERSION
	push eax
	mov eax, ebx
	expect MAGIC, 'version-magic'
	pop eax
	expect 6, 'version'
	call_backdoor 17		; GETHWVERSION
	show 'hwversion '
	call_backdoor 20		; GETMEMSIZE
	expect 64, 'memsize'
	call_backdoor 19		; GETUUID
	push edx
	push ecx
	push ebx
	show 'uuid0 '
	pop eax
	show 'uuid1 '
	pop eax
	show 'uuid2 '
	pop eax
	show 'uuid3 '
	call_backdoor 23		; GETTIME
	show 'time '
	call_backdoor 46		; GETTIMEFULL
	push edx
	expect MAGIC, 'timefull-magic'
	pop eax
	call_backdoor 45		; GETHZ
	show 'hz '
	call_backdoor 1			; GETMHZ
	test eax, eax
	setnz al
	movzx eax, al
	expect 1, 'mhz'
	call_backdoor 68		; GETVCPU_INFO
	show 'vcpu '
	call_backdoor 0fffh
	expect 0ffffffffh, 'unknown-command'

	; Without the magic the port is nobody's.
	mov eax, 12345678h
	xor ebx, ebx
	mov ecx, 10
	mov edx, 5658h
	in eax, dx
	push eax
	mov eax, ebx
	expect 0, 'wrong-magic-ebx'
	pop eax
	expect 0ffffffffh, 'wrong-magic'
	jmp finish

	times (SECTORS + 1) * 512 - ($ - $$) db 0
