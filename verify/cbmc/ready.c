// SPDX-License-Identifier: GPL-2.0-only
/*
 * The readiness automaton, by induction: `init` proves that the invariant holds
 * at the start, `step` that any one call keeps it, for any number of calls in
 * any order. Beside the automaton a ghost remembers what really happened since
 * the last edge of a reset.
 *
 * Bound: fewer than 2^63 edges of resets, fewer than 2^32 resets at a time.
 */
#include "ready.h"

#include "proof.h"

/* What happened since the last edge; @in_reset says of what kind that was. */
struct ghost {
	bool in_reset;
	unsigned int resets;
	bool all_seen;
	bool time_up;
};

/* Somebody who noted the generation; @present while no edge has passed since. */
struct observer {
	u64 generation;
	bool present;
};

static bool invariant(const struct coherent_ready *ready, const struct ghost *ghost,
		      const struct observer *observer)
{
	enum coherent_ready_state state = coherent_ready_state(ready);

	if (ready->known > ready->generation || ready->state > COHERENT_READY_FAILED)
		return false;
	if (coherent_ready_in_reset(ready) != ghost->in_reset)
		return false;
	if (ready->resets != ghost->resets || ghost->in_reset != (ghost->resets > 0))
		return false;
	if (observer->present ? observer->generation != ready->generation
			      : observer->generation >= ready->generation)
		return false;
	if (ghost->in_reset)
		return state == COHERENT_READY_UNKNOWN && ready->known < ready->generation;
	if (!ready->required || ghost->all_seen)
		return state == COHERENT_READY_YES;
	return state == (ghost->time_up ? COHERENT_READY_FAILED : COHERENT_READY_UNKNOWN);
}

PROOF(init, 1)
{
	struct coherent_ready ready;
	struct ghost ghost = {0};
	struct observer observer = {.present = true};
	u32 required;

	coherent_ready_init(&ready, required);
	proven(ready.required == required);
	proven(invariant(&ready, &ghost, &observer));
}

static void edge(struct ghost *ghost, struct observer *observer, bool in_reset)
{
	*ghost = (struct ghost){.in_reset = in_reset, .resets = ghost->resets};
	observer->present = false;
}

static void observe(struct coherent_ready *ready, struct ghost *ghost, struct observer *observer)
{
	bool expired, taken;
	u32 holding;

	taken = coherent_ready_observe(ready, observer->generation, holding, expired);
	proven(taken == (observer->present && !ghost->in_reset));
	if (!taken)
		return;
	if ((~holding & ready->required) == 0)
		ghost->all_seen = true;
	else if (expired)
		ghost->time_up = true;
}

enum call { CALL_BEGIN, CALL_END, CALL_FORGET, CALL_NOTE, CALL_OBSERVE };

/* Any one call, from any state that the invariant allows. */
static void any_call(struct coherent_ready *ready, struct ghost *ghost, struct observer *observer)
{
	enum call call;

	assumed(ready->generation < (u64)1 << 63 && ready->resets < ~0u);
	assumed(invariant(ready, ghost, observer));
	switch (call) {
	case CALL_BEGIN:
		coherent_ready_reset_begin(ready);
		/* One that starts while another is under way is no new edge. */
		if (!ghost->resets++)
			edge(ghost, observer, true);
		break;
	case CALL_END:
		coherent_ready_reset_end(ready);
		/* Nor is the end of one that is not the last; an unannounced one is. */
		if (ghost->resets)
			ghost->resets--;
		if (!ghost->resets)
			edge(ghost, observer, false);
		break;
	case CALL_FORGET:
		coherent_ready_forget(ready);
		edge(ghost, observer, ghost->in_reset);
		break;
	case CALL_NOTE:
		observer->generation = ready->generation;
		observer->present = true;
		break;
	case CALL_OBSERVE:
		observe(ready, ghost, observer);
		break;
	}
}

PROOF(step, 1)
{
	struct coherent_ready ready;
	struct ghost ghost;
	struct observer observer;
	u32 required = ready.required;

	any_call(&ready, &ghost, &observer);
	proven(ready.required == required);
	proven(invariant(&ready, &ghost, &observer));
}

/* What callers rely on, in one sentence: whatever is called, ready is what was seen. */
PROOF(yes_means_seen, 1)
{
	struct coherent_ready ready;
	struct ghost ghost;
	struct observer observer;

	any_call(&ready, &ghost, &observer);
	if (coherent_ready_state(&ready) == COHERENT_READY_YES)
		proven(!ghost.in_reset && (!ready.required || ghost.all_seen));
}

/* Any code, defined or not. */
PROOF(code, 1)
{
	unsigned int code, ms = coherent_ready_code_ms(code);

	proven(ms >= 1000 && ms <= 256000);
	proven(code > 4 ? ms == 256000 : ms / 1000 == (u64)1 << 2 * code);
}
