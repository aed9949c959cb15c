// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/text.h"

static void print_reason(const char *format, va_list args)
{
	char *text;

	if (vasprintf(&text, format, args) < 0)
		return;
	print_plain(stderr, text);
	fputc('\n', stderr);
	free(text);
}

void complain(const char *object, const char *action, const char *reason, ...)
{
	va_list args;

	fputs("cohgpu: ", stderr);
	print_plain(stderr, object);
	fputs(": ", stderr);
	print_plain(stderr, action);
	fputs(": ", stderr);
	va_start(args, reason);
	print_reason(reason, args);
	va_end(args);
}

void advise(const char *format, ...)
{
	va_list args;

	fputs("  ", stderr);
	va_start(args, format);
	print_reason(format, args);
	va_end(args);
}
