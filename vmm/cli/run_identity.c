// run_identity.c: the moved-or-copied question of `berth run`, and generated identities.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/run_identity.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "vmx/load.h"
#include "vmx/moved.h"
#include "vmx/uuid.h"

#define TRIES 3

static const char question[] =
	"%s has run in another place. If you moved it, it stays who it is. If it is a copy and the original is still in\n"
	"use, it needs a UUID and MAC addresses of its own.\n"
	"Was it moved or copied? [moved/copied] ";

// MOVED_ASK when nobody gave an answer.
static enum moved_answer ask_person(const char *name)
{
	char line[64];

	for (unsigned i = 0; i < TRIES; i++) {
		enum moved_answer answer;

		fprintf(stderr, i ? "Type moved or copied: " : question, name);
		fflush(stderr);
		if (!fgets(line, sizeof(line), stdin))
			break;
		line[strcspn(line, "\r\n")] = '\0';
		answer = moved_word(line);
		if (answer != MOVED_ASK)
			return answer;
	}
	return MOVED_ASK;
}

static int refuse(const struct vm_config *c, struct err *err)
{
	err_set(err, EAGAIN, c->vmx_path, "this VM has run in another place, and it is not known whether it was moved or copied");
	err_remedy(err, "Say `berth answer VM.vmx moved` (it stays who it is) or `berth answer VM.vmx copied` (new UUID and "
			"MAC addresses), then start it again");
	err_exit(err, EXIT_CONFIG);
	return -EAGAIN;
}

static void tell(const struct vm_config *c, enum moved_place place, enum moved_answer answer)
{
	if (answer == MOVED_COPIED)
		log_info("%s: a copy: it gets a new UUID and new generated addresses", c->name);
	else if (place == MOVED_ELSEWHERE)
		log_info("%s: moved: it keeps its identity", c->name);
}

static int settle(const struct vm_config *c, struct vmx_file *file, bool ask, struct err *err)
{
	uint8_t host[16], here[16];
	enum moved_place place;
	enum moved_answer answer;
	int r;

	uuid_host_id(host);
	uuid_location(host, c->vmx_path, here);
	place = moved_place(file, here);
	answer = moved_decide(file, place);
	if (answer == MOVED_ASK && ask)
		answer = ask_person(c->name);
	if (answer == MOVED_ASK)
		return refuse(c, err);
	tell(c, place, answer);
	r = moved_apply(file, answer, here, err);
	return r < 0 ? r : identity_complete(file, c->has_genid, err);
}

// The configuration as FILE has it after its identity was settled.
static int read_again(struct vm_config **config, const struct vmx_file *file, struct err *err)
{
	struct vmx_report report = { 0 };
	struct vm_config *fresh;
	int r;

	if (!vmx_file_changed(file))
		return 0;
	r = vm_config_from(file, (*config)->vmx_path, &fresh, &report);
	vmx_report_free(&report);
	if (r < 0 && !fresh)
		return err_set(err, -r, (*config)->vmx_path, "no memory for its configuration");
	vm_config_free(*config);
	*config = fresh;
	return r < 0 ? err_set(err, EINVAL, fresh->vmx_path, "its generated identity cannot be read back") : 0;
}

int run_identity(struct vm_config **config, struct vmx_file *file, bool ask, struct err *err)
{
	int r = settle(*config, file, ask, err);

	return r < 0 ? r : read_again(config, file, err);
}

int run_identity_complete(struct vm_config **config, struct vmx_file *file, struct err *err)
{
	int r = identity_complete(file, (*config)->has_genid, err);

	return r < 0 ? r : read_again(config, file, err);
}
