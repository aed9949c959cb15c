// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "core/error.h"

void complain(const char *object, const char *action, const char *reason, ...)
{
	va_list args;

	fprintf(stderr, "cohgpu: %s: %s: ", object, action);
	va_start(args, reason);
	vfprintf(stderr, reason, args);
	va_end(args);
	fputc('\n', stderr);
}

void advise(const char *format, ...)
{
	va_list args;

	fputs("  ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}
