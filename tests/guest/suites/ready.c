// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md, readiness: nobody touches the memory before the device is ready (the simulator
 * counts it as a RAS event), the wait holds no lock, dies by a fatal signal and by nothing less, and
 * a failure is remembered. G10, G11.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "gpu.h"

static struct gpu gpu;

/* One access in a helper. */
struct rdy_access {
	volatile char *map; /* NULL: by read() */
	volatile int begun, done;
	int sig;
	ssize_t n;
	uint64_t value;
	bool alarm;
	volatile int alarms;
};

static struct rdy_access *rdy_current;

static void rdy_alarm(int sig)
{
	(void)sig;
	rdy_current->alarms++;
}

static void rdy_run(void *arg)
{
	struct rdy_access *a = arg;

	if (a->alarm) {
		struct sigaction sa = {.sa_handler = rdy_alarm}; /* no SA_RESTART */
		struct itimerval it = {{0, 50000}, {0, 50000}};

		rdy_current = a;
		sigaction(SIGALRM, &sa, NULL);
		setitimer(ITIMER_REAL, &it, NULL);
	}
	a->begun = 1;
	if (a->map)
		a->sig = vfio_touch_read(a->map, &a->value);
	else
		a->n = vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &a->value, 8);
	a->done = 1;
}

static pid_t rdy_start(struct rdy_access **access, bool by_map, bool alarm)
{
	struct rdy_access *a = ktap_shared(sizeof(*a));
	pid_t pid;

	a->alarm = alarm;
	if (by_map)
		a->map = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	*access = a;
	pid = ktap_spawn(rdy_run, a);
	EQ(ktap_await(&a->begun, 1, 10), 1, "helper began");
	ktap_sleep(0.3);
	return pid;
}

static void rdy_right(const struct rdy_access *a, uint64_t value, const char *what)
{
	if (a->map)
		EQ(a->sig, 0, "%s: signal", what);
	else
		EQ(a->n, 8, "%s: count", what);
	EQ(a->value, value, "%s: value", what);
}

/* A reset from outside may hold the function just now. */
static void rdy_reset(void)
{
	int err = EAGAIN;

	for (int i = 0; i < 200 && err == EAGAIN; i++) {
		err = vfio_reset(&gpu.vfio);
		if (err == EAGAIN)
			ktap_sleep(0.01);
	}
	EQ(err, 0, "VFIO_DEVICE_RESET: errno");
	vfio_memory_enable(&gpu.vfio, true);
}

static void rdy_no_ras(void)
{
	EQ(sim_state(gpu.name, "ras_events"), 0, "RAS events");
}

/* The access comes back when the device is ready, and not before. */
static void slow(void)
{
	const char *preset = ktap_arg() & 2 ? "cxl" : "tiny";
	struct rdy_access a = {0};

	gpu_open_preset(&gpu, preset);
	if (ktap_arg() & 1)
		a.map = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	sim_fault(gpu.name, "training_ms", ktap_arg() & 2 ? "600" : "3000");
	rdy_reset();
	EQ(sim_state(gpu.name, "ready"), 0, "ready right after the reset");
	rdy_run(&a);
	EQ(sim_state(gpu.name, "ready"), 1, "ready when the access came back");
	if (a.map)
		EQ(a.sig, 0, "signal");
	else
		EQ(a.n, 8, "count");
	rdy_no_ras();
}

/* Not ready when the driver is bound and the device opened. */
static void slow_at_bind(void)
{
	const struct gpu_want w = {.preset = "tiny", .training_ms = "1500"};
	uint64_t value = 0x5eed, got;

	gpu_fresh(&gpu, &w);
	pci_bind(gpu.bdf, pci_driver_name());
	vfio_open(&gpu.vfio, gpu.bdf);
	vfio_memory_enable(&gpu.vfio, true);
	vfio_put(&gpu.vfio, VFIO_USEMEM, 0, &value, 8);
	sim_mem_read(gpu.name, 0, &got, 8);
	EQ(got, value, "device's side");
	rdy_no_ras();
}

static const struct rdy_stuck {
	const char *preset, *fault, *log;
} rdy_stuck[] = {
	{"tiny", "stuck-c2c", "C2C"},
	{"tiny", "stuck-hbm", "HBM"},
	{"cxl", "stuck", "active"},
};

/* The first access waits for as long as the hardware may take; later ones know. */
static void stuck(void)
{
	const struct rdy_stuck *s = &rdy_stuck[ktap_arg()];
	const char *const words[] = {gpu.bdf, s->log, NULL};
	const char *const again[] = {gpu.bdf, "coherent memory ready after all", NULL};
	double first, second;
	volatile char *p;
	uint64_t value;
	char text[32];
	int log;

	gpu_open_preset(&gpu, s->preset);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	log = util_log_mark();
	sim_fault(gpu.name, "training", s->fault);
	rdy_reset();
	first = ktap_now();
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "first access");
	second = ktap_now();
	first = second - first;
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "second access");
	EQ(vfio_write(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "third access");
	EQ(vfio_touch_read(p, &value), SIGBUS, "fourth access");
	second = ktap_now() - second;
	ktap_diag("first access %.3f s, the three after it %.3f s", first, second);
	OK(second < first / 2, "the failure was not remembered: %.3f s, then %.3f s", first,
	   second);
	OK(util_log_has(log, words), "no log line with %s and '%s'", gpu.bdf, s->log);
	rdy_no_ras();
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "failed"), "coherent_memory/ready: expected failed, got %s", text);

	/* It became ready after all: the next access looks once. */
	log = util_log_mark();
	sim_fault(gpu.name, "training", "normal");
	sim_train(gpu.name);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), 8, "trained after all: read");
	EQ(vfio_touch_read(p, &value), 0, "trained after all: touch");
	EQ(util_log_lines(log, again), 1, "lines of readiness");
	rdy_no_ras();
}

/* A reset gives a failed device its next chance. The log says so of the first wait that ends well. */
static void reset_after_failure(void)
{
	const char *const again[] = {gpu.bdf, "coherent memory ready after all", NULL};
	uint64_t value;
	int log;

	gpu_open_preset(&gpu, "cxl");
	sim_fault(gpu.name, "training", "stuck");
	rdy_reset();
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), -EIO, "stuck");
	sim_fault(gpu.name, "training", "normal");
	sim_fault(gpu.name, "training_ms", "300");
	log = util_log_mark();
	rdy_reset();
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), 8, "after the next reset");
	rdy_reset();
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), 8, "after one more");
	EQ(util_log_lines(log, again), 1, "lines of readiness, of two waits that ended well");
	rdy_no_ras();
}

/* A dead device's registers read as all-ones, which is no readiness. */
static void dead_is_not_ready(void)
{
	uint64_t value;
	ssize_t n;

	gpu_open_preset(&gpu, "cxl");
	sim_hold_training(gpu.name);
	rdy_reset();
	sim_fault(gpu.name, "dead", "1");
	n = vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8);
	/* Closing the device waits for a minute while it is dead. */
	sim_fault(gpu.name, "dead", "0");
	EQ(n, -EIO, "read of a dead device");
	rdy_no_ras();
}

static void killed(void)
{
	struct rdy_access *a;
	uint64_t value;
	pid_t pid;

	gpu_tiny(&gpu);
	sim_hold_training(gpu.name);
	rdy_reset();
	pid = rdy_start(&a, ktap_arg(), false);
	EQ(a->done, 0, "access came back before the device was trained");
	ktap_kill(pid, 10, "helper that waits for readiness");
	rdy_no_ras();
	sim_train(gpu.name);
	EQ(vfio_read(&gpu.vfio, VFIO_USEMEM, 0, &value, 8), 8, "next client");
}

static void signals_do_not_disturb(void)
{
	const uint64_t value = 0x51647;
	struct rdy_access *a;
	pid_t pid;

	gpu_tiny(&gpu);
	sim_hold_training(gpu.name);
	rdy_reset();
	pid = rdy_start(&a, ktap_arg(), true);
	ktap_sleep(1);
	EQ(a->done, 0, "access came back before the device was trained");
	sim_mem_write(gpu.name, 0, &value, 8);
	sim_train(gpu.name);
	ktap_join_ok(pid, 25, "access after training");
	rdy_right(a, value, "access under signals");
	OK(a->alarms > 0, "no signal was delivered");
	rdy_no_ras();
}

/* A second reset, from outside VFIO, while somebody waits for the first one's readiness. */
static void G10_reset_during_wait(void)
{
	const uint64_t value = 0x610;
	struct rdy_access *a, *b;
	volatile char *p;
	uint64_t got;
	pid_t pid, second;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_RESMEM, 0, MiB);
	EQ(vfio_touch_write(p, 1), 0, "store");
	sim_hold_training(gpu.name);
	rdy_reset();
	pid = rdy_start(&a, false, false);
	EQ(pci_reset(gpu.bdf), 0, "sysfs reset: errno");
	second = rdy_start(&b, true, false);
	EQ(a->done + b->done, 0, "accesses that came back before the device was trained");
	rdy_no_ras();
	sim_mem_write(gpu.name, 0, &value, 8);
	sim_train(gpu.name);
	ktap_join_ok(pid, 25, "the one that waited over the reset");
	ktap_join_ok(second, 25, "the one that came later");
	rdy_right(a, value, "the one that waited over the reset");
	rdy_right(b, value, "the one that came later");

	/* And one that nobody waits for: the mapping goes all the same. */
	EQ(vfio_touch_read(p, &got), 0, "load between the resets");
	EQ(pci_reset(gpu.bdf), 0, "sysfs reset: errno");
	pid = rdy_start(&a, false, false);
	second = rdy_start(&b, true, false);
	EQ(a->done + b->done, 0, "accesses that came back after the second reset");
	sim_train(gpu.name);
	ktap_join_ok(pid, 25, "read after the second reset");
	ktap_join_ok(second, 25, "touch after the second reset");
	rdy_no_ras();
}

/* Resets from a work queue at every moment of a wait. */
static void G10_any_moment(void)
{
	int rounds = ktap_brief() ? 15 : 300;
	volatile char *p;
	uint64_t value;

	gpu_tiny(&gpu);
	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	sim_fault(gpu.name, "training_ms", "30");
	for (int i = 0; i < rounds; i++) {
		char ms[16];

		snprintf(ms, sizeof(ms), "%d", 1 + i * 7 % 50);
		sim_fault(gpu.name, "reset_after_ms", ms);
		if (i % 3 == 0)
			rdy_reset();
		for (int k = 0; k < 20; k++) {
			EQ(vfio_touch_read(p, &value), 0, "round %d.%d: signal", i, k);
			EQ(vfio_read(&gpu.vfio, VFIO_RESMEM, 0, &value, 8), 8, "round %d.%d: read",
			   i, k);
			EQ(sim_state(gpu.name, "ras_events"), 0, "round %d.%d: RAS events", i, k);
			ktap_sleep(0.003);
		}
	}
	ktap_diag("%lu resets", sim_resets(gpu.name, "flr"));
	OK(sim_resets(gpu.name, "flr") >= (unsigned long)rounds, "%d were asked for", rounds);
}

static void rdy_other_reset(void *arg)
{
	(void)arg;
	rdy_reset();
}

static void rdy_other_config(void *arg)
{
	(void)arg;
	vfio_cfg_set64(&gpu.vfio, PCI_BASE_ADDRESS_4, UINT64_MAX);
	vfio_cfg64(&gpu.vfio, PCI_BASE_ADDRESS_4);
	vfio_memory_enable(&gpu.vfio, true);
}

static void rdy_other_bar0(void *arg)
{
	uint32_t value;

	(void)arg;
	vfio_get(&gpu.vfio, 0, 0x1498, &value, 4);
	EQ(vfio_touch_read(vfio_map(&gpu.vfio, 0, 0, getpagesize()), NULL), 0, "touch of BAR0");
}

static void rdy_other_attributes(void *arg)
{
	char text[256];

	(void)arg;
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(strcmp(text, "yes"), "coherent_memory/ready: yes, while in training");
}

static void *rdy_toucher(void *arg)
{
	struct rdy_access *a = arg;

	a->begun = 1;
	a->sig = vfio_touch_read(a->map, &a->value);
	a->done = 1;
	return NULL;
}

/* One thread waits in a fault; others of its process go on mapping. */
static void rdy_other_mmap(void *arg)
{
	static struct rdy_access a;
	pthread_t thread;

	(void)arg;
	a.map = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, MiB);
	pthread_create(&thread, NULL, rdy_toucher, &a);
	EQ(ktap_await(&a.begun, 1, 10), 1, "thread began");
	ktap_sleep(0.2);
	for (int i = 0; i < 20; i++) {
		char *p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);

		OK(p != MAP_FAILED, "mmap");
		p[0] = 1;
		munmap(p, 1 << 16);
	}
	EQ(a.done, 0, "touch came back before the device was trained");
}

/* Training that does not end; everything else goes on, and nobody is unkillable. */
static void G11_others_go_on(void)
{
	static const struct {
		void (*run)(void *);
		const char *what;
	} other[] = {
		{rdy_other_config, "config access during a wait"},
		{rdy_other_bar0, "BAR0 during a wait"},
		{rdy_other_mmap, "mmap beside a fault that waits"},
		{rdy_other_reset, "reset during a wait"},
		{rdy_other_config, "config access after that reset"},
	};
	const uint64_t value = 0x611;
	struct rdy_access *a, *b, *c;
	pid_t pid[3];

	gpu_tiny(&gpu);
	sim_hold_training(gpu.name);
	rdy_reset();
	pid[0] = rdy_start(&a, false, false);
	pid[1] = rdy_start(&b, true, false);
	pid[2] = rdy_start(&c, true, false);
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		double start = ktap_now();

		ktap_join_ok(ktap_spawn(other[i].run, NULL), 10, other[i].what);
		ktap_diag("%s: %.3f s", other[i].what, ktap_now() - start);
	}
	EQ(a->done + b->done + c->done, 0, "accesses that came back before the training's end");
	ktap_kill(pid[2], 10, "one of three that wait");
	rdy_no_ras();
	sim_mem_write(gpu.name, 0, &value, 8);
	sim_train(gpu.name);
	ktap_join_ok(pid[0], 25, "read after training");
	ktap_join_ok(pid[1], 25, "touch after training");
	rdy_right(a, value, "read");
	rdy_right(b, value, "touch");
	rdy_no_ras();
}

/* The literal 20 seconds. */
static void G11_twenty_seconds(void)
{
	struct rdy_access *a, *b;
	pid_t pid[2];

	gpu_tiny(&gpu);
	sim_fault(gpu.name, "training_ms", "20000");
	rdy_reset();
	pid[0] = rdy_start(&a, false, false);
	pid[1] = rdy_start(&b, true, false);
	ktap_join_ok(ktap_spawn(rdy_other_config, NULL), 10, "config access");
	ktap_join_ok(ktap_spawn(rdy_other_mmap, NULL), 10, "mmap");
	ktap_join_ok(ktap_spawn(rdy_other_reset, NULL), 10, "reset");
	ktap_join_ok(pid[0], 60, "read");
	ktap_join_ok(pid[1], 60, "touch");
	EQ(a->n, 8, "read: count");
	EQ(b->sig, 0, "touch: signal");
	rdy_no_ras();
}

/* One that touches all huge pages, and when it begins. */
static struct rdy_late {
	pthread_t thread;
	volatile char *map;
	double after;
} rdy_late[4];

static void *rdy_toucher_of_all(void *arg)
{
	const struct rdy_late *late = arg;

	ktap_sleep(late->after);
	for (size_t k = 0; k < 32 * MiB; k += 2 * MiB)
		(void)late->map[k];
	return NULL;
}

/* All threads are there before one faults, as making one takes mmap_lock. */
static void rdy_touchers(void *p)
{
	for (size_t i = 0; i < ARRAY_LEN(rdy_late); i++) {
		rdy_late[i].map = p;
		rdy_late[i].after = 0.02 + 0.01 * (double)i;
		pthread_create(&rdy_late[i].thread, NULL, rdy_toucher_of_all, &rdy_late[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(rdy_late); i++)
		pthread_join(rdy_late[i].thread, NULL);
}

/* They come the moment that it is ready, some by a huge fault, some by what that fell back to. */
static void first_touch_by_many(void)
{
	const char *const words[] = {"VM_FAULT_OOM leaked", NULL};
	const size_t len = 32 * MiB, huge = 2 * MiB;
	int log = util_log_mark();
	char *p;

	gpu_tiny(&gpu);
	p = vfio_map_aligned(&gpu.vfio, VFIO_USEMEM, 0, len, huge, 0);
	for (int round = 0; round < (ktap_quick() ? 10 : 100); round++) {
		pid_t pid;

		sim_hold_training(gpu.name);
		rdy_reset();
		pid = ktap_spawn(rdy_touchers, p);
		ktap_sleep(0.04);
		sim_train(gpu.name);
		ktap_join_ok(pid, 20, "loads");
	}
	munmap(p, len);
	EQ(util_log_lines(log, words), 0, "lines: the kernel took a fault for a lack of memory");
}

static void attribute(void)
{
	char text[32];
	uint64_t value;

	gpu_tiny(&gpu);
	sim_hold_training(gpu.name);
	rdy_reset();
	ktap_join_ok(ktap_spawn(rdy_other_attributes, NULL), 10, "attribute during training");
	sim_train(gpu.name);
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, &value, 8);
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "yes"), "coherent_memory/ready: expected yes, got %s", text);
	/* Closing resets, and the function may sleep. */
	vfio_close(&gpu.vfio);
	EQ(pci_attr(gpu.bdf, "coherent_memory/ready", text, sizeof(text)), 0, "ready: errno");
	OK(!strcmp(text, "unknown"), "coherent_memory/ready after close: expected unknown, got %s",
	   text);
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("slow_read", slow, 0),
	KTAP_CASE_ARG("slow_touch", slow, 1),
	KTAP_CASE_ARG("killed_in_read", killed, 0),
	KTAP_CASE_ARG("killed_in_fault", killed, 1),
	KTAP_CASE_ARG("signals_do_not_disturb_read", signals_do_not_disturb, 0),
	KTAP_CASE_ARG("signals_do_not_disturb_fault", signals_do_not_disturb, 1),
	KTAP_CASE_SLOW(G10_reset_during_wait, 90),
	KTAP_CASE_SLOW(G10_any_moment, 120),
	KTAP_CASE_SLOW(G11_others_go_on, 120),
	KTAP_CASE_FULL("G11_twenty_seconds", G11_twenty_seconds, 0, 150),
	KTAP_CASE_SLOW(first_touch_by_many, 120),
	KTAP_CASE(attribute),
	KTAP_CASE_FULL("stuck_c2c", stuck, 0, 150),
	KTAP_CASE_FULL("stuck_hbm", stuck, 1, 150),
	KTAP_CASE(slow_at_bind),
	KTAP_CASE_ARG("slow_read_cxl", slow, 2),
	KTAP_CASE_ARG("slow_touch_cxl", slow, 3),
	KTAP_CASE_ARG_SLOW("stuck_cxl", stuck, 2, 150),
	KTAP_CASE_SLOW(reset_after_failure, 150),
	KTAP_CASE_SLOW(dead_is_not_ready, 150),
};

int main(int argc, char **argv)
{
	return ktap_main("ready", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
