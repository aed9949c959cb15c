// SPDX-License-Identifier: GPL-2.0-only
/* Several GPUs in one machine, each on its own; and ioeventfds (G14). */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sibling.h"

static struct gpu gpu[2];

/* Linux never resets the bus of a GH200 (a quirk of its own), but that of a GB200. */
static const struct gpu_want multi_gb200 = {.preset = "gb200", .mem_size = "1536M"};
static const struct gpu_want multi_tiny = {.preset = "tiny"};

static void multi_open(const struct gpu_want *w)
{
	gpu_fresh(&gpu[0], w);
	gpu_make(&gpu[1], 1, w);
	for (int i = 0; i < 2; i++) {
		pci_bind(gpu[i].bdf, pci_driver_name());
		vfio_open(&gpu[i].vfio, gpu[i].bdf);
		vfio_memory_enable(&gpu[i].vfio, true);
	}
}

static void two_at_once(void)
{
	volatile uint64_t *p[2];

	multi_open(&multi_tiny);
	OK(strcmp(gpu[0].bdf, gpu[1].bdf), "both at %s", gpu[0].bdf);
	OK(gpu[1].mem_base >= gpu[0].mem_base + gpu[0].mem_size, "memories overlap");
	for (int i = 0; i < 2; i++) {
		EQ(gpu[i].vfio.region[4].size, 512 * MiB, "GPU %d: BAR4", i);
		p[i] = vfio_map(&gpu[i].vfio, VFIO_USEMEM, 0, 4 * MiB);
		p[i][0] = 0x100 + i;
		vfio_put(&gpu[i].vfio, VFIO_RESMEM, 8, &(uint64_t){0x200 + i}, 8);
		vfio_cfg_set64(&gpu[i].vfio, PCI_BASE_ADDRESS_4, (i + 1) * GiB);
	}
	for (int i = 0; i < 2; i++) {
		uint64_t got;

		sim_mem_read(gpu[i].name, 0, &got, 8);
		EQ(got, 0x100 + i, "GPU %d: usemem on the device's side", i);
		sim_mem_read(gpu[i].name, GPU_USEMEM(gpu[i].mem_size) + 8, &got, 8);
		EQ(got, 0x200 + i, "GPU %d: resmem on the device's side", i);
		EQ(p[i][0], 0x100 + i, "GPU %d: mapping", i);
		EQ(vfio_cfg64(&gpu[i].vfio, PCI_BASE_ADDRESS_4), (i + 1) * GiB | 0xc,
		   "GPU %d: BAR4", i);
	}
}

/* One GPU's memory enable, reset and training are no other's business. */
static void apart(void)
{
	volatile uint64_t *p[2];
	uint64_t value;

	multi_open(&multi_gb200);
	for (int i = 0; i < 2; i++) {
		p[i] = vfio_map(&gpu[i].vfio, VFIO_USEMEM, 0, 4 * MiB);
		p[i][0] = 0x300 + i;
		vfio_cfg_set64(&gpu[i].vfio, PCI_BASE_ADDRESS_4, 0x4000000000);
	}
	sim_hold_training(gpu[0].name);
	EQ(vfio_reset(&gpu[0].vfio), 0, "reset of GPU 0: errno");
	EQ(vfio_cfg64(&gpu[0].vfio, PCI_BASE_ADDRESS_4), 0xc, "GPU 0: BAR4");
	EQ(vfio_cfg64(&gpu[1].vfio, PCI_BASE_ADDRESS_4), 0x400000000c, "GPU 1: BAR4");
	EQ(vfio_touch_read(p[1], &value), 0, "GPU 1: load while GPU 0 is not ready");
	EQ(value, 0x301, "GPU 1: contents");
	vfio_get(&gpu[1].vfio, VFIO_USEMEM, 0, &value, 8);
	EQ(value, 0x301, "GPU 1: read while GPU 0 is not ready");
	vfio_memory_enable(&gpu[1].vfio, false);
	sim_train(gpu[0].name);
	vfio_memory_enable(&gpu[0].vfio, true);
	EQ(vfio_touch_read(p[0], &value), 0, "GPU 0: load while GPU 1 is off");
	EQ(vfio_hot_reset(&gpu[0].vfio), 0, "hot reset of GPU 0: errno");
	vfio_memory_enable(&gpu[1].vfio, true);
	EQ(vfio_touch_read(p[1], &value), 0, "GPU 1: on again");
	EQ(value, 0x301, "GPU 1: contents, on again");
	for (int i = 0; i < 2; i++)
		EQ(sim_state(gpu[i].name, "ras_events"), 0, "GPU %d: RAS events", i);
}

/* One goes while the other is in use. */
static void one_leaves(void)
{
	volatile uint64_t *p;
	uint64_t value;

	multi_open(&multi_tiny);
	p = vfio_map(&gpu[1].vfio, VFIO_USEMEM, 0, 4 * MiB);
	p[0] = 0x77;
	vfio_close(&gpu[0].vfio);
	EQ(pci_unbind(gpu[0].bdf), 0, "unbind: errno");
	sim_remove(gpu[0].name);
	EQ(vfio_touch_read(p, &value), 0, "the other's mapping");
	EQ(value, 0x77, "the other's contents");
	EQ(vfio_touch_read(p + 2 * MiB / 8, &value), 0, "the other's mapping, fresh page");
	EQ(vfio_reset(&gpu[1].vfio), 0, "the other's reset: errno");
	vfio_get(&gpu[1].vfio, VFIO_USEMEM, 0, &value, 8);
}

/* A hot reset needs a handle on every function that it takes down: not this one's. */
static void hot_reset_with_foreign_group(void)
{
	struct {
		struct vfio_pci_hot_reset h;
		int32_t group;
	} r = {.h = {.argsz = sizeof(r), .count = 1}};

	multi_open(&multi_gb200);
	if (gpu[1].vfio.group < 0)
		ktap_skip("an iommufd knows by itself whose the functions are");
	vfio_cfg_set64(&gpu[0].vfio, PCI_BASE_ADDRESS_4, 0x4000000000);
	r.group = gpu[1].vfio.group;
	EQ(ioctl(gpu[0].vfio.fd, VFIO_DEVICE_PCI_HOT_RESET, &r) ? errno : 0, EINVAL,
	   "hot reset with another's group: errno");
	EQ(vfio_cfg64(&gpu[0].vfio, PCI_BASE_ADDRESS_4), 0x400000000c,
	   "BAR4 after a hot reset that never started");
}

/* A GPU and the other function in its slot, open, its BAR4 set and its memory mapped. */
static volatile uint64_t *multi_sibling(struct vfio_dev *sibling, const char *preset)
{
	const struct gpu_want want = sibling_want(preset);
	volatile uint64_t *p;

	sibling_bind();
	gpu_fresh(&gpu[0], &want);
	pci_bind(gpu[0].bdf, pci_driver_name());
	vfio_open(&gpu[0].vfio, gpu[0].bdf);
	sibling_open(sibling, &gpu[0]);
	vfio_memory_enable(&gpu[0].vfio, true);
	vfio_cfg_set64(&gpu[0].vfio, PCI_BASE_ADDRESS_4, 0x4000000000);
	p = vfio_map(&gpu[0].vfio, VFIO_USEMEM, 0, MiB);
	*p = 0x5afe;
	return p;
}

/* A hot reset that is refused leaves everything as it was. */
static void multi_refused(const struct vfio_dev *sibling, int group, int err, volatile uint64_t *p)
{
	EQ(vfio_hot_reset_by(sibling, group), err, "hot reset of the sibling: errno");
	EQ(sim_resets(gpu[0].name, "hot"), 0, "hot resets of the GPU");
	EQ(vfio_cfg64(&gpu[0].vfio, PCI_BASE_ADDRESS_4), 0x400000000c, "BAR4");
	EQ(*p, 0x5afe, "mapping");
}

/* It is no business of the sibling's client alone: it takes a handle on the GPU's group. */
static void sibling_with_foreign_group(void)
{
	struct vfio_dev sibling;
	volatile uint64_t *p = multi_sibling(&sibling, "gb200");

	if (gpu[0].vfio.group < 0)
		ktap_skip("an iommufd knows by itself whose the functions are");
	gpu_make(&gpu[1], 1, &multi_gb200);
	pci_bind(gpu[1].bdf, pci_driver_name());
	vfio_open(&gpu[1].vfio, gpu[1].bdf);
	multi_refused(&sibling, gpu[1].vfio.group, EINVAL, p);
	EQ(vfio_hot_reset_by(&sibling, gpu[0].vfio.group), 0, "with its group: errno");
	EQ(sim_resets(gpu[0].name, "hot"), 1, "hot resets with its group");
}

/* Linux never resets the bus of a GH200, whoever asks. */
static void sibling_of_gh200(void)
{
	struct vfio_dev sibling;
	volatile uint64_t *p = multi_sibling(&sibling, "tiny");

	multi_refused(&sibling, gpu[0].vfio.group, ENODEV, p);
}

/* Nor may it take down a GPU that no driver of VFIO has. */
static void sibling_of_unbound(void)
{
	const struct gpu_want want = sibling_want("gb200");
	struct vfio_dev sibling;

	sibling_bind();
	gpu_fresh(&gpu[0], &want);
	vfio_open(&sibling, sibling_bdf());
	EQ(vfio_hot_reset(&sibling), EINVAL, "hot reset of the sibling: errno");
	EQ(sim_resets(gpu[0].name, "hot"), 0, "hot resets of the GPU");
}

static int multi_ioeventfd(const struct gpu *g, int index, uint64_t off, uint32_t size,
			   uint64_t data, int fd)
{
	struct vfio_device_ioeventfd io = {
		.argsz = sizeof(io),
		.flags = size,
		.offset = g->vfio.region[index].offset + off,
		.data = data,
		.fd = fd,
	};

	return ioctl(g->vfio.fd, VFIO_DEVICE_IOEVENTFD, &io) ? errno : 0;
}

/* On the real BAR0 it is vfio-pci's: signalling the eventfd writes the register. */
static void G14_ioeventfd_bar0(void)
{
	const uint64_t off = 0x100000;
	uint32_t value = 0;
	int fd = eventfd(0, EFD_CLOEXEC);

	gpu_tiny(&gpu[0]);
	vfio_put(&gpu[0].vfio, 0, off, &value, 4);
	EQ(multi_ioeventfd(&gpu[0], 0, off, 4, 0xd00be11, fd), 0, "set: errno");
	EQ(multi_ioeventfd(&gpu[0], 0, off, 4, 0xd00be11, fd), EEXIST, "set twice: errno");
	EQ(multi_ioeventfd(&gpu[0], 0, gpu[0].vfio.region[0].size - 2, 4, 1, fd), EINVAL,
	   "over the BAR's end: errno");
	EQ(multi_ioeventfd(&gpu[0], VFIO_CONFIG, 0x40, 4, 1, fd), EINVAL, "config: errno");
	EQ(write(fd, &(uint64_t){1}, 8), 8, "eventfd");
	for (int i = 0; i < 500 && value != 0xd00be11; i++) {
		ktap_sleep(0.01);
		vfio_get(&gpu[0].vfio, 0, off, &value, 4);
	}
	EQ(value, 0xd00be11, "register behind the eventfd");
	EQ(multi_ioeventfd(&gpu[0], 0, off, 4, 0xd00be11, -1), 0, "unset: errno");
}

static void ioeventfd_windows(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	gpu_tiny(&gpu[0]);
	EQ(multi_ioeventfd(&gpu[0], VFIO_USEMEM, 0, 4, 1, fd), ENOTTY, "BAR4: errno");
	EQ(multi_ioeventfd(&gpu[0], VFIO_RESMEM, 64, 4, 1, fd), ENOTTY, "BAR2: errno");
	EQ(multi_ioeventfd(&gpu[0], VFIO_USEMEM, 400 * MiB, 8, 1, fd), ENOTTY,
	   "BAR4, 8 bytes: errno");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(G14_ioeventfd_bar0),
	KTAP_CASE(ioeventfd_windows),
	KTAP_CASE(two_at_once),
	KTAP_CASE(apart),
	KTAP_CASE(one_leaves),
	KTAP_CASE(hot_reset_with_foreign_group),
	KTAP_CASE(sibling_with_foreign_group),
	KTAP_CASE(sibling_of_gh200),
	KTAP_CASE(sibling_of_unbound),
};

int main(int argc, char **argv)
{
	return ktap_main("multi", cases, ARRAY_LEN(cases), sibling_cleanup, argc, argv);
}
