// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any content of any file: the first line of an input names a file of the tree in COHGPU_SYSROOT,
 * or "domain", the rest becomes what it holds; then the reading verbs run. They may say what they
 * like, but with a status that is one of theirs, and without a crash. A line that is no name stands
 * for some file, so that a mutation is not wasted. After a line "====" there may be a second file:
 * of many a fault the one is no use without the other.
 *
 * FUZZ_FILES names the list of files, a line each; the first one is the domain.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/gpu.h"
#include "core/sys.h"
#include "core/verbs.h"

#define FILES 256
#define MARK  "\n====\n"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *files[FILES];
static size_t count;

static void nothing(const char *path)
{
	(void)path;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ_FILES");
	FILE *list = name ? fopen(name, "r") : NULL;
	char line[512];

	(void)argc;
	(void)argv;
	while (list && count < FILES && fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = 0;
		files[count++] = strdup(line);
	}
	if (!count) {
		fprintf(stderr, "FUZZ_FILES: read: no files\n");
		exit(2);
	}
	fclose(list);
	/* What the tool remembers of a file it reads anew for who asks what it reads. */
	sys_asked = nothing;
	/* Findings of the sanitizers go past these. */
	if (!freopen("/dev/null", "w", stdout))
		exit(2);
	return 0;
}

static char *read_all(const char *path, size_t *size)
{
	static char buf[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	close(fd);
	*size = got < 0 ? 0 : got;
	return buf;
}

/* The file that a line names, or the one that its bytes add up to. */
static const char *file_of(const char *line, size_t length)
{
	const char *root = getenv("COHGPU_SYSROOT");
	size_t sum = 0, skip = root ? strlen(root) + 1 : 0;

	if (length == strlen("domain") && !memcmp(line, "domain", length))
		return files[0];
	for (size_t i = 1; i < count; i++)
		if (strlen(files[i]) == skip + length && !memcmp(files[i] + skip, line, length))
			return files[i];
	for (size_t i = 0; i < length; i++)
		sum = sum * 31 + (unsigned char)line[i];
	return files[sum % count];
}

static void write_all(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	close(fd);
}

/* Each verb in the ways that read different files. */
static void run_all(void)
{
	static char *lines[][5] = {
		{"list", "--json"},
		{"show", "all"},
		{"status"},
		{"doctor"},
		{"doctor", "--guest"},
		{"doctor", "--domain", NULL},
		{"plan", "all"},
		{"plan", "all", "--format", "libvirt"},
		{"watch", "--for", "0"},
		{"sim", "list"},
		{"bind", "all", "--dry-run"},
		{"restore", "all", "--dry-run"},
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char *words[5];
		struct call call;
		int status, n = 0;

		for (int w = 1; w < 5 && (lines[i][w] || (w == 2 && lines[i][1] && i == 5)); w++)
			words[n++] = lines[i][w] ? lines[i][w] : files[0];
		status = verb_parse(&call, verb_find(lines[i][0]), n, words);
		if (!status)
			status = call.verb->run(&call);
		if (status != EXIT_OK && status != EXIT_WARNINGS && status != EXIT_FAILED &&
		    status != EXIT_USAGE && status != EXIT_NOTHING)
			abort();
	}
}

/* What bind changes first, as sysfs would show it: "" for none. */
static void override_of(char *buf, size_t size, const struct gpu_set *set)
{
	if (!set->count || sys_line(buf, size, "%s", gpu_file(&set->gpu[0], "driver_override")) ||
	    !strcmp(buf, "(null)"))
		buf[0] = 0;
}

/*
 * Here no kernel answers, so that bind ends with a driver that did not take the GPU, if it begins
 * at all: then all has to be as it was, and no record is left of what was not done.
 */
static void bind_and_back(void)
{
	char before[256], after[256], *words[] = {"all"};
	struct bind_record record;
	struct gpu_set set;
	struct call call;
	bool had;

	gpu_scan(&set);
	had = set.count && record_read(&record, set.gpu[0].address) != -ENOENT;
	override_of(before, sizeof(before), &set);
	if (!verb_parse(&call, verb_find("bind"), 1, words) && call.verb->run(&call) != EXIT_OK) {
		override_of(after, sizeof(after), &set);
		if (strcmp(before, after))
			abort();
		if (set.count && !had && record_read(&record, set.gpu[0].address) != -ENOENT)
			abort();
	}
	gpu_free(&set);
}

/* One file, and what to put back. */
struct damage {
	const char *path;
	char before[1 << 20];
	size_t length;
};

/* False when there is no line to name a file. */
static bool damage_do(struct damage *d, const uint8_t *data, size_t size)
{
	const uint8_t *content = memchr(data, '\n', size);

	if (!content)
		return false;
	d->path = file_of((const char *)data, content++ - data);
	memcpy(d->before, read_all(d->path, &d->length), sizeof(d->before));
	write_all(d->path, content, size - (content - data));
	return true;
}

static void damage_undo(const struct damage *d)
{
	write_all(d->path, d->before, d->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct damage one, other;
	const uint8_t *mark = memmem(data, size, MARK, strlen(MARK));
	size_t first = mark ? (size_t)(mark - data) : size;
	bool both;

	if (!damage_do(&one, data, first))
		return -1;
	both = mark && damage_do(&other, mark + strlen(MARK), size - first - strlen(MARK));
	run_all();
	bind_and_back();
	/* They may be the same file. */
	if (both)
		damage_undo(&other);
	damage_undo(&one);
	return 0;
}
