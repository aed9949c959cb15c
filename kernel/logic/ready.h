/* SPDX-License-Identifier: GPL-2.0-only */
/* May device memory be touched? An automaton over resets and observations. */
#ifndef COHERENT_LOGIC_READY_H
#define COHERENT_LOGIC_READY_H

#include "logic.h"

/**
 * enum coherent_ready_state - what is known since the last reset
 * @COHERENT_READY_UNKNOWN: nothing; somebody has to look
 * @COHERENT_READY_YES: every condition was seen to hold
 * @COHERENT_READY_FAILED: the time allowed has passed without that
 */
enum coherent_ready_state {
	COHERENT_READY_UNKNOWN,
	COHERENT_READY_YES,
	COHERENT_READY_FAILED,
};

/**
 * struct coherent_ready - the automaton; the caller's lock guards all of it
 * @generation: counts the edges of resets: odd while one is under way
 * @resets: how many are under way, by different paths
 * @required: conditions, a bit each, that must hold at the same time
 * @known: generation that @state speaks of
 * @state: what was found in that generation
 */
struct coherent_ready {
	u64 generation;
	unsigned int resets;
	u32 required;
	u64 known;
	enum coherent_ready_state state;
};

void coherent_ready_init(struct coherent_ready *ready, u32 required);
void coherent_ready_reset_begin(struct coherent_ready *ready);
void coherent_ready_reset_end(struct coherent_ready *ready);
void coherent_ready_forget(struct coherent_ready *ready);
bool coherent_ready_in_reset(const struct coherent_ready *ready);
enum coherent_ready_state
coherent_ready_state(const struct coherent_ready *ready);
unsigned int coherent_ready_code_ms(unsigned int code);
bool coherent_ready_observe(struct coherent_ready *ready, u64 generation,
			    u32 holding, bool expired);

#endif /* COHERENT_LOGIC_READY_H */
