// SPDX-License-Identifier: GPL-2.0-only
/*
 * After power-on and after every reset the memory must not be touched until
 * the device reports certain conditions. Whoever wants to touch it looks at
 * the device, which takes time and is done without locks, so a reset may come
 * in between: what was seen then says nothing about the memory afterwards.
 *
 * Therefore resets are counted, at both their edges; of those that overlap, at
 * the first's start and the last's end. An observer notes the
 * generation before it looks and hands it back with what it saw; the automaton
 * takes the observation only if no edge has passed since, and never while a
 * reset is under way. Knowledge carries the generation that it is about, so a
 * reset makes it stale by counting alone. The same count serves when readiness
 * may have been lost without a reset: a whole step, which is no edge.
 *
 * Observers differ in what they saw last. One who saw all conditions hold is
 * right until the next edge, and another whose time is up without having seen
 * that changes nothing: YES is only left by a reset.
 *
 *	UNKNOWN --- all conditions hold -------> YES
 *	UNKNOWN --- time is up ----------------> FAILED
 *	FAILED  --- all conditions hold -------> YES
 *	any     --- edge of a reset -----------> UNKNOWN
 */
#include "ready.h"

/**
 * coherent_ready_init() - nothing is known
 * @ready: the automaton
 * @required: the conditions, a bit each; 0 for memory that is always ready
 */
void coherent_ready_init(struct coherent_ready *ready, u32 required)
{
	ready->generation = 0;
	ready->resets = 0;
	ready->required = required;
	ready->known = 0;
	ready->state = required ? COHERENT_READY_UNKNOWN : COHERENT_READY_YES;
}

/**
 * coherent_ready_in_reset() - is a reset under way?
 * @ready: the automaton
 *
 * Return: true between coherent_ready_reset_begin() and _end().
 */
bool coherent_ready_in_reset(const struct coherent_ready *ready)
{
	return ready->generation & 1;
}

/**
 * coherent_ready_reset_begin() - a reset starts: the device may vanish now
 * @ready: the automaton
 *
 * It may start while another is under way, by another path: that is no edge.
 */
void coherent_ready_reset_begin(struct coherent_ready *ready)
{
	ready->resets++;
	ready->generation |= 1;
}

/**
 * coherent_ready_reset_end() - a reset is over
 * @ready: the automaton
 *
 * An edge, unless another is still under way.
 */
void coherent_ready_reset_end(struct coherent_ready *ready)
{
	if (ready->resets && --ready->resets)
		return;
	ready->generation = (ready->generation | 1) + 1;
}

/**
 * coherent_ready_forget() - readiness may have been lost unseen
 * @ready: the automaton
 *
 * A reset that is under way stays so.
 */
void coherent_ready_forget(struct coherent_ready *ready)
{
	ready->generation += 2;
}

/**
 * coherent_ready_state() - what is known now
 * @ready: the automaton
 *
 * Return: the state; COHERENT_READY_UNKNOWN while a reset is under way.
 */
enum coherent_ready_state
coherent_ready_state(const struct coherent_ready *ready)
{
	if (coherent_ready_in_reset(ready))
		return COHERENT_READY_UNKNOWN;
	if (!ready->required)
		return COHERENT_READY_YES;
	if (ready->known != ready->generation)
		return COHERENT_READY_UNKNOWN;
	return ready->state;
}

/**
 * coherent_ready_observe() - take in what an observer saw
 * @ready: the automaton
 * @generation: @ready's generation, noted before looking
 * @holding: conditions that held, all seen after @generation was noted
 * @expired: no more time is allowed
 *
 * Return: true if the observation was about the present, false if a reset came
 * in between and the observer has to start again.
 */
bool coherent_ready_observe(struct coherent_ready *ready, u64 generation,
			    u32 holding, bool expired)
{
	if (generation != ready->generation || coherent_ready_in_reset(ready))
		return false;

	if ((holding & ready->required) == ready->required)
		ready->state = COHERENT_READY_YES;
	else if (expired && coherent_ready_state(ready) != COHERENT_READY_YES)
		ready->state = COHERENT_READY_FAILED;
	else
		return true;

	ready->known = generation;
	return true;
}

/**
 * coherent_ready_code_ms() - the time that a CXL device asks for
 * @code: "memory active timeout" of its DVSEC: 0 to 4 are 1, 4, 16, 64, 256 s
 *
 * Return: milliseconds; codes that are not defined count as the longest.
 */
unsigned int coherent_ready_code_ms(unsigned int code)
{
	return 1000U << (2 * (code < 4 ? code : 4));
}
