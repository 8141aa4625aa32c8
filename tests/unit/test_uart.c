// test_uart.c: the 16550A core and COM ports.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hw/serial/serial.h"
#include "hw/serial/uart16550.h"
#include "legacy_rig.h"

struct line {
	struct uart16550 uart;
	bool irq;
	unsigned edges, rooms, transmits;
	char sent[512];
	size_t sent_len;
	uint64_t timer;
};

static struct line l;

static void take_irq(void *arg, bool level)
{
	if (level && !l.irq)
		l.edges++;
	l.irq = level;
}

static void take_tx(void *arg, const uint8_t *buf, size_t len)
{
	l.transmits++;
	ck_assert_uint_le(l.sent_len + len, sizeof(l.sent));
	memcpy(l.sent + l.sent_len, buf, len);
	l.sent_len += len;
}

static void take_room(void *arg) { l.rooms++; }
static void take_timer(void *arg, uint64_t ns) { l.timer = ns; }

static void make_line(void)
{
	const struct uart16550_host host = { take_irq, take_tx, take_room, take_timer, NULL };

	memset(&l, 0, sizeof(l));
	uart16550_init(&l.uart, &host);
}

static uint8_t in(unsigned reg) { return uart16550_read(&l.uart, reg); }
static void out(unsigned reg, uint8_t v) { uart16550_write(&l.uart, reg, v); }
static size_t rx(const char *s) { return uart16550_receive(&l.uart, (const uint8_t *)s, strlen(s)); }

static void fifo_mode(void)
{
	out(UART_MCR, MCR_OUT2);
	out(UART_LCR, 3);
	out(UART_IIR_FCR, FCR_ENABLE | 0x80);           // trigger level 8
}

START_TEST(reset_values)
{
	ck_assert_uint_eq(in(UART_IER_DLM), 0);
	ck_assert_uint_eq(in(UART_IIR_FCR), 1);
	ck_assert_uint_eq(in(UART_LCR), 0);
	ck_assert_uint_eq(in(UART_MCR), 0);
	ck_assert_uint_eq(in(UART_LSR), 0x60);
	ck_assert_uint_eq(in(UART_MSR), 0);
	ck_assert(!l.irq);
}
END_TEST

START_TEST(every_register_reads_back_and_alone)
{
	out(UART_LCR, 0x80);
	out(UART_RBR_THR_DLL, 0x0c);
	out(UART_IER_DLM, 0xa5);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), 0x0c);
	ck_assert_uint_eq(in(UART_IER_DLM), 0xa5);
	out(UART_LCR, 0x1b);
	out(UART_IER_DLM, 0xff);
	out(UART_MCR, 0xe7);
	out(UART_SCR, 0x5a);
	out(UART_IIR_FCR, 0x07);
	ck_assert_uint_eq(in(UART_LCR), 0x1b);
	ck_assert_uint_eq(in(UART_IER_DLM), 0x0f);
	ck_assert_uint_eq(in(UART_MCR), 0x07);
	ck_assert_uint_eq(in(UART_SCR), 0x5a);
	ck_assert_uint_eq(in(UART_IIR_FCR) & 0xf0, 0xc0);
	uart16550_reset(&l.uart);
	out(UART_LCR, 0x80);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), 0x0c);  // the divisor and scratch survive reset
	ck_assert_uint_eq(in(UART_SCR), 0x5a);
}
END_TEST

START_TEST(thre_interrupt_comes_when_enabled_and_goes_when_iir_is_read)
{
	out(UART_MCR, MCR_OUT2);
	out(UART_IER_DLM, IER_ETBEI);
	ck_assert(l.irq);
	ck_assert_uint_eq(in(UART_IIR_FCR), IIR_THRE);
	ck_assert(!l.irq);
	ck_assert_uint_eq(in(UART_IIR_FCR), IIR_NONE);
	out(UART_IER_DLM, IER_ETBEI);                   // no change of the bit, no interrupt
	ck_assert(!l.irq);
	out(UART_IER_DLM, 0);
	out(UART_IER_DLM, IER_ETBEI);
	ck_assert_uint_eq(in(UART_IIR_FCR), IIR_THRE);
}
END_TEST

START_TEST(each_character_sent_makes_an_edge)
{
	out(UART_MCR, MCR_OUT2);
	out(UART_LCR, 3);
	out(UART_IER_DLM, IER_ETBEI);
	out(UART_RBR_THR_DLL, 'a');
	out(UART_RBR_THR_DLL, 'b');
	ck_assert_uint_eq(l.edges, 3);
	ck_assert(l.irq);
	ck_assert_mem_eq(l.sent, "ab", 2);
	ck_assert_uint_eq(in(UART_LSR), 0x60);
}
END_TEST

START_TEST(string_output_is_one_call_and_respects_word_length)
{
	out(UART_LCR, 3);
	uart16550_write_string(&l.uart, UART_RBR_THR_DLL, (const uint8_t *)"hello", 5);
	ck_assert_uint_eq(l.transmits, 1);
	ck_assert_mem_eq(l.sent, "hello", 5);
	out(UART_LCR, 2);
	out(UART_RBR_THR_DLL, 0xe1);
	ck_assert_uint_eq((uint8_t)l.sent[5], 0x61);
	uart16550_write_string(&l.uart, UART_SCR, (const uint8_t *)"xyz", 3);
	ck_assert_uint_eq(in(UART_SCR), 'z');
}
END_TEST

START_TEST(priorities_are_line_data_timeout_thre_modem)
{
	fifo_mode();
	out(UART_IER_DLM, 0x0f);
	uart16550_set_inputs(&l.uart, MSR_CTS);
	rx("12345678");
	uart16550_overrun(&l.uart);
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_LINE);
	ck_assert_uint_eq(in(UART_LSR) & LSR_OE, LSR_OE);
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_DATA);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), '1');
	uart16550_timeout(&l.uart);
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_TIMEOUT);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), '2');
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_THRE);
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_MODEM);
	ck_assert_uint_eq(in(UART_MSR), MSR_CTS | MSR_DCTS);
	ck_assert_uint_eq(in(UART_MSR), MSR_CTS);
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_NONE);
	ck_assert(!l.irq);
}
END_TEST

START_TEST(out2_gates_the_line_but_not_iir)
{
	out(UART_IER_DLM, IER_ERBFI);
	rx("x");
	ck_assert(!l.irq);
	ck_assert_uint_eq(in(UART_IIR_FCR), IIR_DATA);
	out(UART_MCR, MCR_OUT2);
	ck_assert(l.irq);
}
END_TEST

START_TEST(trigger_levels)
{
	static const struct {
		uint8_t fcr, level;
	} levels[] = {{0x01, 1}, {0x41, 4}, {0x81, 8}, {0xc1, 14}};

	out(UART_IER_DLM, IER_ERBFI);
	for (unsigned i = 0; i < 4; i++) {
		out(UART_IIR_FCR, levels[i].fcr | FCR_CLEAR_RX);
		for (unsigned n = 1; n <= 16; n++) {
			ck_assert_uint_eq(rx("c"), 1);
			ck_assert_uint_eq(in(UART_IIR_FCR) & 15, n >= levels[i].level ? IIR_DATA : IIR_NONE);
		}
		ck_assert_uint_eq(rx("c"), 0);
	}
}
END_TEST

START_TEST(character_timeout_is_four_characters_and_restarts)
{
	fifo_mode();
	out(UART_LCR, 0x83);
	out(UART_RBR_THR_DLL, 12);                      // 9600 baud
	out(UART_IER_DLM, 0);
	out(UART_LCR, 3);                               // 8N1: ten bits
	out(UART_IER_DLM, IER_ERBFI);
	rx("ab");
	ck_assert_uint_eq(l.timer, 4 * (10ull * 12 * 1000000000 / 115200));
	l.timer = 0;
	in(UART_RBR_THR_DLL);
	ck_assert_uint_ne(l.timer, 0);
	in(UART_RBR_THR_DLL);
	ck_assert_uint_eq(l.timer, 0);
	uart16550_timeout(&l.uart);                     // stale: nothing there
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc1);
	rx("ab");
	uart16550_timeout(&l.uart);
	ck_assert_uint_eq(in(UART_IIR_FCR), 0xc0 | IIR_TIMEOUT);
	ck_assert(l.irq);
	in(UART_RBR_THR_DLL);
	ck_assert(!l.irq);
}
END_TEST

START_TEST(divisor_zero_is_harmless)
{
	fifo_mode();
	out(UART_LCR, 0xff);
	out(UART_RBR_THR_DLL, 0);
	out(UART_IER_DLM, 0);
	out(UART_LCR, 0x7f);
	out(UART_IER_DLM, IER_ERBFI);
	rx("a");
	ck_assert_uint_eq(l.timer, 4 * (12ull * 65536 * 1000000000 / 115200));
}
END_TEST

START_TEST(loopback_joins_modem_lines_and_data)
{
	uart16550_set_inputs(&l.uart, MSR_CTS | MSR_DSR | MSR_DCD);
	in(UART_MSR);
	out(UART_LCR, 3);
	out(UART_MCR, MCR_LOOP | MCR_RTS | MCR_OUT2);
	ck_assert_uint_eq(in(UART_MSR) & 0xf0, MSR_CTS | MSR_DCD);
	out(UART_MCR, MCR_LOOP | MCR_OUT1);
	ck_assert_uint_eq(in(UART_MSR), MSR_RI | MSR_DCTS | MSR_DDCD);
	out(UART_MCR, MCR_LOOP);
	ck_assert_uint_eq(in(UART_MSR), MSR_TERI);      // only the trailing edge of RI counts
	out(UART_RBR_THR_DLL, 'q');
	ck_assert_uint_eq(l.sent_len, 0);
	ck_assert_uint_eq(rx("no"), 0);
	ck_assert_uint_eq(in(UART_LSR) & LSR_DR, LSR_DR);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), 'q');
	out(UART_MCR, 0);
	ck_assert_uint_eq(in(UART_MSR) & 0xf0, MSR_CTS | MSR_DSR | MSR_DCD);
}
END_TEST

START_TEST(loopback_overrun_keeps_the_fifo_and_replaces_the_single_character)
{
	out(UART_LCR, 3);
	out(UART_MCR, MCR_LOOP);
	out(UART_RBR_THR_DLL, 'a');
	out(UART_RBR_THR_DLL, 'b');
	ck_assert_uint_eq(in(UART_LSR) & (LSR_OE | LSR_DR), LSR_OE | LSR_DR);
	ck_assert_uint_eq(in(UART_LSR) & LSR_OE, 0);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), 'b');
	out(UART_IIR_FCR, FCR_ENABLE);
	for (unsigned i = 0; i < 17; i++)
		out(UART_RBR_THR_DLL, (uint8_t)('A' + i));
	ck_assert_uint_eq(in(UART_LSR) & LSR_OE, LSR_OE);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_uint_eq(in(UART_RBR_THR_DLL), 'A' + i);
	ck_assert_uint_eq(in(UART_LSR), 0x60);
}
END_TEST

START_TEST(break_travels_with_its_character)
{
	fifo_mode();
	out(UART_IER_DLM, IER_ELSI);
	rx("a");
	uart16550_receive_break(&l.uart);
	ck_assert(!l.irq);
	ck_assert_uint_eq(in(UART_LSR), 0x60 | LSR_DR | LSR_FIFO_ERROR);
	in(UART_RBR_THR_DLL);
	ck_assert(l.irq);
	ck_assert_uint_eq(in(UART_LSR), 0x60 | LSR_DR | LSR_BI | LSR_FE | LSR_FIFO_ERROR);
	ck_assert_uint_eq(in(UART_LSR), 0x60 | LSR_DR);
	ck_assert_uint_eq(in(UART_RBR_THR_DLL), 0);
}
END_TEST

START_TEST(fifo_switch_and_clear_empty_the_receiver)
{
	rx("a");
	out(UART_IIR_FCR, FCR_ENABLE);
	ck_assert_uint_eq(in(UART_LSR) & LSR_DR, 0);
	rx("abc");
	out(UART_IIR_FCR, FCR_CLEAR_RX);                // bit 0 clear: FIFOs go off
	ck_assert_uint_eq(in(UART_LSR) & LSR_DR, 0);
	ck_assert_uint_eq(in(UART_IIR_FCR), 1);
	out(UART_IIR_FCR, FCR_ENABLE);
	rx("abc");
	l.rooms = 0;
	out(UART_IIR_FCR, FCR_ENABLE | FCR_CLEAR_RX);
	ck_assert_uint_eq(in(UART_LSR) & LSR_DR, 0);
	ck_assert_uint_eq(l.rooms, 1);
}
END_TEST

START_TEST(saved_registers_come_back_and_damage_is_tamed)
{
	uint8_t buf[1024];
	struct uart16550_regs other;
	size_t n;

	fifo_mode();
	rx("abcdef");
	n = fields_save(&uart16550_fields, &l.uart.regs, buf, sizeof(buf));
	ck_assert_uint_gt(n, 0);
	memset(&other, 0, sizeof(other));
	ck_assert_int_eq(fields_load(&uart16550_fields, &other, buf, n, NULL), 0);
	ck_assert_mem_eq(&other, &l.uart.regs, sizeof(other));
	memset(&l.uart.regs, 0xff, sizeof(l.uart.regs));
	uart16550_fields.sanitize(&l.uart.regs);
	uart16550_loaded(&l.uart);
	for (unsigned i = 0; i < 40; i++)
		in(i & 7);
}
END_TEST

// --- COM ports -----------------------------------------------------------------------------------------

START_TEST(com_ports_write_their_file)
{
	static const uint16_t base[4] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
	char path[] = "/tmp/berth-uart-XXXXXX", got[32] = "";
	struct rig rig;
	struct serial *s;
	int fd = mkstemp(path);

	for (unsigned i = 0; i < 4; i++) {
		struct serial_args args = { .index = i, .chardev = { .kind = CHARDEV_FILE, .path = path } };
		const uint8_t text[] = "login: ";

		rig_open(&rig);
		ck_assert_int_eq(serial_create(&rig.platform, &args, &s, NULL), 0);
		ck_assert_uint_eq(rig_in(&rig, base[i] + UART_MSR) & 0xf0, MSR_CTS | MSR_DSR | MSR_DCD);
		rig_out(&rig, base[i] + UART_LCR, 3);
		rig_out(&rig, base[i] + UART_MCR, MCR_OUT2);
		rig_out(&rig, base[i] + UART_IER_DLM, IER_ETBEI);
		ck_assert(rig.irq[i & 1 ? 3 : 4].level);
		ck_assert(bus_write_string(rig.platform.ports, base[i], 1, text, sizeof(text) - 1));
		rig_run(&rig, 5);
		ck_assert_int_eq(pread(fd, got, sizeof(got), 0), sizeof(text) - 1);
		ck_assert_mem_eq(got, text, sizeof(text) - 1);
		serial_class.reset(s);
		ck_assert(!rig.irq[i & 1 ? 3 : 4].level);
		serial_class.destroy(s);
		rig_close(&rig);
	}
	unlink(path);
}
END_TEST

START_TEST(com_port_number_and_path_are_checked)
{
	struct serial_args args = { .index = 4 };
	struct rig rig;
	struct serial *s;
	struct err err;

	rig_open(&rig);
	ck_assert_int_lt(serial_create(&rig.platform, &args, &s, &err), 0);
	args = (struct serial_args){.index = 0, .chardev = {.kind = CHARDEV_FILE, .path = "/nonexistent/x"}};
	ck_assert_int_eq(serial_create(&rig.platform, &args, &s, &err), -ENOENT);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	rig_close(&rig);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("uart");
	TCase *c = tcase_create("core"), *p = tcase_create("ports");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(c, make_line, NULL);
	tcase_add_test(c, reset_values);
	tcase_add_test(c, every_register_reads_back_and_alone);
	tcase_add_test(c, thre_interrupt_comes_when_enabled_and_goes_when_iir_is_read);
	tcase_add_test(c, each_character_sent_makes_an_edge);
	tcase_add_test(c, string_output_is_one_call_and_respects_word_length);
	tcase_add_test(c, priorities_are_line_data_timeout_thre_modem);
	tcase_add_test(c, out2_gates_the_line_but_not_iir);
	tcase_add_test(c, trigger_levels);
	tcase_add_test(c, character_timeout_is_four_characters_and_restarts);
	tcase_add_test(c, divisor_zero_is_harmless);
	tcase_add_test(c, loopback_joins_modem_lines_and_data);
	tcase_add_test(c, loopback_overrun_keeps_the_fifo_and_replaces_the_single_character);
	tcase_add_test(c, break_travels_with_its_character);
	tcase_add_test(c, fifo_switch_and_clear_empty_the_receiver);
	tcase_add_test(c, saved_registers_come_back_and_damage_is_tamed);
	tcase_add_test(p, com_ports_write_their_file);
	tcase_add_test(p, com_port_number_and_path_are_checked);
	suite_add_tcase(s, c);
	suite_add_tcase(s, p);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
