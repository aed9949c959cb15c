// SPDX-License-Identifier: GPL-2.0-only
#include "pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ktap.h"
#include "util.h"

#define PCI_SYSFS "/sys/bus/pci"

const char *pci_driver_name(void)
{
	const char *name = getenv("COHGPU_DRIVER");

	return name && *name ? name : "nvgrace_gpu_vfio_pci";
}

bool pci_driver_loaded(void)
{
	char path[256];

	snprintf(path, sizeof(path), PCI_SYSFS "/drivers/%s", pci_driver_name());
	return util_exists(path);
}

int pci_module_remove(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? errno : 0;
}

int pci_module_insert(const char *module)
{
	const char *const argv[] = {"modprobe", module, NULL};

	return util_run(argv);
}

void pci_driver_load(void)
{
	int status;

	if (pci_driver_loaded())
		return;
	status = pci_module_insert(pci_driver_name());
	if (status || !pci_driver_loaded())
		ktap_fail("modprobe %s: exit status %d, driver %sregistered", pci_driver_name(),
			  status, pci_driver_loaded() ? "" : "not ");
}

void pci_path(char *buf, size_t size, const char *bdf, const char *file)
{
	snprintf(buf, size, PCI_SYSFS "/devices/%s/%s", bdf, file);
}

int pci_attr(const char *bdf, const char *file, char *buf, size_t size)
{
	char path[256];

	pci_path(path, sizeof(path), bdf, file);
	return util_read(path, buf, size);
}

int pci_attr_write(const char *bdf, const char *file, const char *text)
{
	char path[256];

	pci_path(path, sizeof(path), bdf, file);
	return util_write(path, text);
}

uint64_t pci_attr_number(const char *bdf, const char *file)
{
	char text[64], *end;
	uint64_t value;
	int err = pci_attr(bdf, file, text, sizeof(text));

	if (err)
		ktap_fail("%s of %s: %s", file, bdf, strerror(err));
	value = strtoull(text, &end, 0);
	if (end == text || *end)
		ktap_fail("%s of %s: not a number: '%s'", file, bdf, text);
	return value;
}

uint64_t pci_bar_size(const char *bdf, int bar)
{
	unsigned long long start, end, flags;
	char text[2048], *line = text;

	if (pci_attr(bdf, "resource", text, sizeof(text)))
		ktap_fail("resource of %s cannot be read", bdf);
	for (int i = 0; i < bar && line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || sscanf(line, "%llx %llx %llx", &start, &end, &flags) != 3 || !end)
		return 0;
	return end - start + 1;
}

int pci_config_open(const char *bdf)
{
	char path[256];
	int fd;

	pci_path(path, sizeof(path), bdf, "config");
	fd = open(path, O_RDWR | O_CLOEXEC);
	OK(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

uint64_t pci_config_get(int fd, unsigned int off, size_t bytes)
{
	uint64_t value = 0;

	EQ(pread(fd, &value, bytes, off), bytes, "config space at 0x%x", off);
	return value;
}

void pci_config_set(int fd, unsigned int off, uint64_t value, size_t bytes)
{
	EQ(pwrite(fd, &value, bytes, off), bytes, "config space at 0x%x", off);
}

bool pci_bound(const char *bdf, char *name, size_t size)
{
	char path[256], target[256];
	const char *base;
	ssize_t n;

	pci_path(path, sizeof(path), bdf, "driver");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	base = strrchr(target, '/');
	if (name)
		snprintf(name, size, "%s", base ? base + 1 : target);
	return true;
}

void pci_bind(const char *bdf, const char *driver)
{
	char name[64] = "none";
	int err;

	if (pci_bound(bdf, name, sizeof(name)) && !strcmp(name, driver))
		return;
	pci_unbind(bdf);
	err = pci_attr_write(bdf, "driver_override", driver);
	if (err)
		ktap_fail("driver_override of %s: %s", bdf, strerror(err));
	err = util_write(PCI_SYSFS "/drivers_probe", bdf);
	if (!pci_bound(bdf, name, sizeof(name)) || strcmp(name, driver))
		ktap_fail("%s: bound to %s after drivers_probe (%s), expected %s", bdf, name,
			  strerror(err), driver);
}

int pci_bind_errno(const char *bdf, const char *driver)
{
	char path[256];
	int err;

	err = pci_attr_write(bdf, "driver_override", driver);
	if (err)
		ktap_fail("driver_override of %s: %s", bdf, strerror(err));
	snprintf(path, sizeof(path), PCI_SYSFS "/drivers/%s/bind", driver);
	return util_write(path, bdf);
}

int pci_unbind(const char *bdf)
{
	return pci_attr_write(bdf, "driver/unbind", bdf);
}

int pci_reset(const char *bdf)
{
	return pci_attr_write(bdf, "reset", "1");
}

int pci_iommu_group(const char *bdf)
{
	char path[256], target[256];
	const char *base;
	ssize_t n;

	pci_path(path, sizeof(path), bdf, "iommu_group");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = 0;
	base = strrchr(target, '/');
	return base ? atoi(base + 1) : -1;
}

bool pci_find(unsigned int vendor, unsigned int device, const char *after, char *bdf)
{
	DIR *dir = opendir(PCI_SYSFS "/devices");
	struct dirent *e;
	bool found = false;

	if (!dir)
		return false;
	while ((e = readdir(dir))) {
		char text[32];

		if (e->d_name[0] == '.' || strlen(e->d_name) >= PCI_BDF_SIZE)
			continue;
		if (after && strcmp(e->d_name, after) <= 0)
			continue;
		if (found && strcmp(e->d_name, bdf) >= 0)
			continue;
		if (pci_attr(e->d_name, "vendor", text, sizeof(text)) ||
		    strtoul(text, NULL, 0) != vendor)
			continue;
		if (pci_attr(e->d_name, "device", text, sizeof(text)) ||
		    strtoul(text, NULL, 0) != device)
			continue;
		snprintf(bdf, PCI_BDF_SIZE, "%.15s", e->d_name);
		found = true;
	}
	closedir(dir);
	return found;
}
