// SPDX-License-Identifier: GPL-2.0-only
/*
 * The readiness automaton against a diary. The model keeps no state: it writes
 * down what happened, and answers each question by reading the diary from its
 * end back to the last edge of a reset.
 */
#include "ready.h"

#include "fuzz.h"

#define READY_DIARY	256
#define READY_OBSERVERS 4

enum ready_event {
	READY_BEGIN,
	READY_END,
	READY_FORGOT,
	READY_SEEN_ALL,
	READY_TIME_UP,
	READY_ONE_MORE,
	READY_ONE_LESS
};

struct ready_diary {
	u32 required;
	unsigned int length;
	enum ready_event event[READY_DIARY];
};

/* Somebody who looks at the device: when, in either reckoning. */
struct ready_observer {
	u64 generation;
	unsigned int since;
};

/* The last edge, or loss, at or after entry @from; -1 if there is none. */
static int ready_last_edge(const struct ready_diary *diary, unsigned int from)
{
	for (int i = (int)diary->length - 1; i >= (int)from; i--)
		if (diary->event[i] <= READY_FORGOT)
			return i;
	return -1;
}

static bool ready_in_reset(const struct ready_diary *diary)
{
	for (unsigned int i = diary->length; i--;)
		if (diary->event[i] <= READY_END)
			return diary->event[i] == READY_BEGIN;
	return false;
}

/* How many are under way: one since the last beginning, and those that came and went since. */
static unsigned int ready_resets(const struct ready_diary *diary)
{
	unsigned int n = 0, begun = diary->length;

	if (!ready_in_reset(diary))
		return 0;
	while (diary->event[--begun] != READY_BEGIN)
		n += (diary->event[begun] == READY_ONE_MORE) -
		     (diary->event[begun] == READY_ONE_LESS);
	return n + 1;
}

/* Once seen, all conditions count as holding until the next edge. */
static enum coherent_ready_state ready_state(const struct ready_diary *diary)
{
	enum coherent_ready_state state = COHERENT_READY_UNKNOWN;

	if (ready_in_reset(diary))
		return COHERENT_READY_UNKNOWN;
	if (!diary->required)
		return COHERENT_READY_YES;
	for (unsigned int i = ready_last_edge(diary, 0) + 1; i < diary->length; i++) {
		if (diary->event[i] == READY_SEEN_ALL)
			return COHERENT_READY_YES;
		state = COHERENT_READY_FAILED;
	}
	return state;
}

static void ready_note(struct ready_diary *diary, enum ready_event event)
{
	diary->event[diary->length++] = event;
}

static void ready_observe(struct coherent_ready *ready, struct ready_diary *diary,
			  const struct ready_observer *who, u32 holding, bool expired)
{
	bool present = !ready_in_reset(diary) && ready_last_edge(diary, who->since) < 0;
	bool all = true;

	FUZZ_CHECK(coherent_ready_observe(ready, who->generation, holding, expired) == present);
	for (int bit = 0; bit < 32; bit++)
		if (diary->required >> bit & 1 && !(holding >> bit & 1))
			all = false;
	if (present && all)
		ready_note(diary, READY_SEEN_ALL);
	else if (present && expired)
		ready_note(diary, READY_TIME_UP);
}

static void ready_step(struct coherent_ready *ready, struct ready_diary *diary,
		       struct ready_observer *observers, struct fuzz_input *in)
{
	uint8_t what = fuzz_byte(in);
	struct ready_observer *who = &observers[what / 8 % READY_OBSERVERS];

	switch (what % 8) {
	case 0:
		/* A reset that starts while one is under way is no new edge. */
		ready_note(diary, ready_in_reset(diary) ? READY_ONE_MORE : READY_BEGIN);
		coherent_ready_reset_begin(ready);
		break;
	case 1:
		ready_note(diary, ready_resets(diary) > 1 ? READY_ONE_LESS : READY_END);
		coherent_ready_reset_end(ready);
		break;
	case 2:
		ready_note(diary, READY_FORGOT);
		coherent_ready_forget(ready);
		break;
	case 3:
		who->generation = ready->generation;
		who->since = diary->length;
		break;
	case 4:
		ready_observe(ready, diary, who, diary->required, what & 0x80);
		break;
	default:
		ready_observe(ready, diary, who, fuzz_byte(in), what & 0x80);
		break;
	}
}

/* Each code is four times the one before, up to the longest. */
static void ready_code(unsigned int code)
{
	unsigned int ms = 1000;

	for (unsigned int i = 0; i < code && i < 4; i++)
		ms += 3 * ms;
	FUZZ_CHECK(coherent_ready_code_ms(code) == ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct ready_observer observers[READY_OBSERVERS] = {0};
	struct ready_diary diary = {.required = fuzz_byte(&in) % 8};
	struct coherent_ready ready;

	ready_code(size ? data[size - 1] : 0);
	coherent_ready_init(&ready, diary.required);
	while (in.left && diary.length < READY_DIARY) {
		ready_step(&ready, &diary, observers, &in);
		FUZZ_CHECK(coherent_ready_in_reset(&ready) == ready_in_reset(&diary));
		FUZZ_CHECK(ready.resets == ready_resets(&diary));
		FUZZ_CHECK(coherent_ready_state(&ready) == ready_state(&diary));
	}
	return 0;
}
