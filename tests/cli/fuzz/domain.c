// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any definition of a domain: the input is the file that doctor --domain examines. It may find what
 * it likes, or complain; then it says of what, doing what, and why. FUZZ_DOMAIN names the file;
 * complain() is wrapped by the linker.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/verbs.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __wrap_complain(const char *object, const char *action, const char *reason, ...);

static unsigned int complaints;

void __wrap_complain(const char *object, const char *action, const char *reason, ...)
{
	if (!object || !*object || !action || !*action || !reason || !*reason)
		abort();
	complaints++;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!getenv("FUZZ_DOMAIN") || !freopen("/dev/null", "w", stdout))
		exit(2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[] = {"--domain", getenv("FUZZ_DOMAIN"), "--json"};
	int fd = open(words[1], O_WRONLY | O_TRUNC | O_CREAT, 0600);
	struct call call;
	int status;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
	complaints = 0;
	status = verb_parse(&call, verb_find("doctor"), 3, words);
	if (!status)
		status = call.verb->run(&call);
	/* A verdict, or a complaint; no domain that is not the machine's ends in silence. */
	if (status != EXIT_OK && status != EXIT_FAILED && status != EXIT_NOTHING)
		abort();
	if (status == EXIT_NOTHING && !complaints)
		abort();
	return 0;
}
