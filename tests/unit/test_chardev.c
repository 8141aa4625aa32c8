// test_chardev.c: files, pipes, networks, telnet, addresses, and peers that come and go.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "chardev/net_uri.h"
#include "chardev/telnet.h"

// --- a port that takes what it has room for ------------------------------------------------------------

struct port {
	char got[70000];
	size_t len, room;
	unsigned connects, disconnects, breaks, losses;
	char escape;
};

static struct port port;
static struct loop *loop;
static char dir[64], path[108];

static size_t take(void *arg, const uint8_t *buf, size_t len)
{
	size_t n = len < port.room ? len : port.room;

	memcpy(port.got + port.len, buf, n);
	port.len += n;
	port.room -= n;
	return n;
}

static void take_connected(void *arg, bool on)
{
	port.connects += on;
	port.disconnects += !on;
}

static void take_break(void *arg) { port.breaks++; }
static void take_lost(void *arg) { port.losses++; }
static void take_escape(void *arg, char key) { port.escape = key; }

static const struct chardev_client client = { take, take_connected, take_break, take_lost, NULL };

static void open_loop(void)
{
	memset(&port, 0, sizeof(port));
	port.room = sizeof(port.got);
	ck_assert_int_eq(loop_create(&loop, "test", 64, NULL), 0);
	strcpy(dir, "/tmp/berth-chardev-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/port", dir);
}

static void close_loop(void)
{
	loop_destroy(loop);
	unlink(path);
	rmdir(dir);
}

static void stop(void *arg) { loop_stop(loop); }

static void run(unsigned ms)
{
	struct loop_timer timer;

	loop_timer_init(&timer, loop, stop, NULL);
	loop_timer_set(&timer, loop_now() + ms * 1000000ull);
	ck_assert_int_eq(loop_run(loop), 0);
}

static struct chardev *open_kind(enum chardev_kind kind, const char *where)
{
	struct chardev_args args = { .kind = kind, .path = where, .name = "serial0", .escape = take_escape };
	struct chardev *cd = NULL;
	struct err err = { 0 };

	ck_assert_msg(chardev_open(loop, &args, &client, &cd, &err) == 0, "%s", err.what);
	return cd;
}

static int open_error(enum chardev_kind kind, const char *where, struct err *err)
{
	struct chardev_args args = { .kind = kind, .path = where, .name = "serial0" };
	struct chardev *cd;

	memset(err, 0, sizeof(*err));
	return chardev_open(loop, &args, &client, &cd, err);
}

static void put(struct chardev *cd, const char *s)
{
	ck_assert_uint_eq(chardev_write(cd, (const uint8_t *)s, strlen(s)), strlen(s));
}

static int unix_socket(bool server)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sa.sun_path, path);
	if (server) {
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
		ck_assert_int_eq(listen(fd, 1), 0);
	} else {
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	}
	return fd;
}

static void expect_read(int fd, const void *want, size_t len)
{
	char buf[512];

	ck_assert_int_eq(read(fd, buf, sizeof(buf)), (ssize_t)len);
	ck_assert_mem_eq(buf, want, len);
}

// --- file ----------------------------------------------------------------------------------------------

START_TEST(file_is_truncated_or_kept)
{
	struct chardev_args args = { .kind = CHARDEV_FILE, .path = path, .append = true, .name = "serial0" };
	struct chardev *cd = open_kind(CHARDEV_FILE, path);
	int fd = open(path, O_RDONLY);

	ck_assert(chardev_connected(cd));
	put(cd, "one ");
	put(cd, "two");
	run(5);
	expect_read(fd, "one two", 7);
	put(cd, " three");
	chardev_close(cd);                              // queued output goes out at the end
	expect_read(fd, " three", 6);
	ck_assert_int_eq(chardev_open(loop, &args, &client, &cd, NULL), 0);
	put(cd, "!");
	chardev_close(cd);
	expect_read(fd, "!", 1);
	cd = open_kind(CHARDEV_FILE, path);
	chardev_close(cd);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}
END_TEST

START_TEST(full_disk_does_not_stop_the_port)
{
	struct chardev *cd = open_kind(CHARDEV_FILE, "/dev/full");
	static uint8_t big[60000];

	for (unsigned i = 0; i < 5; i++) {
		ck_assert_uint_eq(chardev_write(cd, big, sizeof(big)), sizeof(big));
		run(5);
	}
	chardev_close(cd);
}
END_TEST

START_TEST(fifo_without_reader_raises_no_signal)
{
	struct chardev *cd;
	int fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	cd = open_kind(CHARDEV_FILE, path);
	put(cd, "x");
	run(5);
	expect_read(fd, "x", 1);
	close(fd);
	put(cd, "y");
	run(5);
	put(cd, "z");
	chardev_close(cd);
}
END_TEST

START_TEST(queue_is_bounded_and_counts)
{
	static uint8_t big[100000];
	struct chardev *cd = open_kind(CHARDEV_FILE, path);

	ck_assert_uint_eq(chardev_write(cd, big, sizeof(big)), 65536);
	ck_assert_uint_eq(chardev_write(cd, big, 10), 0);
	run(20);
	ck_assert_uint_eq(chardev_write(cd, big, 10), 10);
	chardev_close(cd);
}
END_TEST

// --- pipe ----------------------------------------------------------------------------------------------

START_TEST(pipe_server_talks_to_one_peer_after_another)
{
	struct chardev *cd = open_kind(CHARDEV_PIPE_SERVER, path);
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert(!chardev_connected(cd));
	put(cd, "nobody hears this");
	for (unsigned i = 1; i <= 3; i++) {
		int fd = unix_socket(false);

		run(5);
		ck_assert(chardev_connected(cd));
		ck_assert_uint_eq(port.connects, i);
		put(cd, "hello");
		ck_assert_int_eq(write(fd, "abc", 3), 3);
		run(5);
		expect_read(fd, "hello", 5);
		ck_assert_uint_eq(port.len, 3 * i);
		close(fd);
		run(5);
		ck_assert(!chardev_connected(cd));
		ck_assert_uint_eq(port.disconnects, i);
	}
	chardev_close(cd);
	ck_assert_int_lt(lstat(path, &st), 0);
}
END_TEST

START_TEST(second_caller_waits_for_its_turn)
{
	struct chardev *cd = open_kind(CHARDEV_PIPE_SERVER, path);
	int a = unix_socket(false), b;

	run(5);
	b = unix_socket(false);
	ck_assert_int_eq(write(b, "B", 1), 1);
	run(5);
	ck_assert_uint_eq(port.len, 0);
	close(a);
	run(5);
	ck_assert_uint_eq(port.len, 1);
	close(b);
	chardev_close(cd);
}
END_TEST

START_TEST(stale_socket_is_replaced_and_a_living_one_is_not)
{
	struct chardev *cd;
	struct err err;
	int fd = unix_socket(true);

	ck_assert_int_eq(open_error(CHARDEV_PIPE_SERVER, path, &err), -EADDRINUSE);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	close(fd);
	cd = open_kind(CHARDEV_PIPE_SERVER, path);
	chardev_close(cd);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(open_error(CHARDEV_PIPE_SERVER, path, &err), -EEXIST);
	ck_assert(*err.remedy);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(paths_are_checked)
{
	char longer[200];
	struct err err;

	memset(longer, 'a', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(open_error(CHARDEV_PIPE_SERVER, longer, &err), -ENAMETOOLONG);
	ck_assert_int_eq(open_error(CHARDEV_PIPE_SERVER, "", &err), -ENAMETOOLONG);
	ck_assert_int_lt(open_error(CHARDEV_PIPE_SERVER, NULL, &err), 0);
	ck_assert_int_lt(open_error(CHARDEV_FILE, NULL, &err), 0);
	ck_assert_int_lt(open_error(CHARDEV_PIPE_SERVER, "/nonexistent/socket", &err), 0);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
}
END_TEST

START_TEST(pipe_client_tries_until_the_server_is_there)
{
	struct chardev *cd = open_kind(CHARDEV_PIPE_CLIENT, path);
	int listener, fd;

	run(150);
	ck_assert(!chardev_connected(cd));
	listener = unix_socket(true);
	run(500);
	ck_assert(chardev_connected(cd));
	fd = accept(listener, NULL, NULL);
	put(cd, "hi");
	run(5);
	expect_read(fd, "hi", 2);
	close(fd);
	run(200);
	ck_assert(chardev_connected(cd));               // it has called again
	ck_assert_uint_eq(port.disconnects, 1);
	close(listener);
	chardev_close(cd);
}
END_TEST

static void offer(int fd, size_t total)
{
	char buf[1000];

	for (size_t i = 0; i < total; i += sizeof(buf)) {
		for (size_t k = 0; k < sizeof(buf); k++)
			buf[k] = (char)((i + k) % 251);
		ck_assert_int_eq(write(fd, buf, sizeof(buf)), sizeof(buf));
		run(2);
	}
}

START_TEST(full_port_holds_the_peer_back_or_loses_the_oldest)
{
	for (unsigned lossless = 0; lossless < 2; lossless++) {
		struct chardev_args args = {
			.kind = CHARDEV_PIPE_SERVER, .path = path, .no_rx_loss = lossless, .name = "serial0"};
		struct chardev *cd;
		int fd;

		memset(&port, 0, sizeof(port));
		ck_assert_int_eq(chardev_open(loop, &args, &client, &cd, NULL), 0);
		fd = unix_socket(false);
		run(5);
		offer(fd, 20000);
		ck_assert_uint_eq(port.len, 0);
		port.room = sizeof(port.got);
		chardev_can_receive(cd);
		run(50);
		if (lossless) {
			ck_assert_uint_eq(port.len, 20000);
			ck_assert_uint_eq(port.losses, 0);
		} else {
			ck_assert_uint_lt(port.len, 20000);
			ck_assert_uint_gt(port.losses, 0);
		}
		ck_assert_int_eq(port.got[port.len - 1], (char)(19999 % 251));
		close(fd);
		chardev_close(cd);
	}
}
END_TEST

START_TEST(peer_that_leaves_a_full_port_is_noticed)
{
	struct chardev_args args = {
		.kind = CHARDEV_PIPE_SERVER, .path = path, .no_rx_loss = true, .name = "serial0"};
	struct chardev *cd;
	int fd;

	port.room = 0;
	ck_assert_int_eq(chardev_open(loop, &args, &client, &cd, NULL), 0);
	fd = unix_socket(false);
	run(5);
	offer(fd, 3000);
	close(fd);
	run(10);
	ck_assert(!chardev_connected(cd));
	port.room = 10;
	chardev_can_receive(cd);
	run(5);
	ck_assert_uint_eq(port.len, 10);                // what had arrived is still delivered
	chardev_close(cd);
}
END_TEST

START_TEST(slow_reader_gets_everything_that_was_taken)
{
	struct chardev *cd = open_kind(CHARDEV_PIPE_SERVER, path);
	static uint8_t chunk[4096], buf[65536];
	size_t taken = 0, got = 0;
	int fd = unix_socket(false);

	run(5);
	for (unsigned i = 0; i < 300; i++) {
		taken += chardev_write(cd, chunk, sizeof(chunk));
		run(1);
	}
	ck_assert_uint_lt(taken, 300 * sizeof(chunk));
	for (unsigned i = 0; i < 1000 && got < taken; i++) {
		ssize_t n = read(fd, buf, sizeof(buf));

		got += n > 0 ? (size_t)n : 0;
		run(1);
	}
	ck_assert_uint_eq(got, taken);
	close(fd);
	put(cd, "after the peer left");
	run(5);
	chardev_close(cd);
}
END_TEST

static void *write_from_elsewhere(void *arg)
{
	for (unsigned i = 0; i < 20000; i++)
		chardev_write(arg, (const uint8_t *)"0123456789", 1 + i % 10);
	return NULL;
}

START_TEST(any_thread_may_write)
{
	struct chardev *cd = open_kind(CHARDEV_FILE, path);
	pthread_t thread;

	pthread_create(&thread, NULL, write_from_elsewhere, cd);
	run(100);
	pthread_join(thread, NULL);
	run(20);
	chardev_close(cd);
}
END_TEST

// --- network -------------------------------------------------------------------------------------------

static int tcp_socket(bool server, uint16_t *number)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(*number) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "127.0.0.1", &sa.sin_addr);
	if (server) {
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
		ck_assert_int_eq(listen(fd, 1), 0);
		getsockname(fd, (struct sockaddr *)&sa, &len);
		*number = ntohs(sa.sin_port);
	} else {
		ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	}
	return fd;
}

static uint16_t free_port(void)
{
	uint16_t number = 0;
	int fd = tcp_socket(true, &number);

	close(fd);
	return number;
}

START_TEST(tcp_server_on_every_interface)
{
	uint16_t number = free_port();
	char uri[64];
	struct chardev *cd;
	struct err err;
	int fd;

	snprintf(uri, sizeof(uri), "tcp://:%u", number);
	cd = open_kind(CHARDEV_NET_SERVER, uri);
	ck_assert_int_eq(open_error(CHARDEV_NET_SERVER, uri, &err), -EADDRINUSE);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	fd = tcp_socket(false, &number);
	run(5);
	put(cd, "\xff raw");
	ck_assert_int_eq(write(fd, "\xff\xfd", 2), 2);
	run(10);
	expect_read(fd, "\xff raw", 5);
	ck_assert_uint_eq(port.len, 2);
	close(fd);
	run(10);
	ck_assert(!chardev_connected(cd));
	chardev_close(cd);
}
END_TEST

START_TEST(telnet_server_negotiates_and_hears_breaks)
{
	uint16_t number = free_port();
	char uri[64];
	struct chardev *cd;
	int fd;

	snprintf(uri, sizeof(uri), "telnet://127.0.0.1:%u", number);
	cd = open_kind(CHARDEV_NET_SERVER, uri);
	fd = tcp_socket(false, &number);
	run(10);
	expect_read(fd, "\xff\xfb\x01\xff\xfb\x03\xff\xfb\x00\xff\xfd\x00", 12);
	ck_assert_int_eq(write(fd, "a\xff\xff" "b\xff\xf3\xff\xfd\x18", 9), 9);
	run(10);
	ck_assert_uint_eq(port.len, 3);
	ck_assert_mem_eq(port.got, "a\xff" "b", 3);
	ck_assert_uint_eq(port.breaks, 1);
	expect_read(fd, "\xff\xfc\x18", 3);
	put(cd, "\xff!");
	run(10);
	expect_read(fd, "\xff\xff!", 3);
	close(fd);
	chardev_close(cd);
}
END_TEST

START_TEST(tcp_client_keeps_early_output_and_calls_again)
{
	uint16_t number = 0;
	int listener = tcp_socket(true, &number), fd;
	char uri[64];
	struct chardev *cd;

	snprintf(uri, sizeof(uri), "tcp4://localhost:%u", number);
	cd = open_kind(CHARDEV_NET_CLIENT, uri);
	put(cd, "first words");
	run(20);
	ck_assert(chardev_connected(cd));
	fd = accept(listener, NULL, NULL);
	expect_read(fd, "first words", 11);
	close(fd);
	run(300);
	ck_assert(chardev_connected(cd));
	close(listener);
	chardev_close(cd);
}
END_TEST

START_TEST(tcp_client_survives_refusal)
{
	char uri[64];
	struct chardev *cd;

	snprintf(uri, sizeof(uri), "tcp://127.0.0.1:%u", free_port());
	cd = open_kind(CHARDEV_NET_CLIENT, uri);
	run(350);
	ck_assert(!chardev_connected(cd));
	chardev_close(cd);
}
END_TEST

START_TEST(network_addresses)
{
	struct net_uri u;
	struct err err;
	static const char *const bad[] = {"",
					  "tcp:",
					  "tcp://",
					  "tcp://host",
					  "tcp://host:",
					  "tcp://host:0",
					  "tcp://host:65536",
					  "tcp://host:99999999999",
					  "tcp://::1:80",
					  "tcp://[::1]80",
					  "tcp://[::1:80",
					  "tcp://a:b:1",
					  "ftp://host:1",
					  "://host:1",
					  "tcp://ho st:1",
					  "tcp://host:1x",
					  "tcp://host:-1",
					  "host:80"};

	ck_assert_int_eq(net_uri_parse("TCP://example.org:7001", "serial0", &u, &err), 0);
	ck_assert_str_eq(u.host, "example.org");
	ck_assert_str_eq(u.port, "7001");
	ck_assert_int_eq(u.family, AF_UNSPEC);
	ck_assert(!u.telnet);
	ck_assert_int_eq(net_uri_parse("telnet://[fe80::1]:23/", "serial0", &u, &err), 0);
	ck_assert_str_eq(u.host, "fe80::1");
	ck_assert(u.telnet);
	ck_assert_int_eq(net_uri_parse("tcp6://:1", "serial0", &u, &err), 0);
	ck_assert_str_eq(u.host, "");
	ck_assert_int_eq(u.family, AF_INET6);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(net_uri_parse(bad[i], "serial0", &u, &err) == -EINVAL, "%s", bad[i]);
	ck_assert_int_eq(net_uri_parse("ssl://host:1", "serial0", &u, &err), -ENOTSUP);
	ck_assert(*err.remedy);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	ck_assert_int_lt(open_error(CHARDEV_NET_CLIENT, "tcp://:80", &err), 0);
	ck_assert_int_lt(open_error(CHARDEV_NET_CLIENT, "tcp://no.such.host.invalid:80", &err), 0);
}
END_TEST

// --- telnet, by itself ---------------------------------------------------------------------------------

START_TEST(telnet_does_not_argue_for_ever)
{
	struct telnet t;
	struct telnet_reply r;
	uint8_t again[] = { 255, 253, 1, 255, 251, 3, 255, 251, 3, 255, 253, 24, 255, 251, 31 };
	uint8_t flood[3000];

	telnet_start(&t, &r);
	ck_assert_uint_eq(telnet_decode(&t, again, sizeof(again), &r), 0);
	ck_assert_uint_eq(r.len, 9);
	ck_assert_mem_eq(r.data, "\xff\xfd\x03\xff\xfc\x18\xff\xfe\x1f", 9);
	for (size_t i = 0; i < sizeof(flood); i += 3)
		memcpy(flood + i, "\xff\xfd\x42", 3);
	telnet_decode(&t, flood, sizeof(flood), &r);
	ck_assert_uint_le(r.len, sizeof(r.data));
}
END_TEST

START_TEST(telnet_survives_any_split)
{
	static const uint8_t in[] =
		"x\xff\xfa\x18\x01 sub \xff\xff negotiation \xff\xf0y\xff\xff\r\n\xff\xf1z";
	size_t len = sizeof(in) - 1;

	for (size_t cut = 0; cut <= len; cut++) {
		struct telnet t;
		struct telnet_reply r;
		uint8_t buf[64], out[64];
		size_t n;

		telnet_start(&t, &r);
		memcpy(buf, in, len);
		n = telnet_decode(&t, buf, cut, &r);
		memcpy(out, buf, n);
		memcpy(buf, in + cut, len - cut);
		memcpy(out + n, buf, 0);
		n += telnet_decode(&t, buf, len - cut, &r);
		ck_assert_uint_eq(n, 6);
	}
}
END_TEST

START_TEST(telnet_pads_carriage_returns_outside_binary_mode)
{
	struct telnet t;
	struct telnet_reply r;
	uint8_t dont[] = { 255, 254, 0, 255, 252, 0 }, in[] = { 'a', '\r', 0, 'b' }, out[16];

	telnet_start(&t, &r);
	ck_assert_uint_eq(telnet_encode(&t, (const uint8_t *)"\rx", 2, out), 2);
	telnet_decode(&t, dont, sizeof(dont), &r);
	ck_assert_uint_eq(telnet_encode(&t, (const uint8_t *)"a\r", 2, out), 2);
	ck_assert_uint_eq(telnet_encode(&t, (const uint8_t *)"b\r\n", 3, out), 4);
	ck_assert_mem_eq(out, "\0b\r\n", 4);
	ck_assert_uint_eq(telnet_decode(&t, in, sizeof(in), &r), 3);
	ck_assert_mem_eq(in, "a\rb", 3);
}
END_TEST

// --- terminal ------------------------------------------------------------------------------------------

// Standard input and output become the slave of a new pseudo-terminal; returns the master.
static int make_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK), slave;

	ck_assert_int_ge(master, 0);
	grantpt(master);
	unlockpt(master);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	ck_assert_int_ge(slave, 0);
	dup2(slave, 0);
	dup2(slave, 1);
	close(slave);
	return master;
}

START_TEST(terminal_is_raw_while_open)
{
	int saved[2] = { dup(0), dup(1) };
	int master = make_terminal();
	struct termios before, during, after;
	struct chardev *cd;

	tcgetattr(0, &before);
	cd = open_kind(CHARDEV_TERMINAL, NULL);
	tcgetattr(0, &during);
	ck_assert_uint_eq(during.c_lflag & (ICANON | ECHO | ISIG), 0);
	ck_assert_int_eq(fcntl(0, F_GETFL) & O_NONBLOCK, 0);    // other users of the terminal keep theirs
	put(cd, "login: ");
	ck_assert_int_eq(write(master, "ro\x1d\x1dot\x1dq", 8), 8);
	run(10);
	expect_read(master, "login: ", 7);
	ck_assert_uint_eq(port.len, 5);
	ck_assert_mem_eq(port.got, "ro\x1dot", 5);
	ck_assert_int_eq(port.escape, 'q');
	chardev_restore_terminal(cd);
	tcgetattr(0, &after);
	ck_assert_uint_eq(after.c_lflag, before.c_lflag);
	chardev_close(cd);
	tcgetattr(0, &after);
	ck_assert_uint_eq(after.c_lflag, before.c_lflag);
	dup2(saved[0], 0);
	dup2(saved[1], 1);
	close(master);
}
END_TEST

START_TEST(end_of_standard_input_is_not_the_ports)
{
	int saved = dup(0), fds[2];
	struct chardev *cd;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[0], 0);
	ck_assert_int_eq(write(fds[1], "boot\n", 5), 5);
	close(fds[0]);
	close(fds[1]);
	cd = open_kind(CHARDEV_TERMINAL, NULL);
	run(10);
	ck_assert_uint_eq(port.len, 5);
	ck_assert(chardev_connected(cd));
	ck_assert_uint_eq(port.disconnects, 0);
	chardev_close(cd);
	dup2(saved, 0);
}
END_TEST

START_TEST(null_takes_all)
{
	struct chardev *cd = open_kind(CHARDEV_NULL, NULL);

	put(cd, "anything");
	run(2);
	chardev_can_receive(cd);
	chardev_restore_terminal(cd);
	chardev_restore_terminal(NULL);
	chardev_close(cd);
	chardev_close(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("chardev");
	TCase *t = tcase_create("chardev");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, open_loop, close_loop);
	tcase_add_test(t, file_is_truncated_or_kept);
	tcase_add_test(t, full_disk_does_not_stop_the_port);
	tcase_add_test(t, fifo_without_reader_raises_no_signal);
	tcase_add_test(t, queue_is_bounded_and_counts);
	tcase_add_test(t, pipe_server_talks_to_one_peer_after_another);
	tcase_add_test(t, second_caller_waits_for_its_turn);
	tcase_add_test(t, stale_socket_is_replaced_and_a_living_one_is_not);
	tcase_add_test(t, paths_are_checked);
	tcase_add_test(t, pipe_client_tries_until_the_server_is_there);
	tcase_add_test(t, full_port_holds_the_peer_back_or_loses_the_oldest);
	tcase_add_test(t, peer_that_leaves_a_full_port_is_noticed);
	tcase_add_test(t, slow_reader_gets_everything_that_was_taken);
	tcase_add_test(t, any_thread_may_write);
	tcase_add_test(t, tcp_server_on_every_interface);
	tcase_add_test(t, telnet_server_negotiates_and_hears_breaks);
	tcase_add_test(t, tcp_client_keeps_early_output_and_calls_again);
	tcase_add_test(t, tcp_client_survives_refusal);
	tcase_add_test(t, network_addresses);
	tcase_add_test(t, telnet_does_not_argue_for_ever);
	tcase_add_test(t, telnet_survives_any_split);
	tcase_add_test(t, telnet_pads_carriage_returns_outside_binary_mode);
	tcase_add_test(t, terminal_is_raw_while_open);
	tcase_add_test(t, end_of_standard_input_is_not_the_ports);
	tcase_add_test(t, null_takes_all);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
