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

int main(int argc, char **argv)
{
	const struct verb *verb;
	struct call call;
	int status;

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
	status = verb_parse(&call, verb, argc - 2, argv + 2);
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
	status = verb->run(&call);
	/* A full disk or a closed pipe must not look like an answer. */
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output", "write", "failed");
		return EXIT_FAILED;
	}
	return status;
}
