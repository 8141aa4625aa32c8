// client.c: finding a running VM and talking to its control socket.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/client.h"

#include <errno.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"

#define ANSWER_MAX     (64u << 20)
#define LIST_TIMEOUT_S 10       // a process that hangs must not hide the others; one on a busy host may take seconds

int client_connect(const char *socket_path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = LIST_TIMEOUT_S };
	int fd, r;

	if (strlen(socket_path) >= sizeof(addr.sun_path))
		return err_set(err, ENAMETOOLONG, socket_path, "is too long for a socket");
	strcpy(addr.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(err, errno, socket_path, "no socket: %s", strerror(errno));
	// Connecting waits while the other side's queue is full, as it is when the process hangs.
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		r = err_set(err, errno, socket_path, "cannot be reached: %s", strerror(errno));
		close(fd);
		return r;
	}
	return fd;
}

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

// One line of any length up to ANSWER_MAX, without its end; malloc'ed.
static int receive_line(int fd, char **out, size_t *len)
{
	size_t room = 65536, have = 0;
	char *buf = malloc(room);

	while (buf) {
		ssize_t n = recv(fd, buf + have, room - have, 0);
		char *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(buf);
			return n < 0 ? -errno : -ECONNRESET;
		}
		end = memchr(buf + have, '\n', (size_t)n);
		have += (size_t)n;
		if (end) {
			*out = buf;
			*len = (size_t)(end - buf);
			return 0;
		}
		if (have == room) {
			char *grown = room < ANSWER_MAX ? realloc(buf, room * 2) : NULL;

			if (!grown)
				free(buf);
			buf = grown;
			room *= 2;
		}
	}
	return -ENOMEM;
}

static int take_error(json_t *error, const char *command, struct err *err)
{
	const char *message = json_string_value(json_object_get(error, "message"));
	const char *remedy = json_string_value(json_object_get(error, "remedy"));
	size_t n = message ? strlen(message) : 0;

	// The sentence ends with a period already, and err_sentence() adds one.
	while (n && message[n - 1] == '.')
		n--;
	err_set(err, EREMOTEIO, command, "%.*s", (int)n, n ? message : "");
	if (remedy && *remedy)
		err_remedy(err, "%s", remedy);
	return -EREMOTEIO;
}

int client_request(int fd, const char *command, json_t *arguments, json_t **result, struct err *err)
{
	json_t *request = json_pack("{s:s, s:i}", "execute", command, "id", 1), *answer;
	char *text, *line = NULL;
	size_t len = 0;
	int r = -ENOMEM;

	if (arguments)
		json_object_set_new(request, "arguments", arguments);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (text)
		r = send_all(fd, text, strlen(text));
	if (!r)
		r = send_all(fd, "\n", 1);
	free(text);
	if (!r)
		r = receive_line(fd, &line, &len);
	if (r < 0)
		return err_set(err, -r, command, "the VM did not answer: %s", strerror(-r));
	answer = json_loadb(line, len, 0, NULL);
	free(line);
	if (json_object_get(answer, "error"))
		r = take_error(json_object_get(answer, "error"), command, err);
	else if (!json_object_get(answer, "return"))
		r = err_set(err, EPROTO, command, "the VM's answer makes no sense");
	else if (result)
		*result = json_incref(json_object_get(answer, "return"));
	json_decref(answer);
	return r;
}

int client_wait_end(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char sink[4096];

	for (;;) {
		int n = poll(&p, 1, timeout_ms);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 || recv(fd, sink, sizeof(sink), 0) <= 0)
			return 0;
	}
}

// --- which VM --------------------------------------------------------------------------------------

static int ask(void *arg, const char *path)
{
	struct vm_list *list = arg;
	struct timeval limit = { .tv_sec = LIST_TIMEOUT_S };
	struct vm_found *grown;
	json_t *status = NULL;
	int fd = client_connect(path, NULL), r;

	if (fd < 0 || strlen(path) >= RUNDIR_PATH)
		return 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	r = client_request(fd, "status", NULL, &status, NULL);
	close(fd);
	if (r == -EAGAIN)
		log_warn("%s: a VM is there and has not answered for %d s; it is left out", path, LIST_TIMEOUT_S);
	if (r < 0)
		return 0;
	grown = realloc(list->vm, (list->count + 1) * sizeof(*grown));
	if (!grown) {
		json_decref(status);
		return 1;
	}
	list->vm = grown;
	strcpy(grown[list->count].socket, path);
	grown[list->count++].status = status;
	return 0;
}

int client_list(struct vm_list *list, struct err *err)
{
	(void)err;
	*list = (struct vm_list){ 0 };
	rundir_each(ask, list);
	return 0;
}

void vm_found_free(struct vm_found *vm)
{
	json_decref(vm->status);
	vm->status = NULL;
}

void vm_list_free(struct vm_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		vm_found_free(&list->vm[i]);
	free(list->vm);
	*list = (struct vm_list){ 0 };
}

// The folder of a unit's socket is named after what the VM was enabled as: .../berth/NAME/x.sock.
static void unit_name(const struct vm_found *vm, char buf[RUNDIR_PATH])
{
	char folder[RUNDIR_PATH], above[RUNDIR_PATH];

	strcpy(folder, vm->socket);
	dirname(folder);
	strcpy(above, folder);
	dirname(above);
	strcpy(buf, strcmp(basename(above), "berth") ? "" : basename(folder));
}

enum match { MATCH_NONE, MATCH_PREFIX, MATCH_EXACT };

static enum match match(const struct vm_found *vm, const char *name, const char *real)
{
	const char *display = json_string_value(json_object_get(vm->status, "name"));
	const char *vmx = json_string_value(json_object_get(vm->status, "vmx"));
	char unit[RUNDIR_PATH];

	if (!*name)
		return MATCH_NONE;
	unit_name(vm, unit);
	if ((vmx && real && !strcmp(vmx, real)) || (display && !strcmp(display, name)) || !strcmp(unit, name))
		return MATCH_EXACT;
	if ((display && !strncasecmp(display, name, strlen(name))) || !strncmp(unit, name, strlen(name)))
		return MATCH_PREFIX;
	return MATCH_NONE;
}

static int choose(struct vm_list *list, const char *name, struct err *err)
{
	char *real = realpath(name, NULL), several[300] = "";
	size_t count[3] = { 0 }, last[3] = { 0 }, n = 0;
	enum match best = MATCH_NONE;

	for (size_t i = 0; i < list->count; i++) {
		enum match m = match(&list->vm[i], name, real);

		count[m]++;
		last[m] = i;
		best = MAX(best, m);
		if (m != MATCH_NONE && n < sizeof(several))
			n += (size_t)snprintf(several + n, sizeof(several) - n, "%s%s", n ? ", " : "",
					      json_string_value(json_object_get(list->vm[i].status, "vmx")));
	}
	free(real);
	if (best != MATCH_NONE && count[best] == 1)
		return (int)last[best];
	if (best == MATCH_NONE) {
		err_set(err, ENOENT, name, "no running VM has this name, .vmx path or unit");
		err_remedy(err, "`berth list` shows what runs");
	} else {
		err_set(err, EBUSY, name, "fits several VMs: %s", several);
		err_remedy(err, "Give the path of the .vmx");
	}
	err_exit(err, EXIT_CONFIG);
	return best == MATCH_NONE ? -ENOENT : -EBUSY;
}

int client_find(const char *name, struct vm_found *out, struct err *err)
{
	struct vm_list list;
	int i;

	client_list(&list, err);
	i = choose(&list, name, err);
	if (i >= 0) {
		*out = list.vm[i];
		list.vm[i].status = NULL;
	}
	vm_list_free(&list);
	return MIN(i, 0);
}
