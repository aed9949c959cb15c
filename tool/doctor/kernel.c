// SPDX-License-Identifier: GPL-2.0-only
/* Options of the running kernel that no module can supply. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "core/out.h"
#include "core/sys.h"
#include "doctor/doctor.h"
#include "plan/plan.h"

#define CONFIG_MAX (1UL << 20)
#define SMALL_PAGE 4096
#define LARGE_PAGE 65536
/* Releases, as kernel_number() has them. */
#define HUGE_SINCE	  612
#define HUGE_OWN_SINCE	  619
#define HUGE_ALWAYS_SINCE 702
#define PER_GIB		  (1ULL << 30)
#define THP		  "/sys/kernel/mm/transparent_hugepage/enabled"

/* Of a FIFO the end would be waited for. */
static gzFile config_open(const char *full)
{
	int fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	gzFile file = NULL;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		file = gzdopen(fd, "rb");
	if (fd >= 0 && !file)
		close(fd);
	return file;
}

/* zlib reads plain files as they are. */
static char *config_read(const char *path)
{
	gzFile file;
	char *text;
	int size;

	sys_ask(path);
	file = config_open(sys_path("%s", path));
	text = file ? malloc(CONFIG_MAX) : NULL;
	size = text ? gzread(file, text, CONFIG_MAX - 1) : -1;
	if (file)
		gzclose(file);
	if (size <= 0) {
		free(text);
		return NULL;
	}
	text[size] = 0;
	return text;
}

static const char *config_text(void)
{
	static const char *const places[] = {"/boot/config-%s", "/lib/modules/%s/config",
					     "/lib/modules/%s/build/.config"};
	static char *text;
	char path[256];

	/* Who captures wants to see which file it is. */
	if (sys_asked) {
		free(text);
		text = NULL;
	}
	if (!text)
		text = config_read("/proc/config.gz");
	for (size_t i = 0; !text && i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), places[i], sys_release());
		text = config_read(path);
	}
	return text;
}

const char *kernel_config(const char *name)
{
	static char value[64];
	const char *line = config_text();
	size_t length = strlen(name);

	if (!line)
		return NULL;
	for (; *line; line += *line == '\n') {
		if (!strncmp(line, "CONFIG_", 7) && !strncmp(line + 7, name, length) &&
		    line[7 + length] == '=') {
			line += 8 + length;
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\n"), line);
			return value;
		}
		line += strcspn(line, "\n");
	}
	return "n";
}

static void config_missing(struct finding *f)
{
	if (!sys_release_known()) {
		finding(f, VERDICT_SKIP, "the tree has no configuration of a kernel");
		return;
	}
	finding(f, VERDICT_SKIP,
		"the kernel's configuration is neither /proc/config.gz nor /boot/config-%s: put it "
		"there",
		sys_release());
}

unsigned int kernel_number(void)
{
	unsigned int major = 0, minor = 0;

	sscanf(sys_release(), "%2u.%2u", &major, &minor);
	return 100 * major + minor;
}

/* For an option that should be "y"; false when it has been dealt with. */
static bool config_is_off(struct finding *f, const char *name)
{
	const char *value = kernel_config(name);

	if (!value) {
		config_missing(f);
		return false;
	}
	if (!strcmp(value, "y")) {
		finding(f, VERDICT_PASS, "CONFIG_%s=y", name);
		return false;
	}
	return true;
}

void check_peer_to_peer(struct finding *f, const struct patient *p)
{
	if (config_is_off(f, "VFIO_PCI_DMABUF"))
		finding(f, p->gpus->count > 1 ? VERDICT_FAIL : VERDICT_WARN,
			"CONFIG_VFIO_PCI_DMABUF is not set");
}

unsigned int kernel_nodes(const char *kind)
{
	char list[256];
	unsigned int count = 0, first, last;

	if (sys_line(list, sizeof(list), "/sys/devices/system/node/%s", kind))
		return 0;
	for (char *at = list; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
		int got = sscanf(at, "%u-%u", &first, &last);

		count += got == 2 && last >= first ? last - first + 1 : got >= 1;
	}
	return count;
}

/* MIG makes up to seven more; a V100's memory is one, for good. */
static unsigned int nodes_of(enum gpu_family family)
{
	return family == GPU_GRACE ? PLAN_NODES : 1;
}

void check_nodes_shift(struct finding *f, const struct patient *p)
{
	const char *value = kernel_config("NODES_SHIFT");
	unsigned int have, cpus = kernel_nodes("has_cpu");
	unsigned int need = cpus ? cpus : 1;

	if (!value) {
		config_missing(f);
		return;
	}
	for (size_t i = 0; i < p->gpus->count; i++)
		need += nodes_of(p->gpus->gpu[i].model->family);
	if (!p->gpus->count)
		need += nodes_of(bare_family());
	have = 1U << (strtoul(value, NULL, 10) & 15);
	finding(f, have < need ? VERDICT_FAIL : VERDICT_PASS,
		"%u NUMA nodes are wanted%s, this kernel has %u", need,
		p->gpus->count ? "" : " with one GPU", have);
}

void check_sva(struct finding *f, const struct patient *p)
{
	(void)p;
	if (!machine_is_arm64())
		finding(f, VERDICT_SKIP, "a matter of arm64 only");
	else if (config_is_off(f, "ARM_SMMU_V3_SVA"))
		finding(f, VERDICT_WARN, "CONFIG_ARM_SMMU_V3_SVA is not set");
}

void check_memory_failure(struct finding *f, const struct patient *p)
{
	(void)p;
	if (config_is_off(f, "MEMORY_FAILURE"))
		finding(f, VERDICT_WARN, "CONFIG_MEMORY_FAILURE is not set");
}

static unsigned long page_size(void)
{
	static const struct {
		const char *option;
		unsigned long size;
	} sizes[] = {
		{"ARM64_64K_PAGES", 65536}, {"ARM64_16K_PAGES", 16384}, {"PPC_64K_PAGES", 65536}};

	if (!sys_is_tree())
		return sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const char *value = kernel_config(sizes[i].option);

		if (value && !strcmp(value, "y"))
			return sizes[i].size;
	}
	return SMALL_PAGE;
}

/* The kernel's own driver, which fills a mapping when it is made; ours is known by its files. */
static bool has_own_driver(const struct patient *p)
{
	for (size_t i = 0; i < p->gpus->count; i++) {
		const struct gpu *gpu = &p->gpus->gpu[i];

		if (gpu->model->family == GPU_GRACE && gpu->memory.source != GPU_MEMORY_DRIVER &&
		    !strcmp(gpu->driver, gpu->model->driver))
			return true;
	}
	return false;
}

static const char not_always[] = THP " is not always, which some kernels heed";

/* Why a mapping is made of small pages; NULL: it need not be. */
static const char *small_pages_by(const struct patient *p)
{
	const char *config = kernel_config("ARCH_SUPPORTS_HUGE_PFNMAP");
	char thp[64];

	if (machine_is_power())
		return "no huge PFN maps on POWER";
	if (kernel_number() < HUGE_SINCE)
		return "no huge PFN maps before 6.12";
	if (config && strcmp(config, "y"))
		return "CONFIG_ARCH_SUPPORTS_HUGE_PFNMAP is not set";
	if (has_own_driver(p) && kernel_number() < HUGE_OWN_SINCE)
		return "the kernel's own driver makes none before 6.19";
	/* They came with the policy for other huge pages, and lost it; stable ones in between. */
	if (kernel_number() < HUGE_ALWAYS_SINCE && !sys_line(thp, sizeof(thp), THP) &&
	    !strstr(thp, "[always]"))
		return not_always;
	return NULL;
}

/* What small pages cost: of the largest window, or a GiB while none is known. */
static const char *faults_of(char *text, size_t size, const struct patient *p)
{
	uint64_t window = 0;
	char of[32];

	for (size_t i = 0; i < p->gpus->count; i++)
		if (p->gpus->gpu[i].memory.usemem > window)
			window = p->gpus->gpu[i].memory.usemem;
	if (window)
		snprintf(text, size, "%llu faults for a window of %s",
			 (unsigned long long)(window / page_size()), out_size(of, window));
	else
		snprintf(text, size, "%llu faults a GiB",
			 (unsigned long long)(PER_GIB / page_size()));
	return text;
}

void check_huge_maps(struct finding *f, const struct patient *p)
{
	const char *why = small_pages_by(p);
	char faults[96], pages[32];

	faults_of(faults, sizeof(faults), p);
	if (!sys_release_known())
		finding(f, VERDICT_SKIP, "the kernel's release is not known");
	else if (why && page_size() < LARGE_PAGE) {
		finding(f, VERDICT_WARN, "%s: %s", why, faults);
		if (why == not_always)
			snprintf(f->fix, sizeof(f->fix), "echo always > " THP);
	} else if (why)
		finding(f, VERDICT_PASS, "pages of %s: %s", out_size(pages, page_size()), faults);
	else if (!kernel_config("ARCH_SUPPORTS_HUGE_PFNMAP"))
		config_missing(f);
	else
		finding(f, VERDICT_PASS, "%s has huge PFN maps", sys_release());
}
