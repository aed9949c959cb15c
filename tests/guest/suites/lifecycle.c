// SPDX-License-Identifier: GPL-2.0-only
/* Drivers and clients come and go, in order and out of it; nothing stays behind. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"

static struct gpu gpu;

static const struct gpu_want life_want = {.preset = "tiny"};

struct life_client {
	volatile int open, touched, asked;
	int request; /* eventfd, or -1 */
};

/* Opens, maps, touches; waits for its end or for the driver's request to let go. */
static void life_client(void *arg)
{
	struct life_client *c = arg;
	volatile char *p;
	uint64_t n;

	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 4 * MiB);
	if (c->request >= 0) {
		struct {
			struct vfio_irq_set set;
			int32_t fd;
		} irq = {.set = {.argsz = sizeof(irq),
				 .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
				 .index = VFIO_PCI_REQ_IRQ_INDEX,
				 .count = 1},
			 .fd = c->request};

		EQ(ioctl(gpu.vfio.fd, VFIO_DEVICE_SET_IRQS, &irq), 0, "request interrupt");
	}
	EQ(vfio_touch_write(p, 0x11), 0, "client's store");
	c->open = 1;
	if (c->request < 0)
		for (;;)
			pause();
	EQ(read(c->request, &n, 8), 8, "request");
	c->asked = 1;
	EQ(vfio_touch_read(p, &n), 0, "mapping while the driver waits");
	munmap((void *)(uintptr_t)p, 4 * MiB);
	vfio_close(&gpu.vfio);
}

static void life_unbind(void *arg)
{
	(void)arg;
	EQ(pci_unbind(gpu.bdf), 0, "unbind: errno");
}

static void life_works(void)
{
	uint64_t value = ktap_random(), got;
	void *p;

	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	vfio_put(&gpu.vfio, VFIO_USEMEM, 128, &value, 8);
	sim_mem_read(gpu.name, 128, &got, 8);
	EQ(got, value, "next client: device's side");
	p = vfio_map(&gpu.vfio, VFIO_RESMEM, 0, 4096);
	EQ(vfio_touch_read(p, NULL), 0, "next client: touch");
	/* A mapping would keep the device open past its file's close(). */
	munmap(p, 4096);
}

static void unbind_while_mapped(void)
{
	struct life_client *c = ktap_shared(sizeof(*c));
	pid_t client, unbinder;

	gpu_bind(&gpu, &life_want);
	ktap_note()[0] = 0;
	c->request = -1;
	client = ktap_spawn(life_client, c);
	EQ(ktap_await(&c->open, 1, 20), 1, "client open");
	unbinder = ktap_spawn(life_unbind, NULL);
	ktap_sleep(1);
	EQ(ktap_join(unbinder, 0), -1, "unbind came back while a client held the device");
	ktap_kill(client, 10, "client");
	ktap_join_ok(unbinder, 30, "unbind");
	OK(!pci_bound(gpu.bdf, NULL, 0), "still bound");
	life_works();
}

static void client_lets_go_on_request(void)
{
	struct life_client *c = ktap_shared(sizeof(*c));
	pid_t client, unbinder;

	gpu_bind(&gpu, &life_want);
	ktap_note()[0] = 0;
	c->request = eventfd(0, EFD_CLOEXEC);
	client = ktap_spawn(life_client, c);
	EQ(ktap_await(&c->open, 1, 20), 1, "client open");
	unbinder = ktap_spawn(life_unbind, NULL);
	EQ(ktap_await(&c->asked, 1, 30), 1, "client asked to let go");
	ktap_join_ok(client, 30, "client");
	ktap_join_ok(unbinder, 30, "unbind");
	life_works();
}

static void killed_client(void)
{
	struct life_client *c = ktap_shared(sizeof(*c));
	pid_t client;

	gpu_bind(&gpu, &life_want);
	c->request = -1;
	client = ktap_spawn(life_client, c);
	EQ(ktap_await(&c->open, 1, 20), 1, "client open");
	ktap_kill(client, 10, "client");
	life_works();
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0xc, "next client: BAR4");
}

static void second_open_is_refused(void)
{
	const char *iommu = getenv("COHGPU_IOMMU");
	struct vfio_dev second;

	gpu_open(&gpu, &life_want);
	/* A group is busy; a node of the device's own opens, and cannot be bound once more. */
	EQ(vfio_try_open(&second, gpu.bdf), iommu && !strcmp(iommu, "iommufd") ? EINVAL : EBUSY,
	   "second client: errno");
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, &(uint64_t){0}, 8);
}

static void unload_refused_while_open(void)
{
	int err;

	gpu_open(&gpu, &life_want);
	err = pci_module_remove(pci_driver_name());
	OK(err == EWOULDBLOCK || err == EBUSY,
	   "delete_module while open: expected EAGAIN or "
	   "EBUSY, got %d (%s)",
	   err, strerror(err));
	OK(pci_driver_loaded(), "driver gone");
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, &(uint64_t){0}, 8);
}

/* Unload with the device bound and closed, load, bind again. */
static void unload_and_load(void)
{
	int rounds = ktap_quick() ? 3 : 20;

	gpu_bind(&gpu, &life_want);
	for (int i = 0; i < rounds; i++) {
		int err = EAGAIN;

		/* The last close may still be on its way. */
		for (int k = 0; k < 200 && err == EAGAIN; k++) {
			err = pci_module_remove(pci_driver_name());
			if (err)
				ktap_sleep(0.02);
		}
		EQ(err, 0, "round %d: delete_module: errno", i);
		OK(!pci_driver_loaded(), "round %d: driver still there", i);
		OK(!pci_bound(gpu.bdf, NULL, 0), "round %d: still bound", i);
		pci_driver_load();
		life_works();
		vfio_close(&gpu.vfio);
	}
}

/* The simulator goes with a device enabled and bound, and comes back. */
static void device_leaves_while_open(void)
{
	struct life_client *c = ktap_shared(sizeof(*c));
	pid_t client;

	gpu_bind(&gpu, &life_want);
	ktap_note()[0] = 0;
	c->request = eventfd(0, EFD_CLOEXEC);
	client = ktap_spawn(life_client, c);
	EQ(ktap_await(&c->open, 1, 20), 1, "client open");
	sim_set(gpu.name, "enable", "0");
	EQ(c->asked, 1, "client asked to let go");
	ktap_join_ok(client, 30, "client");
	sim_set(gpu.name, "enable", "1");
	life_works();
}

struct life_counts {
	long long page_tables, available, unreclaimable, files;
	long vmalloc, iomem, modules;
};

static void life_count(struct life_counts *c)
{
	char text[128];

	/* Freed things have until now to be gone. */
	sync();
	util_write("/proc/sys/vm/drop_caches", "3");
	ktap_sleep(0.3);
	c->page_tables = util_field("/proc/meminfo", "PageTables");
	c->available = util_field("/proc/meminfo", "MemAvailable");
	c->unreclaimable = util_field("/proc/meminfo", "SUnreclaim");
	c->vmalloc = util_lines("/proc/vmallocinfo", "ioremap") +
		     util_lines("/proc/vmallocinfo", "memremap");
	c->iomem = util_lines("/proc/iomem", NULL);
	c->modules = util_lines("/proc/modules", NULL);
	util_read("/proc/sys/fs/file-nr", text, sizeof(text));
	c->files = atoll(text);
}

static void life_cycle(int i)
{
	volatile char *p, *q;

	/* An FLR takes a tenth of a second, and a cycle has three resets: most go by D3hot. */
	pci_attr_write(gpu.bdf, "reset_method", i % 10 ? "pm" : "default");
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 512 * MiB);
	q = vfio_map(&gpu.vfio, VFIO_RESMEM, 0, 16 * MiB);
	for (uint64_t at = 0; at < 512 * MiB; at += 32 * MiB)
		EQ(vfio_touch_write(p + at, i), 0, "cycle %d: store", i);
	EQ(vfio_touch_write(q, i), 0, "cycle %d: store to resmem", i);
	vfio_put(&gpu.vfio, VFIO_USEMEM, 300 * MiB, &i, sizeof(i));
	vfio_put(&gpu.vfio, VFIO_RESMEM, 300 * MiB, &i, sizeof(i));
	EQ(vfio_reset(&gpu.vfio), 0, "cycle %d: reset: errno", i);
	EQ(vfio_touch_write(p + 8, i), 0, "cycle %d: store after the reset", i);
	munmap((void *)(uintptr_t)p, 512 * MiB);
	munmap((void *)(uintptr_t)q, 16 * MiB);
	vfio_close(&gpu.vfio);
	EQ(pci_unbind(gpu.bdf), 0, "cycle %d: unbind: errno", i);
}

/* What a cycle may not leave: a page of anything. The noise of a VM is allowed for once. */
static void cycles(void)
{
	int n = !ktap_quick() ? 1000 : ktap_sanitized() ? 8 : 20, warm = ktap_sanitized() ? 2 : 5;
	struct life_counts a, b;

	gpu_bind(&gpu, &life_want);
	sim_fault(gpu.name, "training_ms", "1");
	for (int i = 0; i < warm; i++)
		life_cycle(i);
	life_count(&a);
	for (int i = 0; i < n; i++)
		life_cycle(i);
	life_count(&b);
	ktap_diag("%d cycles: PageTables %+lld KiB, MemAvailable %lld %+lld KiB, SUnreclaim %+lld "
		  "KiB, "
		  "files %+lld",
		  n, b.page_tables - a.page_tables, a.available, b.available - a.available,
		  b.unreclaimable - a.unreclaimable, b.files - a.files);
	EQ(b.vmalloc, a.vmalloc, "kernel mappings of devices");
	EQ(b.iomem, a.iomem, "lines of /proc/iomem");
	EQ(b.modules, a.modules, "modules");
	/* The kernel counts files on each CPU, in batches of 32. */
	OK(b.files - a.files < 128, "open files: %lld, then %lld", a.files, b.files);
	OK(b.page_tables - a.page_tables <= 256, "PageTables: %lld KiB, then %lld", a.page_tables,
	   b.page_tables);
	/* Sanitizers keep freed memory for a while, and look for leaks themselves. */
	if (ktap_sanitized())
		return;
	OK(a.available - b.available < 2048 + n / 4, "MemAvailable: %lld KiB, then %lld",
	   a.available, b.available);
	OK(b.unreclaimable - a.unreclaimable < 512 + n / 8, "SUnreclaim: %lld KiB, then %lld",
	   a.unreclaimable, b.unreclaimable);
}

/* What busy clients have begun and what they were given, of each kind. */
static struct life_tally {
	volatile int ready;
	double calm; /* seconds without a reset */
	struct life_kind {
		volatile unsigned long begun, done;
	} read, write, fault, reset;
} * life_tally;

/* Short transfers, of which some are over when the kill comes, and long ones, which are not. */
static void life_transfer(uint64_t i, bool put)
{
	static unsigned char buf[2][4 * MiB];
	size_t n = i & 2 ? sizeof(buf[0]) : 64 * KiB;
	int index = i & 1 ? VFIO_RESMEM : VFIO_USEMEM;
	uint64_t at = i * 7 * MiB % (400 * MiB);
	struct life_kind *kind = put ? &life_tally->write : &life_tally->read;
	ssize_t r;

	kind->begun++;
	r = put ? vfio_write(&gpu.vfio, index, at, buf[1], n)
		: vfio_read(&gpu.vfio, index, at, buf[0], n);
	kind->done += r == (ssize_t)n;
}

/* Bytes of GPU memory that the kernel has mapped; the simulator has a little of it always. */
static uint64_t life_mapped(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	unsigned long long bytes, phys;
	uint64_t mapped = 0;
	char line[512], *at;

	OK(f, "/proc/vmallocinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, "phys=");
		phys = at ? strtoull(at + 5, NULL, 16) : 0;
		if (sscanf(line, "%*s %llu", &bytes) == 1 &&
		    (strstr(line, "coherent_window") ||
		     (phys >= gpu.mem_base && phys < gpu.mem_base + gpu.mem_size)))
			mapped += bytes;
	}
	fclose(f);
	return mapped;
}

/* Of 96 GiB the kernel maps nothing before it is asked for, and then a part. */
static void mapped_as_needed(void)
{
	static const struct {
		int index;
		uint64_t off;
		bool more;
	} t[] = {{VFIO_USEMEM, 40 * GiB, true},
		 {VFIO_USEMEM, 40 * GiB + 4096, false},
		 {VFIO_USEMEM, 100 * GiB, false},
		 {VFIO_RESMEM, 64, true},
		 {VFIO_USEMEM, 0, true}};
	uint64_t base, was, now, word;

	gpu_open_preset(&gpu, "gh200-96");
	was = base = life_mapped();
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		vfio_get(&gpu.vfio, t[i].index, t[i].off, &word, 8);
		now = life_mapped();
		OK(t[i].more ? now > was && now - was <= GiB + MiB : now == was,
		   "access %zu: %lld KiB more are mapped", i,
		   (long long)(now - was) / (long long)KiB);
		was = now;
	}
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	EQ(life_mapped(), base, "mapped after a reset");
}

static void *life_reader(void *arg)
{
	(void)arg;
	for (uint64_t i = 0;; i++)
		life_transfer(i, false);
	return NULL;
}

static void *life_writer(void *arg)
{
	(void)arg;
	for (uint64_t i = 0;; i++)
		life_transfer(i, true);
	return NULL;
}

static void *life_resetter(void *arg)
{
	(void)arg;
	for (;;) {
		ktap_sleep(life_tally->calm);
		life_tally->reset.begun++;
		if (!vfio_reset(&gpu.vfio))
			life_tally->reset.done++;
		vfio_memory_enable(&gpu.vfio, true);
	}
	return NULL;
}

/* Does everything at once until it is killed. */
static void life_busy(void *arg)
{
	pthread_t thread;

	(void)arg;
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	pthread_create(&thread, NULL, life_reader, NULL);
	pthread_create(&thread, NULL, life_writer, NULL);
	pthread_create(&thread, NULL, life_resetter, NULL);
	life_tally->ready = 1;
	for (uint64_t i = 0;; i++) {
		volatile char *p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 64 * MiB);

		for (uint64_t at = 0; at < 64 * MiB; at += 4 * MiB) {
			life_tally->fault.begun++;
			if (!vfio_touch_write(p + (at + i * 4096) % (64 * MiB), i))
				life_tally->fault.done++;
		}
		munmap((void *)(uintptr_t)p, 64 * MiB);
	}
}

/* Some of each kind were given what they asked for, and some were cut off. */
static void life_tell(int rounds, double worst)
{
	const struct life_tally *t = life_tally;

	ktap_diag(
		"%d kills, the slowest took %.3f s; served of begun: %lu of %lu reads, %lu of %lu "
		"writes, %lu of %lu stores, %lu of %lu resets",
		rounds, worst, t->read.done, t->read.begun, t->write.done, t->write.begun,
		t->fault.done, t->fault.begun, t->reset.done, t->reset.begun);
	OK(t->read.done && t->write.done && t->fault.done && t->reset.done,
	   "a kind that was never served");
	OK(t->read.begun > t->read.done && t->write.begun > t->write.done &&
		   t->fault.begun > t->fault.done && t->reset.begun > t->reset.done,
	   "a kind in whose middle nobody was killed");
}

/* Until each kind was served once more. */
static void life_await_all(void)
{
	const struct life_tally was = *life_tally;
	double end = ktap_now() + 20;

	while (ktap_now() < end && (life_tally->read.done == was.read.done ||
				    life_tally->write.done == was.write.done ||
				    life_tally->fault.done == was.fault.done ||
				    life_tally->reset.done == was.reset.done))
		ktap_sleep(0.002);
}

/* Until one has begun; it lasts a while. */
static void life_await_reset(void)
{
	const unsigned long was = life_tally->reset.begun;
	double end = ktap_now() + 20;

	while (ktap_now() < end && life_tally->reset.begun == was)
		ktap_sleep(0.002);
}

/* Killed at random moments; each time the next client works. */
static void random_kills(void)
{
	const double unit = ktap_sanitized() ? 0.3 : 0.03;
	int rounds = !ktap_brief() ? 200 : ktap_sanitized() ? 6 : 10;
	double worst = 0;

	gpu_bind(&gpu, &life_want);
	sim_fault(gpu.name, "training_ms", "2");
	life_tally = ktap_shared(sizeof(*life_tally));
	for (int i = 0; i < rounds; i++) {
		double start;
		pid_t pid;

		life_tally->ready = 0;
		life_tally->calm = (double)(i % 3 + 1) * unit;
		pid = ktap_spawn(life_busy, NULL);
		EQ(ktap_await(&life_tally->ready, 1, 20), 1, "round %d: client began", i);
		/* A reset takes a tenth of a second: most clients do not see the end of one. */
		if (i % 5 == 0)
			life_await_all();
		if (i % 5 == 1)
			life_await_reset();
		else
			ktap_sleep((double)(ktap_random() % 40) / 30 * unit);
		start = ktap_now();
		ktap_kill(pid, 20, "busy client");
		if (ktap_now() - start > worst)
			worst = ktap_now() - start;
		life_works();
		vfio_close(&gpu.vfio);
		EQ(sim_state(gpu.name, "ras_events"), 0, "round %d: RAS events", i);
	}
	life_tell(rounds, worst);
}

static const struct ktap_case cases[] = {
	KTAP_CASE(killed_client),
	KTAP_CASE(mapped_as_needed),
	KTAP_CASE(second_open_is_refused),
	KTAP_CASE(unload_refused_while_open),
	KTAP_CASE_SLOW(unload_and_load, 180),
	KTAP_CASE(unbind_while_mapped),
	KTAP_CASE(client_lets_go_on_request),
	KTAP_CASE(device_leaves_while_open),
	KTAP_CASE_SLOW(random_kills, 400),
	KTAP_CASE_SLOW(cycles, 900),
};

int main(int argc, char **argv)
{
	return ktap_main("lifecycle", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
