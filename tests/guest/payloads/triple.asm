; triple.asm: a fault with nowhere to go.
; SPDX-License-Identifier: GPL-2.0-or-later
%include "common.inc"

main:
	say 'about to triple fault'
	cli
	lidt [nowhere]
	int3
	say 'bad still here'
	jmp finish

nowhere	dw 0
	dd 0

	times (SECTORS + 1) * 512 - ($ - $$) db 0
