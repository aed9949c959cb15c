/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One table of verbs: the command line is parsed by it, and --help, the manual pages and the
 * completions are printed from it, so that none of them can say what another does not.
 */
#ifndef COHGPU_VERBS_H
#define COHGPU_VERBS_H

#include <stdbool.h>
#include <stddef.h>

/* What an argument is, for completions. */
enum word_kind {
	WORD_NONE,
	WORD_GPU,
	WORD_FILE,
	WORD_FOLDER,
	WORD_FORMAT, /* one of choices */
	WORD_TEXT,
	WORD_NUMBER,
	WORD_CHECK, /* of doctor */
};

enum option_id {
	OPT_HELP,
	OPT_JSON,
	OPT_STRICT,
	OPT_ADDRESSES,
	OPT_SVG,
	OPT_CHECK,
	OPT_DOMAIN,
	OPT_GUEST,
	OPT_DRIVER,
	OPT_DRY_RUN,
	OPT_PERSIST,
	OPT_WAIT,
	OPT_FORMAT,
	OPT_MEMORY,
	OPT_RAM,
	OPT_CPUS,
	OPT_HERE,
	OPT_BY,
	OPT_SIZE,
	OPT_PROMETHEUS,
	OPT_EVENTS,
	OPT_FOR,
	OPT_INTERVAL,
	OPT_PRESET,
	OPT_BDF,
	OPT_NAME,
	OPT_COUNT,
};

struct verb_option {
	enum option_id id;
	const char *name;  /* without its dashes */
	char letter;	   /* 0: none */
	const char *value; /* what its value is called; NULL: a flag */
	enum word_kind kind;
	const char *choices; /* for WORD_FORMAT, separated by spaces */
	const char *help;
};

struct call {
	const struct verb *verb;
	const char *option[OPT_COUNT]; /* NULL: not given; a flag: "" */
	char **words;
	int count;
};

struct verb {
	const char *name;
	const char *words; /* of the synopsis; "" for none */
	enum word_kind kind;
	const char *choices; /* first word, where it is one of few */
	int min, max;	     /* words; max -1: any number */
	bool changes;	     /* the machine: "list" as first word does not */
	const char *summary;
	const char *text; /* paragraphs of the manual, one a line */
	const char *example;
	const char *see; /* other verbs, in alphabetical order, separated by spaces */
	const struct verb_option *options; /* ends with name NULL */
	int (*run)(const struct call *call);
	void (*manual)(void); /* more sections of the manual, or NULL */
};

extern const struct verb verbs[];
extern const size_t verbs_count;
/* Options that every verb has. */
extern const struct verb_option verb_common_options[];

const struct verb *verb_find(const char *name);
/* 0 or EXIT_USAGE, having complained. */
int verb_parse(struct call *call, const struct verb *verb, int argc, char **argv);

static inline bool call_has(const struct call *call, enum option_id id)
{
	return call->option[id] != NULL;
}

/* doctor's: the names of all its checks, separated by spaces. */
const char *verb_check_ids(void);

/* pages.c: what is made of the table. */
void print_usage(void);
void print_help(const struct verb *verb);
int print_generated(const char *what); /* "man", "man:VERB", "bash", "zsh", "fish" */

#endif
