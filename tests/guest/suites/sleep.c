// SPDX-License-Identifier: GPL-2.0-only
/*
 * D3hot, and all that wakes a function from it. Leaving it is a reset, of which no callback tells:
 * by a write to the PM register (suite reset has that), by another reset, by the core for a reset
 * that then fails, by low power. Whatever woke it, the BARs are zero, and memory is used again.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "sibling.h"

static struct gpu gpu;

#define SL_BAR 0x1234567880000000

static void sl_asleep(const struct gpu_want *want)
{
	gpu_open(&gpu, want);
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, SL_BAR);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), SL_BAR | 0xc, "BAR4 set");
	vfio_power(&gpu.vfio, 3);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &(uint64_t){0}, 8), -EIO, "read in D3hot");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), SL_BAR | 0xc, "BAR4 in D3hot");
}

static void sl_fall_asleep(void)
{
	const struct gpu_want tiny = {.preset = "tiny"};

	sl_asleep(&tiny);
}

static void sl_read(void *arg)
{
	ssize_t *n = arg;

	*n = vfio_read(&gpu.vfio, VFIO_USEMEM, 64, n + 1, sizeof(*n));
}

/* Its BARs are those of a reset function, and its memory answers in good time. */
static void sl_awake(const char *by)
{
	unsigned int pm = vfio_cap(&gpu.vfio, PCI_CAP_ID_PM) + PCI_PM_CTRL;
	ssize_t *n = ktap_shared(2 * sizeof(*n));
	uint64_t value = ktap_random();

	EQ(vfio_cfg16(&gpu.vfio, pm) & PCI_PM_CTRL_STATE_MASK, 0, "%s: power state", by);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), 0xc, "%s: BAR4", by);
	vfio_memory_enable(&gpu.vfio, true);
	sim_mem_write(gpu.name, 64, &value, 8);
	ktap_join_ok(ktap_spawn(sl_read, n), 20, "read after it woke");
	EQ(n[0], 8, "%s: read", by);
	EQ(n[1], value, "%s: value", by);
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/reset_generation") & 1, 0, "%s: generation",
	   by);
	EQ(sim_state(gpu.name, "ras_events"), 0, "%s: RAS events", by);
}

static void by_sysfs(void)
{
	sl_fall_asleep();
	EQ(pci_reset(gpu.bdf), 0, "sysfs reset: errno");
	sl_awake("sysfs reset");
}

static void by_flr(void)
{
	sl_fall_asleep();
	vfio_flr(&gpu.vfio);
	sl_awake("FLR");
}

static void by_vfio(void)
{
	sl_fall_asleep();
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
	sl_awake("VFIO_DEVICE_RESET");
}

/* A reset of the bus, asked of the other function on it. */
static void by_sibling(void)
{
	const struct gpu_want gb200 = sibling_want("gb200");
	struct vfio_dev sibling;

	sibling_bind();
	sl_asleep(&gb200);
	sibling_open(&sibling, &gpu);
	EQ(vfio_hot_reset_by(&sibling, gpu.vfio.group), 0, "hot reset of the sibling: errno");
	sl_awake("hot reset of the sibling");
}

/* The core wakes it, then finds no method: a reset that failed, and one that was none. */
static void by_refused_reset(void)
{
	unsigned long woken;
	int err;

	sl_fall_asleep();
	woken = sim_resets(gpu.name, "pm");
	EQ(pci_attr_write(gpu.bdf, "reset_method", "\n"), 0, "reset_method: errno");
	err = vfio_reset(&gpu.vfio);
	pci_attr_write(gpu.bdf, "reset_method", "default");
	OK(err, "VFIO_DEVICE_RESET succeeded without a method");
	EQ(sim_resets(gpu.name, "pm"), woken + 1, "resets that waking was");
	sl_awake("refused VFIO_DEVICE_RESET");
}

/* It refuses to wake, for a reset that would send it to sleep first: that fails, takes nothing. */
static void by_nothing(void)
{
	unsigned long woken;
	int err;

	sl_fall_asleep();
	woken = sim_resets(gpu.name, "pm");
	sim_fault(gpu.name, "no_wake", "1");
	EQ(pci_attr_write(gpu.bdf, "reset_method", "pm"), 0, "reset_method: errno");
	err = ktap_arg() ? pci_reset(gpu.bdf) : vfio_reset(&gpu.vfio);
	pci_attr_write(gpu.bdf, "reset_method", "default");
	sim_fault(gpu.name, "no_wake", "0");
	EQ(err, EINVAL, "reset: errno");
	EQ(sim_resets(gpu.name, "pm"), woken, "resets that waking was");
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), SL_BAR | 0xc, "BAR4");
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &(uint64_t){0}, 8), -EIO, "read");
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
	sl_awake("the next reset");
}

static int sl_feature(void *feature, uint32_t what)
{
	struct vfio_device_feature *f = feature;

	f->flags = VFIO_DEVICE_FEATURE_SET | what;
	return ioctl(gpu.vfio.fd, VFIO_DEVICE_FEATURE, f) ? errno : 0;
}

static void sl_suspended(void)
{
	char status[32] = "";

	for (int i = 0; i < 2000 && strcmp(status, "suspended"); i++) {
		pci_attr(gpu.bdf, "power/runtime_status", status, sizeof(status));
		ktap_sleep(0.01);
	}
	OK(!strcmp(status, "suspended"), "runtime status: %s", status);
}

static void by_low_power(void)
{
	struct vfio_device_feature f = {.argsz = sizeof(f)};

	sl_fall_asleep();
	EQ(sl_feature(&f, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0, "low power entry: errno");
	sl_suspended();
	EQ(sl_feature(&f, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0, "low power exit: errno");
	sl_awake("low power");
}

static void sl_until_wakeup(void)
{
	struct {
		struct vfio_device_feature f;
		struct vfio_device_low_power_entry_with_wakeup w;
	} __attribute__((packed)) entry = {.f = {.argsz = sizeof(entry)}};

	entry.w.wakeup_eventfd = eventfd(0, EFD_NONBLOCK);
	EQ(sl_feature(&entry, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP), 0,
	   "low power entry with wakeup: errno");
}

/* An access wakes it, and tells so; what was known before it slept is not trusted. */
static void low_power_with_wakeup(void)
{
	uint64_t put = 0x77, got = 0;

	gpu_tiny(&gpu);
	vfio_put(&gpu.vfio, VFIO_USEMEM, 64, &put, 8);
	sl_until_wakeup();
	sl_suspended();
	sim_fault(gpu.name, "training_ms", "300");
	for (int i = 0; i < 2; i++) {
		EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 64, &got, 8), 8, "read %d", i);
		EQ(got, put, "value %d", i);
	}
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

static void sl_touch(void *p)
{
	EQ(vfio_touch_read(p, NULL), 0, "load: signal");
}

/* It is sent to sleep under a read that waits: what the read learns before is not trusted either. */
static void low_power_in_a_read(void)
{
	ssize_t *n = ktap_shared(2 * sizeof(*n));
	pid_t reader;
	void *p;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, util_page());
	sim_hold_training(gpu.name);
	EQ(vfio_reset(&gpu.vfio), 0, "reset: errno");
	vfio_memory_enable(&gpu.vfio, true);
	reader = ktap_spawn(sl_read, n);
	ktap_sleep(0.3);
	sl_until_wakeup();
	sim_train(gpu.name);
	ktap_join_ok(reader, 20, "read");
	EQ(n[0], 8, "read");
	sl_suspended();
	sim_fault(gpu.name, "training", "normal");
	sim_fault(gpu.name, "training_ms", "300");
	/* This wakes it, and ends low power. */
	vfio_cfg32(&gpu.vfio, 0);
	ktap_join_ok(ktap_spawn(sl_touch, p), 20, "load after it woke");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(by_sysfs),
	KTAP_CASE(by_flr),
	KTAP_CASE(by_vfio),
	KTAP_CASE(by_refused_reset),
	KTAP_CASE_ARG("by_nothing", by_nothing, 0),
	KTAP_CASE_ARG("by_nothing_sysfs", by_nothing, 1),
	KTAP_CASE(by_low_power),
	KTAP_CASE(low_power_with_wakeup),
	KTAP_CASE(low_power_in_a_read),
	KTAP_CASE(by_sibling),
};

int main(int argc, char **argv)
{
	return ktap_main("sleep", cases, ARRAY_LEN(cases), sibling_cleanup, argc, argv);
}
