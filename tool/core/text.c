// SPDX-License-Identifier: GPL-2.0-only
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* By the table of Unicode: nothing longer than it has to be, no surrogates, no more than U+10FFFF. */
static const struct {
	unsigned char first, last, low, high; /* of the first byte; of the second */
	size_t bytes;
} text_forms[] = {
	{0x01, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
	{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
	{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static bool is_tail(unsigned char byte)
{
	return byte >= 0x80 && byte <= 0xbf;
}

size_t text_character(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (size_t i = 0; i < sizeof(text_forms) / sizeof(*text_forms); i++) {
		size_t bytes = text_forms[i].bytes, n;

		if (at[0] < text_forms[i].first || at[0] > text_forms[i].last)
			continue;
		if (bytes > 1 && (at[1] < text_forms[i].low || at[1] > text_forms[i].high))
			return 0;
		for (n = 2; n < bytes && is_tail(at[n]); n++)
			;
		return n < bytes ? 0 : bytes;
	}
	return 0;
}

char *text_valid(const char *text)
{
	/* A byte becomes three at most. */
	char *valid = malloc(3 * strlen(text) + 1), *to = valid;

	while (valid && *text) {
		size_t bytes = text_character(text);

		to = bytes ? mempcpy(to, text, bytes)
			   : mempcpy(to, REPLACEMENT, strlen(REPLACEMENT));
		text += bytes ? bytes : 1;
	}
	if (valid)
		*to = 0;
	return valid;
}

/* Of both sets of control characters, the second of which takes two bytes. */
static bool is_control(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	return at[0] < ' ' || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
}

void print_plain(FILE *file, const char *text)
{
	while (*text) {
		size_t bytes = text_character(text);

		if (bytes && !is_control(text)) {
			fwrite(text, 1, bytes, file);
			text += bytes;
		} else {
			fprintf(file, "\\x%02x", (unsigned char)*text++);
		}
	}
}
