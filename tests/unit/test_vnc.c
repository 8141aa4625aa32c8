// test_vnc.c: the gate, password keys, the penalty for guessing, and the server with a client written by
// hand. SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <rfb/rfb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "vnc/rfb_gate.h"
#include "vnc/vnc.h"
#include "vnc/vnc_auth.h"

#define SECOND 1000000000ull

// --- gate ---

static struct gate_verdict gate(const void *buf, size_t len)
{
	return rfb_gate(GATE_NORMAL, buf, len);
}

static enum gate_action format(uint8_t bpp, uint8_t true_colour, uint16_t max, uint8_t shift)
{
	uint8_t m[20] = { 0 };

	m[4] = bpp;
	m[7] = true_colour;
	for (unsigned c = 0; c < 3; c++) {
		put_be16(m + 8 + 2 * c, max);
		m[14 + c] = shift;
	}
	return gate(m, sizeof(m)).action;
}

START_TEST(gate_waits_for_whole_messages)
{
	uint8_t m[64] = { 0 };
	static const struct { uint8_t type; size_t len; } fixed[] = { { 3, 10 }, { 4, 8 }, { 5, 6 } };

	for (unsigned i = 0; i < 3; i++) {
		m[0] = fixed[i].type;
		ck_assert_int_eq(gate(m, fixed[i].len - 1).action, GATE_MORE);
		ck_assert_int_eq(gate(m, fixed[i].len + 5).action, GATE_PASS);
		ck_assert_uint_eq(gate(m, fixed[i].len + 5).len, fixed[i].len);
	}
	ck_assert_int_eq(gate(m, 0).action, GATE_MORE);
	ck_assert_int_eq(rfb_gate(GATE_VERSION, m, 11).action, GATE_MORE);
	ck_assert_int_eq(rfb_gate(GATE_VERSION, m, 12).action, GATE_PASS);
	ck_assert_int_eq(rfb_gate(GATE_AUTH, m, 15).action, GATE_MORE);
	ck_assert_int_eq(rfb_gate(GATE_INIT, m, 1).action, GATE_PASS);
}
END_TEST

START_TEST(gate_bounds_encodings_and_screens)
{
	uint8_t m[RFB_GATE_MAX] = { 2 };

	put_be16(m + 2, 2);
	ck_assert_int_eq(gate(m, 11).action, GATE_MORE);
	ck_assert_uint_eq(gate(m, 12).len, 12);
	put_be16(m + 2, 0xffff);
	ck_assert_int_eq(gate(m, 4).action, GATE_REFUSE);
	m[0] = 251;
	m[6] = 255;
	ck_assert_int_eq(gate(m, sizeof(m)).action, GATE_PASS);
	ck_assert_uint_le(gate(m, sizeof(m)).len, RFB_GATE_MAX);
	m[6] = 0;
	ck_assert_int_eq(gate(m, 8).action, GATE_REFUSE);
}
END_TEST

START_TEST(gate_drops_the_clipboard)
{
	uint8_t m[8] = { 6 };

	ck_assert_int_eq(gate(m, 7).action, GATE_MORE);
	put_be32(m + 4, 1000);
	ck_assert_int_eq(gate(m, 8).action, GATE_DISCARD);
	ck_assert_uint_eq(gate(m, 8).len, 1008);
	put_be32(m + 4, (uint32_t)-20);
	ck_assert_uint_eq(gate(m, 8).len, 28);
	put_be32(m + 4, 0x80000000u);
	ck_assert_int_eq(gate(m, 8).action, GATE_REFUSE);
	put_be32(m + 4, 0x7fffffffu);
	ck_assert_int_eq(gate(m, 8).action, GATE_REFUSE);
}
END_TEST

START_TEST(gate_refuses_what_is_not_served)
{
	uint8_t m[64] = { 0 };

	for (unsigned type = 0; type < 256; type++) {
		bool known = type == 0 || (type >= 2 && type <= 6) || type == 251 || type == 255;

		m[0] = (uint8_t)type;
		if (!known)
			ck_assert_int_eq(gate(m, sizeof(m)).action, GATE_REFUSE);
	}
	m[0] = 255;
	m[1] = 1;
	ck_assert_int_eq(gate(m, 2).action, GATE_REFUSE);
}
END_TEST

START_TEST(gate_checks_pixel_formats)
{
	ck_assert_int_eq(format(32, 1, 255, 16), GATE_PASS);
	ck_assert_int_eq(format(16, 1, 31, 11), GATE_PASS);
	ck_assert_int_eq(format(8, 0, 0, 0), GATE_PASS);
	ck_assert_int_eq(format(32, 0, 0, 0), GATE_REFUSE);
	ck_assert_int_eq(format(24, 1, 255, 0), GATE_REFUSE);
	ck_assert_int_eq(format(0, 1, 255, 0), GATE_REFUSE);
	ck_assert_int_eq(format(32, 1, 0, 0), GATE_REFUSE);
	ck_assert_int_eq(format(32, 1, 200, 0), GATE_REFUSE);
	ck_assert_int_eq(format(32, 1, 255, 25), GATE_REFUSE);
	ck_assert_int_eq(format(32, 1, 255, 255), GATE_REFUSE);
}
END_TEST

START_TEST(gate_takes_scan_codes_and_encodings_apart)
{
	uint8_t key[12] = { 255, 0, 0, 1, 0, 0, 0, 'a', 0, 0, 0, 0x1e };
	uint8_t enc[12] = { 2, 0, 0, 2, 0xff, 0xff, 0xfe, 0xfe, 0xff, 0xff, 0xfe, 0xfb };

	ck_assert_int_eq(gate(key, 11).action, GATE_MORE);
	ck_assert_int_eq(gate(key, 12).action, GATE_SCANCODE);
	ck_assert_uint_eq(rfb_gate_scancode(key).xt, 0x1e);
	ck_assert_int_eq(rfb_gate_scancode(key).down, 1);
	ck_assert_int_eq(rfb_gate_encodings(enc, 12).extended_keys, 1);
	ck_assert_int_eq(rfb_gate_encodings(enc, 12).leds, 1);
	ck_assert_int_eq(rfb_gate_encodings(enc, 11).leds, 0);
	ck_assert_int_eq(rfb_gate_encodings(key, 12).extended_keys, 0);
}
END_TEST

// --- passwords ---

START_TEST(password_comes_back_from_its_key)
{
	static const char *const words[] = { "", "a", "secret12", "longerthan8", "\x7f\x01 ~zZ09" };
	uint8_t key[VNC_KEY_BYTES];
	char got[VNC_PASSWORD_MAX + 1];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		vnc_key_schedule(words[i], key);
		ck_assert_int_eq(vnc_key_password(key, got), 0);
		ck_assert_uint_eq(strlen(got), strnlen(words[i], 8));
		ck_assert(!strncmp(got, words[i], 8));
	}
}
END_TEST

// Words of the schedule of "secret12" as the usual DES code for VNC computes them.
START_TEST(schedule_is_the_one_others_write)
{
	uint8_t key[VNC_KEY_BYTES];

	vnc_key_schedule("secret12", key);
	ck_assert_uint_eq(get_le32(key), 0x03192c2a);
	ck_assert_uint_eq(get_le32(key + 4), 0x2c123f35);
	ck_assert_uint_eq(get_le32(key + 64), 0x13171f37);
	ck_assert_uint_eq(get_le32(key + 124), 0x04371635);
}
END_TEST

START_TEST(damaged_keys_are_refused)
{
	uint8_t key[VNC_KEY_BYTES];
	char got[VNC_PASSWORD_MAX + 1];

	for (unsigned i = 0; i < VNC_KEY_BYTES; i++) {
		vnc_key_schedule("secret12", key);
		key[i] ^= 0x01;
		ck_assert_int_eq(vnc_key_password(key, got), -EINVAL);
		vnc_key_schedule("secret12", key);
		key[i] |= 0x80;
		ck_assert_int_eq(vnc_key_password(key, got), -EINVAL);
	}
}
END_TEST

START_TEST(guessing_has_to_wait)
{
	struct vnc_auth auth = { 0 };
	uint64_t now = 100 * SECOND;

	for (unsigned i = 0; i < VNC_AUTH_FREE; i++)
		vnc_auth_failed(&auth, "1.2.3.4", now);
	ck_assert(vnc_auth_allowed(&auth, "1.2.3.4", now));
	vnc_auth_failed(&auth, "1.2.3.4", now);
	ck_assert(!vnc_auth_allowed(&auth, "1.2.3.4", now));
	ck_assert(vnc_auth_allowed(&auth, "1.2.3.5", now));
	ck_assert(vnc_auth_allowed(&auth, "1.2.3.4", now + SECOND));
	vnc_auth_failed(&auth, "1.2.3.4", now);
	ck_assert(!vnc_auth_allowed(&auth, "1.2.3.4", now + SECOND));
	for (unsigned i = 0; i < 5000; i++)
		vnc_auth_failed(&auth, "1.2.3.4", now);
	ck_assert(vnc_auth_allowed(&auth, "1.2.3.4", now + 64 * SECOND));
	vnc_auth_failed(&auth, "9.9.9.9", now);
	vnc_auth_passed(&auth, "1.2.3.4");
	ck_assert(vnc_auth_allowed(&auth, "1.2.3.4", now));
	for (unsigned i = 0; i < 3 * VNC_AUTH_HOSTS; i++) {
		char address[16];

		snprintf(address, sizeof(address), "10.0.0.%u", i);
		vnc_auth_failed(&auth, address, now + i);
	}
}
END_TEST

// --- the server ---

static struct console con;
static struct vnc_server *server;
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;
static char keys[512];
static _Atomic unsigned watch_on, watch_off, buttons_seen;
static _Atomic int wheel_seen;

static void on_key(void *arg, unsigned code, bool down)
{
	pthread_mutex_lock(&seen_lock);
	snprintf(keys + strlen(keys), sizeof(keys) - strlen(keys), "%c%02x ", down ? '+' : '-', code);
	pthread_mutex_unlock(&seen_lock);
}

static void on_relative(void *arg, int dx, int dy, int wheel, unsigned buttons)
{
	pthread_mutex_lock(&seen_lock);
	wheel_seen += wheel;
	buttons_seen = buttons;
	pthread_mutex_unlock(&seen_lock);
}

static void on_refresh(void *arg) { }

static void on_watch(void *arg, bool on)
{
	pthread_mutex_lock(&seen_lock);
	watch_on += on;
	watch_off += !on;
	pthread_mutex_unlock(&seen_lock);
}

static const struct console_keyboard keyboard = { .key = on_key };
static const struct console_pointer pointer = { .relative = on_relative };
static const struct console_source source = { .refresh = on_refresh, .watch = on_watch };

static void start(const char *password, int max)
{
	struct vnc_args args = { .password = password, .max_connections = max, .name = "test" };
	struct err err = { 0 };

	keys[0] = '\0';
	watch_on = watch_off = 0;
	ck_assert_int_eq(console_init(&con), 0);
	console_set_keyboard(&con, &keyboard);
	console_set_pointer(&con, &pointer);
	console_set_source(&con, &source);
	ck_assert_int_eq(vnc_server_create(&con, &args, &server, &err), 0);
}

static void stop(void)
{
	vnc_server_stop(server);
	console_destroy(&con);
}

static int dial(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(vnc_server_port(server)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

// Bytes that arrived within MS, up to LEN; less means the other side closed or the time was up.
static size_t get_within(int fd, void *buf, size_t len, int ms)
{
	size_t have = 0;

	while (have < len) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, ms) <= 0)
			break;
		n = recv(fd, (uint8_t *)buf + have, len - have, 0);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

static void get(int fd, void *buf, size_t len) { ck_assert_uint_eq(get_within(fd, buf, len, 5000), len); }
static void put(int fd, const void *buf, size_t len)
{
	ck_assert_int_eq(send(fd, buf, len, MSG_NOSIGNAL), (ssize_t)len);
}

static bool closed(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t b[4096];

	while (get_within(fd, b, sizeof(b), 3000) == sizeof(b))
		continue;
	return poll(&p, 1, 0) == 1;
}

// One byte at a time, as some clients do.
static void dribble(int fd, const void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		put(fd, (const uint8_t *)buf + i, 1);
		nanosleep(&(struct timespec){ 0, 500000 }, NULL);
	}
}

static void handshake_none(int fd, uint16_t *width, uint16_t *height)
{
	uint8_t b[256];

	get(fd, b, 12);
	ck_assert_mem_eq(b, "RFB 003.008\n", 12);
	put(fd, b, 12);
	get(fd, b, 2);
	ck_assert_uint_eq(b[0], 1);
	ck_assert_uint_eq(b[1], 1);
	put(fd, "\1", 1);
	get(fd, b, 4);
	ck_assert_uint_eq(get_be32(b), 0);
	put(fd, "\0", 1);
	get(fd, b, 24 + 4);
	*width = get_be16(b);
	*height = get_be16(b + 2);
	ck_assert_uint_eq(get_be32(b + 20), 4);
}

static void ask(int fd, bool incremental, uint16_t w, uint16_t h)
{
	uint8_t m[10] = { 3, incremental };

	put_be16(m + 6, w);
	put_be16(m + 8, h);
	put(fd, m, sizeof(m));
}

static void raw_only(int fd)
{
	static const uint8_t m[8] = { 2, 0, 0, 1, 0, 0, 0, 0 };

	put(fd, m, sizeof(m));
}

// Reads one update in raw encoding; the pixel at (X, Y) if a rectangle has it. Returns the pixels in all.
static size_t read_update(int fd, uint32_t x, uint32_t y, uint32_t *pixel)
{
	uint8_t h[12], *data;
	size_t total = 0;
	unsigned rects;

	get(fd, h, 4);
	ck_assert_uint_eq(h[0], 0);
	rects = get_be16(h + 2);
	while (rects--) {
		uint32_t rx, ry, rw, rh;

		get(fd, h, 12);
		rx = get_be16(h), ry = get_be16(h + 2), rw = get_be16(h + 4), rh = get_be16(h + 6);
		ck_assert_uint_eq(get_be32(h + 8), 0);
		data = malloc((size_t)rw * rh * 4);
		get(fd, data, (size_t)rw * rh * 4);
		if (pixel && x >= rx && x < rx + rw && y >= ry && y < ry + rh)
			*pixel = get_le32(data + ((size_t)(y - ry) * rw + (x - rx)) * 4);
		free(data);
		total += (size_t)rw * rh;
	}
	return total;
}

static void draw(uint32_t x, uint32_t y, uint32_t colour)
{
	pthread_mutex_lock(&con.lock);
	con.surface.pixels[x + (size_t)y * con.surface.stride] = colour;
	console_changed(&con, (struct console_rect){ x, y, 1, 1 });
	pthread_mutex_unlock(&con.lock);
}

static bool keys_become(const char *want)
{
	bool same = false;

	for (unsigned i = 0; i < 300 && !same; i++) {
		pthread_mutex_lock(&seen_lock);
		same = !strcmp(keys, want);
		pthread_mutex_unlock(&seen_lock);
		if (!same)
			nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	if (!same)
		fprintf(stderr, "keys: %s\n", keys);
	return same;
}

static void key(int fd, bool down, uint32_t keysym)
{
	uint8_t m[8] = { 4, down };

	put_be32(m + 4, keysym);
	dribble(fd, m, sizeof(m));
}

START_TEST(shows_the_screen_and_changes_only)
{
	uint16_t w, h;
	uint32_t pixel = 1;
	uint8_t b;
	int fd;

	start(NULL, -1);
	draw(5, 6, 0x123456);
	fd = dial();
	handshake_none(fd, &w, &h);
	ck_assert_uint_eq(w, 720);
	ck_assert_uint_eq(h, 400);
	raw_only(fd);
	ask(fd, false, w, h);
	ck_assert_uint_eq(read_update(fd, 5, 6, &pixel), 720 * 400);
	ck_assert_uint_eq(pixel, 0x123456);
	ask(fd, true, w, h);
	ck_assert_uint_eq(get_within(fd, &b, 1, 300), 0);       // idle: not a byte
	draw(100, 50, 0xabcdef);
	ck_assert_uint_eq(read_update(fd, 100, 50, &pixel), 1);
	ck_assert_uint_eq(pixel, 0xabcdef);
	ck_assert_uint_eq(watch_on, 1);
	ck_assert_uint_eq(vnc_server_clients(server), 1);
	close(fd);
	for (unsigned i = 0; i < 300 && vnc_server_clients(server); i++)
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	ck_assert_uint_eq(watch_off, 1);
	stop();
}
END_TEST

START_TEST(tells_the_new_size)
{
	static const uint8_t enc[12] = { 2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21 };
	uint8_t hdr[16];
	uint16_t w, h;
	uint32_t pixel = 1;
	int fd;

	start(NULL, -1);
	fd = dial();
	handshake_none(fd, &w, &h);
	put(fd, enc, sizeof(enc));
	ask(fd, false, w, h);
	read_update(fd, 0, 0, NULL);
	ask(fd, true, w, h);
	pthread_mutex_lock(&con.lock);
	ck_assert_int_eq(console_resize(&con, 1026, 769), 0);
	con.surface.pixels[1025 + 768 * 1026] = 0xfedcba;
	pthread_mutex_unlock(&con.lock);
	get(fd, hdr, 16);
	ck_assert_uint_eq(get_be16(hdr + 8), 1026);
	ck_assert_uint_eq(get_be16(hdr + 10), 769);
	ck_assert_uint_eq(get_be32(hdr + 12), 0xffffff21);
	ask(fd, false, 1026, 769);
	// The request of before may be answered first, for the part that it covers.
	for (unsigned i = 0; i < 2 && pixel == 1; i++)
		read_update(fd, 1025, 768, &pixel);
	ck_assert_uint_eq(pixel, 0xfedcba);
	close(fd);
	stop();
}
END_TEST

// No SetEncodings, no update request, bytes in small pieces: how Packer types.
START_TEST(types_without_ever_asking_for_the_screen)
{
	uint16_t w, h;
	int fd;

	start(NULL, -1);
	fd = dial();
	handshake_none(fd, &w, &h);
	key(fd, true, 0xffe1);
	key(fd, true, 'H');
	key(fd, false, 'H');
	key(fd, false, 0xffe1);
	key(fd, true, ':');
	ck_assert(keys_become("+2a +23 -23 -2a +2a +27 -2a "));
	ck_assert_uint_eq(watch_on, 0);
	key(fd, true, 0xffe3);
	close(fd);                      // whatever is held is let go
	ck_assert(keys_become("+2a +23 -23 -2a +2a +27 -2a +1d -1d -27 "));
	stop();
}
END_TEST

START_TEST(extended_keys_and_lights)
{
	static const uint8_t enc[12] = { 2, 0, 0, 2, 0xff, 0xff, 0xfe, 0xfe, 0xff, 0xff, 0xfe, 0xfb };
	static const uint8_t down[12] = { 255, 0, 0, 1, 0, 0, 0, 0x3c, 0, 0, 0, 0x56 };
	uint8_t b[33];
	uint16_t w, h;
	int fd;

	start(NULL, -1);
	fd = dial();
	handshake_none(fd, &w, &h);
	put(fd, enc, sizeof(enc));
	get(fd, b, 33);
	ck_assert_uint_eq(get_be32(b + 12), 0xfffffefe);
	ck_assert_uint_eq(get_be32(b + 16 + 12), 0xfffffefb);
	ck_assert_uint_eq(b[32], 0);
	dribble(fd, down, sizeof(down));
	ck_assert(keys_become("+56 "));
	console_set_leds(&con, 4);
	get(fd, b, 17);
	ck_assert_uint_eq(b[16], 4);
	close(fd);
	stop();
}
END_TEST

START_TEST(pointer_and_wheel)
{
	static const uint8_t up[6] = { 5, 0x08, 0, 10, 0, 10 }, none[6] = { 5, 0, 0, 10, 0, 10 };
	static const uint8_t right[6] = { 5, 0x04, 0, 20, 0, 20 }, mark[8] = { 4, 1, 0, 0, 0, 0, 0, 'a' };
	uint16_t w, h;
	int fd;

	start(NULL, -1);
	wheel_seen = 0;
	fd = dial();
	handshake_none(fd, &w, &h);
	put(fd, up, 6);
	put(fd, up, 6);
	put(fd, none, 6);
	put(fd, up, 6);
	put(fd, right, 6);
	put(fd, mark, 8);
	ck_assert(keys_become("+1e "));
	ck_assert_int_eq(wheel_seen, 2);
	ck_assert_uint_eq(buttons_seen, CONSOLE_BUTTON_RIGHT);
	close(fd);
	ck_assert(keys_become("+1e -1e "));
	stop();
	ck_assert_uint_eq(buttons_seen, 0);
}
END_TEST

static bool log_in(int fd, const char *password)
{
	uint8_t b[64];

	get(fd, b, 12);
	put(fd, b, 12);
	get(fd, b, 2);
	ck_assert_uint_eq(b[1], 2);
	put(fd, "\2", 1);
	get(fd, b, 16);
	rfbEncryptBytes(b, (char *)(uintptr_t)password);
	put(fd, b, 16);
	get(fd, b, 4);
	return get_be32(b) == 0;
}

START_TEST(password_is_asked_and_guessing_limited)
{
	unsigned wrong = 0;
	uint8_t b;
	int fd;

	start("secret", -1);
	for (unsigned i = 0; i < VNC_AUTH_FREE + 1; i++) {
		fd = dial();
		wrong += !log_in(fd, "sekret");
		close(fd);
	}
	ck_assert_uint_eq(wrong, VNC_AUTH_FREE + 1);
	fd = dial();
	ck_assert_uint_eq(get_within(fd, &b, 1, 2000), 0);      // closed without a word
	close(fd);
	nanosleep(&(struct timespec){ 1, 100000000 }, NULL);
	fd = dial();
	ck_assert(log_in(fd, "secret"));
	close(fd);
	stop();
}
END_TEST

START_TEST(key_serves_as_password)
{
	struct vnc_args args = { .has_key = true, .max_connections = -1, .password = "other" };
	struct err err = { 0 };
	int fd;

	ck_assert_int_eq(console_init(&con), 0);
	vnc_key_schedule("vmware12", args.key);
	ck_assert_int_eq(vnc_server_create(&con, &args, &server, &err), 0);
	fd = dial();
	ck_assert(log_in(fd, "vmware12"));
	close(fd);
	vnc_server_stop(server);
	args.key[0] ^= 1;
	ck_assert_int_eq(vnc_server_create(&con, &args, &server, &err), -EINVAL);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	ck_assert(err.remedy[0]);
	console_destroy(&con);
}
END_TEST

START_TEST(ports_and_addresses_that_do_not_work)
{
	struct vnc_args args = { .max_connections = -1 };
	struct vnc_server *second;
	struct err err = { 0 };

	start(NULL, -1);
	args.port = vnc_server_port(server);
	ck_assert_int_eq(vnc_server_create(&con, &args, &second, &err), -EADDRINUSE);
	ck_assert_int_eq(err.exit, EXIT_HOST);
	ck_assert(err.remedy[0]);
	err_clear(&err);
	args.ip = "not-an-address";
	ck_assert_int_eq(vnc_server_create(&con, &args, &second, &err), -EINVAL);
	ck_assert_int_eq(err.exit, EXIT_CONFIG);
	err_clear(&err);
	args.ip = "192.0.2.1";
	ck_assert_int_lt(vnc_server_create(&con, &args, &second, &err), 0);
	ck_assert(err.remedy[0]);
	stop();
}
END_TEST

START_TEST(limits_of_connections)
{
	uint16_t w, h;
	uint8_t b;
	int first, second;

	start(NULL, 1);
	first = dial();
	handshake_none(first, &w, &h);
	second = dial();
	ck_assert_uint_eq(get_within(second, &b, 1, 2000), 0);
	close(second);
	close(first);
	stop();
}
END_TEST

START_TEST(half_a_message_holds_nobody_up)
{
	uint16_t w, h;
	clock_t before;
	uint8_t b[16];
	int slow[6], quick;

	start(NULL, -1);
	for (unsigned i = 0; i < 6; i++) {
		slow[i] = dial();
		get(slow[i], b, 12);
		put(slow[i], "RFB 00", 6);
	}
	quick = dial();
	handshake_none(quick, &w, &h);
	put(quick, "\6\0\0\0\0\0\2\0", 8);      // half a cut text, then nothing
	before = clock();
	nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
	ck_assert_int_lt(clock() - before, CLOCKS_PER_SEC / 20);        // nobody spins on it either
	put(slow[0], "3.008\n", 6);
	get(slow[0], b, 2);
	for (unsigned i = 0; i < 6; i++)
		close(slow[i]);
	close(quick);
	stop();
}
END_TEST

START_TEST(strange_messages_end_the_connection)
{
	static const uint8_t strange[][20] = {{7},      {11},           {15, 0, 0},
					      {8, 200}, {250, 0, 1, 2}, {0, 0, 0, 0, 24}};
	uint16_t w, h;
	int fd;

	start(NULL, -1);
	for (unsigned i = 0; i < 6; i++) {
		fd = dial();
		handshake_none(fd, &w, &h);
		put(fd, strange[i], 20);
		ck_assert(closed(fd));
		close(fd);
	}
	fd = dial();
	put(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	ck_assert(closed(fd));
	close(fd);
	stop();
}
END_TEST

static TCase *pure(void)
{
	TCase *t = tcase_create("pure");

	tcase_add_test(t, gate_waits_for_whole_messages);
	tcase_add_test(t, gate_bounds_encodings_and_screens);
	tcase_add_test(t, gate_drops_the_clipboard);
	tcase_add_test(t, gate_refuses_what_is_not_served);
	tcase_add_test(t, gate_checks_pixel_formats);
	tcase_add_test(t, gate_takes_scan_codes_and_encodings_apart);
	tcase_add_test(t, password_comes_back_from_its_key);
	tcase_add_test(t, schedule_is_the_one_others_write);
	tcase_add_test(t, damaged_keys_are_refused);
	tcase_add_test(t, guessing_has_to_wait);
	return t;
}

static TCase *served(void)
{
	TCase *t = tcase_create("served");

	tcase_set_timeout(t, 30);
	tcase_add_test(t, shows_the_screen_and_changes_only);
	tcase_add_test(t, tells_the_new_size);
	tcase_add_test(t, types_without_ever_asking_for_the_screen);
	tcase_add_test(t, extended_keys_and_lights);
	tcase_add_test(t, pointer_and_wheel);
	tcase_add_test(t, password_is_asked_and_guessing_limited);
	tcase_add_test(t, key_serves_as_password);
	tcase_add_test(t, ports_and_addresses_that_do_not_work);
	tcase_add_test(t, limits_of_connections);
	tcase_add_test(t, half_a_message_holds_nobody_up);
	tcase_add_test(t, strange_messages_end_the_connection);
	return t;
}

int main(void)
{
	Suite *s = suite_create("vnc");
	SRunner *r;
	int failed;

	suite_add_tcase(s, pure());
	suite_add_tcase(s, served());
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
