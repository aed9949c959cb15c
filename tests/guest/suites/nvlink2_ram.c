// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md sections 4 and 5: the GPU's memory, through read, write and mappings.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kills.h"
#include "nvlink.h"
#include "power.h"
#include "trace.h"

static struct nvlink nv;

static const struct nvlink_want one_link = {.links = "1"};

/* The GPU alone, opened, enabled, trained. */
static void ram_open(void)
{
	nvlink_open(&nv, &one_link);
}

static const uint64_t places[] = {0, 4095, 1 * GiB - 9, 1 * GiB, 15 * GiB + 12345, 16 * GiB - 3000};

static void read_write_agree(void)
{
	static char out[3000], in[3000];

	ram_open();
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		ktap_fill(out, sizeof(out), ktap_random());
		vfio_put(&nv.gpu.vfio, VFIO_SPECIAL, places[i], out, sizeof(out));
		sim_mem_read(nv.gpu.name, places[i], in, sizeof(in));
		BYTES(in, out, sizeof(in), "written at place %zu, on the device's side", i);
		ktap_fill(out, sizeof(out), ktap_random());
		sim_mem_write(nv.gpu.name, places[i], out, sizeof(out));
		vfio_get(&nv.gpu.vfio, VFIO_SPECIAL, places[i], in, sizeof(in));
		BYTES(in, out, sizeof(in), "read at place %zu", i);
	}
	EQ(vfio_read(&nv.gpu.vfio, VFIO_SPECIAL, NVLINK_WINDOW, in, 8), -EINVAL,
	   "behind the window");
	EQ(vfio_write(&nv.gpu.vfio, VFIO_SPECIAL, TiB - 8, in, 8), -EINVAL, "at the offsets' end");
}

/* In one call, for as long as it takes. */
static void read_long(void *arg)
{
	const size_t bytes = 1 * GiB;
	void *buf = vfio_buffer(bytes);

	*(volatile int *)arg = 1;
	vfio_read(&nv.gpu.vfio, VFIO_SPECIAL, 0, buf, bytes);
	*(volatile int *)arg = 2;
	pause();
}

/* Who reads long can be killed in between. */
static void killed_in_read(void)
{
	volatile int *state = ktap_shared(sizeof(*state));
	double start;
	pid_t pid;

	ram_open();
	pid = ktap_spawn(read_long, (void *)state);
	EQ(ktap_await(state, 1, 10), 1, "read: started");
	ktap_sleep(0.2);
	start = ktap_now();
	EQ(*state, 1, "read: still under way");
	ktap_kill(pid, 10, "reader");
	ktap_diag("gone %.3f s after SIGKILL", ktap_now() - start);
	EQ(*state, 1, "read: was finished first");
}

/* P10: what the kernel mapped to copy is not mapped afterwards, however much it was. */
static void P10_no_lasting_kernel_mapping(void)
{
	const size_t bytes = 8 * MiB;
	char *buf = malloc(bytes);
	long before;

	ram_open();
	before = util_lines("/proc/vmallocinfo", "phys=");
	OK(before >= 0, "/proc/vmallocinfo cannot be read");
	for (int i = 0; i < 4; i++)
		vfio_get(&nv.gpu.vfio, VFIO_SPECIAL, i * 2 * GiB, buf, bytes);
	EQ(util_lines("/proc/vmallocinfo", "phys="), before, "kernel mappings after reads");
	free(buf);
}

/* The links are trained by the guest's driver: until then nobody may touch the memory. */
static void P10_untouched_until_asked(void)
{
	uint64_t value;
	void *p;

	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	EQ(sim_state(nv.gpu.name, "ready"), 0, "trained by itself");
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	vfio_memory_enable(&nv.gpu.vfio, true);
	nvlink_ram(&nv.gpu.vfio);
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 4 * GiB);
	ktap_sleep(0.2);
	EQ(sim_state(nv.gpu.name, "ras_events"), 0, "early accesses and mappings");
	/* And what does touch it is seen. */
	EQ(vfio_touch_write(p, 0), 0, "store before training");
	sim_train(nv.gpu.name);
	OK(sim_state(nv.gpu.name, "ras_events") > 0, "a store before training is not counted");
	EQ(vfio_touch_read(p, &value), 0, "load after training");
	munmap(p, 4 * GiB);
}

static void P1_bounds(void)
{
	static const struct {
		uint64_t off, len;
		int err;
	} t[] = {
		{NVLINK_WINDOW, 64 * KiB, EINVAL},
		{TiB - 64 * KiB, 64 * KiB, EINVAL},
		{NVLINK_WINDOW - 64 * KiB, 128 * KiB, EINVAL},
		{64 * KiB, NVLINK_WINDOW, EINVAL},
		{0, NVLINK_WINDOW + 64 * KiB, EINVAL},
		{TiB - 64 * KiB, 128 * KiB, EINVAL},
		{NVLINK_WINDOW - 64 * KiB, 64 * KiB, 0},
		{0, NVLINK_WINDOW, 0},
		{64 * KiB, 64 * KiB, 0},
	};

	ram_open();
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		EQ(vfio_map_errno(&nv.gpu.vfio, VFIO_SPECIAL, t[i].off, t[i].len, PROT_READ,
				  MAP_SHARED),
		   t[i].err, "mmap of 0x%llx at 0x%llx", (unsigned long long)t[i].len,
		   (unsigned long long)t[i].off);
	EQ(vfio_map_errno(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB, PROT_READ, MAP_PRIVATE), EINVAL,
	   "private");
}

static void ram_child(void *arg)
{
	uint64_t value;

	EQ(vfio_touch_read(arg, &value), 0, "child: load");
	EQ(vfio_touch_write(arg, value + 1), 0, "child: store");
	munmap(arg, 64 * KiB);
}

/* P5: again, twice at once, in parts, split, in another process. */
static void P5_mappings(void)
{
	const uint64_t part = 64 * KiB;
	char *p, *q;
	uint64_t value;

	ram_open();
	for (int i = 0; i < 3; i++) {
		p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 8 * part);
		nvlink_agrees(&nv, p, 0, "again");
		munmap(p, 8 * part);
	}
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 1 * GiB, 8 * part);
	q = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 1 * GiB + part, 8 * part);
	nvlink_agrees(&nv, p + part, 1 * GiB + part, "first of two");
	nvlink_agrees(&nv, q, 1 * GiB + part, "second of two");
	EQ(munmap(p + 3 * part, part), 0, "munmap of a part in the middle");
	nvlink_agrees(&nv, p + 2 * part, 1 * GiB + 2 * part, "before the hole");
	nvlink_agrees(&nv, p + 4 * part, 1 * GiB + 4 * part, "behind the hole");
	EQ(vfio_touch_read(p + 3 * part, &value), SIGSEGV, "in the hole");
	value = 41;
	sim_mem_write(nv.gpu.name, 1 * GiB, &value, 8);
	ktap_join_ok(ktap_spawn(ram_child, p), 10, "child");
	sim_mem_read(nv.gpu.name, 1 * GiB, &value, 8);
	EQ(value, 42, "what the child stored");
	nvlink_agrees(&nv, p, 1 * GiB, "after the child went");
	munmap(p, 8 * part);
	nvlink_agrees(&nv, q, 1 * GiB + part, "second, the first gone");
	munmap(q, 8 * part);
}

static void zapped_when_silent(void)
{
	uint64_t value;
	void *p;

	ram_open();
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB);
	nvlink_agrees(&nv, p, 0, "memory enabled");
	vfio_memory_enable(&nv.gpu.vfio, false);
	EQ(vfio_touch_read(p, NULL), SIGBUS, "memory disabled: load");
	EQ(vfio_read(&nv.gpu.vfio, VFIO_SPECIAL, 0, &value, 8), -EIO, "memory disabled: read");
	vfio_memory_enable(&nv.gpu.vfio, true);
	nvlink_agrees(&nv, p, 0, "memory enabled again");
	vfio_power(&nv.gpu.vfio, 3);
	EQ(vfio_touch_read(p, NULL), SIGBUS, "D3hot: load");
	vfio_power(&nv.gpu.vfio, 0);
	vfio_memory_enable(&nv.gpu.vfio, true);
	sim_train(nv.gpu.name);
	nvlink_agrees(&nv, p, 0, "D0 again");
	EQ(vfio_reset(&nv.gpu.vfio), 0, "reset");
	vfio_memory_enable(&nv.gpu.vfio, true);
	sim_train(nv.gpu.name);
	nvlink_agrees(&nv, p, 0, "after a reset");
	munmap(p, 64 * KiB);
}

static void reset_vfio(void)
{
	EQ(vfio_reset(&nv.gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
}

static void reset_hot(void)
{
	EQ(vfio_hot_reset(&nv.gpu.vfio), 0, "VFIO_DEVICE_PCI_HOT_RESET: errno");
}

static void reset_sysfs(void)
{
	EQ(pci_reset(nv.gpu.bdf), 0, "sysfs reset: errno");
}

/* A fatal error of the link: the kernel resets the bus, and tells the driver before and after. */
static void reset_by_error(void)
{
	unsigned long before = sim_resets(nv.gpu.name, "hot");

	sim_fault(nv.gpu.name, "aer", "fatal");
	for (int i = 0; i < 500 && sim_resets(nv.gpu.name, "hot") == before; i++)
		ktap_sleep(0.01);
	EQ(sim_resets(nv.gpu.name, "hot"), before + 1, "hot resets");
	/* While the error is handled the memory does not answer. */
	ktap_sleep(1);
}

/*
 * The links are not trained after a reset: nothing is mapped any more, so that what is touched is
 * mapped anew, by a fault.
 */
static void nothing_mapped_after(void (*reset)(void))
{
	const char *const words[] = {"coherent_fault", "result 0x100", NULL};
	char line[256];
	void *p;

	ram_open();
	p = nvlink_map(&nv, 0, 64 * KiB, 0);
	EQ(vfio_touch_write(p, 1), 0, "store");
	reset();
	trace_start("coherent/coherent_fault");
	EQ(vfio_touch_read(p, NULL), 0, "load after the reset");
	EQ(trace_lines(words, line, sizeof(line)), 1, "faults; the last: %s", line);
	trace_stop();
	sim_train(nv.gpu.name);
	nvlink_agrees(&nv, p, 0, "trained again");
	munmap(p, 64 * KiB);
}

static void P13_reset_vfio(void)
{
	nothing_mapped_after(reset_vfio);
}

static void P13_reset_hot(void)
{
	nothing_mapped_after(reset_hot);
}

static void P13_reset_sysfs(void)
{
	nothing_mapped_after(reset_sysfs);
}

static void P13_fatal_error(void)
{
	const char *arch = getenv("COHGPU_ARCH");

	if (arch && !strcmp(arch, "ppc64le"))
		ktap_skip("software cannot raise the interrupts of POWER's root ports");
	nothing_mapped_after(reset_by_error);
}

/* One such event, with this in its line; a fault that is put off until later has one of its own. */
static void told(const char *event, const struct vfio_dev *v, const char *with, uint64_t offset,
		 uint64_t bytes)
{
	const char *const words[] = {event, v->bdf, with, NULL};
	char line[256];

	EQ(trace_lines(words, line, sizeof(line)), 1, "%s of %s: lines", event, v->bdf);
	EQ(trace_number(line, "region"), VFIO_SPECIAL, "%s", line);
	EQ(trace_number(line, "offset"), offset, "%s", line);
	if (bytes)
		EQ(trace_number(line, "length"), bytes, "%s", line);
}

/* Mappings of both kinds, and a fault; read when the devices that they name are gone. */
static void tracepoints(void)
{
	struct vfio_dev gpu, bridge;
	void *p, *registers;

	ram_open();
	gpu = nv.gpu.vfio;
	bridge = nv.bridge[0];
	trace_start("coherent");
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, GiB, 64 * KiB);
	registers = vfio_map(&nv.bridge[0], VFIO_SPECIAL, 0, NVLINK_ATSD);
	EQ(vfio_touch_read(p, NULL), 0, "load");
	munmap(registers, NVLINK_ATSD);
	munmap(p, 64 * KiB);
	nvlink_close(&nv);
	sim_remove(nv.gpu.name);
	told("coherent_mmap", &gpu, "length", GiB, 64 * KiB);
	told("coherent_mmap", &bridge, "length", 0, NVLINK_ATSD);
	told("coherent_fault", &gpu, "result 0x100", GiB, 0);
	trace_stop();
}

/* P10: nothing is mapped that was not touched, as the CPU may read ahead in what is. */
static void P10_mapped_as_touched(void)
{
	const char *const words[] = {"coherent_fault", "result 0x100", NULL};
	const size_t page = util_page(), pages = 24;
	char line[256], *p;

	ram_open();
	trace_start("coherent/coherent_fault");
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, GiB);
	for (size_t i = 0; i < pages; i++)
		EQ(vfio_touch_read(p + i * page, NULL), 0, "page %zu: signal", i);
	EQ(trace_lines(words, line, sizeof(line)), pages, "faults; the last: %s", line);
	EQ(trace_number(line, "order"), 0, "%s", line);
	trace_stop();
}

static volatile int *client_state;

static void client(void *arg)
{
	char *p;

	(void)arg;
	ram_open();
	p = nvlink_map(&nv, 2 * GiB, 64 * MiB, 0);
	for (size_t at = 0; at < 64 * MiB; at += 2 * MiB)
		EQ(vfio_touch_write(p + at, at), 0, "client's store");
	*client_state = 1;
	for (;;)
		pause();
}

static void killed_while_mapped(void)
{
	pid_t pid;

	client_state = ktap_shared(sizeof(*client_state));
	pid = ktap_spawn(client, NULL);
	EQ(ktap_await(client_state, 1, 30), 1, "client came up");
	nvlink_registrations_are(1, "client's registrations");
	ktap_kill(pid, 5, "client");
	nvlink_registrations_are(0, "registrations of the dead");
	ram_open();
	nvlink_agrees(&nv, vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, 64 * KiB), 0, "next client");
}

/* Maps, touches and unmaps, over and over. */
static void faulter(void *faults)
{
	const uint64_t bytes = 64 * KiB;

	for (;;) {
		volatile char *p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, bytes);

		for (uint64_t at = 0; at < bytes; at += util_page()) {
			p[at] = 1;
			++*(volatile uint64_t *)faults;
		}
		munmap((void *)(uintptr_t)p, bytes);
	}
}

/*
 * Wherever in a fault the kernel takes it to another CPU: probes on the functions that map must not
 * leave it there with what belongs to the CPU that it came from, as ftrace's do on POWER.
 */
static void faults_on_the_move(void)
{
	volatile uint64_t *faults = ktap_shared(sizeof(*faults));
	double end = ktap_now() + (ktap_quick() ? 5 : 20);
	unsigned int moves = 0;
	pid_t pid;

	ram_open();
	pid = ktap_spawn(faulter, (void *)(uintptr_t)faults);
	for (; ktap_now() < end; moves++) {
		cpu_set_t cpu;

		CPU_ZERO(&cpu);
		CPU_SET(moves % 2, &cpu);
		EQ(sched_setaffinity(pid, sizeof(cpu), &cpu), 0, "move to CPU %u", moves % 2);
	}
	ktap_kill(pid, 5, "faulter");
	ktap_diag("%llu faults, %u moves", (unsigned long long)*faults, moves);
	OK(*faults > 1000 && moves > 1000, "%llu faults, %u moves: want 1000 of each at least",
	   (unsigned long long)*faults, moves);
}

static void ram_enable(void)
{
	vfio_memory_enable(&nv.gpu.vfio, true);
	sim_train(nv.gpu.name);
}

/* Registered for DMA, too, as the kernel can. */
static volatile char *ram_map(uint64_t bytes)
{
	return nvlink_map(&nv, 0, bytes, 0);
}

static void ram_next(void)
{
	const uint64_t bytes = 64 * KiB;
	void *p;

	nvlink_registrations_are(0, "registrations of the dead");
	nvlink_open_bound(&nv);
	p = nvlink_map(&nv, 0, bytes, 0);
	nvlink_registrations_are(1, "registrations of the next client");
	nvlink_agrees(&nv, p, 0, "next client");
	munmap(p, bytes);
	nvlink_close(&nv);
}

static void random_kills(void)
{
	const struct kills k = {.vfio = &nv.gpu.vfio,
				.bdf = nv.gpu.bdf,
				.region = {VFIO_SPECIAL, VFIO_SPECIAL},
				.enable = ram_enable,
				.map = ram_map,
				.next = ram_next};

	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	kills_random(&k);
}

/* The mapping can be a target of DMA, where a kernel lets any be one. */
static void registered(void *p, uint64_t bytes)
{
	if (!nvlink_platform_real()) {
		OK(nvlink_registered(p, bytes, nv.gpu.mem_base), "the mapping is not registered");
	} else if (!nvlink_kernel_keeps_rcu()) {
		EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering the mapping: errno");
		EQ(tce_unregister(&nv.gpu.vfio, p, bytes), 0, "unregistering it: errno");
	}
}

/* Nothing is registered where a mapping was: what is there now can be, by whoever. */
static void given_back(const struct vfio_dev *v, void *at, uint64_t bytes)
{
	void *p;

	nvlink_registrations_are(0, "registrations left");
	if (!nvlink_platform_real())
		return;
	p = mmap(at, bytes, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	OK(p == at, "mmap: %s", strerror(errno));
	EQ(tce_register(v, p, bytes), 0, "registering what is there now: errno");
	EQ(tce_unregister(v, p, bytes), 0, "unregistering it: errno");
	munmap(p, bytes);
}

/* The GPU, from open to close; where its memory was mapped. */
static void *cycle_gpu(long i, uint64_t bytes)
{
	uint64_t value;
	void *p;

	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	vfio_memory_enable(&nv.gpu.vfio, true);
	sim_train(nv.gpu.name);
	p = nvlink_map(&nv, 0, bytes, 0);
	EQ(vfio_touch_write(p, i), 0, "cycle %ld: store", i);
	vfio_get(&nv.gpu.vfio, VFIO_SPECIAL, 0, &value, 8);
	EQ(value, i, "cycle %ld: read", i);
	registered(p, bytes);
	munmap(p, bytes);
	vfio_close(&nv.gpu.vfio);
	return p;
}

/* A bridge, whose container can register what is where the GPU's memory was. */
static void cycle_bridge(uint64_t value, void *p, uint64_t bytes)
{
	char bdf[PCI_BDF_SIZE];

	memcpy(bdf, nv.bridge[0].bdf, sizeof(bdf));
	vfio_open(&nv.bridge[0], bdf);
	vfio_put(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8);
	given_back(&nv.bridge[0], p, bytes);
	vfio_close(&nv.bridge[0]);
}

static void many_cycles(void)
{
	const uint64_t bytes = 64 * KiB;
	long rounds = ktap_quick() ? 20 : ktap_arg();
	double start = ktap_now();

	nvlink_make(&nv, 0, &one_link);
	for (long i = 0; i < rounds; i++) {
		void *p;

		nvlink_bind(&nv);
		p = cycle_gpu(i, bytes);
		if (i % 4)
			continue;
		cycle_bridge((uint64_t)i, p, bytes);
		EQ(pci_unbind(nv.gpu.bdf), 0, "cycle %ld: unbind", i);
		EQ(pci_unbind(nv.bridge[0].bdf), 0, "cycle %ld: unbind of the bridge", i);
	}
	nvlink_registrations_are(0, "registrations left");
	ktap_diag("%ld cycles in %.1f s", rounds, ktap_now() - start);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(read_write_agree),
		KTAP_CASE(killed_in_read),
		KTAP_CASE(P10_no_lasting_kernel_mapping),
		KTAP_CASE(P10_untouched_until_asked),
		KTAP_CASE(P10_mapped_as_touched),
		KTAP_CASE(P1_bounds),
		KTAP_CASE(P5_mappings),
		KTAP_CASE(zapped_when_silent),
		KTAP_CASE(P13_reset_vfio),
		KTAP_CASE(P13_reset_hot),
		KTAP_CASE(P13_reset_sysfs),
		KTAP_CASE(P13_fatal_error),
		KTAP_CASE(tracepoints),
		KTAP_CASE(killed_while_mapped),
		KTAP_CASE(faults_on_the_move),
		KTAP_CASE_SLOW(random_kills, 400),
		KTAP_CASE_ARG_SLOW("many_cycles", many_cycles, 1000, 1700),
	};

	nvlink_suite();
	return ktap_main("nvlink2_ram", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
