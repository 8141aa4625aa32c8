// config_answers.c: answers that the .vmx holds for questions of the running VM: msg.autoAnswer, answer.msg.*.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vmx/load.h"

#define PREFIX "answer.msg."

static void add_answer(struct loader *l, const struct vmx_entry *e)
{
	struct vm_config *c = l->c;
	struct vm_answer *grown = realloc(c->answers, (c->answer_count + 1) * sizeof(*grown));

	if (!grown) {
		l->no_memory = true;
		return;
	}
	c->answers = grown;
	grown[c->answer_count++] = (struct vm_answer){ dup_text(l, e->name + strlen(PREFIX)), dup_text(l, e->value) };
}

void load_answers(struct loader *l)
{
	l->c->auto_answer = get_bool(l, "msg.autoAnswer");
	for (size_t i = 0; i < vmx_file_count(l->file); i++) {
		const struct vmx_entry *e = vmx_file_at(l->file, i);

		if (!e->first_line && !strncasecmp(e->name, PREFIX, strlen(PREFIX)) && *e->value)
			add_answer(l, e);
	}
}
