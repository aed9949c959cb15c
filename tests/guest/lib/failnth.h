/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failure of every allocation: an operation is done again and again, and each time a later one of
 * its allocations, or copies to and from user space, fails, until it has no more of them. It may
 * fail then or not; afterwards it works. What it leaks or warns of is for the verdict to find.
 *
 * Quick rounds leave out what the kernel does by itself: only those fail that have code of our
 * modules among their callers, and each of those does.
 *
 * The kernel must be built for it (FAULT_INJECTION); Debian's is not.
 */
#ifndef FAILNTH_H
#define FAILNTH_H

#include <stdbool.h>

/* What @run gives when it did a part of what it was asked for. */
#define FAILNTH_SHORT (-1)

/**
 * struct failnth - what may fail
 * @prepare: to where @run can start, from the state after @undo
 * @run: 0, FAILNTH_SHORT or errno, which must be of memory or of a copy
 * @undo: back to where it was, whether @run failed or not
 * @spares: what must not fail, because the kernel itself has a WARN for it that nobody can keep
 *	    from coming: a PCI device that cannot be registered, a VFIO group without its node
 * @may_need_nothing: it may be that it has nothing that could fail
 * @check: what @run says that it did, was done; nothing fails any more. NULL: nothing to look at
 * @kernel_too: in quick rounds, too, what the kernel does by itself may fail
 * @depth: in quick rounds our code must be among so many callers, of which the kernel's failing code
 *	   and its allocator are three; 0: anywhere
 */
struct failnth {
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	const char *spares;
	bool may_need_nothing;
	unsigned int depth;
	void (*check)(int err);
	bool kernel_too;
};

/* In a case. What the operation has of its own must be there: pages that it touches first. */
void failnth_every(const struct failnth *op);
/* To the driver under test, with nothing but the bind that could fail: 0 or errno. */
int failnth_bind(const char *bdf);

#endif
