// test_console.c: the switchboard and the PNG writer.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "bus/console.h"

struct seen {
	unsigned resized, changed, leds_calls, leds;
	struct console_rect rect;
	uint32_t width, height;
};

static struct console con;
static struct seen seen;

static void on_resized(void *arg, const struct console_surface *s)
{
	seen.resized++;
	seen.width = s->width;
	seen.height = s->height;
}

static void on_changed(void *arg, struct console_rect r)
{
	seen.changed++;
	seen.rect = r;
}

static void on_leds(void *arg, unsigned leds)
{
	seen.leds_calls++;
	seen.leds = leds;
}

static struct console_viewer viewer = { .resized = on_resized, .changed = on_changed, .leds = on_leds };

static void setup(void)
{
	memset(&seen, 0, sizeof(seen));
	ck_assert_int_eq(console_init(&con), 0);
	console_add_viewer(&con, &viewer);
}

static void teardown(void)
{
	console_remove_viewer(&con, &viewer);
	console_destroy(&con);
}

static int resize(uint32_t w, uint32_t h)
{
	int rc;

	pthread_mutex_lock(&con.lock);
	rc = console_resize(&con, w, h);
	pthread_mutex_unlock(&con.lock);
	return rc;
}

START_TEST(starts_black_at_text_size)
{
	ck_assert_uint_eq(con.surface.width, 720);
	ck_assert_uint_eq(con.surface.height, 400);
	ck_assert_uint_eq(con.surface.pixels[719 + 399 * con.surface.stride], 0);
}
END_TEST

START_TEST(resize_is_clamped_and_told)
{
	ck_assert_int_eq(resize(100000, 100000), 0);
	ck_assert_uint_eq(seen.width, CONSOLE_MAX_WIDTH);
	ck_assert_uint_eq(seen.height, CONSOLE_MAX_HEIGHT);
	ck_assert_int_eq(resize(0, 0), 0);
	ck_assert_uint_eq(seen.width, 1);
	ck_assert_uint_eq(seen.resized, 2);
}
END_TEST

START_TEST(changes_are_clipped)
{
	console_changed(&con, (struct console_rect){ 700, 390, 100, UINT32_MAX });
	ck_assert_uint_eq(seen.rect.w, 20);
	ck_assert_uint_eq(seen.rect.h, 10);
	console_changed(&con, (struct console_rect){ 720, 0, 1, 1 });
	console_changed(&con, (struct console_rect){ 0, 0, 0, 5 });
	ck_assert_uint_eq(seen.changed, 1);
}
END_TEST

static unsigned watch_calls;
static bool watch_last;
static unsigned refreshes;

static void source_refresh(void *arg) { refreshes++; }

static void source_watch(void *arg, bool on)
{
	watch_calls++;
	watch_last = on;
}

static const struct console_source source = { .refresh = source_refresh, .watch = source_watch };

START_TEST(only_edges_of_watching_reach_the_source)
{
	watch_calls = refreshes = 0;
	console_set_source(&con, &source);
	ck_assert_uint_eq(watch_calls, 0);
	console_watch(&con, true);
	console_watch(&con, true);
	ck_assert_uint_eq(watch_calls, 1);
	ck_assert(watch_last);
	console_watch(&con, false);
	ck_assert_uint_eq(watch_calls, 1);
	console_watch(&con, false);
	console_watch(&con, false);     // one too many does no harm
	ck_assert_uint_eq(watch_calls, 2);
	ck_assert(!watch_last);
	console_refresh(&con);
	ck_assert_uint_eq(refreshes, 1);
}
END_TEST

START_TEST(late_source_learns_that_somebody_watches)
{
	watch_calls = 0;
	console_watch(&con, true);
	console_set_source(&con, &source);
	ck_assert_uint_eq(watch_calls, 1);
	ck_assert(watch_last);
}
END_TEST

static unsigned last_code;
static bool last_down;
static int rel_x, rel_y, rel_wheel;
static unsigned abs_x, abs_y, last_buttons;

static void on_key(void *arg, unsigned code, bool down)
{
	last_code = code;
	last_down = down;
}

static void on_relative(void *arg, int dx, int dy, int wheel, unsigned buttons)
{
	rel_x = dx;
	rel_y = dy;
	rel_wheel = wheel;
	last_buttons = buttons;
}

static void on_absolute(void *arg, unsigned x, unsigned y, int wheel, unsigned buttons)
{
	abs_x = x;
	abs_y = y;
	last_buttons = buttons;
}

START_TEST(keys_go_to_the_keyboard)
{
	static const struct console_keyboard keyboard = { .key = on_key };

	console_key(&con, 0x1e, true);  // nobody there: dropped
	console_set_keyboard(&con, &keyboard);
	console_key(&con, CONSOLE_KEY_E0 | 0x48, true);
	ck_assert_uint_eq(last_code, 0x148);
	ck_assert(last_down);
}
END_TEST

START_TEST(relative_pointer_moves_by_differences)
{
	static const struct console_pointer mouse = { .relative = on_relative };

	console_pointer_at(&con, 5, 5, 0, 0);
	console_set_pointer(&con, &mouse);
	console_pointer_at(&con, 100, 100, 0, 0);
	ck_assert_int_eq(rel_x, 0);
	console_pointer_at(&con, 110, 95, -1, CONSOLE_BUTTON_RIGHT);
	ck_assert_int_eq(rel_x, 10);
	ck_assert_int_eq(rel_y, -5);
	ck_assert_int_eq(rel_wheel, -1);
	ck_assert_uint_eq(last_buttons, CONSOLE_BUTTON_RIGHT);
	console_pointer_at(&con, INT32_MAX, INT32_MIN, 0, 0);
	ck_assert_int_eq(rel_x, 719 - 110);
	ck_assert_int_eq(rel_y, -95);
}
END_TEST

START_TEST(absolute_pointer_spans_the_screen)
{
	static const struct console_pointer tablet = { .absolute = true, .absolute_move = on_absolute };

	console_set_pointer(&con, &tablet);
	console_pointer_at(&con, 719, 0, 0, 1);
	ck_assert_uint_eq(abs_x, 65535);
	ck_assert_uint_eq(abs_y, 0);
	console_pointer_at(&con, 0, 100000, 0, 1);
	ck_assert_uint_eq(abs_y, 65535);
	ck_assert_int_eq(resize(1, 1), 0);
	console_pointer_at(&con, 0, 0, 0, 1);
	ck_assert_uint_eq(abs_x, 0);
}
END_TEST

START_TEST(leds_are_told_on_change)
{
	console_set_leds(&con, 4);
	console_set_leds(&con, 4);
	ck_assert_uint_eq(seen.leds_calls, 1);
	ck_assert_uint_eq(seen.leds, 4);
	ck_assert_uint_eq(console_leds(&con), 4);
}
END_TEST

START_TEST(png_can_be_read_back)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint8_t *png, *rgb;
	size_t len;

	con.surface.pixels[3 + 2 * con.surface.stride] = 0xff112233;
	ck_assert_int_eq(console_png(&con, &png, &len), 0);
	ck_assert(png_image_begin_read_from_memory(&image, png, len));
	ck_assert_uint_eq(image.width, 720);
	ck_assert_uint_eq(image.height, 400);
	image.format = PNG_FORMAT_RGB;
	rgb = malloc(PNG_IMAGE_SIZE(image));
	ck_assert(png_image_finish_read(&image, NULL, rgb, 0, NULL));
	ck_assert_mem_eq(rgb + (2 * 720 + 3) * 3, "\x11\x22\x33", 3);
	ck_assert_mem_eq(rgb + (2 * 720 + 4) * 3, "\0\0\0", 3);
	free(rgb);
	free(png);
}
END_TEST

// Noise does not compress: the output buffer has to grow several times.
START_TEST(png_of_noise_grows)
{
	uint8_t *png;
	size_t len;
	uint32_t x = 1;

	for (size_t i = 0; i < (size_t)con.surface.width * con.surface.height; i++)
		con.surface.pixels[i] = x = x * 1664525u + 1013904223u;
	ck_assert_int_eq(console_png(&con, &png, &len), 0);
	ck_assert_uint_gt(len, 500000);
	free(png);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("console");
	TCase *t = tcase_create("console");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, starts_black_at_text_size);
	tcase_add_test(t, resize_is_clamped_and_told);
	tcase_add_test(t, changes_are_clipped);
	tcase_add_test(t, only_edges_of_watching_reach_the_source);
	tcase_add_test(t, late_source_learns_that_somebody_watches);
	tcase_add_test(t, keys_go_to_the_keyboard);
	tcase_add_test(t, relative_pointer_moves_by_differences);
	tcase_add_test(t, absolute_pointer_spans_the_screen);
	tcase_add_test(t, leds_are_told_on_change);
	tcase_add_test(t, png_can_be_read_back);
	tcase_add_test(t, png_of_noise_grows);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
