// SPDX-License-Identifier: GPL-2.0-only
#include "sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ktap.h"
#include "pci.h"
#include "util.h"

void sim_load(void)
{
	int status;

	if (util_exists(SIM_CONFIGFS))
		return;
	status = pci_module_insert("cohgpu-sim");
	if (status || !util_exists(SIM_CONFIGFS))
		ktap_fail("modprobe cohgpu-sim: exit status %d, no %s", status, SIM_CONFIGFS);
}

void sim_load_power(void)
{
	int status;

	if (util_exists(SIM_POWER))
		return;
	status = pci_module_insert("cohgpu-sim-power");
	if (status)
		ktap_fail("modprobe cohgpu-sim-power: exit status %d", status);
}

int sim_unload_power(void)
{
	return util_exists(SIM_POWER) ? pci_module_remove("cohgpu_sim_power") : 0;
}

void sim_create(const char *gpu)
{
	char path[256];

	snprintf(path, sizeof(path), SIM_CONFIGFS "/%s", gpu);
	if (mkdir(path, 0755))
		ktap_fail("mkdir %s: %s", path, strerror(errno));
}

int sim_try_set(const char *gpu, const char *attr, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), SIM_CONFIGFS "/%s/%s", gpu, attr);
	return util_write(path, value);
}

void sim_set(const char *gpu, const char *attr, const char *value)
{
	int err = sim_try_set(gpu, attr, value);

	if (err)
		ktap_fail("simulator refuses %s = %s for %s: %s", attr, value, gpu, strerror(err));
}

void sim_get(const char *gpu, const char *attr, char *buf, size_t size)
{
	char path[256];
	int err;

	snprintf(path, sizeof(path), SIM_CONFIGFS "/%s/%s", gpu, attr);
	err = util_read(path, buf, size);
	if (err)
		ktap_fail("%s: %s", path, strerror(err));
}

uint64_t sim_get_number(const char *gpu, const char *attr)
{
	char text[64];

	sim_get(gpu, attr, text, sizeof(text));
	return strtoull(text, NULL, 0);
}

void sim_remove(const char *gpu)
{
	char path[256], bdf[64];

	sim_get(gpu, "bdf", bdf, sizeof(bdf));
	if (sim_get_number(gpu, "enable")) {
		if (pci_bound(bdf, NULL, 0))
			pci_unbind(bdf);
		sim_set(gpu, "enable", "0");
	}
	snprintf(path, sizeof(path), SIM_CONFIGFS "/%s", gpu);
	if (rmdir(path))
		ktap_fail("rmdir %s: %s", path, strerror(errno));
}

/* Calls @fn for each simulated GPU's name; their number. */
static int sim_each(void (*fn)(const char *gpu))
{
	DIR *dir = opendir(SIM_CONFIGFS);
	char names[16][64];
	struct dirent *e;
	int n = 0;

	if (!dir)
		return 0;
	while ((e = readdir(dir)) && n < (int)ARRAY_LEN(names)) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		snprintf(names[n++], sizeof(names[0]), "%.63s", e->d_name);
	}
	closedir(dir);
	for (int i = 0; fn && i < n; i++)
		fn(names[i]);
	return n;
}

void sim_remove_all(void)
{
	sim_each(sim_remove);
}

int sim_count(void)
{
	return sim_each(NULL);
}

void sim_fault(const char *gpu, const char *file, const char *value)
{
	char path[256];
	int err;

	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/%s", gpu, file);
	err = util_write(path, value);
	if (err)
		ktap_fail("%s = %s: %s", path, value, strerror(err));
}

uint64_t sim_state(const char *gpu, const char *file)
{
	char path[256], text[256];
	int err;

	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/%s", gpu, file);
	err = util_read(path, text, sizeof(text));
	if (err)
		ktap_fail("%s: %s", path, strerror(err));
	return strtoull(text, NULL, 0);
}

void sim_calm(const char *gpu)
{
	sim_fault(gpu, "training", "normal");
	sim_fault(gpu, "training_ms", "20");
	sim_fault(gpu, "flr", "normal");
	sim_fault(gpu, "dead", "0");
	sim_fault(gpu, "late", "0");
	sim_fault(gpu, "no_wake", "0");
	sim_fault(gpu, "train", "1");
	sim_fault(gpu, "ras_events", "0");
}

void sim_hold_training(const char *gpu)
{
	sim_fault(gpu, "training", "manual");
}

void sim_train(const char *gpu)
{
	sim_fault(gpu, "train", "1");
	/* The device takes a moment even so. */
	for (int i = 0; i < 1000 && !sim_state(gpu, "ready"); i++)
		ktap_sleep(0.002);
}

unsigned long sim_resets(const char *gpu, const char *kind)
{
	char path[256], text[512], *line, *save = NULL;
	size_t len = strlen(kind);
	int err;

	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/resets", gpu);
	err = util_read(path, text, sizeof(text));
	if (err)
		ktap_fail("%s: %s", path, strerror(err));
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, kind, len) && line[len] == ' ')
			return strtoul(line + len + 1, NULL, 0);
	ktap_fail("%s: no line '%s N'", path, kind);
}

static int sim_mem_open(const char *gpu, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/memory", gpu);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		ktap_fail("%s: %s", path, strerror(errno));
	return fd;
}

void sim_mem_read(const char *gpu, uint64_t off, void *buf, size_t n)
{
	int fd = sim_mem_open(gpu, O_RDONLY);

	for (size_t done = 0; done < n;) {
		ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(off + done));

		if (r <= 0)
			ktap_fail("device's side: read of %zu at 0x%llx: %s", n - done,
				  (unsigned long long)(off + done), r ? strerror(errno) : "end");
		done += r;
	}
	close(fd);
}

void sim_mem_write(const char *gpu, uint64_t off, const void *buf, size_t n)
{
	int fd = sim_mem_open(gpu, O_WRONLY);

	for (size_t done = 0; done < n;) {
		ssize_t r = pwrite(fd, (const char *)buf + done, n - done, (off_t)(off + done));

		if (r <= 0)
			ktap_fail("device's side: write of %zu at 0x%llx: %s", n - done,
				  (unsigned long long)(off + done), r ? strerror(errno) : "end");
		done += r;
	}
	close(fd);
}
