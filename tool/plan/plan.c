// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/error.h"
#include "core/size.h"
#include "plan/plan.h"

/* As the driver divides device memory, where it is not bound to say so itself. */
#define RESMEM_MIN	  (1ULL << 30)
#define USEMEM_ALIGN	  (512ULL << 20)
#define MEMORY_MAX	  (1ULL << 44)
#define DVSEC_NVIDIA	  3
#define DVSEC_FLAGS	  0xA
#define DVSEC_RESMEM_OVER 1
/* Of QEMU's machine "virt", in this order above the RAM. */
#define RAM_UNIT (1ULL << 30)
#define RAM_LOW	 (256ULL << 30) /* what is above begins there at the earliest */
#define REDIST	 (64ULL << 20)
#define CXL_HOST (1ULL << 20)
#define ECAM	 (256ULL << 20)

uint64_t plan_size(const char *text)
{
	uint64_t size = size_in(text, "b");

	return size < MEMORY_MAX ? size : 0;
}

static bool is_needed_by_model(const struct gpu *gpu)
{
	return gpu->model->device >= 0x2342 && gpu->model->device <= 0x2348;
}

/*
 * Guests want some memory uncached unless a capability of NVIDIA's says that this is over. The driver
 * looks there; where that cannot be read, it is Grace Hopper's that do and its successors' that do not.
 */
static bool needs_resmem(const struct gpu *gpu)
{
	struct config config;
	unsigned int at;
	bool needs;

	if (!config_read(&config, gpu))
		return is_needed_by_model(gpu);
	at = config_dvsec(&config, gpu->model->vendor, DVSEC_NVIDIA);
	if (config_is_silent(&config))
		needs = is_needed_by_model(gpu);
	else
		needs = !at || !(config_word(&config, at + DVSEC_FLAGS) & DVSEC_RESMEM_OVER);
	config_free(&config);
	return needs;
}

static int plan_windows(struct plan_gpu *one, uint64_t total)
{
	const struct gpu_memory *m = &one->gpu->memory;
	uint64_t usemem = m->usemem, resmem = m->resmem;

	if (total) {
		resmem = 0;
		usemem = total;
		if (needs_resmem(one->gpu)) {
			usemem =
				total > RESMEM_MIN ? (total - RESMEM_MIN) & ~(USEMEM_ALIGN - 1) : 0;
			resmem = total - usemem;
		}
	}
	if (total && !usemem) {
		complain(one->gpu->address, "plan",
			 "--memory: nothing is left after 1 GiB uncached");
		return EXIT_FAILED;
	}
	if (!usemem || usemem >= MEMORY_MAX || resmem >= MEMORY_MAX) {
		complain(one->gpu->address, "plan", "the size of its memory is not known");
		advise("bind it to our driver, or give what cohgpu probe shows: --memory 96G");
		return EXIT_FAILED;
	}
	for (int i = 0; i < GPU_BARS; i++)
		one->bar[i] = gpu_bar_size(one->gpu->bar[i].size);
	/* The windows stand in place of these, each with its upper half. */
	one->bar[4] = gpu_bar_size(usemem);
	one->bar[5] = 0;
	if (resmem) {
		one->bar[2] = gpu_bar_size(resmem);
		one->bar[3] = 0;
	}
	return EXIT_OK;
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static uint64_t port_window(const struct plan_gpu *one)
{
	uint64_t sum = 0;

	for (int i = 0; i < GPU_BARS; i++)
		sum += one->bar[i];
	return gpu_bar_size(sum);
}

/* Where the machine's window ends. */
static uint64_t window_end(const struct plan *plan)
{
	uint64_t at = round_up(PLAN_RAM_BASE + plan->ram, RAM_UNIT);

	at = at < RAM_LOW ? RAM_LOW : at;
	at = round_up(at, REDIST) + REDIST;
	at = round_up(at, CXL_HOST) + CXL_HOST;
	at = round_up(at, ECAM) + ECAM;
	return round_up(at, plan->window) + plan->window;
}

unsigned int plan_before(const struct plan *plan, unsigned int host)
{
	unsigned int count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->gpu[i].host < host;
	return count;
}

/*
 * A vSMMU that uses the real one is of one real one, that of the first device behind it: QEMU cannot
 * attach another's to it. So those behind one have a vSMMU, and the host bridge that it wants,
 * together, and others apart. Where the host does not say, each is as if it were alone.
 */
static void plan_host(struct plan *plan, size_t gpu)
{
	struct plan_gpu *one = &plan->gpu[gpu];

	for (size_t i = 0; i < gpu && one->gpu->iommu[0]; i++) {
		if (strcmp(plan->gpu[i].gpu->iommu, one->gpu->iommu))
			continue;
		one->host = plan->gpu[i].host;
		one->place++;
	}
	if (!one->host)
		one->host = ++plan->hosts;
}

void plan_fit(struct plan *plan, uint64_t needed)
{
	uint64_t top;

	plan->needed = needed;
	plan->window = gpu_bar_size(needed);
	if (plan->window < PLAN_MIN_WINDOW)
		plan->window = PLAN_MIN_WINDOW;
	top = window_end(plan);
	plan->bits = 0;
	while (plan->bits < PLAN_MOST_BITS && 1ULL << plan->bits < top)
		plan->bits++;
}

int plan_make(struct plan *plan, const struct gpu_set *set, uint64_t total, uint64_t ram,
	      unsigned int cpus)
{
	uint64_t needed = PLAN_REST;
	int status;

	memset(plan, 0, sizeof(*plan));
	plan->gpu = calloc(set->count, sizeof(*plan->gpu));
	if (!plan->gpu)
		return EXIT_FAILED;
	plan->count = set->count;
	/* QEMU and libvirt are told in whole units. */
	plan->ram = ram & ~((1ULL << 20) - 1);
	plan->cpus = cpus;
	plan->family = set->gpu[0].model->family;
	for (size_t i = 0; i < set->count; i++) {
		plan->gpu[i].gpu = &set->gpu[i];
		if (set->gpu[i].model->family == plan->family)
			continue;
		complain(set->gpu[i].address, "plan", "it is for another machine than %s",
			 set->gpu[0].address);
		return EXIT_USAGE;
	}
	if (ram > 1ULL << (PLAN_MOST_BITS - 1)) {
		complain("memory", "plan", "%llu bytes are more than any CPU can address",
			 (unsigned long long)ram);
		return EXIT_USAGE;
	}
	if (plan->family == GPU_NVLINK2)
		return plan_pseries(plan);
	if (set->count > PLAN_MOST) {
		complain("GPUs", "plan", "no more than %d in one VM", PLAN_MOST);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < set->count; i++) {
		struct plan_gpu *one = &plan->gpu[i];

		plan_host(plan, i);
		one->first_node = 1 + i * PLAN_NODES;
		status = plan_windows(one, total);
		if (status)
			return status;
		one->port = port_window(one);
		needed += one->port;
	}
	plan_fit(plan, needed);
	return EXIT_OK;
}

void plan_free(struct plan *plan)
{
	free(plan->gpu);
	memset(plan, 0, sizeof(*plan));
}
