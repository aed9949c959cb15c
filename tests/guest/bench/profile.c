// SPDX-License-Identifier: GPL-2.0-only
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

/* So many samples tell where a short operation is. */
#define PROFILE_ENOUGH 1000
/* Room for this many pages of samples between a start and its stop, a power of two. */
#define PROFILE_PAGES 1024

struct profile_symbol {
	uint64_t at;
	char name[56];
	unsigned long hits;
};

static struct {
	unsigned long period; /* 0: nobody asks */
	int fd;
	struct perf_event_mmap_page *ring;
	uint64_t *at; /* every sample so far */
	size_t n, room;
	struct profile_symbol *symbols;
	size_t nr_symbols;
} profile;

static int profile_by_address(const void *a, const void *b)
{
	const struct profile_symbol *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int profile_by_hits(const void *a, const void *b)
{
	const struct profile_symbol *x = a, *y = b;

	return (x->hits < y->hits) - (x->hits > y->hits);
}

/* Functions of the kernel and its modules; the first stands for all of user space. */
static void profile_read_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	size_t room = 1 << 18;
	char line[512], type;

	OK(f, "/proc/kallsyms: open");
	profile.symbols = calloc(room, sizeof(*profile.symbols));
	strcpy(profile.symbols[profile.nr_symbols++].name, "[user]");
	while (fgets(line, sizeof(line), f) && profile.nr_symbols < room) {
		struct profile_symbol *s = &profile.symbols[profile.nr_symbols];

		if (sscanf(line, "%lx %c %55s", &s->at, &type, s->name) == 3 && s->at &&
		    strchr("tTwW", type) && s->name[0] != '$')
			profile.nr_symbols++;
	}
	fclose(f);
	OK(profile.nr_symbols > 1, "/proc/kallsyms tells addresses");
	qsort(profile.symbols, profile.nr_symbols, sizeof(*profile.symbols), profile_by_address);
}

static struct profile_symbol *profile_symbol_of(uint64_t at)
{
	size_t low = 0, high = profile.nr_symbols;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (profile.symbols[middle].at <= at)
			low = middle;
		else
			high = middle;
	}
	return &profile.symbols[low];
}

static void profile_keep(uint64_t at)
{
	if (profile.n == profile.room) {
		profile.room = profile.room ? 2 * profile.room : 1 << 16;
		profile.at = realloc(profile.at, profile.room * sizeof(*profile.at));
		OK(profile.at, "memory for samples");
	}
	profile.at[profile.n++] = at;
}

void bench_profile_open(void)
{
	const char *period = getenv("BENCH_PERIOD");
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_type = PERF_SAMPLE_IP,
		.disabled = 1,
		.exclude_hv = 1,
	};

	profile.period = period ? strtoul(period, NULL, 0) : 0;
	if (!profile.period)
		return;
	attr.sample_period = profile.period;
	util_write("/proc/sys/kernel/perf_event_max_sample_rate", "10000000");
	util_write("/proc/sys/kernel/perf_cpu_time_max_percent", "0");
	profile.fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	OK(profile.fd >= 0, "the CPU is sampled");
	profile.ring = mmap(NULL, (1 + PROFILE_PAGES) * util_page(), PROT_READ | PROT_WRITE,
			    MAP_SHARED, profile.fd, 0);
	OK(profile.ring != MAP_FAILED, "room for samples");
	profile_read_symbols();
}

size_t bench_profile_start(void)
{
	if (profile.period)
		ioctl(profile.fd, PERF_EVENT_IOC_ENABLE, 0);
	return profile.n;
}

size_t bench_profile_stop(void)
{
	const char *data;
	uint64_t head, tail;

	if (!profile.period)
		return 0;
	ioctl(profile.fd, PERF_EVENT_IOC_DISABLE, 0);
	data = (const char *)profile.ring + profile.ring->data_offset;
	head = __atomic_load_n(&profile.ring->data_head, __ATOMIC_ACQUIRE);
	tail = profile.ring->data_tail;
	while (tail < head) {
		/* All that there is are multiples of 8 bytes, so that none of these wraps. */
		const struct perf_event_header *event =
			(const void *)(data + tail % profile.ring->data_size);
		uint64_t next = (tail + sizeof(*event)) % profile.ring->data_size;

		EQ(event->type, PERF_RECORD_SAMPLE, "no sample is lost, nor are there too many");
		profile_keep(*(const uint64_t *)(data + next));
		tail += event->size;
	}
	__atomic_store_n(&profile.ring->data_tail, tail, __ATOMIC_RELEASE);
	return profile.n;
}

size_t bench_profile_count(void)
{
	return profile.n;
}

bool bench_profile_enough(size_t samples)
{
	return !profile.period || samples >= PROFILE_ENOUGH;
}

void bench_profile_print(const struct bench *b, const char *op, uint64_t size,
			 const struct bench_cost *cost)
{
	struct profile_symbol *hot;
	size_t n = 0;

	if (!profile.period)
		return;
	for (size_t i = 0; i < profile.nr_symbols; i++)
		profile.symbols[i].hits = 0;
	for (size_t i = cost->from; i < cost->to; i++)
		profile_symbol_of(profile.at[i])->hits++;
	hot = calloc(profile.nr_symbols, sizeof(*hot));
	for (size_t i = 0; i < profile.nr_symbols; i++)
		if (profile.symbols[i].hits)
			hot[n++] = profile.symbols[i];
	qsort(hot, n, sizeof(*hot), profile_by_hits);
	for (size_t i = 0; i < n; i++)
		printf("where %s %llu %s %.1f %s\n", op, (unsigned long long)size, b->who,
		       hot[i].hits * 100.0 / (double)(cost->to - cost->from), hot[i].name);
	free(hot);
}
