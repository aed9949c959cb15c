// SPDX-License-Identifier: GPL-2.0-only
/* Drivers and clients come and go, in order and out of it; nothing stays behind. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counts.h"
#include "gpu.h"
#include "kills.h"

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
	struct counts a;

	gpu_bind(&gpu, &life_want);
	sim_fault(gpu.name, "training_ms", "1");
	for (int i = 0; i < warm; i++)
		life_cycle(i);
	counts_take(&a);
	for (int i = 0; i < n; i++)
		life_cycle(i);
	counts_same(&a, n, COUNTS_NOISE);
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

static void life_enable(void)
{
	vfio_memory_enable(&gpu.vfio, true);
}

static volatile char *life_map(uint64_t bytes)
{
	return vfio_map(&gpu.vfio, VFIO_USEMEM, 0, bytes);
}

static void life_next(void)
{
	life_works();
	vfio_close(&gpu.vfio);
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

static void random_kills(void)
{
	const struct kills k = {.vfio = &gpu.vfio,
				.bdf = gpu.bdf,
				.region = {VFIO_USEMEM, VFIO_RESMEM},
				.enable = life_enable,
				.map = life_map,
				.next = life_next};

	gpu_bind(&gpu, &life_want);
	sim_fault(gpu.name, "training_ms", "2");
	kills_random(&k);
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
