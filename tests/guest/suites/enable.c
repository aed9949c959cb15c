// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md section 2, "Memory enable, power and reset", first rule: a window answers only with
 * memory enable set and the function below D3hot. Otherwise -EIO and SIGBUS, every time.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "gpu.h"

static struct gpu gpu;

static const int en_windows[] = {VFIO_USEMEM, VFIO_RESMEM};

/* What D3hot to D0 does to the memory is the device's affair; here it is kept. */
static void en_open(void)
{
	const struct gpu_want w = {.preset = "tiny", .scrub = "0"};

	gpu_open(&gpu, &w);
}

/* How a window is switched off, and on again. */
static void en_off(void)
{
	if (ktap_arg() & 1)
		vfio_power(&gpu.vfio, 3);
	else
		vfio_memory_enable(&gpu.vfio, false);
}

static void en_on(void)
{
	if (ktap_arg() & 1)
		vfio_power(&gpu.vfio, 0);
	else
		vfio_memory_enable(&gpu.vfio, true);
}

static void off_rw(void)
{
	uint64_t value, kept;

	en_open();
	for (int round = 0; round < 3; round++) {
		for (size_t w = 0; w < ARRAY_LEN(en_windows); w++) {
			int index = en_windows[w];

			value = ktap_random();
			vfio_put(&gpu.vfio, index, 4096, &value, 8);
			en_off();
			for (int i = 0; i < 3; i++) {
				uint64_t other = ~value;

				EQ(vfio_read(&gpu.vfio, index, 4096, &kept, 8), -EIO,
				   "round %d.%d: region %d: read while off", round, i, index);
				EQ(vfio_write(&gpu.vfio, index, 4096, &other, 8), -EIO,
				   "round %d.%d: region %d: write while off", round, i, index);
			}
			sim_mem_read(gpu.name, gpu_window(&gpu, index) + 4096, &kept, 8);
			EQ(kept, value, "region %d: device's side after a write while off", index);
			en_on();
			vfio_get(&gpu.vfio, index, 4096, &kept, 8);
			EQ(kept, value, "region %d: on again", index);
		}
	}
}

static void off_touch(void)
{
	uint64_t value = 0, other;

	en_open();
	for (size_t w = 0; w < ARRAY_LEN(en_windows); w++) {
		int index = en_windows[w];
		volatile char *p = vfio_map(&gpu.vfio, index, 0, 4 * MiB);

		for (int round = 0; round < 3; round++) {
			value = ktap_random();
			EQ(vfio_touch_write(p, value), 0, "region %d: store while on", index);
			en_off();
			for (int i = 0; i < 3; i++) {
				EQ(vfio_touch_read(p, &other), SIGBUS,
				   "round %d.%d: region %d: load while off", round, i, index);
				EQ(vfio_touch_write(p, 1), SIGBUS,
				   "round %d.%d: region %d: store while off", round, i, index);
				EQ(vfio_touch_read(p + 3 * MiB, &other), SIGBUS,
				   "round %d.%d: region %d: page never touched, while off", round,
				   i, index);
			}
			en_on();
			EQ(vfio_touch_read(p, &other), 0, "region %d: load, on again", index);
			EQ(other, value, "region %d: contents, on again", index);
		}
	}
}

static void off_tail(void)
{
	unsigned char buf[16];

	gpu_open(&gpu, &gpu_tails);
	for (size_t w = 0; w < ARRAY_LEN(en_windows); w++) {
		int index = en_windows[w];
		uint64_t end = gpu_window_size(&gpu, index);

		en_off();
		for (int i = 0; i < 2; i++) {
			EQ(vfio_read(&gpu.vfio, index, end + 64, buf, 16), -EIO,
			   "region %d: read of the tail while off", index);
			EQ(vfio_write(&gpu.vfio, index, end + 64, buf, 16), -EIO,
			   "region %d: write to the tail while off", index);
			EQ(vfio_read(&gpu.vfio, index, end - 8, buf, 16), -EIO,
			   "region %d: read over the memory's end while off", index);
		}
		en_on();
		vfio_get(&gpu.vfio, index, end + 64, buf, 16);
		for (size_t i = 0; i < sizeof(buf); i++)
			EQ(buf[i], 0xff, "region %d: tail, on again", index);
	}
}

static void mapped_while_off(void)
{
	volatile char *p;
	uint64_t value;

	en_open();
	for (size_t w = 0; w < ARRAY_LEN(en_windows); w++) {
		int index = en_windows[w];

		en_off();
		p = vfio_map(&gpu.vfio, index, 0, MiB);
		EQ(vfio_touch_read(p, &value), SIGBUS, "region %d: mapped and read while off",
		   index);
		en_on();
		EQ(vfio_touch_read(p, &value), 0, "region %d: on again", index);
	}
}

/* The registers are the client's whatever the window does. */
static void config_while_off(void)
{
	gpu_open_preset(&gpu, "gh200-96");
	en_off();
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, UINT64_MAX);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4), ~(128 * GiB - 1) | 0xc, "BAR4 sized");
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_2, UINT64_MAX);
	EQ(vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_2), ~(GiB - 1) | 0xc, "BAR2 sized");
	en_on();
}

static void both_off(void)
{
	uint64_t value;

	en_open();
	vfio_memory_enable(&gpu.vfio, false);
	vfio_power(&gpu.vfio, 3);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "off and in D3hot");
	vfio_power(&gpu.vfio, 0);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "off, in D0");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), 8, "on, in D0");
	vfio_power(&gpu.vfio, 3);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "on, in D3hot");
	vfio_power(&gpu.vfio, 0);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), 8, "on, in D0 again");
}

struct en_user {
	volatile char *map;
	volatile int stop;
	volatile uint64_t good, refused;
	bool by_map;
};

static void *en_user(void *arg)
{
	struct en_user *u = arg;

	while (!u->stop) {
		uint64_t value = 0;
		ssize_t r = vfio_read(&gpu.vfio, VFIO_USEMEM, 8, &value, 8);

		if (r == 8 && value == 0x600d)
			u->good++;
		else if (r == -EIO)
			u->refused++;
		else
			ktap_fail("thread: expected 8 and 0x600d, or -EIO, got %zd and 0x%llx", r,
				  (unsigned long long)value);
	}
	return NULL;
}

static void en_toggler(void *arg)
{
	volatile int *stop = arg;

	while (!*stop) {
		vfio_memory_enable(&gpu.vfio, false);
		vfio_memory_enable(&gpu.vfio, true);
	}
}

/* Never a wrong value, never another error, while memory enable goes off and on. */
static void toggled_under_use(void)
{
	int rounds = ktap_brief() ? 300 : 3000;
	struct en_user u = {0};
	pthread_t thread;
	uint64_t value = 0x600d, good = 0, refused = 0;
	volatile int *stop = ktap_shared(sizeof(int));
	double end;
	pid_t pid;

	en_open();
	u.map = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	vfio_put(&gpu.vfio, VFIO_USEMEM, 8, &value, 8);
	pthread_create(&thread, NULL, en_user, &u);
	pid = ktap_spawn(en_toggler, (void *)(uintptr_t)stop);
	/* Long enough that the others, too, were served and refused. */
	end = ktap_now() + 30;
	for (int i = 0;
	     i < rounds || (!(good && refused && u.good && u.refused) && ktap_now() < end); i++) {
		int sig = vfio_touch_read(u.map + 8, &value);

		OK(sig == 0 || sig == SIGBUS, "touch: expected no signal or SIGBUS, got %d", sig);
		if (sig) {
			refused++;
			continue;
		}
		EQ(value, 0x600d, "load");
		good++;
	}
	*stop = 1;
	u.stop = 1;
	ktap_join_ok(pid, 20, "toggler");
	pthread_join(thread, NULL);
	ktap_diag("loads: %llu good, %llu SIGBUS; reads: %llu good, %llu -EIO",
		  (unsigned long long)good, (unsigned long long)refused, (unsigned long long)u.good,
		  (unsigned long long)u.refused);
	OK(good && u.good, "nobody was served while it was on");
	OK(refused && u.refused, "nobody was refused while it was off");
	EQ(vfio_touch_read(u.map + 8, &value), 0, "load afterwards");
}

/* read and write hold a runtime-PM reference: they wake the device, and the data is right. */
static void low_power_read(void)
{
	uint64_t value = 0x10ca1, got = 0;
	char status[32] = "";

	en_open();
	vfio_put(&gpu.vfio, VFIO_USEMEM, 64, &value, 8);
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0,
	   "LOW_POWER_ENTRY: errno");
	for (int i = 0; i < 1000 && strcmp(status, "suspended"); i++) {
		pci_attr(gpu.bdf, "power/runtime_status", status, sizeof(status));
		ktap_sleep(0.01);
	}
	OK(!strcmp(status, "suspended"), "power/runtime_status: expected suspended, got %s",
	   status);
	/* Waking is a reset: who does not wait for the memory finds out. */
	sim_fault(gpu.name, "training_ms", "300");
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 64, &got, 8), 8, "read of a sleeping device");
	EQ(got, value, "read of a sleeping device");
	value = 0x10ca2;
	EQ(vfio_write(&gpu.vfio, VFIO_USEMEM, 64, &value, 8), 8, "write to a sleeping device");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0,
	   "LOW_POWER_EXIT: errno");
	vfio_get(&gpu.vfio, VFIO_USEMEM, 64, &got, 8);
	EQ(got, value, "awake");
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

/* What was known of the memory is forgotten at each access, and that is none. */
static void low_power_is_no_reset(void)
{
	uint64_t resets, got;

	en_open();
	resets = pci_attr_number(gpu.bdf, "coherent_memory/resets");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0,
	   "LOW_POWER_ENTRY: errno");
	for (int i = 0; i < 3; i++)
		vfio_get(&gpu.vfio, VFIO_USEMEM, 64, &got, 8);
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0,
	   "LOW_POWER_EXIT: errno");
	EQ(pci_attr_number(gpu.bdf, "coherent_memory/resets"), resets, "resets");
}

static void low_power_touch(void)
{
	volatile char *p;
	uint64_t value;

	en_open();
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	EQ(vfio_touch_write(p, 5), 0, "store while awake");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0,
	   "LOW_POWER_ENTRY: errno");
	EQ(vfio_touch_read(p, &value), SIGBUS, "load in low power");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0,
	   "LOW_POWER_EXIT: errno");
	EQ(vfio_touch_read(p, &value), 0, "load, awake again");
	EQ(value, 5, "contents, awake again");
}

/* A write to config space wakes the function for as long as it takes, and shows nobody its memory. */
static void low_power_config(void)
{
	volatile char *p;
	uint64_t value;

	en_open();
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	EQ(vfio_touch_write(p, 6), 0, "store while awake");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY), 0,
	   "LOW_POWER_ENTRY: errno");
	vfio_memory_enable(&gpu.vfio, true);
	EQ(vfio_touch_read(p, &value), SIGBUS, "load after a write to config space");
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0,
	   "LOW_POWER_EXIT: errno");
	EQ(vfio_touch_read(p, &value), 0, "load, awake again");
	EQ(value, 6, "contents, awake again");
}

/* Of the features that can be set, only those of power touch what is known of the memory. */
static void other_features_forget_nothing(void)
{
	struct {
		struct vfio_device_feature f;
		uint8_t uuid[16];
	} token = {.f = {.argsz = sizeof(token),
			 .flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PCI_VF_TOKEN}};
	char text[32];
	uint64_t value;

	en_open();
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, &value, 8);
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "yes"), "ready after a read: %s", text);
	EQ(ioctl(gpu.vfio.fd, VFIO_DEVICE_FEATURE, &token) ? errno : 0, ENOTTY,
	   "a token for virtual functions: errno");
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "yes"), "ready after another feature: %s", text);
	EQ(vfio_set_feature(&gpu.vfio, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT), 0,
	   "LOW_POWER_EXIT: errno");
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "unknown"), "ready after one of power: %s", text);
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("G9_read_write", off_rw, 0),
	KTAP_CASE_ARG("G9_touch", off_touch, 0),
	KTAP_CASE_ARG("G9_mapped_while_off", mapped_while_off, 0),
	KTAP_CASE_ARG("d3hot_read_write", off_rw, 1),
	KTAP_CASE_ARG("d3hot_touch", off_touch, 1),
	KTAP_CASE_ARG("d3hot_mapped_while_off", mapped_while_off, 1),
	KTAP_CASE(both_off),
	KTAP_CASE(toggled_under_use),
	KTAP_CASE(low_power_read),
	KTAP_CASE(low_power_is_no_reset),
	KTAP_CASE(low_power_touch),
	KTAP_CASE(low_power_config),
	KTAP_CASE(other_features_forget_nothing),
	KTAP_CASE_ARG("G9_tail", off_tail, 0),
	KTAP_CASE_ARG("d3hot_tail", off_tail, 1),
	KTAP_CASE_ARG("config_while_off", config_while_off, 0),
	KTAP_CASE_ARG("config_in_d3hot", config_while_off, 1),
};

int main(int argc, char **argv)
{
	return ktap_main("enable", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
