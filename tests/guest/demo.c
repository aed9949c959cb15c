// SPDX-License-Identifier: GPL-2.0-only
/*
 * The story of `make demo`: a GPU with 96 GiB of coherent memory, from firmware's description to
 * bytes seen on both sides. Every line that states something has been checked; the first thing that
 * is not as it should be ends the program with a non-zero status.
 *
 * demo [GPU]: the simulated GPU's name in configfs; without it the first one, or a new gh200-96.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu.h"
#include "story.h"

static struct gpu gpu;
static double demo_start;

static bool demo_first_gpu(char *name, size_t size)
{
	DIR *dir = opendir(SIM_CONFIGFS);
	bool found = false;
	struct dirent *e;

	while (dir && !found && (e = readdir(dir))) {
		if (e->d_type == DT_DIR && e->d_name[0] != '.') {
			snprintf(name, size, "%.15s", e->d_name);
			found = true;
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

static void demo_gpu(const char *name)
{
	static const struct {
		unsigned int device;
		const char *name;
	} names[] = {
		{0x2342, "GH200 120GB"}, {0x2345, "GH200 480GB"}, {0x2348, "GH200 144G HBM3e"},
		{0x2941, "GB200"},	 {0x31c2, "GB300"},
	};
	const struct gpu_want want = {.preset = "gh200-96"};
	const char *model = "unknown";
	uint64_t device;
	char bdf[64];

	sim_load();
	if (name)
		snprintf(gpu.name, sizeof(gpu.name), "%s", name);
	else if (!demo_first_gpu(gpu.name, sizeof(gpu.name)))
		gpu_make(&gpu, 0, &want);
	sim_get(gpu.name, "bdf", bdf, sizeof(bdf));
	snprintf(gpu.bdf, sizeof(gpu.bdf), "%.15s", bdf);
	gpu.mem_base = sim_get_number(gpu.name, "mem_base");
	gpu.mem_size = sim_get_number(gpu.name, "mem_size");

	EQ(pci_attr_number(gpu.bdf, "vendor"), 0x10de, "vendor of %s", gpu.bdf);
	EQ(pci_attr_number(gpu.bdf, "class"), 0x030200, "class of %s", gpu.bdf);
	device = pci_attr_number(gpu.bdf, "device");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].device == device)
			model = names[i].name;
	story_title("The GPU, as PCI and firmware describe it");
	story_line(gpu.bdf, "10de:%04x NVIDIA %s, 3D controller; BAR0 %s", (unsigned int)device,
		   model, story_size(pci_bar_size(gpu.bdf, 0)));
	story_line("coherent memory", "%s at 0x%llx..0x%llx, in no BAR, not the kernel's",
		   story_size(gpu.mem_size), (unsigned long long)gpu.mem_base,
		   (unsigned long long)(gpu.mem_base + gpu.mem_size - 1));
}

static void demo_bind(void)
{
	char state[128];
	double start;

	pci_driver_load();
	if (pci_bound(gpu.bdf, NULL, 0))
		EQ(pci_unbind(gpu.bdf), 0, "unbind: errno");
	start = ktap_now();
	pci_bind(gpu.bdf, pci_driver_name());
	start = ktap_now() - start;
	EQ(pci_attr(gpu.bdf, "coherent_memory/state", state, sizeof(state)), 0, "state: errno");
	OK(!strcmp(state, "present"), "coherent_memory/state: %s", state);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/usemem_base"), gpu.mem_base, "usemem_base");
	story_title("Bound to our driver");
	story_line("driver", "%s, IOMMU group %d, in %.0f ms", pci_driver_name(),
		   pci_iommu_group(gpu.bdf), start * 1000);
	story_line("coherent_memory/", "state %s, usemem %s, resmem %s", state,
		   story_size(pci_attr_number(gpu.bdf, "coherent_memory/usemem_length")),
		   story_size(pci_attr_number(gpu.bdf, "coherent_memory/resmem_length")));
}

/* Grace Blackwell and later have no uncached window: BAR2 is the function's own. */
static bool demo_has_resmem(void)
{
	return pci_attr_number(gpu.bdf, "coherent_memory/resmem_length");
}

/* Bytes of a window's memory: with one window, all there is. */
static uint64_t demo_size(int index)
{
	return demo_has_resmem() ? gpu_window_size(&gpu, index) : gpu.mem_size;
}

static void demo_window(int index, const char *what)
{
	const struct vfio_region *r = &gpu.vfio.region[index];
	char name[16];

	EQ(r->offset, (uint64_t)index << 40, "region %d: offset", index);
	EQ(r->areas, 1, "region %d: sparse areas", index);
	EQ(r->area_size, demo_size(index), "region %d: memory", index);
	snprintf(name, sizeof(name), "BAR%d", index);
	story_line(name, "%s, %s of memory behind it: %s", story_size(r->size),
		   story_size(r->area_size), what);
}

static void demo_regions(void)
{
	double start = ktap_now();

	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	story_title("The device, as a VFIO client sees it");
	story_line("open", "container, group, type 1 IOMMU, device: %.0f ms",
		   (ktap_now() - start) * 1000);
	EQ(gpu.vfio.region[0].size, pci_bar_size(gpu.bdf, 0), "BAR0");
	story_line("BAR0", "%s, the real registers", story_size(gpu.vfio.region[0].size));
	if (demo_has_resmem())
		demo_window(VFIO_RESMEM, "resmem, write-combining");
	demo_window(VFIO_USEMEM, "usemem, cacheable");
}

static void demo_sizing(void)
{
	story_title("Config space");
	for (int bar = demo_has_resmem() ? 2 : 4; bar <= 4; bar += 2) {
		unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * bar;
		uint64_t got;
		char name[32];

		vfio_cfg_set64(&gpu.vfio, reg, UINT64_MAX);
		got = vfio_cfg64(&gpu.vfio, reg);
		EQ(got, ~(gpu.vfio.region[bar].size - 1) | 0xc, "BAR%d sized", bar);
		snprintf(name, sizeof(name), "BAR%d at 0x%02x", bar, reg);
		story_line(name, "all-ones reads 0x%016llx: %s, 64-bit, prefetchable",
			   (unsigned long long)got, story_size(~(got & ~0xfULL) + 1));
		vfio_cfg_set64(&gpu.vfio, reg, 0x40ULL << 40 | (uint64_t)bar << 32);
	}
}

static void demo_place(volatile char *p, uint64_t off, int index, const char *what)
{
	uint64_t dev = gpu_window(&gpu, index) + off;
	char text[32], seen[32];
	double start = ktap_now();

	snprintf(text, sizeof(text), "CPU to GPU at 0x%010llx", (unsigned long long)dev);
	memset(seen, 0, sizeof(seen));
	for (size_t i = 0; i < sizeof(text); i++)
		p[off + i] = text[i];
	sim_mem_read(gpu.name, dev, seen, sizeof(seen));
	OK(!memcmp(seen, text, sizeof(text)), "%s: the device sees '%.31s'", what, seen);

	snprintf(text, sizeof(text), "GPU to CPU at 0x%010llx", (unsigned long long)dev);
	sim_mem_write(gpu.name, dev, text, sizeof(text));
	for (size_t i = 0; i < sizeof(seen); i++)
		seen[i] = p[off + i];
	OK(!memcmp(seen, text, sizeof(text)), "%s: the CPU sees '%.31s'", what, seen);
	story_line(what, "+0x%010llx: both ways, the same bytes on both sides (%.1f ms)",
		   (unsigned long long)off, (ktap_now() - start) * 1000);
}

static volatile char *demo_bytes(void)
{
	uint64_t size = demo_size(VFIO_USEMEM), page = util_page();
	double start = ktap_now();
	volatile char *use, *res = NULL;

	story_title("Bytes, through mmap on one side and the device's own view on the other");
	use = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, size);
	if (demo_has_resmem())
		res = vfio_map(&gpu.vfio, VFIO_RESMEM, 0, demo_size(VFIO_RESMEM));
	story_line("mmap", "%s%s in %.1f ms", story_size(size), res ? " and resmem" : "",
		   (ktap_now() - start) * 1000);
	demo_place(use, 0, VFIO_USEMEM, "usemem, start");
	demo_place(use, (size / 2) & ~(page - 1), VFIO_USEMEM, "usemem, middle");
	demo_place(use, size - page, VFIO_USEMEM, "usemem, last page");
	if (!res)
		return use;
	demo_place(res, 0, VFIO_RESMEM, "resmem, start");
	demo_place(res, demo_size(VFIO_RESMEM) - page, VFIO_RESMEM, "resmem, last page");
	return use;
}

static void demo_tail(void)
{
	uint64_t size = demo_size(VFIO_USEMEM), bar = gpu.vfio.region[4].size;
	static unsigned char buf[MiB];

	if (size == bar)
		return;
	vfio_get(&gpu.vfio, VFIO_USEMEM, size, buf, sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		EQ(buf[i], 0xff, "tail + %zu", i);
	EQ(vfio_map_errno(&gpu.vfio, VFIO_USEMEM, size, util_page(), PROT_READ, MAP_SHARED), EINVAL,
	   "mmap of the tail: errno");
	story_line("the tail", "%s of BAR4 without memory: reads ~0, cannot be mapped",
		   story_size(bar - size));
}

static void demo_reset(volatile char *p)
{
	double start;
	uint64_t value;
	volatile uint64_t *word = (volatile uint64_t *)(p + GiB);

	story_title("A reset");
	*word = 0x5afe;
	sim_fault(gpu.name, "training_ms", "800");
	sim_fault(gpu.name, "ras_events", "0");
	start = ktap_now();
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0xc, "BAR4 after the reset");
	story_line("VFIO_DEVICE_RESET", "%.0f ms; BAR4 reads 0 with its flags",
		   (ktap_now() - start) * 1000);
	EQ(sim_state(gpu.name, "ready"), 0, "ready right after the reset");
	start = ktap_now();
	EQ(vfio_touch_read(word, &value), 0, "signal at the load after the reset");
	EQ(sim_state(gpu.name, "ready"), 1, "ready after the load");
	EQ(sim_state(gpu.name, "ras_events"), 0, "accesses before readiness");
	story_line("the next load", "waited %.2f s for the memory's training, then came back",
		   ktap_now() - start);
	story_line("RAS events", "0 accesses to the memory before it was ready");
	vfio_memory_enable(&gpu.vfio, false);
	EQ(vfio_touch_read(word, &value), SIGBUS, "load with memory enable off");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_touch_read(word, &value), 0, "load with memory enable on");
	story_line("memory enable", "off: SIGBUS; on: the mapping is back");
	sim_fault(gpu.name, "training_ms", "20");
}

int main(int argc, char **argv)
{
	volatile char *p;

	story_start();
	demo_start = ktap_now();
	story_machine();
	demo_gpu(argc > 1 ? argv[1] : NULL);
	demo_bind();
	demo_regions();
	demo_sizing();
	p = demo_bytes();
	demo_tail();
	demo_reset(p);
	munmap((void *)(uintptr_t)p, demo_size(VFIO_USEMEM));
	vfio_close(&gpu.vfio);
	story_title("Up to here");
	story_line("took", "%.1f s in the VM, %.1f s since it was switched on",
		   ktap_now() - demo_start, ktap_now());
	return 0;
}
