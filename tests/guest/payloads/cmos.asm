; cmos.asm: what the battery kept: a byte of the CMOS and the year that was set. -DBYTE= and -DYEAR= (BCD) are what it
; must find; then it leaves A5h and 2031. With STAY defined it does not switch off.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

%macro cmos_read 1
	mov al, %1
	out 70h, al
	xor eax, eax
	in al, 71h
%endmacro

%macro cmos_write 2
	mov al, %1
	out 70h, al
	mov al, %2
	out 71h, al
%endmacro

main:
	cli
	cmos_read 7ah
	sti
	expect BYTE, 'cmos-byte'
%ifdef YEAR
	cli
	cmos_read 9
	sti
	expect YEAR, 'rtc-year'
%endif
	cli
	cmos_write 7ah, 0a5h
	cmos_write 0bh, 82h		; stop the clock, set it, let it go on
	cmos_write 9, 31h
	cmos_write 8, 06h
	cmos_write 7, 15h
	cmos_write 0bh, 02h
	sti
%ifdef STAY
	say 'written'
	jmp $
%endif
	jmp finish

	times (SECTORS + 1) * 512 - ($ - $$) db 0
