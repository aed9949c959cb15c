// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/program.h"
#include "core/sys.h"

extern char **environ;

/* The first line that a program prints. No shell: the path may come out of a file. */
static bool program_line(const char *path, char *line, size_t size)
{
	char *argv[] = {(char *)path, "--version", NULL};
	posix_spawn_file_actions_t actions;
	FILE *output = NULL;
	int ends[2], status;
	bool started, got;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	started = !posix_spawn(&pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	output = fdopen(ends[0], "r");
	got = started && output && fgets(line, size, output);
	if (output)
		fclose(output);
	else
		close(ends[0]);
	if (started)
		waitpid(pid, &status, 0);
	return got;
}

/* Of a sticky folder nobody else can take away what is root's. */
static bool is_roots(const struct stat *st)
{
	bool shared = st->st_mode & (S_IWGRP | S_IWOTH);

	return st->st_uid == 0 && (!shared || (S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX));
}

/*
 * A path out of a file is run only if it is what root has installed: nobody else may change it, nor
 * put another in its place between this look and the run, so its folders count, and no links do.
 */
static bool program_is_installed(char *real, const char *path)
{
	char part[PATH_MAX], *slash;
	struct stat st;

	if (path[0] != '/' || !realpath(path, real) || stat(real, &st) || !S_ISREG(st.st_mode))
		return false;
	snprintf(part, sizeof(part), "%s", real);
	while (!stat(part, &st) && is_roots(&st)) {
		slash = strrchr(part, '/');
		if (!slash || !slash[1])
			return true;
		slash[slash == part] = 0;
	}
	return false;
}

unsigned int program_version(const char *path, const char *words)
{
	unsigned int major, minor;
	char line[128] = "", real[PATH_MAX];
	const char *at;

	if (sys_is_tree())
		sys_line(line, sizeof(line), "%s.version", path);
	else if (!program_is_installed(real, path) || !program_line(real, line, sizeof(line)))
		return 0;
	at = strstr(line, words);
	if (!at || sscanf(at + strlen(words), "%3u.%2u", &major, &minor) != 2)
		return 0;
	return 100 * major + minor;
}
