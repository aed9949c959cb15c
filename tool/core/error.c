// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"

/* A control character of Unicode's second set, of two bytes in UTF-8. */
static bool is_second_control(const unsigned char *at)
{
	return at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
}

void print_plain(FILE *file, const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		if (*at >= ' ' && *at != 0x7f && !is_second_control(at))
			fputc(*at, file);
		else
			fprintf(file, "\\x%02x", *at);
		if (is_second_control(at))
			fprintf(file, "\\x%02x", *++at);
	}
}

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
