// SPDX-License-Identifier: GPL-2.0-only
#include "kcov.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "ktap.h"
#include "modules.h"
#include "util.h"

#define KCOV_FILE  "/sys/kernel/debug/kcov"
#define KCOV_WORDS (256ul << 10)

static struct kcov_module {
	const char *name;
	uint64_t start, end;
} kcov_modules[] = {
	{.name = "vfio_coherent"}, {.name = "nvgrace_gpu_vfio_pci"}, {.name = "nvlink2_vfio_pci"}};

bool kcov_there(void)
{
	return util_exists(KCOV_FILE);
}

void kcov_find_modules(void)
{
	struct module_text text[MODULES_MAX];
	const int n = modules_read(text);

	for (int i = 0; i < n; i++) {
		for (size_t m = 0; m < ARRAY_LEN(kcov_modules); m++) {
			if (strcmp(text[i].name, kcov_modules[m].name))
				continue;
			kcov_modules[m].start = text[i].start;
			kcov_modules[m].end = text[i].end;
		}
	}
}

void kcov_enable(struct kcov *k)
{
	int fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);

	OK(fd >= 0, KCOV_FILE ": %s", strerror(errno));
	EQ(ioctl(fd, KCOV_INIT_TRACE, KCOV_WORDS), 0, "KCOV_INIT_TRACE");
	k->blocks = mmap(NULL, KCOV_WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(k->blocks != MAP_FAILED, KCOV_FILE ": mmap: %s", strerror(errno));
	EQ(ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC), 0, "KCOV_ENABLE");
}

void kcov_clear(struct kcov *k)
{
	__atomic_store_n(&k->blocks[0], 0, __ATOMIC_RELAXED);
}

/* A number of this block that is the same in every boot; 0: not ours. */
static uint32_t kcov_place(uint64_t pc)
{
	for (uint32_t i = 0; i < ARRAY_LEN(kcov_modules); i++) {
		if (pc - kcov_modules[i].start < kcov_modules[i].end - kcov_modules[i].start)
			return (i + 1) << 20 | (uint32_t)(pc - kcov_modules[i].start);
	}
	return 0;
}

static bool kcov_mark(uint8_t *bits, uint32_t hash)
{
	uint8_t *byte = &bits[hash % KCOV_BITS / 8], bit = 1 << hash % 8;

	if (*byte & bit)
		return false;
	*byte |= bit;
	return true;
}

uint32_t kcov_collect(struct kcov *k, struct kcov_seen *seen)
{
	uint64_t n = __atomic_load_n(&k->blocks[0], __ATOMIC_RELAXED);
	uint32_t before = 0, fresh = 0, place;

	for (uint64_t i = 1; i <= n && i < KCOV_WORDS; i++) {
		place = kcov_place(k->blocks[i]);
		if (!place)
			continue;
		place *= 0x9e3779b1;
		place ^= place >> 15;
		seen->places += kcov_mark(seen->place, place);
		fresh += kcov_mark(seen->edge, place ^ (before * 0x85ebca6b >> 7));
		before = place;
	}
	seen->edges += fresh;
	return fresh;
}
