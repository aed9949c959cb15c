// SPDX-License-Identifier: GPL-2.0-only
/*
 * The story of `make demo PRESET=v100-32`: a Tesla V100 on POWER9, whose memory is on NVLink, from
 * the device tree to another device's DMA. Every line that states something has been checked; the
 * first thing that is not as it should be ends the program with a non-zero status.
 *
 * demo_v100 [PRESET]: v100-32 if not given. Simulated GPUs that are there go first.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "edu.h"
#include "nvlink.h"
#include "power.h"
#include "story.h"

#define LPARS SIM_POWER "/lpars"

static struct nvlink nv;

static const char *node(char *buf, size_t size, const char *name, uint64_t at)
{
	char path[128];

	snprintf(buf, size, "/%s@%llx", name, (unsigned long long)at);
	snprintf(path, sizeof(path), "/proc/device-tree%s", buf);
	OK(util_exists(path), "%s: not in the device tree", buf);
	return buf;
}

static void firmware(const char *preset)
{
	const struct nvlink_want want = {.preset = preset};
	uint64_t base, device;
	char name[64];

	nvlink_make(&nv, 0, &want);
	base = nv.gpu.mem_base;
	device = pci_attr_number(nv.gpu.bdf, "device");
	EQ(pci_attr_number(nv.gpu.bdf, "vendor"), 0x10de, "vendor of %s", nv.gpu.bdf);
	OK(device == 0x1db1 || device == 0x1db5, "device of %s: 0x%x", nv.gpu.bdf,
	   (unsigned int)device);
	story_title("The GPU and its links, as PCI and the device tree describe them");
	story_line(nv.gpu.bdf, "10de:%04x NVIDIA Tesla V100 SXM2 %s, %s", (unsigned int)device,
		   story_size(nv.gpu.mem_size), node(name, sizeof(name), "gpu", base));
	for (int i = 0; i < nv.links; i++)
		story_line(nv.bridge[i].bdf,
			   "1014:04ea NVLink bridge, link %d: ibm,gpu, ibm,nvlink", i);
	story_line("memory-region", "%s: %s of memory in a window of %s",
		   node(name, sizeof(name), "memory", base), story_size(nv.gpu.mem_size),
		   story_size(NVLINK_WINDOW));
	story_line("ibm,mmio-atsd", "%s: a register for each link",
		   node(name, sizeof(name), "pciex", base + NVLINK_WINDOW));
}

static void bind_all(void)
{
	double start = ktap_now();

	nvlink_bind(&nv);
	story_title("Bound to our driver");
	story_line("driver", "%s, the GPU and %d bridges, in %.0f ms", pci_driver_name(), nv.links,
		   (ktap_now() - start) * 1000);
}

static void regions(void)
{
	struct nvlink_region ram;
	char bdf[PCI_BDF_SIZE];

	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	ram = nvlink_ram(&nv.gpu.vfio);
	OK(ram.found && ram.has_tgt, "no memory region with a tgt");
	EQ(ram.size, NVLINK_WINDOW, "memory region");
	story_title("The devices, as a VFIO client finds them by <linux/vfio.h>");
	story_line("GPU", "region %u: type 10de, subtype 1: memory, %s; tgt 0x%llx", ram.index,
		   story_size(ram.size), (unsigned long long)ram.tgt);
	for (int i = 0; i < nv.links; i++) {
		struct nvlink_region atsd;
		char name[16];

		memcpy(bdf, nv.bridge[i].bdf, sizeof(bdf));
		vfio_open(&nv.bridge[i], bdf);
		atsd = nvlink_atsd(&nv.bridge[i]);
		OK(atsd.found && atsd.has_speed, "link %d: no ATSD region with a speed", i);
		EQ(atsd.size, NVLINK_ATSD, "link %d: ATSD region", i);
		EQ(atsd.tgt, ram.tgt, "link %d: tgt", i);
		snprintf(name, sizeof(name), "link %d", i);
		story_line(name, "region %u: type 1014, subtype 1: ATSD, %s; same tgt, speed %u",
			   atsd.index, story_size(atsd.size), atsd.speed);
	}
}

static void registers(void)
{
	uint64_t value = 0x0102030405060708, got;

	vfio_put(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 8);
	vfio_get(&nv.bridge[0], VFIO_SPECIAL, 0, &got, 8);
	EQ(got, value, "ATSD register");
	EQ(vfio_write(&nv.bridge[0], VFIO_SPECIAL, 0, &value, 4), -EINVAL, "four bytes");
	story_line("ATSD", "8 bytes at once go through, 4 are refused");
}

static void place(volatile char *p, uint64_t at, const char *what)
{
	double start = ktap_now();

	nvlink_agrees(&nv, p, at, what);
	story_line(what, "+0x%010llx: both ways, the same bytes on both sides (%.1f ms)",
		   (unsigned long long)at, (ktap_now() - start) * 1000);
}

static volatile char *bytes(void)
{
	const uint64_t size = nv.gpu.mem_size;
	volatile char *p;

	vfio_memory_enable(&nv.gpu.vfio, true);
	story_title("Bytes, through mmap on one side and the device's own view on the other");
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, size);
	EQ(sim_state(nv.gpu.name, "ras_events"), 0, "accesses before the links were trained");
	story_line("mmap", "%s; nothing touched the memory while the links were not trained",
		   story_size(size));
	/* What the guest's driver does. */
	sim_train(nv.gpu.name);
	place(p, 0, "start");
	place(p + size / 2, size / 2, "middle");
	place(p + size - util_page(), size - util_page(), "last page");
	EQ(vfio_map_errno(&nv.gpu.vfio, VFIO_SPECIAL, NVLINK_WINDOW, util_page(), PROT_READ,
			  MAP_SHARED),
	   EINVAL, "mmap past the window: errno");
	return p;
}

static void reset(volatile char *p)
{
	uint64_t value;
	double start = ktap_now();

	story_title("A reset");
	EQ(vfio_reset(&nv.gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
	story_line("VFIO_DEVICE_RESET", "%.0f ms", (ktap_now() - start) * 1000);
	vfio_memory_enable(&nv.gpu.vfio, false);
	EQ(vfio_touch_read(p, &value), SIGBUS, "load with memory enable off");
	vfio_memory_enable(&nv.gpu.vfio, true);
	EQ(sim_state(nv.gpu.name, "ras_events"), 0, "accesses before the links were trained");
	sim_train(nv.gpu.name);
	place(p, 0, "links trained");
	story_line("memory enable", "off: SIGBUS; on: the mapping is back");
}

/* Another function copies a text out of GPU memory, and into it elsewhere. */
static void dma(void)
{
	static char text[64] = "written by the GPU, copied by another function's DMA";
	const uint64_t at = GiB, span = MiB, other = 512 * KiB;
	struct vfio_dev edu;
	char seen[64];
	char *p;

	story_title("GPU memory as a target of DMA");
	p = nvlink_map(&nv, at, span, 0);
	edu_open(&edu, nv.gpu.vfio.container);
	tce_window(&nv.gpu.vfio);
	EQ(tce_map(&nv.gpu.vfio, p, span), 0, "mapping for DMA: errno");
	sim_mem_write(nv.gpu.name, at, text, sizeof(text));
	edu_copy(&edu, POWER_IOVA, sizeof(text), false);
	edu_copy(&edu, POWER_IOVA + other, sizeof(text), true);
	BYTES(p + other, text, sizeof(text), "copied by DMA, through the mapping");
	sim_mem_read(nv.gpu.name, at + other, seen, sizeof(seen));
	BYTES(seen, text, sizeof(text), "copied by DMA, on the device's side");
	story_line(edu.bdf, "1234:11e8, in the GPU's container, through TCEs at 0x%x", POWER_IOVA);
	story_line("copied", "+0x%llx to +0x%llx: CPU and GPU see \"%.18s...\"",
		   (unsigned long long)at, (unsigned long long)(at + other), p + other);
	vfio_close(&edu);
	munmap(p, span);
}

static void guest(void)
{
	struct power_guest g;
	char line[128];

	story_title("A guest's own number in the hardware");
	guest_make(&g);
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 2, &g), 0, "open with a guest: errno");
	EQ(util_read(LPARS, line, sizeof(line)), 0, LPARS);
	OK(!strncmp(line, nv.gpu.bdf, strlen(nv.gpu.bdf)), LPARS ": %s", line);
	story_line("opened", "with a KVM guest: the GPU translates for LPID %s",
		   line + strlen(nv.gpu.bdf) + 1);
	power_close(&nv.gpu.vfio, &g);
	guest_end(&g);
	EQ(util_lines(LPARS, NULL), 0, "guests that are still mapped");
	story_line("closed", "the GPU is nobody's");
}

int main(int argc, char **argv)
{
	double start = ktap_now();
	volatile char *p;

	story_start();
	nvlink_suite();
	story_machine();
	firmware(argc > 1 ? argv[1] : "v100-32");
	bind_all();
	regions();
	registers();
	p = bytes();
	reset(p);
	munmap((void *)(uintptr_t)p, nv.gpu.mem_size);
	dma();
	nvlink_close(&nv);
	guest();
	sim_remove_all();
	story_title("All of this");
	story_line("took", "%.1f s in the VM, %.1f s since it was switched on", ktap_now() - start,
		   ktap_now());
	return 0;
}
