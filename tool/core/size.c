// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/size.h"

/* How many bytes; 0 for no unit. */
static uint64_t size_unit(const char *unit)
{
	static const char letters[] = "kmgt";
	uint64_t base = 1024, bytes = 1;
	const char *at;

	if (!*unit || !strcasecmp(unit, "b") || !strcasecmp(unit, "byte") ||
	    !strcasecmp(unit, "bytes"))
		return 1;
	at = strchr(letters, *unit | 0x20);
	if (!at || !*at)
		return 0;
	if (!strcasecmp(unit + 1, "b"))
		base = 1000;
	else if (unit[1] && strcasecmp(unit + 1, "ib"))
		return 0;
	for (; at >= letters; at--)
		bytes *= base;
	return bytes;
}

uint64_t size_in(const char *text, const char *unit)
{
	uint64_t value, bytes;
	char *end;

	if (*text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	end += *end == ' ';
	bytes = size_unit(*end ? end : unit);
	return !errno && bytes && value <= SIZE_LIMIT / bytes ? value * bytes : 0;
}
