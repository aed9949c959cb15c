// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel of a hand-made tree, preloaded: what is written into the tree's sysfs has the effect
 * that the driver core would give it. And the fate of the tool: every write, rename and unlink
 * below the tree is a step, counted from 1, at which it can be stopped.
 *
 * KERNEL_AT=N       the step at which KERNEL_FATE comes
 * KERNEL_FATE=      kill (before it), killed (after it), int (SIGINT before it), fail (EIO)
 * KERNEL_REFUSES=D  driver D takes no device, and the simulator no such value
 * KERNEL_ERROR=N    with which error number the simulator refuses it, EINVAL if not set
 * KERNEL_LIVE=1     on a running machine: steps only, their effect is the real kernel's
 * KERNEL_STEPS=F    the number of steps is left in file F
 * KERNEL_SYNCED=F   what is synced is written into file F, a path a line
 * KERNEL_OVERRUN=F  while there is a file F, which this takes away, the log has run over
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PCI "/sys/bus/pci"

static int steps;

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

/* With KERNEL_LIVE there is a real kernel: steps are counted where bind and restore write. */
static bool in_tree(const char *path)
{
	const char *root = setting("COHGPU_SYSROOT");

	if (*setting("KERNEL_LIVE"))
		return !strncmp(path, "/sys/", 5) || !strncmp(path, "/run/cohgpu/", 12);
	return *root && !strncmp(path, root, strlen(root));
}

static bool fate(const char *name)
{
	return steps == atoi(setting("KERNEL_AT")) && !strcmp(setting("KERNEL_FATE"), name);
}

/* False when the step fails. */
static bool step_begins(void)
{
	FILE *file;

	steps++;
	if (*setting("KERNEL_STEPS") && (file = fopen(setting("KERNEL_STEPS"), "w"))) {
		fprintf(file, "%d\n", steps);
		fclose(file);
	}
	if (fate("kill"))
		raise(SIGKILL);
	if (fate("int"))
		raise(SIGINT);
	return !fate("fail");
}

static void step_ends(void)
{
	if (fate("killed"))
		raise(SIGKILL);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (file) {
		fputs(text, file);
		fclose(file);
	}
}

static void get(const char *path, char *buf, size_t size)
{
	FILE *file = fopen(path, "r");

	buf[0] = 0;
	if (file && fgets(buf, size, file))
		buf[strcspn(buf, "\n")] = 0;
	if (file)
		fclose(file);
}

/* Error numbers as the driver core has them. */
static int device_bind(const char *address, const char *driver)
{
	const char *root = setting("COHGPU_SYSROOT");
	char folder[PATH_MAX], at[PATH_MAX], target[PATH_MAX];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s" PCI "/drivers/%s", root, driver);
	snprintf(at, sizeof(at), "%s" PCI "/devices/%s/driver", root, address);
	if (!lstat(at, &st))
		return -EBUSY;
	if (stat(folder, &st) || !strcmp(driver, setting("KERNEL_REFUSES")))
		return -ENODEV;
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	if (symlink(target, at))
		return -errno;
	snprintf(at, sizeof(at), "%s" PCI "/drivers/%s/%s", root, driver, address);
	snprintf(target, sizeof(target), "../../devices/%s", address);
	return symlink(target, at) ? -errno : 0;
}

static int device_unbind(const char *address)
{
	const char *root = setting("COHGPU_SYSROOT");
	char at[PATH_MAX], target[PATH_MAX];
	ssize_t length;

	snprintf(at, sizeof(at), "%s" PCI "/devices/%s/driver", root, address);
	length = readlink(at, target, sizeof(target) - 1);
	if (length < 0)
		return -ENODEV;
	target[length] = 0;
	syscall(SYS_unlinkat, AT_FDCWD, at, 0);
	snprintf(at, sizeof(at), "%s" PCI "/drivers/%s/%s", root, strrchr(target, '/') + 1,
		 address);
	syscall(SYS_unlinkat, AT_FDCWD, at, 0);
	return 0;
}

/* driver_override, or else the driver whose table has the device: its file "native" names it. */
static void device_probe(const char *address)
{
	const char *root = setting("COHGPU_SYSROOT");
	char path[PATH_MAX], driver[64];

	snprintf(path, sizeof(path), "%s" PCI "/devices/%s/driver_override", root, address);
	get(path, driver, sizeof(driver));
	if (!strcmp(driver, "(null)")) {
		snprintf(path, sizeof(path), "%s" PCI "/devices/%s/native", root, address);
		get(path, driver, sizeof(driver));
	}
	if (driver[0])
		device_bind(address, driver);
}

/* 0 done, -errno refused, 1 no file of sysfs. */
static int sysfs_write(const char *path, const char *text)
{
	const char *at = path + strlen(setting("COHGPU_SYSROOT"));
	char driver[64];
	int error;

	if (strstr(at, "/config/cohgpu/")) {
		put(path, text);
		error = atoi(setting("KERNEL_ERROR"));
		return strcmp(text, setting("KERNEL_REFUSES")) ? 0 : -(error ? error : EINVAL);
	}
	if (strncmp(at, PCI, strlen(PCI)))
		return 1;
	if (!strcmp(at, PCI "/drivers_probe")) {
		device_probe(text);
		return 0;
	}
	if (sscanf(at, PCI "/drivers/%63[^/]/", driver) == 1)
		return strstr(at, "/unbind") ? device_unbind(text) : device_bind(text, driver);
	if (strstr(at, "/driver_override")) {
		put(path, strcmp(text, "\n") ? text : "(null)\n");
		return 0;
	}
	return 1;
}

ssize_t write(int fd, const void *buf, size_t size)
{
	char link[64], path[PATH_MAX], text[128];
	ssize_t length;
	int ret;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	path[length < 0 ? 0 : length] = 0;
	if (!in_tree(path))
		return syscall(SYS_write, fd, buf, size);
	if (!step_begins()) {
		errno = EIO;
		return -1;
	}
	snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)buf);
	ret = *setting("KERNEL_LIVE") ? 1 : sysfs_write(path, text);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	length = ret ? syscall(SYS_write, fd, buf, size) : (ssize_t)size;
	step_ends();
	return length;
}

ssize_t read(int fd, void *buf, size_t size)
{
	char link[64], path[PATH_MAX];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = *setting("KERNEL_OVERRUN") ? readlink(link, path, sizeof(path) - 1) : -1;
	path[length < 0 ? 0 : length] = 0;
	if (in_tree(path) && strstr(path, "/dev/kmsg") &&
	    !syscall(SYS_unlinkat, AT_FDCWD, setting("KERNEL_OVERRUN"), 0)) {
		errno = EPIPE;
		return -1;
	}
	return syscall(SYS_read, fd, buf, size);
}

int rename(const char *from, const char *to)
{
	int ret;

	if (in_tree(to) && !step_begins()) {
		errno = EIO;
		return -1;
	}
	ret = syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
	if (in_tree(to))
		step_ends();
	return ret;
}

int unlink(const char *path)
{
	struct stat st;
	bool counts = in_tree(path) && !lstat(path, &st);
	int ret;

	if (counts && !step_begins()) {
		errno = EIO;
		return -1;
	}
	ret = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	if (counts)
		step_ends();
	return ret;
}

/* configfs below the tree: a folder comes with its files, and goes with them. */
static const char *const config_files[][2] = {
	{"preset", "gh200-96\n"}, {"bdf", "\n"}, {"mem_size", "103079215104\n"}, {"enable", "0\n"}};

#define CONFIG_FILES (sizeof(config_files) / sizeof(*config_files))

static bool in_configfs(const char *path)
{
	return in_tree(path) && strstr(path, "/sys/kernel/config/cohgpu/");
}

int mkdir(const char *path, mode_t mode)
{
	char file[PATH_MAX];
	int ret = syscall(SYS_mkdirat, AT_FDCWD, path, mode);

	for (size_t i = 0; !ret && in_configfs(path) && i < CONFIG_FILES; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, config_files[i][0]);
		put(file, config_files[i][1]);
	}
	return ret;
}

int rmdir(const char *path)
{
	char file[PATH_MAX];

	for (size_t i = 0; in_configfs(path) && i < CONFIG_FILES; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, config_files[i][0]);
		syscall(SYS_unlinkat, AT_FDCWD, file, 0);
	}
	return syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}

int fsync(int fd)
{
	char link[64], path[PATH_MAX] = "";
	FILE *file = *setting("KERNEL_SYNCED") ? fopen(setting("KERNEL_SYNCED"), "a") : NULL;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (file && readlink(link, path, sizeof(path) - 1) > 0)
		fprintf(file, "%s\n", path);
	if (file)
		fclose(file);
	return syscall(SYS_fsync, fd);
}
