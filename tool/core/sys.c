// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/sys.h"

#define SYS_BUFFERS  8
#define SYS_FILE_MAX (64UL << 20)
#define SYS_CHUNK    4096
#define SYS_NUMBER   64

void (*sys_asked)(const char *path);
void (*sys_sought)(const char *path);

void sys_ask(const char *path)
{
	if (sys_asked)
		sys_asked(path);
}

static const char *sys_root(void)
{
	const char *root = getenv("COHGPU_SYSROOT");

	return root && *root && strcmp(root, "/") ? root : NULL;
}

bool sys_is_tree(void)
{
	return sys_root() != NULL;
}

int sys_check_tree(const char **root)
{
	struct stat st;

	*root = sys_root();
	if (!*root)
		return 0;
	if (stat(*root, &st))
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return access(*root, R_OK | X_OK) ? -errno : 0;
}

static const char *sys_vpath(const char *format, va_list args)
{
	static char buffers[SYS_BUFFERS][PATH_MAX];
	static unsigned int next;
	char *path = buffers[next++ % SYS_BUFFERS];
	const char *root = sys_root();
	int start = root ? snprintf(path, PATH_MAX, "%s", root) : 0;

	if (start >= 0 && start < PATH_MAX)
		vsnprintf(path + start, PATH_MAX - start, format, args);
	return path;
}

const char *sys_path(const char *format, ...)
{
	const char *path;
	va_list args;

	va_start(args, format);
	path = sys_vpath(format, args);
	va_end(args);
	return path;
}

/* The same of a path that already has the root. */
static void sys_ask_full(const char *full)
{
	const char *root = sys_root();

	sys_ask(full + (root ? strlen(root) : 0));
}

bool sys_exists(const char *path)
{
	struct stat st;

	if (sys_sought)
		sys_sought(path);
	return !lstat(sys_path("%s", path), &st);
}

/* Reads up to size - 1 bytes and ends them; the count, or -errno. */
static ssize_t sys_read(const char *full, char *buf, size_t size)
{
	size_t have = 0;
	ssize_t got = 1;
	int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	while (have < size - 1 && (got = read(fd, buf + have, size - 1 - have)) > 0)
		have += got;
	got = got < 0 ? -errno : (ssize_t)have;
	close(fd);
	buf[have] = 0;
	return got;
}

static int sys_first_line(char *buf, size_t size, const char *full)
{
	ssize_t got;
	size_t length;

	sys_ask_full(full);
	got = sys_read(full, buf, size);
	if (got < 0) {
		buf[0] = 0;
		return got;
	}
	length = strcspn(buf, "\n");
	if (length == size - 1)
		return -E2BIG;
	buf[length] = 0;
	return 0;
}

int sys_line(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	const char *full;

	va_start(args, format);
	full = sys_vpath(format, args);
	va_end(args);
	return sys_first_line(buf, size, full);
}

int sys_u64(uint64_t *value, const char *format, ...)
{
	char text[SYS_NUMBER], *end;
	va_list args;
	int ret;

	va_start(args, format);
	ret = sys_first_line(text, sizeof(text), sys_vpath(format, args));
	va_end(args);
	if (ret)
		return ret;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno ? -errno : end == text || *end ? -EINVAL : 0;
}

char *sys_slurp(const char *path, size_t *size)
{
	size_t have = 0, room = SYS_CHUNK;
	char *data = malloc(room), *more;
	ssize_t got = 0;
	int fd;

	sys_ask(path);
	fd = open(sys_path("%s", path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	while (fd >= 0 && data && (got = read(fd, data + have, room - 1 - have)) > 0) {
		have += got;
		if (have < room - 1)
			continue;
		more = room < SYS_FILE_MAX ? realloc(data, room *= 2) : NULL;
		if (!more)
			goto fail;
		data = more;
	}
	if (fd < 0 || !data || got < 0)
		goto fail;
	close(fd);
	data[have] = 0;
	if (size)
		*size = have;
	/* No room behind the end: who reads there is seen by sanitizers. */
	more = realloc(data, have + 1);
	return more ? more : data;
fail:
	if (fd >= 0)
		close(fd);
	free(data);
	return NULL;
}

int sys_link(char *buf, size_t size, const char *format, ...)
{
	char target[PATH_MAX];
	const char *full, *last;
	va_list args;
	ssize_t length;

	va_start(args, format);
	full = sys_vpath(format, args);
	va_end(args);
	buf[0] = 0;
	sys_ask_full(full);
	length = readlink(full, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = 0;
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= size)
		return -E2BIG;
	strcpy(buf, last);
	return 0;
}

int sys_write(const char *path, const char *text)
{
	int fd = open(sys_path("%s", path), O_WRONLY | O_CLOEXEC);
	ssize_t length = strlen(text), done;
	int ret = 0;

	if (fd < 0)
		return -errno;
	done = write(fd, text, length);
	if (done != length)
		ret = done < 0 ? -errno : -EIO;
	close(fd);
	return ret;
}

static int sys_fill(const char *full, const char *text)
{
	size_t length = strlen(text), done = 0;
	ssize_t wrote = 0;
	int fd;

	/* What a kill left there, or somebody put there to be followed, is not written through. */
	unlink(full);
	fd = open(full, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	fchmod(fd, 0644);
	while (done < length && (wrote = write(fd, text + done, length - done)) > 0)
		done += wrote;
	if (done < length || fsync(fd))
		wrote = -1;
	if (wrote < 0)
		wrote = errno ? -errno : -EIO;
	close(fd);
	return wrote < 0 ? wrote : 0;
}

/* The name too is to be there after a loss of power; what cannot be synced has none to lose. */
static void sync_folder(const char *full)
{
	char folder[PATH_MAX];
	char *slash;
	int fd;

	snprintf(folder, sizeof(folder), "%s", full);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = 0;
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int file_replace(const char *full, const char *text)
{
	char fresh[PATH_MAX + 8];
	int ret;

	snprintf(fresh, sizeof(fresh), "%s.new", full);
	ret = sys_fill(fresh, text);
	if (!ret && rename(fresh, full))
		ret = -errno;
	if (ret)
		unlink(fresh);
	else
		sync_folder(full);
	return ret;
}

int sys_replace(const char *path, const char *text)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s", sys_path("%s", path));
	return file_replace(full, text);
}

int sys_make_folder(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s", sys_path("%s", path));
	for (char *at = full + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		if (mkdir(full, 0755) && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(full, 0755) && errno != EEXIST ? -errno : 0;
}

int sys_remove(const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s", sys_path("%s", path));
	if (!unlink(full))
		sync_folder(full);
	else if (errno != ENOENT)
		return -errno;
	return 0;
}

static int sys_not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

char **sys_names(const char *path)
{
	struct dirent **entries;
	char **names;
	int count;

	sys_ask(path);
	count = scandir(sys_path("%s", path), &entries, sys_not_hidden, alphasort);
	names = calloc((count > 0 ? count : 0) + 1, sizeof(*names));
	for (int i = 0; i < count; i++) {
		if (names)
			names[i] = strdup(entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return names;
}

void sys_names_free(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}

const char *sys_release(void)
{
	static char release[128];
	struct utsname uts;

	if (release[0] || !sys_line(release, sizeof(release), "/proc/sys/kernel/osrelease"))
		return release;
	/* The kernel that runs here is not the tree's. */
	if (sys_is_tree() || uname(&uts))
		snprintf(release, sizeof(release), SYS_RELEASE_UNKNOWN);
	else
		snprintf(release, sizeof(release), "%s", uts.release);
	return release;
}

bool sys_release_known(void)
{
	return strcmp(sys_release(), SYS_RELEASE_UNKNOWN);
}
