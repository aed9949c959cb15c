// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md section 2, "memory failure", and G5: who is told that a page failed, and that it is
 * kept from users until the device is reset. Pages are failed by the kernel's own means.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gpu.h"
#include "iommufd.h"
#include "trace.h"

#define HARD_OFFLINE "/sys/devices/system/memory/hard_offline_page"

#ifndef BUS_MCEERR_AO
#define BUS_MCEERR_AO 5
#endif

static struct gpu gpu;
static const struct gpu_want tiny = {.preset = "tiny"};

/* The page of the window fails. 0 or errno. */
static int poison(int index, uint64_t off)
{
	char text[32];

	snprintf(text, sizeof(text), "0x%llx",
		 (unsigned long long)(gpu.mem_base + gpu_window(&gpu, index) + off));
	return util_write(HARD_OFFLINE, text);
}

static void poison_open(const struct gpu_want *w)
{
	if (!ktap_kernel("7.2"))
		ktap_skip("this kernel is not told where device memory is");
	gpu_open(&gpu, w);
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
}

static volatile sig_atomic_t told_code;
static void *volatile told_at;

static void told(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	told_code = info->si_code;
	told_at = info->si_addr;
}

static void listen_to_failures(void)
{
	struct sigaction sa = {.sa_sigaction = told, .sa_flags = SA_SIGINFO | SA_RESTART};

	told_code = 0;
	told_at = NULL;
	sigaction(SIGBUS, &sa, NULL);
}

/* A helper that maps @n bytes at @off, touches them all, and says so; then it waits. */
struct neighbour {
	pid_t pid;
	int ready, go;
};

static struct neighbour neighbour_start(int index, uint64_t off, uint64_t n, uint64_t bad)
{
	struct neighbour h;
	int up[2], down[2];
	char c = 0;

	if (pipe(up) || pipe(down))
		ktap_fail("pipe: %s", strerror(errno));
	h.pid = fork();
	if (!h.pid) {
		char *p = vfio_map(&gpu.vfio, index, off, n);
		char *want = bad >= off && bad - off < n ? p + (bad - off) : NULL;

		for (uint64_t at = 0; at < n; at += util_page())
			vfio_touch_read(p + at, NULL);
		listen_to_failures();
		/* Who does not ask to be told early is told by its next touch. */
		prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
		close(down[1]);
		if (write(up[1], &c, 1) != 1 || read(down[0], &c, 1) != 1)
			_exit(3);
		if (want && (told_code != BUS_MCEERR_AO || told_at != want)) {
			ktap_diag("told %d at %p of %p", (int)told_code, told_at, (void *)p);
			_exit(1);
		}
		if (want)
			_exit(0);
		_exit(told_code ? 2 : 0);
	}
	close(down[0]);
	close(up[1]);
	if (read(up[0], &c, 1) != 1)
		ktap_fail("helper: does not start");
	h.ready = up[0];
	h.go = down[1];
	return h;
}

static void neighbour_end(struct neighbour *h, const char *what)
{
	int status;
	char c = 0;

	EQ(write(h->go, &c, 1), 1, "%s: write to the helper", what);
	EQ(waitpid(h->pid, &status, 0), h->pid, "%s: waitpid", what);
	EQ(WIFSIGNALED(status) ? WTERMSIG(status) : 0, 0, "%s: killed by signal", what);
	EQ(WEXITSTATUS(status), 0, "%s: status (1: not told, or wrongly; 2: told)", what);
	close(h->go);
	close(h->ready);
}

/* Two processes map the page, one maps the window elsewhere, one another window. */
static void G5_only_who_maps_it(void)
{
	const uint64_t bad = 64 * MiB;
	struct neighbour all, part, elsewhere, other;

	poison_open(&tiny);
	all = neighbour_start(VFIO_USEMEM, 0, 128 * MiB, bad);
	part = neighbour_start(VFIO_USEMEM, bad, util_page(), bad);
	elsewhere = neighbour_start(VFIO_USEMEM, 0, MiB, bad);
	other = neighbour_start(VFIO_RESMEM, bad, util_page(), 0);
	EQ(poison(VFIO_USEMEM, bad), 0, "failure: errno");
	neighbour_end(&all, "maps all");
	neighbour_end(&part, "maps the page");
	neighbour_end(&elsewhere, "maps the first MiB");
	neighbour_end(&other, "maps the other window");
}

/* All that has nothing of the page: registers, what lies behind it, the window before its own. */
static void G5_who_maps_all_around(void)
{
	const uint64_t bad = 64 * MiB, none = ~0ULL;
	struct neighbour registers, behind, before, page;

	poison_open(&tiny);
	registers = neighbour_start(0, 0, util_page(), none);
	behind = neighbour_start(VFIO_USEMEM, bad + util_page(), MiB, bad);
	EQ(poison(VFIO_USEMEM, bad), 0, "failure: errno");
	neighbour_end(&registers, "maps registers");
	neighbour_end(&behind, "maps what lies behind");
	before = neighbour_start(VFIO_USEMEM, 0, MiB, none);
	page = neighbour_start(VFIO_RESMEM, bad, util_page(), bad);
	EQ(poison(VFIO_RESMEM, bad), 0, "failure in the other window: errno");
	neighbour_end(&before, "maps the window before it");
	neighbour_end(&page, "maps the page in the other window");
}

/* No device gets what failed, and all else as before. */
static void not_exported(void)
{
	int index = (int)ktap_arg();
	size_t page = util_page();
	const struct iommufd_range with = {MiB, MiB}, beside = {3 * MiB, MiB};
	int file;

	if (access("/dev/iommu", F_OK))
		ktap_skip("this kernel exports no regions");
	poison_open(&tiny);
	EQ(poison(index, 2 * MiB - page), 0, "failure: errno");
	EQ(iommufd_export(&gpu.vfio, index, &with, 1), -EIO, "export of the failed page");
	file = iommufd_export(&gpu.vfio, index, &beside, 1);
	OK(file >= 0, "export of another part: errno %d", -file);
	close(file);
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	file = iommufd_export(&gpu.vfio, index, &with, 1);
	OK(file >= 0, "export after the reset: errno %d", -file);
	close(file);
}

static void signals_wait(volatile uint64_t *p, int sig, const char *what)
{
	int got = 0;

	/* The mapping goes soon after the failure is told. */
	for (int i = 0; i < 500; i++) {
		got = vfio_touch_read(p, NULL);
		if (got == sig)
			break;
		ktap_sleep(0.01);
	}
	EQ(got, sig, "%s: signal", what);
}

/* Not mapped any more, nor again; its neighbours are, in small pages and large. */
static void not_mapped_again(void)
{
	int index = (int)ktap_arg();
	size_t page = util_page();
	const uint64_t bad = 32 * MiB + 5 * page;
	char *p;

	poison_open(&tiny);
	p = vfio_map(&gpu.vfio, index, 0, 64 * MiB);
	EQ(vfio_touch_read(p + bad, NULL), 0, "before: signal");
	listen_to_failures();
	EQ(poison(index, bad), 0, "failure: errno");
	signals_wait((void *)(p + bad), SIGBUS, "failed page");
	EQ(vfio_touch_write(p + bad + page - 8, 1), SIGBUS, "its end: signal");
	EQ(vfio_touch_read(p + bad - 8, NULL), 0, "byte before: signal");
	EQ(vfio_touch_read(p + bad + page, NULL), 0, "byte after: signal");
	EQ(vfio_touch_read(p + bad - page, NULL), 0, "page before: signal");
	EQ(vfio_touch_read(p + bad, NULL), SIGBUS, "failed page, its neighbours mapped: signal");
	EQ(vfio_touch_read(p, NULL), 0, "far page: signal");
	EQ(munmap(p, 64 * MiB), 0, "munmap");
	p = vfio_map(&gpu.vfio, index, bad - page, 3 * page);
	EQ(vfio_touch_read(p + page, NULL), SIGBUS, "mapped anew: signal");
	EQ(vfio_touch_read(p, NULL), 0, "mapped anew, before: signal");
	EQ(vfio_touch_read(p + 2 * page, NULL), 0, "mapped anew, after: signal");
	EQ(vfio_touch_read(p + page, NULL), SIGBUS, "mapped anew, between them: signal");
}

/* What a walk is given ahead is without what failed. */
static void walked_over(void)
{
	int index = (int)ktap_arg();
	size_t page = util_page();
	const uint64_t bad = 23 * MiB + 5 * page;
	char *p;

	poison_open(&tiny);
	EQ(poison(index, bad), 0, "failure of a page that nobody maps: errno");
	p = vfio_map_aligned(&gpu.vfio, index, 0, 48 * MiB, GiB, page);
	for (uint64_t k = 0; k < 48 * MiB; k += 32 * KiB)
		if (k < bad - 2 * MiB || k >= bad + page)
			EQ(vfio_touch_read(p + k, NULL), 0, "0x%llx: signal",
			   (unsigned long long)k);
	EQ(vfio_touch_read(p + bad, NULL), SIGBUS, "failed page: signal");
	EQ(vfio_touch_read(p + bad - page, NULL), 0, "page before: signal");
	EQ(vfio_touch_read(p + bad + page, NULL), 0, "page after: signal");
	EQ(vfio_touch_read(p + bad, NULL), SIGBUS, "failed page, its neighbours mapped: signal");
}

/* So many faults ended with an entry of @bytes so far, as our driver tells. */
static void entries(size_t bytes, int want, const char *when)
{
	char order[16], line[256];
	const char *const words[] = {"coherent_fault", gpu.bdf, order, "result 0x100", NULL};

	if (ktap_peer())
		return;
	snprintf(order, sizeof(order), " order %d ", __builtin_ctzll(bytes / util_page()));
	EQ(trace_lines(words, line, sizeof(line)), want, "%s: faults for entries of 0x%zx", when,
	   bytes);
}

/*
 * A huge entry that a failed page is in, or one of 1 GiB, becomes smaller ones; the one beside it stays.
 * After a reset it is as good, though the tables of the smaller ones are still there.
 */
static void in_a_large_entry(void)
{
	const char *arch = getenv("COHGPU_ARCH");
	const size_t page = util_page(), size = ktap_arg() ? GiB : trace_huge();
	const uint64_t bad = size + size / 2 + 5 * page;
	char *p;

	if (ktap_arg() && (!arch || strcmp(arch, "amd64")))
		ktap_skip("this kernel has no entries of 1 GiB for such memory");
	poison_open(&(const struct gpu_want){.preset = "gh200-96"});
	if (!ktap_peer())
		trace_start("coherent/coherent_fault");
	p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, 2 * size, size, 0);
	EQ(vfio_touch_read(p, NULL), 0, "first entry: signal");
	EQ(vfio_touch_read(p + bad, NULL), 0, "second entry: signal");
	entries(size, 2, "touched");
	listen_to_failures();
	EQ(poison(VFIO_USEMEM, bad), 0, "failure: errno");
	signals_wait((void *)(p + bad), SIGBUS, "failed page");
	EQ(vfio_touch_read(p + bad - page, NULL), 0, "page before: signal");
	EQ(vfio_touch_read(p + bad + page, NULL), 0, "page after: signal");
	EQ(vfio_touch_read(p + size, NULL), 0, "begin of its entry: signal");
	EQ(vfio_touch_read(p + 2 * size - 8, NULL), 0, "end of its entry: signal");
	EQ(vfio_touch_read(p + bad, NULL), SIGBUS, "failed page, its neighbours mapped: signal");
	EQ(vfio_touch_read(p + size - 8, NULL), 0, "end of the entry before: signal");
	entries(size, 2, "after the failure");
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_touch_read(p, NULL), 0, "first entry, after a reset: signal");
	EQ(vfio_touch_read(p + bad, NULL), 0, "second entry, after a reset: signal");
	entries(size, 3, "after a reset");
}

static void read_and_write(void)
{
	int index = (int)ktap_arg();
	size_t page = util_page();
	const uint64_t bad = 3 * MiB;
	char *buf = calloc(1, MiB);

	poison_open(&tiny);
	EQ(poison(index, bad), 0, "failure of a page that nobody maps: errno");
	EQ(vfio_read(&gpu.vfio, index, bad, buf, 8), -EIO, "read");
	EQ(vfio_write(&gpu.vfio, index, bad, buf, 8), -EIO, "write");
	EQ(vfio_read(&gpu.vfio, index, bad + page - 1, buf, 1), -EIO, "read of its last byte");
	EQ(vfio_read(&gpu.vfio, index, bad - 4, buf, 8), 4, "read that runs into it");
	EQ(vfio_write(&gpu.vfio, index, bad - 512 * KiB, buf, MiB), 512 * KiB,
	   "write that runs into it");
	EQ(vfio_read(&gpu.vfio, index, bad + page, buf, page), (ssize_t)page, "read after it");
	EQ(vfio_read(&gpu.vfio, index == VFIO_USEMEM ? VFIO_RESMEM : VFIO_USEMEM, bad, buf, 8), 8,
	   "read of the other window");
}

/* The simulator's own means of failing a page. */
static void by_simulator(void)
{
	uint64_t x;
	char text[32];

	poison_open(&tiny);
	snprintf(text, sizeof(text), "0x%llx",
		 (unsigned long long)(gpu_window(&gpu, VFIO_RESMEM) + 7 * MiB));
	sim_fault(gpu.name, "poison", text);
	/* The kernel hears of it as it does of firmware's reports: by a work item. */
	for (int i = 0; i < 500 && vfio_read(&gpu.vfio, VFIO_RESMEM, 7 * MiB, &x, 8) == 8; i++)
		ktap_sleep(0.01);
	EQ(vfio_read(&gpu.vfio, VFIO_RESMEM, 7 * MiB, &x, 8), -EIO, "read");
	EQ(vfio_read(&gpu.vfio, VFIO_RESMEM, 7 * MiB - 8, &x, 8), 8, "read before it");
}

static void until_the_next_reset(void)
{
	size_t page = util_page();
	uint64_t x;
	char *p;

	poison_open(&tiny);
	EQ(poison(VFIO_USEMEM, 0), 0, "failure: errno");
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &x, 8), -EIO, "read");
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &x, 8), 8, "read after the reset");
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, page);
	EQ(vfio_touch_read(p, NULL), 0, "mapped after the reset: signal");
}

/* A reset that failed heals nothing, also where the function answers after it. */
static void until_a_reset_that_works(void)
{
	const struct gpu_want gb200 = {.preset = "gb200", .mem_size = "1536M"};
	size_t page = util_page();
	uint64_t x;
	char *p;

	poison_open(&gb200);
	EQ(poison(VFIO_USEMEM, 0), 0, "failure: errno");
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 2 * page);
	EQ(gpu_failing_reset(&gpu, ktap_arg()), ENOTTY, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &x, 8), -EIO, "read after it");
	EQ(vfio_touch_read(p, NULL), SIGBUS, "load after it: signal");
	EQ(vfio_touch_read(p + page, NULL), 0, "load of the next page: signal");
	EQ(vfio_reset(&gpu.vfio), 0, "the next reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &x, 8), 8, "read after the next");
	EQ(vfio_touch_read(p, NULL), 0, "load after the next: signal");
}

/* A link that the kernel gives up after a fatal error, as it does a GH200's, was never reset. */
static void until_no_link_is_given_up(void)
{
	uint64_t generation, x;

	poison_open(&tiny);
	EQ(poison(VFIO_USEMEM, 0), 0, "failure: errno");
	generation = pci_attr_number(gpu.bdf, "coherent_memory/reset_generation");
	sim_fault(gpu.name, "aer", "fatal");
	/* It freezes, and is given up. */
	for (int i = 0; i < 1000 && pci_attr_number(gpu.bdf, "coherent_memory/reset_generation") <
					    generation + 4;
	     i++)
		ktap_sleep(0.01);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, util_page(), &x, 8), 8, "read of the next page");
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &x, 8), -EIO, "read");
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &x, 8), 8, "read after a reset");
}

/* More than can be told apart: what failed stays refused. */
static void many(void)
{
	size_t page = util_page();
	uint64_t x;

	poison_open(&tiny);
	for (uint64_t i = 0; i < 100; i++)
		EQ(poison(VFIO_USEMEM, i * 3 * page), 0, "failure %d: errno", (int)i);
	for (uint64_t i = 0; i < 100; i++)
		EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, i * 3 * page, &x, 8), -EIO, "read of page %d",
		   (int)(3 * i));
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 1000 * page, &x, 8), 8, "read far from them");
}

/* Nothing stays with the kernel when the driver goes. */
static void unbound(void)
{
	poison_open(&tiny);
	EQ(poison(VFIO_USEMEM, gpu_window_size(&gpu, VFIO_USEMEM) - util_page()), 0,
	   "last page of usemem: errno");
	EQ(poison(VFIO_RESMEM, 0), 0, "first page of resmem: errno");
	vfio_close(&gpu.vfio);
	EQ(poison(VFIO_USEMEM, 0), 0, "closed: errno");
	EQ(pci_unbind(gpu.bdf), 0, "unbind: errno");
	EQ(poison(VFIO_USEMEM, 0) != 0, 1, "unbound: refused by the kernel");
	EQ(poison(VFIO_RESMEM, 0) != 0, 1, "unbound, resmem: refused by the kernel");
	pci_bind(gpu.bdf, pci_driver_name());
	EQ(poison(VFIO_USEMEM, 0), 0, "bound again: errno");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(G5_only_who_maps_it),
	KTAP_CASE(G5_who_maps_all_around),
	KTAP_CASE_ARG("not_mapped_again_usemem", not_mapped_again, VFIO_USEMEM),
	KTAP_CASE_ARG("not_mapped_again_resmem", not_mapped_again, VFIO_RESMEM),
	KTAP_CASE_ARG("walked_over_usemem", walked_over, VFIO_USEMEM),
	KTAP_CASE_ARG("walked_over_resmem", walked_over, VFIO_RESMEM),
	KTAP_CASE_ARG("in_a_huge_entry", in_a_large_entry, 0),
	KTAP_CASE_ARG("in_a_gigantic_entry", in_a_large_entry, 1),
	KTAP_CASE_ARG("read_and_write_usemem", read_and_write, VFIO_USEMEM),
	KTAP_CASE_ARG("read_and_write_resmem", read_and_write, VFIO_RESMEM),
	KTAP_CASE_ARG("not_exported_usemem", not_exported, VFIO_USEMEM),
	KTAP_CASE_ARG("not_exported_resmem", not_exported, VFIO_RESMEM),
	KTAP_CASE(by_simulator),
	KTAP_CASE(until_the_next_reset),
	KTAP_CASE_ARG("until_a_reset_that_works", until_a_reset_that_works, 0),
	KTAP_CASE_ARG("until_a_reset_that_works_hot", until_a_reset_that_works, 1),
	KTAP_CASE(until_no_link_is_given_up),
	KTAP_CASE(many),
	KTAP_CASE(unbound),
};

static void poison_cleanup(void)
{
	trace_stop();
	gpu_cleanup();
}

int main(int argc, char **argv)
{
	return ktap_main("poison", cases, ARRAY_LEN(cases), poison_cleanup, argc, argv);
}
