/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the proofs share. Variables that are declared and not set have any
 * value, once a run of the function; assumed() narrows that down, proven()
 * must hold for all that is left.
 */
#ifndef PROOF_H
#define PROOF_H

#include "logic.h"

/* Sums of two 64-bit numbers, exactly. */
typedef unsigned __int128 wide;

#define PROOF_TOP ((wide)1 << 64)

/* A proof and how often, plus one, its longest loop turns: CBMC proves that, too. */
#define PROOF(name, unwind) void proof_##name(void)

#define assumed(condition) __CPROVER_assume(condition)
#ifdef PROOF_REACHED
#define proven(condition) __CPROVER_assert(0, #condition)
#else
#define proven(condition) __CPROVER_assert(condition, #condition)
#endif

static inline bool power_of_two(u64 value)
{
	return value && !(value & (value - 1));
}

#endif /* PROOF_H */
