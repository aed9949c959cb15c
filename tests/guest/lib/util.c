// SPDX-License-Identifier: GPL-2.0-only
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int util_write(const char *path, const char *text)
{
	size_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;
	ssize_t n;

	if (fd < 0)
		return errno;
	n = write(fd, text, len);
	if (n < 0)
		err = errno;
	else if ((size_t)n != len)
		err = EIO;
	close(fd);
	return err;
}

int util_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n = 0;
	int err = 0;

	buf[0] = 0;
	if (fd < 0)
		return errno;
	while (done < size - 1 && (n = read(fd, buf + done, size - 1 - done)) > 0)
		done += n;
	if (n < 0)
		err = errno;
	close(fd);
	buf[done] = 0;
	while (done && buf[done - 1] == '\n')
		buf[--done] = 0;
	return err;
}

bool util_exists(const char *path)
{
	return !access(path, F_OK);
}

size_t util_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

long long util_field(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t len = strlen(key);
	long long value = -1;
	char line[512];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, len) && line[len] == ':') {
			value = strtoll(line + len + 1, NULL, 0);
			break;
		}
	}
	fclose(f);
	return value;
}

long util_lines(const char *path, const char *needle)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	long n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (!needle || strstr(line, needle))
			n++;
	fclose(f);
	return n;
}

bool util_memtype(uint64_t base, const char *type)
{
	FILE *f = fopen("/sys/kernel/debug/x86/pat_memtype_list", "re");
	char start[64], line[256];
	bool listed = false;

	if (!f)
		return false;
	snprintf(start, sizeof(start), "[mem 0x%016llx-", (unsigned long long)base);
	while (fgets(line, sizeof(line), f))
		listed |= strstr(line, start) && strstr(line, type);
	fclose(f);
	return listed;
}

long util_folders(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	long n = 0;

	if (!dir)
		return -1;
	while ((e = readdir(dir)))
		n += e->d_type == DT_DIR && e->d_name[0] != '.';
	closedir(dir);
	return n;
}

int util_run(const char *const argv[])
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int util_log_mark(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

int util_log_lines(int mark, const char *const words[])
{
	char rec[4096];
	int lines = 0;
	ssize_t n;

	if (mark < 0)
		return -1;
	for (;;) {
		bool all = true;

		n = read(mark, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE)
			continue; /* overwritten while we looked */
		if (n <= 0)
			break;
		rec[n] = 0;
		for (int i = 0; words[i]; i++)
			all = all && strstr(rec, words[i]);
		lines += all;
	}
	close(mark);
	return lines;
}

bool util_log_has(int mark, const char *const words[])
{
	return util_log_lines(mark, words) > 0;
}
