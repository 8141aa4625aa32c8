// checkvm.c: asks VMware's backdoor from user mode, as vmware-checkvm does, and says what came back.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// checkvm [ioperm] [iopl] [wrong] [out] [nesting | hardware]: with the port opened by the I/O bitmap, by IOPL; without the
// magic; by OUT; or another question: whether inner hypervisors are supported, the hardware version. Prints one line:
// "version 6", "fault", "empty port", "nesting 2", "hardware 20". With "exec PROGRAM" last it becomes PROGRAM, which keeps
// the right to the port.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <unistd.h>

#define MAGIC 0x564d5868u
enum { PORT = 0x5658, GETVERSION = 10, GETHWVERSION = 17, NESTING_CONTROL = 63, NESTING_QUERY = 2 };

static sigjmp_buf back;
static int by_out;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

static uint32_t ask(uint32_t magic, uint32_t command, uint32_t *ebx)
{
	uint32_t eax = magic, ecx = command, edx = PORT;

	*ebx = ~MAGIC;
	if (by_out) {
		__asm__ volatile("outl %%eax, %%dx" : : "a"(eax), "d"(edx), "c"(ecx) : "memory");
		return UINT32_MAX;
	}
	__asm__ volatile("inl %%dx, %%eax" : "+a"(eax), "+b"(*ebx), "+c"(ecx), "+d"(edx) : : "esi", "edi", "memory");
	return eax;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_fault };
	uint32_t magic = MAGIC, command = GETVERSION | 0xffffu << 16, eax, ebx;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "ioperm") && ioperm(PORT, 4, 1) < 0)
			perror("ioperm");
		if (!strcmp(argv[i], "iopl") && iopl(3) < 0)
			perror("iopl");
		if (!strcmp(argv[i], "wrong"))
			magic = 1;
		if (!strcmp(argv[i], "out"))
			by_out = 1;
		if (!strcmp(argv[i], "hardware"))
			command = GETHWVERSION;
		if (!strcmp(argv[i], "nesting"))
			command = NESTING_CONTROL | NESTING_QUERY << 16;
		if (!strcmp(argv[i], "exec") && i + 1 < argc) {
			execvp(argv[i + 1], argv + i + 1);
			perror(argv[i + 1]);
			return 1;
		}
	}
	sigaction(SIGSEGV, &sa, NULL);
	if (sigsetjmp(back, 1)) {
		puts("fault");
		return 0;
	}
	eax = ask(magic, command, &ebx);
	if (eax == UINT32_MAX)
		puts("empty port");
	else if (command >> 16 == NESTING_QUERY)
		printf("nesting %u\n", eax);
	else if (command == GETHWVERSION)
		printf("hardware %u\n", eax);
	else
		printf("version %u%s\n", eax, ebx == MAGIC ? "" : ", without the magic");
	return 0;
}
