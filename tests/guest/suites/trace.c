// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver tells an administrator of itself. Its tracepoints: mappings, faults (how large,
 * where, with what result), edges of resets, waits for readiness. By the faults' own account also:
 * where the kernel has huge entries for such memory, a fault makes one. And, in the log, once at
 * load, what this kernel is without.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gpu.h"
#include "trace.h"

static struct gpu gpu;

/* Results of a fault, as the kernel numbers them. */
#define TR_SIGBUS 0x2
#define TR_NOPAGE 0x100

/* The last line of an event about this GPU; the case fails without one. */
static int tr_last(const char *event, char *line, size_t size)
{
	const char *const words[] = {event, gpu.bdf, NULL};
	int n = trace_lines(words, line, size);

	OK(n > 0, "no %s line for %s", event, gpu.bdf);
	return n;
}

static void mapping(void)
{
	size_t page = util_page();
	char line[256];

	gpu_tiny(&gpu);
	trace_start("coherent/coherent_mmap");
	vfio_map(&gpu.vfio, VFIO_USEMEM, 3 * page, 5 * page);
	EQ(tr_last("coherent_mmap", line, sizeof(line)), 1, "lines");
	EQ(trace_number(line, "region"), VFIO_USEMEM, "%s", line);
	EQ(trace_number(line, "offset"), 3 * page, "%s", line);
	EQ(trace_number(line, "length"), 5 * page, "%s", line);
	/* One that is refused is no mapping. */
	vfio_map_errno(&gpu.vfio, VFIO_USEMEM, 0, page, PROT_READ, MAP_PRIVATE);
	EQ(tr_last("coherent_mmap", line, sizeof(line)), 1, "lines after a refused one");
	vfio_map(&gpu.vfio, VFIO_RESMEM, 0, page);
	EQ(tr_last("coherent_mmap", line, sizeof(line)), 2, "lines");
	EQ(trace_number(line, "region"), VFIO_RESMEM, "%s", line);
}

static void fault(void)
{
	size_t page = util_page();
	char line[256];
	char *p;

	gpu_tiny(&gpu);
	trace_start("coherent/coherent_fault");
	p = vfio_map(&gpu.vfio, VFIO_RESMEM, page, 16 * page);
	EQ(vfio_touch_read(p + 2 * page, NULL), 0, "signal");
	tr_last("coherent_fault", line, sizeof(line));
	EQ(trace_number(line, "region"), VFIO_RESMEM, "%s", line);
	EQ(trace_number(line, "offset"), 3 * page, "%s", line);
	EQ(trace_number(line, "pfn"), (gpu.mem_base + gpu_window(&gpu, VFIO_RESMEM)) / page + 3,
	   "%s", line);
	EQ(trace_number(line, "order"), 0, "%s", line);
	EQ(trace_number(line, "result"), TR_NOPAGE, "%s", line);

	vfio_memory_enable(&gpu.vfio, false);
	EQ(vfio_touch_read(p + 2 * page, NULL), SIGBUS, "signal, memory off");
	tr_last("coherent_fault", line, sizeof(line));
	EQ(trace_number(line, "result"), TR_SIGBUS, "%s", line);
}

/* Virtual and physical address agree modulo a huge page: one fault, one entry. */
static void huge_fault(void)
{
	size_t huge = trace_huge(), len = 4 * huge;
	const char *const huge_words[] = {"coherent_fault", gpu.bdf, "result 0x100", NULL};
	unsigned int order = 0;
	char line[256], *p;

	if (!huge)
		ktap_skip("this kernel maps such memory in small pages only");
	while (util_page() << order < huge)
		order++;
	gpu_open_preset(&gpu, "gh200-96");
	trace_start("coherent/coherent_fault");
	p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, len, huge, 0);
	for (size_t at = 0; at < len; at += huge / 4)
		EQ(vfio_touch_write(p + at, at), 0, "signal");
	EQ(trace_lines(huge_words, line, sizeof(line)), 4, "faults for 4 huge pages; the last: %s",
	   line);
	EQ(trace_number(line, "order"), order, "%s", line);
	EQ(trace_number(line, "offset"), 3 * huge, "%s", line);

	/* Off by a page: small entries, many in a fault. */
	munmap(p, len);
	p += util_page();
	OK(mmap(p, huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, gpu.vfio.fd,
		gpu.vfio.region[VFIO_USEMEM].offset) == p,
	   "mmap, not congruent");
	EQ(vfio_touch_write(p, 1), 0, "signal");
	EQ(trace_lines(huge_words, line, sizeof(line)), 5, "faults; the last: %s", line);
	EQ(trace_number(line, "order"), 0, "%s", line);
}

/* x86 has entries a size larger. */
static void gigantic_fault(void)
{
	const char *const words[] = {"coherent_fault", gpu.bdf, "result 0x100", NULL};
	const char *arch = getenv("COHGPU_ARCH");
	char line[256], *p;

	if (!trace_huge() || strcmp(arch, "amd64"))
		ktap_skip("this kernel has no entries of 1 GiB for such memory");
	gpu_open_preset(&gpu, "gh200-96");
	trace_start("coherent/coherent_fault");
	p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, 2 * GiB, GiB, 0);
	for (uint64_t at = 0; at < 2 * GiB; at += 256 * MiB)
		EQ(vfio_touch_write(p + at, at), 0, "signal");
	EQ(trace_lines(words, line, sizeof(line)), 2, "faults for 2 GiB; the last: %s", line);
	EQ(trace_number(line, "order"), 18, "%s", line);
	EQ(trace_number(line, "offset"), GiB, "%s", line);
}

/* An odd generation: a reset is under way. Even: it is over. */
static void reset(void)
{
	char line[256];
	uint64_t was;
	int n;

	gpu_tiny(&gpu);
	was = pci_attr_number(gpu.bdf, "coherent_memory/reset_generation");
	trace_start("coherent/coherent_reset");
	EQ(pci_reset(gpu.bdf), 0, "reset: errno");
	n = tr_last("coherent_reset", line, sizeof(line));
	EQ(n, 2, "edges");
	EQ(trace_number(line, "generation"),
	   pci_attr_number(gpu.bdf, "coherent_memory/reset_generation"), "%s", line);
	OK(trace_number(line, "generation") > was, "was %llu: %s", (unsigned long long)was, line);
}

static void tr_access(void *arg)
{
	volatile int *begun = arg;
	uint64_t value;

	*begun = 1;
	vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, sizeof(value));
}

/* An access that waits, in a process of its own. */
static pid_t tr_waiter(void)
{
	volatile int *begun = ktap_shared(sizeof(int));
	pid_t pid = ktap_spawn(tr_access, (void *)(uintptr_t)begun);

	EQ(ktap_await(begun, 1, 20), 1, "access began");
	ktap_sleep(0.4);
	return pid;
}

/* Which conditions were wanted and held, how long it took, and how it ended. */
static void wait(void)
{
	char line[256];
	pid_t pid;

	gpu_tiny(&gpu);
	trace_start("coherent/coherent_ready_wait");
	sim_hold_training(gpu.name);
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	pid = tr_waiter();
	sim_train(gpu.name);
	ktap_join_ok(pid, 20, "access");
	EQ(tr_last("coherent_ready_wait", line, sizeof(line)), 1, "lines");
	EQ(trace_number(line, "required"), 3, "%s", line);
	EQ(trace_number(line, "holding"), 3, "%s", line);
	OK(trace_number(line, "after") >= 50, "expected at least 50 ms: %s", line);
	OK(strstr(line, " ms: 0"), "expected success: %s", line);

	sim_hold_training(gpu.name);
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	pid = tr_waiter();
	ktap_kill(pid, 10, "access");
	EQ(tr_last("coherent_ready_wait", line, sizeof(line)), 2, "lines");
	OK(strstr(line, " ms: -4"), "expected -EINTR: %s", line);
}

/* Facilities that kernels came to have, in the order of the driver's line. */
static void missing_facilities(void)
{
	static const struct {
		const char *kernel, *line;
	} want[] = {
		{"6.1", "this kernel is without huge-mappings iommufd pasid dma-buf memory-failure "
			"guests-write-combining\n"},
		{"6.12", "this kernel is without iommufd pasid dma-buf memory-failure\n"},
		{"7.2-debug", NULL},
		{"7.2-gcov", NULL},
		{"7.2", "this kernel is without iommufd pasid\n"},
	};
	size_t i = 0;
	int log;

	while (i < ARRAY_LEN(want) && !ktap_kernel(want[i].kernel))
		i++;
	OK(i < ARRAY_LEN(want), "what is this kernel without?");

	sim_remove_all();
	pci_module_remove("nvlink2_vfio_pci");
	pci_module_remove(pci_driver_name());
	EQ(pci_module_remove("vfio_coherent"), 0, "vfio_coherent: remove: errno");
	log = util_log_mark();
	pci_driver_load();
	if (want[i].line)
		OK(util_log_has(log, (const char *const[]){"vfio-coherent: ", want[i].line, NULL}),
		   "not in the log: %s", want[i].line);
	else
		OK(!util_log_has(log, (const char *const[]){"this kernel is without", NULL}),
		   "without something, says the log");
}

/* What the kernel itself had mapped is in no TLB when a reset begins: CPUs prefetch by them. */
static void no_translation_over_a_reset(void)
{
	char line[256], me[32];
	const char *const words[] = {me, NULL};

	snprintf(me, sizeof(me), "-%d ", getpid());
	gpu_tiny(&gpu);
	for (size_t w = 0; w < 2; w++) {
		vfio_get(&gpu.vfio, w ? VFIO_RESMEM : VFIO_USEMEM, 0, &(uint64_t){0}, 8);
		trace_probe("vm_unmap_aliases");
		EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
		OK(trace_lines(words, line, sizeof(line)) > 0, "window %zu: nobody flushed", w);
		trace_stop();
		vfio_memory_enable(&gpu.vfio, true);
	}
}

static void tr_cleanup(void)
{
	gpu_cleanup();
	trace_stop();
}

static const struct ktap_case cases[] = {
	KTAP_CASE(mapping),
	KTAP_CASE(fault),
	KTAP_CASE(huge_fault),
	KTAP_CASE(gigantic_fault),
	KTAP_CASE(reset),
	KTAP_CASE(wait),
	KTAP_CASE(no_translation_over_a_reset),
	KTAP_CASE(missing_facilities),
};

int main(int argc, char **argv)
{
	return ktap_main("trace", cases, ARRAY_LEN(cases), tr_cleanup, argc, argv);
}
