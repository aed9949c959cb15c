// SPDX-License-Identifier: GPL-2.0-only
/* The command line, parsed by the table of verbs. */
#include <string.h>

#include "core/error.h"
#include "core/verbs.h"

#define NUMBER_DIGITS 9

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < verbs_count; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static const struct verb_option *find_in(const struct verb_option *options, const char *name,
					 size_t length)
{
	for (; options && options->name; options++) {
		if (length == 1 && options->letter && options->letter == name[0])
			return options;
		if (length > 1 && !strncmp(options->name, name, length) && !options->name[length])
			return options;
	}
	return NULL;
}

static bool is_choice(const char *choices, const char *word)
{
	size_t length = strlen(word);

	for (const char *c = choices; length && (c = strstr(c, word)); c += length)
		if ((c == choices || c[-1] == ' ') && (!c[length] || c[length] == ' '))
			return true;
	return false;
}

/* One option at argv[*at]; moves *at over its value. */
static int parse_option(struct call *call, int argc, char **argv, int *at)
{
	const char *word = argv[*at], *name = word + (word[1] == '-' ? 2 : 1);
	const char *value = word[1] == '-' ? strchr(name, '=') : NULL;
	size_t length = value ? (size_t)(value - name) : strlen(name);
	const struct verb_option *option = find_in(call->verb->options, name, length);

	if (!option)
		option = find_in(verb_common_options, name, length);
	if (!option || (word[1] == '-') != (length > 1)) {
		complain(word, "parse", "no such option of %s", call->verb->name);
		return EXIT_USAGE;
	}
	if (!option->value && value) {
		complain(word, "parse", "takes no value");
		return EXIT_USAGE;
	}
	if (option->value && !value && ++*at >= argc) {
		complain(word, "parse", "needs a value: %s", option->value);
		return EXIT_USAGE;
	}
	if (!option->value)
		value = "";
	else
		value = value ? value + 1 : argv[*at];
	/* None of them has a meaning for nothing. */
	if (option->value && !*value) {
		complain(word, "parse", "its value is empty: %s", option->value);
		return EXIT_USAGE;
	}
	if (option->choices && !is_choice(option->choices, value)) {
		complain(value, "parse", "--%s is one of: %s", option->name, option->choices);
		return EXIT_USAGE;
	}
	if (option->kind == WORD_NUMBER && value[strspn(value, "0123456789")]) {
		complain(value, "parse", "--%s wants a number", option->name);
		return EXIT_USAGE;
	}
	/* Whoever takes it may multiply it. */
	if (option->kind == WORD_NUMBER && strlen(value) > NUMBER_DIGITS) {
		complain(value, "parse", "--%s wants a smaller number", option->name);
		return EXIT_USAGE;
	}
	call->option[option->id] = value;
	return 0;
}

int verb_parse(struct call *call, const struct verb *verb, int argc, char **argv)
{
	bool options = true;

	memset(call, 0, sizeof(*call));
	call->verb = verb;
	call->words = argv;
	for (int i = 0; i < argc; i++) {
		if (options && !strcmp(argv[i], "--")) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			if (parse_option(call, argc, argv, &i))
				return EXIT_USAGE;
		} else {
			/* Words move to the front: never past where we read. */
			argv[call->count++] = argv[i];
		}
	}
	if (call_has(call, OPT_HELP))
		return 0;
	if (call->count < verb->min) {
		complain(verb->name, "parse", "needs %s", verb->words);
		return EXIT_USAGE;
	}
	if (verb->max >= 0 && call->count > verb->max) {
		complain(call->words[verb->max], "parse", "one word too many");
		return EXIT_USAGE;
	}
	if (verb->choices && call->count && !is_choice(verb->choices, call->words[0])) {
		complain(call->words[0], "parse", "%s wants one of: %s", verb->name, verb->choices);
		return EXIT_USAGE;
	}
	return 0;
}
