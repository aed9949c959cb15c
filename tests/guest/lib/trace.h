/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's tracepoints, in an instance of tracefs that a case has to itself; one probe beside. */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stddef.h>

/* From here on these events ("system/event") are kept. Fails the case. */
void trace_start(const char *event);
/* The same, with an event at a function of the kernel, written as in kprobe_events. */
void trace_probe(const char *function_and_arguments);
/*
 * The lines so far that contain every one of the words (NULL-terminated list), with the last of them
 * in @line; what the kernel prints before the event's own text is cut off.
 */
int trace_lines(const char *const words[], char *line, size_t size);
/*
 * Loads from @p, of which no page is mapped, and says how the driver has it inserted: "write-back",
 * "write-combining", "uncached". Skips the case on architectures of which this is not known.
 */
const char *trace_cache_mode(const void *p);
/* The number behind "@key " in a line of the trace; fails the case. */
unsigned long long trace_number(const char *line, const char *key);
/* The size of a huge page, 0 where the kernel has none for memory without struct pages. */
size_t trace_huge(void);
/* For the suite's cleanup, and before a case. */
void trace_stop(void);

#endif
