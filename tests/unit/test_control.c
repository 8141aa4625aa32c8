// test_control.c: requests of the control socket, good and bad; then the socket itself, with clients of every manner.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "machine/control.h"
#include "machine/control_cmds.h"
#include "machine/internal.h"

// --- one request -----------------------------------------------------------------------------------

static struct control_call call;

static json_t *handle(const char *line)
{
	memset(&call, 0, sizeof(call));
	return control_handle(&call, line, strlen(line));
}

// The request must fail with CODE; its answer is valid JSON text with a message.
static void refuses(const char *line, const char *code)
{
	json_t *answer = handle(line), *error = json_object_get(answer, "error");
	char *text = json_dumps(answer, 0);

	ck_assert_msg(error != NULL, "%.200s was taken", line);
	ck_assert_msg(text != NULL, "%.200s has an answer that is no JSON", line);
	ck_assert_str_eq(json_string_value(json_object_get(error, "code")), code);
	ck_assert(*json_string_value(json_object_get(error, "message")));
	ck_assert_ptr_null(call.keys);
	ck_assert_ptr_null(call.id);
	free(text);
	json_decref(answer);
}

static size_t presses(const char *line)
{
	size_t n;

	ck_assert_ptr_null(handle(line));
	ck_assert_ptr_nonnull(call.keys);
	ck_assert_ptr_nonnull(call.id);
	n = call.key_count;
	free(call.keys);
	json_decref(call.id);
	return n;
}

START_TEST(version_and_id_come_back)
{
	static const char *const ids[] = { "7", "\"x\"", "[1,{\"a\":null}]", "null", "-1.5", "true" };

	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		json_t *want = json_loads(ids[i], JSON_DECODE_ANY, NULL), *answer;
		char line[128];

		snprintf(line, sizeof(line), "{\"id\":%s,\"execute\":\"version\"}", ids[i]);
		answer = handle(line);
		ck_assert(json_equal(json_object_get(answer, "id"), want));
		ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(answer, "return"), "protocol")), 1);
		json_decref(answer);
		json_decref(want);
	}
}
END_TEST

START_TEST(without_an_id_it_is_null)
{
	json_t *answer = handle("{\"execute\":\"events\"}");

	ck_assert(json_is_null(json_object_get(answer, "id")));
	ck_assert(json_is_object(json_object_get(answer, "return")));
	ck_assert(call.subscribe);
	json_decref(answer);
}
END_TEST

START_TEST(what_is_no_request)
{
	static const char *const lines[] = {
		"", " ", "{", "nonsense", "[]", "[1]", "7", "null", "\"status\"", "{}", "{\"execute\":1}", "{\"execute\":null}",
		"{\"execute\":\"version\"} x", "{\"execute\":\"version\",\"execute\":\"events\"}", "{\"execute\":\"\\u0000\"}",
		"{\"execute\":\"version\",\"arguments\":[]}", "{\"execute\":\"version\",\"arguments\":7}",
		"{\"execute\":\"\xff\"}", "{\"execute\":\"version\",\"id\":1e999}", "{'execute':'version'}",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		refuses(lines[i], "EINVAL");
}
END_TEST

START_TEST(deep_nesting_is_an_error)
{
	char *line = malloc(60001);

	memset(line, '[', 60000);
	line[60000] = '\0';
	refuses(line, "EINVAL");
	free(line);
}
END_TEST

START_TEST(unknown_command)
{
	refuses("{\"execute\":\"\"}", "ENOSYS");
	refuses("{\"execute\":\"Status\"}", "ENOSYS");
	refuses("{\"execute\":\"quit\"}", "ENOSYS");
}
END_TEST

START_TEST(commands_that_need_a_machine_say_so)
{
	static const char *const names[] = { "status", "stop", "reset", "pause", "resume", "answer", "screenshot", "cd" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char line[128];

		snprintf(line, sizeof(line), "{\"execute\":\"%s\"}", names[i]);
		refuses(line, "ENOSYS");
	}
}
END_TEST

START_TEST(type_turns_text_into_keys)
{
	ck_assert_uint_eq(presses("{\"execute\":\"type\",\"arguments\":{\"text\":\"a\"}}"), 2);
	ck_assert_uint_eq(call.delay_ms, 20);
	ck_assert_uint_eq(presses("{\"execute\":\"type\",\"arguments\":{\"text\":\"aB\\n\",\"delay_ms\":0}}"), 8);
	ck_assert_uint_eq(call.delay_ms, 0);
}
END_TEST

START_TEST(no_text_is_typed_at_once)
{
	json_t *answer = handle("{\"execute\":\"type\",\"arguments\":{\"text\":\"\"}}");

	ck_assert(json_is_object(json_object_get(answer, "return")));
	ck_assert_ptr_null(call.keys);
	json_decref(answer);
}
END_TEST

START_TEST(type_checks_its_arguments)
{
	static const char *const arguments[] = {
		"{}", "{\"text\":1}", "{\"text\":null}", "{\"text\":[]}", "{\"text\":\"\u00e9\"}", "{\"text\":\"\\u0001\"}",
		"{\"text\":\"a\",\"delay_ms\":-1}", "{\"text\":\"a\",\"delay_ms\":10001}", "{\"text\":\"a\",\"delay_ms\":1.5}",
		"{\"text\":\"a\",\"delay_ms\":\"1\"}", "{\"text\":\"a\",\"delay_ms\":9223372036854775807}",
	};

	for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
		char line[256];

		snprintf(line, sizeof(line), "{\"execute\":\"type\",\"arguments\":%s}", arguments[i]);
		refuses(line, "EINVAL");
	}
}
END_TEST

// 16384 characters may be typed, of any kind; one more may not.
START_TEST(longest_text)
{
	static char line[20000];
	int n = snprintf(line, sizeof(line), "{\"execute\":\"type\",\"arguments\":{\"text\":\"");

	memset(line + n, 'A', 16384);
	strcpy(line + n + 16384, "\"}}");
	ck_assert_uint_eq(presses(line), 65536);
	strcpy(line + n + 16384, "A\"}}");
	refuses(line, "EINVAL");
}
END_TEST

START_TEST(sendkey_takes_names_and_combinations)
{
	ck_assert_uint_eq(presses("{\"execute\":\"sendkey\",\"arguments\":{\"keys\":[\"ctrl-alt-delete\"]}}"), 6);
	ck_assert_uint_eq(presses("{\"execute\":\"sendkey\",\"arguments\":{\"keys\":[\"f2\",\"a\"]}}"), 4);
}
END_TEST

START_TEST(sendkey_checks_its_arguments)
{
	static const char *const arguments[] = {
		"{}", "{\"keys\":[]}", "{\"keys\":\"f2\"}", "{\"keys\":{\"f2\":1}}", "{\"keys\":[1]}", "{\"keys\":[\"f2\",null]}",
		"{\"keys\":[\"frobnicate\"]}", "{\"keys\":[\"\"]}", "{\"keys\":[\"ctrl-\"]}",
		"{\"keys\":[\"f2\"],\"delay_ms\":99999}",
	};

	for (size_t i = 0; i < sizeof(arguments) / sizeof(*arguments); i++) {
		char line[256];

		snprintf(line, sizeof(line), "{\"execute\":\"sendkey\",\"arguments\":%s}", arguments[i]);
		refuses(line, "EINVAL");
	}
}
END_TEST

// Messages quote what was sent, cut to their size: that must not cut a character in two.
START_TEST(long_foreign_names_are_quoted_as_json)
{
	for (int pad = 0; pad < 4; pad++) {
		char line[1400] = "{\"execute\":\"sendkey\",\"arguments\":{\"keys\":[\"";

		for (int i = 0; i < pad; i++)
			strcat(line, "x");
		for (int i = 0; i < 300; i++)
			strcat(line, "\xe2\x82\xac");
		strcat(line, "\"]}}");
		refuses(line, "EINVAL");
	}
}
END_TEST

START_TEST(too_many_keys)
{
	char *line = malloc(60000);

	strcpy(line, "{\"execute\":\"sendkey\",\"arguments\":{\"keys\":[\"a\"");
	for (int i = 0; i < 2048; i++)
		strcat(line, ",\"a\"");
	strcat(line, "]}}");
	refuses(line, "EINVAL");
	free(line);
}
END_TEST

// --- the socket ------------------------------------------------------------------------------------
// A machine of which only what the tests ask about exists: state, console and configuration.

static struct vm_config config;
static struct machine *machine;
static struct control *control;
static struct loop *loop;
static char dir[64];
static unsigned keys_down, keys_up;

static void count_key(void *arg, unsigned code, bool down)
{
	(void)arg;
	(void)code;
	keys_down += down;
	keys_up += !down;
}

static const struct console_keyboard keyboard = { .key = count_key };

static void on_event(void *arg, const char *event)
{
	(void)arg;
	control_event(control, event);
}

static void open_socket(void)
{
	struct err err = { 0 };

	keys_down = keys_up = 0;
	strcpy(dir, "/tmp/berth-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("RUNTIME_DIRECTORY", dir, 1);
	config = (struct vm_config){ .name = (char *)"Test VM", .vmx_path = (char *)"/nowhere/test.vmx", .stop_timeout = 60 };
	machine = calloc(1, sizeof(*machine));
	ck_assert_int_eq(loop_create(&loop, "test", 64, NULL), 0);
	machine->loop = loop;
	machine->config = &config;
	machine->state = MACHINE_CREATED;
	machine->args.on_event = on_event;
	ck_assert_int_eq(console_init(&machine->console), 0);
	console_set_keyboard(&machine->console, &keyboard);
	control = NULL;
	ck_assert_msg(control_create(machine, &control, &err) == 0, "%s", err.what);
}

static void close_socket(void)
{
	control_destroy(control);
	control = NULL;
	console_destroy(&machine->console);
	loop_destroy(loop);
	free(machine);
	ck_assert_int_eq(rmdir(dir), 0);        // the socket is gone
}

static void stop(void *arg) { loop_stop(arg); }

static void run(unsigned ms)
{
	struct loop_timer timer;

	loop_timer_init(&timer, loop, stop, loop);
	loop_timer_set(&timer, loop_now() + ms * 1000000ull);
	ck_assert_int_eq(loop_run(loop), 0);
}

static int join(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, control_path(control));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

// What has come, without waiting; "" at the end or when nothing is there.
static const char *hear(int fd)
{
	static char buf[200000];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

static bool is_closed(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static unsigned lines_in(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

START_TEST(socket_is_private)
{
	struct stat st;

	ck_assert_int_eq(stat(control_path(control), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(served_socket_is_not_taken)
{
	struct control *second = NULL;
	struct err err = { 0 };

	ck_assert_int_eq(control_create(machine, &second, &err), -EBUSY);
	ck_assert_int_eq(err.exit, EXIT_BUSY);
	ck_assert_int_eq(access(control_path(control), F_OK), 0);
}
END_TEST

START_TEST(answers_in_order_however_the_bytes_come)
{
	int fd = join();

	say(fd, "{\"id\":1,\"execute\":\"version\"}\r\n\n{\"id\":2,\"exe");
	run(30);
	say(fd, "cute\":\"nothing\"}\n");
	run(30);
	ck_assert_str_eq(hear(fd), "{\"id\":1,\"return\":{\"version\":\"" BERTH_VERSION "\",\"protocol\":1}}\n"
				   "{\"id\":2,\"error\":{\"message\":\"execute: there is no command of this name.\","
				   "\"remedy\":\"docs/control.md lists the commands\",\"code\":\"ENOSYS\"}}\n");
	close(fd);
	run(30);
}
END_TEST

// As `printf ... | socat - UNIX:...` does.
START_TEST(client_that_sends_no_more_is_still_answered)
{
	int fd = join();

	for (int i = 0; i < 100; i++)
		say(fd, "{\"execute\":\"version\"}\n");
	shutdown(fd, SHUT_WR);
	run(100);
	ck_assert_uint_eq(lines_in(hear(fd)), 100);
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

START_TEST(line_that_is_too_long)
{
	char *line = malloc(CONTROL_LINE_MAX + 1);
	int fd = join();

	memset(line, 'x', CONTROL_LINE_MAX);
	line[CONTROL_LINE_MAX] = '\0';
	say(fd, line);
	run(100);
	ck_assert_ptr_nonnull(strstr(hear(fd), "longer than 65536 bytes"));
	ck_assert(is_closed(fd));
	close(fd);
	free(line);
}
END_TEST

START_TEST(longest_line_is_answered)
{
	char *line = malloc(CONTROL_LINE_MAX + 1);
	int fd = join(), n = sprintf(line, "{\"execute\":\"version\",\"x\":\"");

	memset(line + n, 'x', CONTROL_LINE_MAX - (size_t)n);
	strcpy(line + CONTROL_LINE_MAX - 3, "\"}\n");
	say(fd, line);
	run(100);
	ck_assert_ptr_nonnull(strstr(hear(fd), "\"protocol\":1"));
	close(fd);
	free(line);
	run(30);
}
END_TEST

START_TEST(client_that_does_not_read_holds_nobody_up)
{
	char *id = malloc(60001);
	int deaf = join(), fd, size = 4096;

	setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	memset(id, 'i', 60000);
	id[60000] = '\0';
	for (int i = 0; i < 30; i++) {
		char head[] = "{\"execute\":\"version\",\"id\":\"";

		if (send(deaf, head, strlen(head), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		if (send(deaf, id, 60000, MSG_DONTWAIT | MSG_NOSIGNAL) < 60000)
			break;
		send(deaf, "\"}\n", 3, MSG_DONTWAIT | MSG_NOSIGNAL);
		run(5);
	}
	fd = join();
	say(fd, "{\"execute\":\"version\"}\n");
	run(50);
	ck_assert_uint_eq(lines_in(hear(fd)), 1);
	close(fd);
	close(deaf);
	free(id);
	run(30);
}
END_TEST

START_TEST(seventeenth_client_is_turned_away)
{
	int fd[CONTROL_CLIENTS_MAX + 1];

	for (size_t i = 0; i <= CONTROL_CLIENTS_MAX; i++) {
		fd[i] = join();
		run(10);
	}
	ck_assert(is_closed(fd[CONTROL_CLIENTS_MAX]));
	ck_assert(!is_closed(fd[0]));
	close(fd[0]);
	run(10);
	fd[0] = join();
	say(fd[0], "{\"execute\":\"version\"}\n");
	run(20);
	ck_assert_uint_eq(lines_in(hear(fd[0])), 1);
	for (size_t i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		close(fd[i]);
	run(30);
}
END_TEST

START_TEST(typing_is_answered_when_typed)
{
	int fd = join();

	say(fd, "{\"id\":1,\"execute\":\"type\",\"arguments\":{\"text\":\"abc\",\"delay_ms\":20}}\n"
		"{\"id\":2,\"execute\":\"version\"}\n");
	run(40);
	ck_assert_str_eq(hear(fd), "");
	ck_assert_uint_gt(keys_down, 0);
	run(200);
	ck_assert_uint_eq(keys_down, 3);
	ck_assert_uint_eq(keys_up, 3);
	ck_assert_int_eq(strncmp(hear(fd), "{\"id\":1,\"return\":{}}\n{\"id\":2,", 28), 0);
	close(fd);
	run(30);
}
END_TEST

START_TEST(keys_of_a_client_that_goes_are_let_go)
{
	int fd = join();

	say(fd, "{\"execute\":\"sendkey\",\"arguments\":{\"keys\":[\"ctrl-alt-delete\"],\"delay_ms\":100}}\n");
	run(150);
	ck_assert_uint_eq(keys_down, 2);
	ck_assert_uint_eq(keys_up, 0);
	close(fd);
	run(30);
	ck_assert_uint_eq(keys_down, 2);
	ck_assert_uint_eq(keys_up, 2);
}
END_TEST

// As a key does that makes the guest power off; the other client's text is not half typed.
START_TEST(end_of_the_machine_answers_those_who_type)
{
	int fd = join(), other = join();

	say(fd, "{\"id\":1,\"execute\":\"sendkey\",\"arguments\":{\"keys\":[\"esc\"],\"delay_ms\":10000}}\n");
	say(other, "{\"id\":2,\"execute\":\"type\",\"arguments\":{\"text\":\"abc\",\"delay_ms\":10000}}\n");
	run(50);
	ck_assert_uint_eq(keys_down, 2);
	control_destroy(control);
	control = NULL;
	ck_assert_uint_eq(keys_up, 0);
	ck_assert_str_eq(hear(fd), "{\"id\":1,\"return\":{}}\n");
	ck_assert_ptr_nonnull(strstr(hear(other), "\"code\":\"EIO\""));
	close(fd);
	close(other);
}
END_TEST

START_TEST(events_go_to_those_who_asked)
{
	int fd = join(), other = join();

	say(fd, "{\"execute\":\"events\"}\n");
	shutdown(fd, SHUT_WR);
	say(other, "{\"execute\":\"version\"}\n");
	run(30);
	hear(fd);
	hear(other);
	control_event(control, "paused");
	run(30);
	ck_assert_str_eq(hear(fd), "{\"event\":\"paused\"}\n");
	ck_assert_str_eq(hear(other), "");
	ck_assert(!is_closed(fd));
	control_event(control, "stopped");      // the loop does not run again: it must be out when the socket closes
	control_destroy(control);
	control = NULL;
	ck_assert_str_eq(hear(fd), "{\"event\":\"stopped\"}\n");
	ck_assert(is_closed(fd));
	close(fd);
	close(other);
}
END_TEST

// A stop changes the state while the request of a subscriber is being handled.
START_TEST(subscriber_that_stops_the_machine)
{
	int fd = join();

	machine->state = MACHINE_STOPPED;       // nothing to stop: the answer is what counts
	say(fd, "{\"execute\":\"events\"}\n{\"id\":3,\"execute\":\"stop\",\"arguments\":{\"hard\":true}}\n");
	run(50);
	ck_assert_ptr_nonnull(strstr(hear(fd), "{\"id\":3,\"return\":{\"hard\":true,\"timeout\":0}}"));
	close(fd);
	run(30);
}
END_TEST

START_TEST(subscriber_that_does_not_read_is_let_go)
{
	static char name[60001];
	int fd = join();
	struct pollfd p = { .fd = fd, .events = POLLIN };

	say(fd, "{\"execute\":\"events\"}\n");
	run(30);
	memset(name, 'n', sizeof(name) - 1);
	for (unsigned i = 0; i < CONTROL_OUTPUT_MAX / 60000u + 10; i++)
		control_event(control, name);
	run(100);
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	ck_assert(p.revents & POLLHUP);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("control");
	TCase *t = tcase_create("requests"), *u = tcase_create("socket");
	SRunner *r;
	int failed;

	tcase_add_test(t, version_and_id_come_back);
	tcase_add_test(t, without_an_id_it_is_null);
	tcase_add_test(t, what_is_no_request);
	tcase_add_test(t, deep_nesting_is_an_error);
	tcase_add_test(t, unknown_command);
	tcase_add_test(t, commands_that_need_a_machine_say_so);
	tcase_add_test(t, type_turns_text_into_keys);
	tcase_add_test(t, no_text_is_typed_at_once);
	tcase_add_test(t, type_checks_its_arguments);
	tcase_add_test(t, longest_text);
	tcase_add_test(t, sendkey_takes_names_and_combinations);
	tcase_add_test(t, sendkey_checks_its_arguments);
	tcase_add_test(t, long_foreign_names_are_quoted_as_json);
	tcase_add_test(t, too_many_keys);
	tcase_add_checked_fixture(u, open_socket, close_socket);
	tcase_set_timeout(u, 30);
	tcase_add_test(u, socket_is_private);
	tcase_add_test(u, served_socket_is_not_taken);
	tcase_add_test(u, answers_in_order_however_the_bytes_come);
	tcase_add_test(u, client_that_sends_no_more_is_still_answered);
	tcase_add_test(u, line_that_is_too_long);
	tcase_add_test(u, longest_line_is_answered);
	tcase_add_test(u, client_that_does_not_read_holds_nobody_up);
	tcase_add_test(u, seventeenth_client_is_turned_away);
	tcase_add_test(u, typing_is_answered_when_typed);
	tcase_add_test(u, keys_of_a_client_that_goes_are_let_go);
	tcase_add_test(u, end_of_the_machine_answers_those_who_type);
	tcase_add_test(u, events_go_to_those_who_asked);
	tcase_add_test(u, subscriber_that_stops_the_machine);
	tcase_add_test(u, subscriber_that_does_not_read_is_let_go);
	suite_add_tcase(s, t);
	suite_add_tcase(s, u);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
