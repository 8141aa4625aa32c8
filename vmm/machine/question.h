// question.h: what a running VM asks a person, as VMware's dialogs do: the VM waits until somebody answers.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// `berth status` shows the question, `berth answer VM WORD` answers it. One question at a time; further ones wait behind
// it. Everything runs on the loop thread.
#ifndef BERTH_MACHINE_QUESTION_H
#define BERTH_MACHINE_QUESTION_H

#include "base/err.h"
#include "machine/machine.h"

#define QUESTION_CHOICES 4u

struct question_choice {
	const char *word;       // what `berth answer` takes: "retry"
	const char *label;      // what it does, for people: "Try the write again"
};

// Embedded by its owner; stays until answered() was called or question_withdraw().
struct question {
	const char *id;         // VMware's message id without "msg.": "hbacommon.outofspace"; answer.msg.<id> in the .vmx answers
	char text[512];         // one or two sentences: what happened, to which object
	struct question_choice choices[QUESTION_CHOICES];
	unsigned count, standard;       // standard: what msg.autoAnswer = "TRUE" takes
	void (*answered)(struct question *q, unsigned choice);
	void *owner;
	struct question *next;  // the machine's
};

// Pauses the VM (its state is then "question") and asks. Answered at once, from the loop, where the .vmx holds
// answer.msg.<id> or msg.autoAnswer. A question that waits already is not asked twice.
void machine_ask(struct machine *m, struct question *q);
// The reason is gone: no answer is needed any more; the VM resumes when no other question waits.
void machine_withdraw(struct machine *m, struct question *q);
// The question that waits now, or NULL.
const struct question *machine_question(const struct machine *m);
// WORD is one of the choices. 0; -ENOENT when nothing is asked, -EINVAL when it is no choice.
int machine_answer(struct machine *m, const char *word, struct err *err);

#endif
