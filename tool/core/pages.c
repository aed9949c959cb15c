// SPDX-License-Identifier: GPL-2.0-only
/* Help, manual pages (mdoc) and completions, all printed from the table of verbs. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/verbs.h"

#define PAGES_DATE  "November 21, 2026"
#define PAGES_WIDTH 76

static void each_option(const struct verb *verb, void (*print)(const struct verb_option *))
{
	for (const struct verb_option *o = verb->options; o && o->name; o++)
		print(o);
	for (const struct verb_option *o = verb_common_options; o->name; o++)
		print(o);
}

void print_usage(void)
{
	puts("cohgpu: GPUs whose memory the CPU shares, for virtual machines\n\n"
	     "usage: cohgpu VERB [OPTIONS] [WORDS]\n");
	for (size_t i = 0; i < verbs_count; i++)
		printf("  %-8s %s\n", verbs[i].name, verbs[i].summary);
	puts("\nA GPU is a PCI address (0009:01:00.0, or short: 01:00.0) or \"all\".\n"
	     "Exit status: 0 ok, 1 warnings with --strict, 2 failed, 64 usage, 77 nothing to work "
	     "on.\n"
	     "More: cohgpu VERB --help, man cohgpu-VERB. Which it is: cohgpu --version");
}

static void help_option(const struct verb_option *o)
{
	char left[64], letter[8] = "    ";

	if (o->letter)
		snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->value ? " " : "",
		 o->value ? o->value : "");
	printf("  %-24s  %s\n", left, o->help);
}

void print_help(const struct verb *verb)
{
	printf("usage: cohgpu %s [OPTIONS]%s%s\n\n%c%s.\n\n", verb->name, verb->words[0] ? " " : "",
	       verb->words, toupper((unsigned char)verb->summary[0]), verb->summary + 1);
	each_option(verb, help_option);
	printf("\nexample: %s\n", verb->example);
}

/* A word of a manual: one that begins a line with a dot or quote, and backslashes, mean something. */
static void man_word(const char *word, size_t length, bool start)
{
	if (start && (*word == '.' || *word == '\''))
		fputs("\\&", stdout);
	for (; length--; word++)
		fputs(*word == '\\' ? "\\e" : (char[]){*word, 0}, stdout);
}

/* Fills lines, and begins a new one with each sentence, as mdoc wants it. */
static void man_sentences(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");
		bool ends = text[length - 1] == '.' && isupper((unsigned char)text[length + 1]);

		if (column && column + 1 + length > PAGES_WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column)
			putchar(' ');
		man_word(text, length, !column);
		column = text[length] && ends ? PAGES_WIDTH : column + 1 + length;
		text += length + (text[length] == ' ');
	}
	putchar('\n');
}

static void man_paragraphs(const char *text)
{
	char line[1024];

	while (*text) {
		size_t length = strcspn(text, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		man_sentences(line);
		text += length + (text[length] == '\n');
		if (*text)
			puts(".Pp");
	}
}

static void man_synopsis_option(const struct verb_option *o)
{
	/* "\-" is the dash that can be copied from the page. */
	if (o->value)
		printf(".Op Fl \\-%s Ar %s\n", o->name, o->value);
	else
		printf(".Op Fl \\-%s\n", o->name);
}

static void man_option(const struct verb_option *o)
{
	printf(".It ");
	if (o->letter)
		printf("Fl %c , ", o->letter);
	printf("Fl \\-%s%s%s\n", o->name, o->value ? " Ar " : "", o->value ? o->value : "");
	man_sentences(o->help);
}

static void upper(const char *text)
{
	for (; *text; text++)
		putchar(toupper((unsigned char)*text));
}

static void man_exit(void)
{
	puts(".Sh EXIT STATUS\n"
	     ".Bl -tag -width Ds -compact\n"
	     ".It 0\nsuccess\n"
	     ".It 1\nwarnings, with\n.Fl \\-strict\n"
	     ".It 2\nfailed\n"
	     ".It 64\nwrong usage\n"
	     ".It 77\nnothing to work on: no such GPU in this machine, whatever else was said of "
	     "it,\n"
	     "or no record to restore, or no simulator\n"
	     ".El");
}

/* mdoc wants them in order, each but the last with a comma. */
static void man_see(const struct verb *verb)
{
	const char *see = verb->see;

	printf(".Xr cohgpu 8%s\n", see ? " ," : "");
	for (size_t length; see && *see; see += length + (see[length] == ' ')) {
		length = strcspn(see, " ");
		printf(".Xr cohgpu-%.*s 8%s\n", (int)length, see, see[length] ? " ," : "");
	}
}

/* The example is one indented line; comments after "#" are part of it. */
static void man_verb(const struct verb *verb)
{
	printf(".Dd %s\n.Dt COHGPU-", PAGES_DATE);
	upper(verb->name);
	printf(" 8\n.Os\n.Sh NAME\n.Nm cohgpu-%s\n.Nd %s\n", verb->name, verb->summary);
	printf(".Sh SYNOPSIS\n.Nm cohgpu %s\n", verb->name);
	each_option(verb, man_synopsis_option);
	if (verb->words[0])
		printf(".Ar %s\n", verb->words);
	puts(".Sh DESCRIPTION");
	man_paragraphs(verb->text);
	puts(".Pp\nThe options are:\n.Bl -tag -width Ds");
	each_option(verb, man_option);
	puts(".El");
	if (verb->manual)
		verb->manual();
	puts(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
	     ".It Ev COHGPU_SYSROOT\nA captured tree that is read instead of this machine.\n"
	     ".It Ev NO_COLOR\nWhen set, no colour.\n.El");
	man_exit();
	printf(".Sh EXAMPLES\n.Dl ");
	man_word(verb->example, strlen(verb->example), false);
	puts("\n.Sh SEE ALSO");
	man_see(verb);
}

/* The verb that has so many before it in the alphabet. */
static const struct verb *sorted_verb(size_t place)
{
	for (size_t i = 0; i < verbs_count; i++) {
		size_t before = 0;

		for (size_t j = 0; j < verbs_count; j++)
			before += strcmp(verbs[j].name, verbs[i].name) < 0;
		if (before == place)
			return &verbs[i];
	}
	return verbs;
}

static void man_main(void)
{
	printf(".Dd %s\n.Dt COHGPU 8\n.Os\n.Sh NAME\n.Nm cohgpu\n", PAGES_DATE);
	puts(".Nd GPUs whose memory the CPU shares, for virtual machines\n"
	     ".Sh SYNOPSIS\n.Nm\n.Ar verb\n.Op Ar options\n.Op Ar words\n"
	     ".Nm\n.Fl \\-help | \\-version\n.Sh DESCRIPTION\n"
	     ".Nm\nfinds such GPUs, hands them to VFIO, says what a virtual machine needs to get\n"
	     "them, and what is in the way.\n"
	     ".Bl -tag -width restore");
	for (size_t i = 0; i < verbs_count; i++)
		printf(".It Cm %s\n%s: see\n.Xr cohgpu-%s 8 .\n", verbs[i].name, verbs[i].summary,
		       verbs[i].name);
	puts(".El\n.Pp\nA GPU is a PCI address, full (0009:01:00.0) or short (01:00.0), or\n"
	     ".Cm all .\n"
	     "Data goes to standard output; progress and errors go to standard error.\n"
	     "With\n.Fl \\-json\nstandard output has one object.\n"
	     "It has nothing where words or options are wrong or what they name is not found:\n"
	     "the exit status and standard error say so.\n"
	     ".Pp\n.Fl \\-help\nprints the verbs,\n.Fl \\-version\nwhich version this is.");
	man_exit();
	puts(".Sh EXAMPLES\nFrom a machine with such a GPU to a VM that has it:\n"
	     ".Bd -literal -offset indent\n"
	     "cohgpu doctor\ncohgpu bind all --persist\n"
	     "cohgpu plan all --format libvirt --ram 64G > gpu.xml\n"
	     "cohgpu doctor --domain gpu.xml\n.Ed");
	puts(".Sh SEE ALSO\n.Xr virsh 1 ,");
	for (size_t i = 0; i < verbs_count; i++)
		printf(".Xr cohgpu-%s 8 ,\n", sorted_verb(i)->name);
	puts(".Xr lspci 8");
	puts(".Sh HISTORY\nThis page came with cohgpu " COHGPU_VERSION ".");
}

static void bash_option(const struct verb_option *o)
{
	printf(" --%s", o->name);
}

/* What completes an option's value, separated by spaces; NULL: nothing does. */
static const char *value_words(const struct verb_option *o)
{
	return o->kind == WORD_CHECK ? verb_check_ids() : o->choices;
}

static void bash_value(const struct verb_option *o)
{
	if (!o->value)
		return;
	printf("\t\t--%s", o->name);
	if (o->letter)
		printf(" | -%c", o->letter);
	if (o->kind == WORD_FILE)
		puts(") compopt -o default; return ;;");
	else if (value_words(o))
		printf(") mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n",
		       value_words(o));
	else
		puts(") return ;;");
}

static void complete_bash(void)
{
	puts("# shellcheck shell=bash\n_cohgpu() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
	     "\tCOMPREPLY=()\n"
	     "\t# Addresses have colons, at which readline cuts words.\n"
	     "\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	     "\t\t_get_comp_words_by_ref -n : cur prev\n\tfi\n"
	     "\tif [[ $COMP_CWORD == 1 ]]; then");
	printf("\t\tmapfile -t COMPREPLY < <(compgen -W '--help --version");
	for (size_t i = 0; i < verbs_count; i++)
		printf(" %s", verbs[i].name);
	puts("' -- \"$cur\")\n\t\treturn\n\tfi\n\tcase ${COMP_WORDS[1]} in");
	for (size_t i = 0; i < verbs_count; i++) {
		printf("\t%s)\n\t\tcase $prev in\n", verbs[i].name);
		each_option(&verbs[i], bash_value);
		printf("\t\tesac\n\t\twords='");
		each_option(&verbs[i], bash_option);
		if (verbs[i].choices)
			printf(" %s", verbs[i].choices);
		puts("'");
		if (verbs[i].kind == WORD_GPU)
			puts("\t\twords+=\" all $(cohgpu list --addresses 2>/dev/null)\"");
		if (verbs[i].kind == WORD_FOLDER)
			puts("\t\tif [[ $cur != -* ]]; then\n"
			     "\t\t\tmapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n"
			     "\t\t\tcompopt -o filenames 2>/dev/null\n\t\t\treturn\n\t\tfi");
		puts("\t\t;;");
	}
	puts("\tesac\n"
	     "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
	     "\tif declare -F __ltrim_colon_completions >/dev/null; then\n"
	     "\t\t__ltrim_colon_completions \"$cur\"\n\tfi\n"
	     "}\ncomplete -F _cohgpu cohgpu");
}

/* In the shells' single quotes: each has its own way with one of these. */
static void print_quoted(const char *text, const char *quote)
{
	for (; *text; text++)
		if (*text == '\'')
			fputs(quote, stdout);
		else
			putchar(*text);
}

static void zsh_spelling(const struct verb_option *o, const char *spelling, const char *sign)
{
	printf("\t\t\t'%s%s[", spelling, sign);
	print_quoted(o->help, "'\\''");
	putchar(']');
	if (o->kind == WORD_FILE)
		printf(":%s:_files", o->value);
	else if (value_words(o))
		printf(":%s:(%s)", o->value, value_words(o));
	else if (o->value)
		printf(":%s: ", o->value);
	puts("' \\");
}

static void zsh_option(const struct verb_option *o)
{
	char spelling[32];

	snprintf(spelling, sizeof(spelling), "--%s", o->name);
	zsh_spelling(o, spelling, o->value ? "=" : "");
	snprintf(spelling, sizeof(spelling), "-%c", o->letter);
	if (o->letter)
		zsh_spelling(o, spelling, "");
}

static void complete_zsh(void)
{
	puts("#compdef cohgpu\n"
	     "_cohgpu_gpus() {\n\tlocal -a gpus\n"
	     "\tgpus=(all ${(f)\"$(cohgpu list --addresses 2>/dev/null)\"})\n"
	     "\t_values -s ' ' GPU ${gpus//:/\\\\:}\n}\n"
	     "_cohgpu() {\n\tlocal -a verbs\n\tverbs=(");
	for (size_t i = 0; i < verbs_count; i++)
		printf("\t\t'%s:%s'\n", verbs[i].name, verbs[i].summary);
	puts("\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe verb verbs\n\t\treturn\n\tfi\n"
	     "\tlocal verb=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $verb in");
	for (size_t i = 0; i < verbs_count; i++) {
		printf("\t\t%s) _arguments \\\n", verbs[i].name);
		each_option(&verbs[i], zsh_option);
		if (verbs[i].choices)
			printf("\t\t\t'1:what:(%s)' ;;\n", verbs[i].choices);
		else if (verbs[i].kind == WORD_GPU)
			puts("\t\t\t'*:GPU:_cohgpu_gpus' ;;");
		else if (verbs[i].kind == WORD_FOLDER)
			printf("\t\t\t'1:%s:_files -/' ;;\n", verbs[i].words);
		else
			puts("\t\t\t;;");
	}
	puts("\tesac\n}\n_cohgpu \"$@\"");
}

static const struct verb *fish_verb;

static void fish_option(const struct verb_option *o)
{
	printf("complete -c cohgpu -n '__fish_seen_subcommand_from %s' -l %s", fish_verb->name,
	       o->name);
	if (o->letter)
		printf(" -s %c", o->letter);
	if (o->kind == WORD_FILE)
		printf(" -rF");
	else if (value_words(o))
		printf(" -xa '%s'", value_words(o));
	else if (o->value)
		printf(" -x");
	printf(" -d '");
	print_quoted(o->help, "\\'");
	puts("'");
}

static void complete_fish(void)
{
	puts("complete -c cohgpu -f");
	for (size_t i = 0; i < verbs_count; i++) {
		fish_verb = &verbs[i];
		printf("complete -c cohgpu -n __fish_use_subcommand -a %s -d '%s'\n", verbs[i].name,
		       verbs[i].summary);
		each_option(&verbs[i], fish_option);
		if (verbs[i].choices)
			printf("complete -c cohgpu -n '__fish_seen_subcommand_from %s' -a '%s'\n",
			       verbs[i].name, verbs[i].choices);
		if (verbs[i].kind == WORD_GPU)
			printf("complete -c cohgpu -n '__fish_seen_subcommand_from %s' "
			       "-a 'all (cohgpu list --addresses 2>/dev/null)'\n",
			       verbs[i].name);
		if (verbs[i].kind == WORD_FOLDER)
			printf("complete -c cohgpu -n '__fish_seen_subcommand_from %s' "
			       "-a '(__fish_complete_directories)'\n",
			       verbs[i].name);
	}
}

int print_generated(const char *what)
{
	const struct verb *verb;

	if (!strcmp(what, "man")) {
		man_main();
	} else if (!strncmp(what, "man:", 4) && (verb = verb_find(what + 4))) {
		man_verb(verb);
	} else if (!strcmp(what, "bash")) {
		complete_bash();
	} else if (!strcmp(what, "zsh")) {
		complete_zsh();
	} else if (!strcmp(what, "fish")) {
		complete_fish();
	} else {
		complain(what, "generate", "man, man:VERB, bash, zsh or fish");
		return EXIT_USAGE;
	}
	return EXIT_OK;
}
