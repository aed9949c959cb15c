// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/emulator.h"
#include "core/sys.h"

extern char **environ;

const struct emulator_part emulator_parts[PARTS] = {
	[PART_INITIATOR] = {"acpi-generic-initiator", 900, 0,
			    "the guest has no NUMA nodes for the GPU's memory"},
	[PART_INITIATOR_ORDER] = {"the GPU's address in the right byte order in SRAT", 902, 0,
				  "the guest's driver does not find its NUMA nodes"},
	[PART_MMIO_SIZE] = {"highmem-mmio-size", 1000, 0,
			    "no more than 512 GiB of BARs: firmware cannot place them"},
	[PART_VSMMU] = {"arm-smmuv3 with accel=on", 1100, 0,
			"no accelerated vSMMU: CUDA does not start in the guest"},
	[PART_NVLINK2] = {"NVLink2 for pseries", 401, 802,
			  "the guest sees a GPU on PCI, without its memory and links"},
};

/* The first line that a program prints. No shell: the path may come out of a file. */
static bool first_line(const char *path, char *line, size_t size)
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

/* A path out of a file is run only if it is what root has installed as QEMU. */
static bool is_installed(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;

	return path[0] == '/' && (!strncmp(name, "qemu-", 5) || !strcmp(name, "kvm")) &&
	       !stat(path, &st) && S_ISREG(st.st_mode) && st.st_uid == 0 &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

unsigned int emulator_version(const char *path)
{
	unsigned int major, minor;
	char line[128] = "";

	if (sys_is_tree())
		sys_line(line, sizeof(line), "%s.version", path);
	else if (!is_installed(path) || !first_line(path, line, sizeof(line)))
		return 0;
	if (sscanf(line, "QEMU emulator version %3u.%2u", &major, &minor) != 2)
		return 0;
	return 100 * major + minor;
}

const char *emulator_firmware(bool *installed)
{
	static const char *const places[] = {
		"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
		"/usr/share/edk2/aarch64/QEMU_EFI.fd",
		"/usr/share/qemu/edk2-aarch64-code.fd",
	};

	*installed = true;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (sys_exists(places[i]))
			return places[i];
	*installed = false;
	return places[0];
}
