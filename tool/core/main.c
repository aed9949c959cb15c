// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/sys.h"
#include "core/verbs.h"

#define GENERATE "--generate="

/* What is not there must not look like a machine without a GPU. */
static bool tree_is_there(void)
{
	const char *root;
	int ret = sys_check_tree(&root);

	if (!ret)
		return true;
	complain(root, "open", "%s", strerror(-ret));
	advise("COHGPU_SYSROOT names a tree that is read instead of this machine: unset it, or "
	       "make one by cohgpu capture");
	return false;
}

/* What it did is done, whether or not it could be told. */
static bool changes(const struct call *call)
{
	return call->verb->changes && !call_has(call, OPT_DRY_RUN) &&
	       (!call->count || strcmp(call->words[0], "list"));
}

static int run_verb(const struct verb *verb, int argc, char **argv, bool *done)
{
	struct call call;
	int status = verb_parse(&call, verb, argc, argv);

	if (status) {
		advise("see: cohgpu %s --help", verb->name);
		return status;
	}
	if (call_has(&call, OPT_HELP)) {
		print_help(verb);
		return EXIT_OK;
	}
	if (!tree_is_there())
		return EXIT_USAGE;
	*done = changes(&call);
	return verb->run(&call);
}

static int run(int argc, char **argv, bool *done)
{
	const struct verb *verb;

	if (argc < 2) {
		print_usage();
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "help") && argc > 2 && verb_find(argv[2])) {
		print_help(verb_find(argv[2]));
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage();
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("cohgpu " COHGPU_VERSION);
		return EXIT_OK;
	}
	/* For the build: manual pages and completions. */
	if (!strncmp(argv[1], GENERATE, strlen(GENERATE)))
		return print_generated(argv[1] + strlen(GENERATE));
	verb = verb_find(argv[1]);
	if (!verb) {
		complain(argv[1], "run", "no such verb");
		advise("see: cohgpu --help");
		return EXIT_USAGE;
	}
	return run_verb(verb, argc - 2, argv + 2, done);
}

int main(int argc, char **argv)
{
	bool done = false;
	int status = run(argc, argv, &done);
	bool lost = fflush(stdout) || ferror(stdout);

	if (status == EXIT_UNKNOWN)
		status = EXIT_FAILED;
	/* A full disk or a closed pipe must not look like an answer. */
	if (lost && done && status == EXIT_OK)
		complain("standard output", "write", "failed; what was asked for is done");
	else if (lost)
		complain("standard output", "write", "failed");
	return lost && !done ? EXIT_FAILED : status;
}
