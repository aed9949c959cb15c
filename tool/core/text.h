/* SPDX-License-Identifier: GPL-2.0-only */
/* Text from outside: a process may be called by any bytes, a file have any in it. */
#ifndef COHGPU_TEXT_H
#define COHGPU_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* Bytes of the character of UTF-8 that text begins with; 0: it is none. */
size_t text_character(const char *text);
/* The same text in UTF-8, to be freed: what is none becomes U+FFFD. */
char *text_valid(const char *text);
/* For people: what could move a terminal's cursor, or is no UTF-8, as \xNN. */
void print_plain(FILE *file, const char *text);

/* "" or "s". */
static inline const char *plural(unsigned long long count)
{
	return count == 1 ? "" : "s";
}

/* NULL for "", as JSON has it. */
static inline const char *text_or_null(const char *text)
{
	return text[0] ? text : NULL;
}

#endif
