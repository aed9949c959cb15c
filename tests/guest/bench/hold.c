// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "trace.h"

#define HOLD_TRACE "/sys/kernel/tracing/instances/suite/trace"

void bench_hold_start(void)
{
	trace_start("mmap_lock");
}

/* "  bench-77  [000] .....  12.345678: mmap_lock_released: ...": when, and what. */
static const char *hold_event(char *line, double *when)
{
	char *colon = strstr(line, ": "), *from = colon;

	if (line[0] == '#' || !colon)
		return NULL;
	while (from > line && from[-1] != ' ')
		from--;
	*when = strtod(from, NULL);
	return colon + 2;
}

void bench_hold_stop(const struct bench *b, const char *op, uint64_t size)
{
	double taken = 0, longest = 0, when;
	char line[512], me[32];
	int pairs = 0;
	FILE *f = fopen(HOLD_TRACE, "re");

	OK(f, HOLD_TRACE ": open");
	snprintf(me, sizeof(me), "-%d ", (int)getpid());
	while (fgets(line, sizeof(line), f)) {
		const char *event = strstr(line, me) ? hold_event(line, &when) : NULL;

		if (!event)
			continue;
		if (!strncmp(event, "mmap_lock_acquire_returned:", 27)) {
			taken = when;
		} else if (!strncmp(event, "mmap_lock_released:", 19) && taken) {
			longest = when - taken > longest ? when - taken : longest;
			taken = 0;
			pairs++;
		}
	}
	fclose(f);
	trace_stop();
	OK(pairs, "mmap_lock was never seen taken and released");
	bench_print_hold(b, "mmap_lock", op, size, longest * 1e9, longest * 1e9);
}
