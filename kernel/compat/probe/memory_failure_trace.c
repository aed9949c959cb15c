// SPDX-License-Identifier: GPL-2.0-only
/* Since 6.19 the trace event of memory failures has a header of its own. Written 2026-11-21. */
#include <linux/tracepoint.h>
#include <trace/events/memory-failure.h>

static void probe(void *data, unsigned long pfn, int type, int result)
{
}

static void __used check(void)
{
	check_trace_callback_type_memory_failure_event(probe);
}
