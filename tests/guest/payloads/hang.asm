; hang.asm: a guest that hears nothing.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
	say 'hanging'
	cli
.forever:
	hlt
	jmp .forever

	times (SECTORS + 1) * 512 - ($ - $$) db 0
