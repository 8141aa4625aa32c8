// question.c: questions of a running VM: one is shown, the others wait; answers by people and by the .vmx.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/question.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "base/log.h"
#include "machine/internal.h"

#define AUTO_PACE_NS 1000000000ull      // between automatic answers: a retry on a full disk must not become a storm

// The words of VMware's buttons, which answer.msg.* keys hold.
static const struct { const char *button, *word; } buttons[] = {
	{ "Cancel", "off" }, { "Continue", "fail" }, { "Append", "keep" }, { "Yes", "commit" }, { "No", "discard" },
};

void questions_init(struct questions *qs, const struct questions *like)
{
	*qs = *like;
	qs->first = NULL;
	qs->last_auto = 0;
	loop_timer_init(&qs->timer, qs->loop, questions_answer_automatically, qs);
}

static bool has_choice(const struct question *q, const char *word, unsigned *choice)
{
	for (unsigned i = 0; i < q->count; i++) {
		if (strcasecmp(q->choices[i].word, word) && strcasecmp(q->choices[i].label, word))
			continue;
		*choice = i;
		return true;
	}
	return false;
}

// VMware's files mark the key of a button: "_Retry".
static bool fits_choice(const struct question *q, const char *text, unsigned *choice)
{
	text += *text == '_';
	if (has_choice(q, text, choice))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(buttons); i++) {
		if (!strcasecmp(buttons[i].button, text) && has_choice(q, buttons[i].word, choice))
			return true;
	}
	return false;
}

static bool prepared_answer(const struct questions *qs, const struct question *q, unsigned *choice)
{
	const struct vm_config *c = qs->config;

	for (size_t i = 0; i < c->answer_count; i++) {
		if (strcasecmp(c->answers[i].id, q->id))
			continue;
		if (fits_choice(q, c->answers[i].text, choice))
			return true;
		log_guest("answer.msg.%s: \"%.60s\" is no answer to this question", q->id, c->answers[i].text);
		return false;
	}
	*choice = q->standard;
	return c->auto_answer;
}

bool questions_will_answer(const struct questions *qs, const struct question *q)
{
	unsigned choice;

	return prepared_answer(qs, q, &choice);
}

static void announce(struct questions *qs)
{
	const struct question *q = qs->first;
	char words[128] = "";
	size_t n = 0;
	unsigned choice;

	if (prepared_answer(qs, q, &choice)) {
		log_guest("%s: %s Answered by the .vmx: %s", qs->config->name, q->text, q->choices[choice].word);
		loop_timer_set(&qs->timer, qs->last_auto ? MAX(loop_now(), qs->last_auto + AUTO_PACE_NS) : loop_now());
		return;
	}
	for (unsigned i = 0; i < q->count && n < sizeof(words); i++)
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s", i ? ", " : "", q->choices[i].word);
	log_warn("%s: question: %s `berth answer` takes: %s", qs->config->name, q->text, words);
}

void questions_add(struct questions *qs, struct question *q)
{
	struct question **at = &qs->first;

	while (*at) {
		if (*at == q)
			return;
		at = &(*at)->next;
	}
	q->next = NULL;
	*at = q;
	if (qs->first != q)
		return;
	qs->wait(qs->arg);
	announce(qs);
}

// What is behind the first one comes up; without any, the VM goes on.
static void next_question(struct questions *qs)
{
	loop_timer_cancel(&qs->timer);
	if (qs->first)
		announce(qs);
	else
		qs->clear(qs->arg);
}

void questions_remove(struct questions *qs, struct question *q)
{
	bool shown = qs->first == q;

	for (struct question **at = &qs->first; *at; at = &(*at)->next) {
		if (*at != q)
			continue;
		*at = q->next;
		if (shown)
			next_question(qs);
		return;
	}
}

static void give(struct questions *qs, unsigned choice)
{
	struct question *q = qs->first;

	q->answered(q, choice);
	questions_remove(qs, q);
}

void questions_answer_automatically(void *arg)
{
	struct questions *qs = arg;
	unsigned choice;

	if (!qs->first || !prepared_answer(qs, qs->first, &choice))
		return;
	qs->last_auto = loop_now();
	give(qs, choice);
}

int questions_answer(struct questions *qs, const char *word, struct err *err)
{
	const struct question *q = qs->first;
	unsigned choice;

	if (!q) {
		err_set(err, ENOENT, qs->config->name, "asks nothing");
		err_remedy(err, "`berth status` shows a question when there is one");
		return -ENOENT;
	}
	if (!fits_choice(q, word, &choice)) {
		err_set(err, EINVAL, word, "is no answer to the question that waits");
		err_remedy(err, "`berth status` shows the question and its answers");
		return -EINVAL;
	}
	log_info("%s: answered: %s", qs->config->name, q->choices[choice].word);
	give(qs, choice);
	return 0;
}

// --- the machine's -------------------------------------------------------------------------------------

void machine_ask(struct machine *m, struct question *q) { questions_add(&m->questions, q); }
void machine_withdraw(struct machine *m, struct question *q) { questions_remove(&m->questions, q); }
const struct question *machine_question(const struct machine *m) { return m->questions.first; }

int machine_answer(struct machine *m, const char *word, struct err *err)
{
	return questions_answer(&m->questions, word, err);
}
