// SPDX-License-Identifier: GPL-2.0-only
/*
 * G4: no lock is held while user memory is touched. The buffers here fault into the very window that
 * is being read, or into a userfaultfd that nobody answers; meanwhile memory enable is toggled, the
 * device reset, the window faulted. All must go on.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gpu.h"

static struct gpu gpu;

static volatile int dl_stop;
static volatile uint64_t dl_toggles;

static void *dl_toggler(void *arg)
{
	(void)arg;
	while (!dl_stop) {
		vfio_memory_enable(&gpu.vfio, false);
		vfio_memory_enable(&gpu.vfio, true);
		dl_toggles++;
	}
	return NULL;
}

static void *dl_resetter(void *arg)
{
	(void)arg;
	while (!dl_stop) {
		vfio_reset(&gpu.vfio);
		vfio_memory_enable(&gpu.vfio, true);
		dl_toggles++;
		ktap_sleep(ktap_sanitized() ? 0.2 : 0.01);
	}
	return NULL;
}

/* Its own mapping as buffer, untouched each time; so often, and for so many turns of another. */
static void dl_self(int source, bool put, void *(*other)(void *), int rounds, uint64_t turns)
{
	int done = 0, refused = 0, i;
	const size_t n = 64 * KiB;
	pthread_t thread;

	gpu_tiny(&gpu);
	sim_fault(gpu.name, "training_ms", "1");
	pthread_create(&thread, NULL, other, NULL);
	for (i = 0; i < rounds || dl_toggles < turns; i++) {
		char *buf = vfio_map(&gpu.vfio, VFIO_USEMEM, 16 * MiB, n);
		ssize_t r = put ? vfio_write(&gpu.vfio, source, 0, buf, n)
				: vfio_read(&gpu.vfio, source, 0, buf, n);

		OK(r == -EIO || r == -EFAULT || (r > 0 && r <= (ssize_t)n),
		   "round %d: expected a count, -EIO or -EFAULT, got %zd", i, r);
		done += r == (ssize_t)n;
		refused += r < 0;
		munmap(buf, n);
	}
	dl_stop = 1;
	pthread_join(thread, NULL);
	ktap_diag("%d whole, %d refused, %d short; %llu turns of the other thread", done, refused,
		  i - done - refused, (unsigned long long)dl_toggles);
	OK(done, "no transfer was served whole");
	vfio_get(&gpu.vfio, source, 0, &(uint64_t){0}, 8);
}

static void G4_own_mapping_read(void)
{
	dl_self((int)ktap_arg(), false, dl_toggler, ktap_quick() ? 200 : 1000, 50);
}

static void G4_own_mapping_write(void)
{
	dl_self((int)ktap_arg(), true, dl_toggler, ktap_quick() ? 200 : 1000, 50);
}

static void G4_own_mapping_and_resets(void)
{
	/* A reset takes a tenth of a second at least. */
	dl_self((int)ktap_arg(), false, dl_resetter, 5, ktap_quick() ? 5 : 15);
}

struct dl_uffd {
	int fd;
	char *buf;
	volatile int done;
	ssize_t n;
	int index;
	bool put;
	uint64_t off;
};

/* A page that nobody has: whoever touches it waits for dl_answer(). */
static struct dl_uffd *dl_uffd(int index, bool put, uint64_t off)
{
	struct dl_uffd *u = ktap_shared(sizeof(*u));
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register reg = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	size_t page = util_page();

	u->index = index;
	u->put = put;
	u->off = off;
	u->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (u->fd < 0)
		ktap_skip("userfaultfd: %s", strerror(errno));
	EQ(ioctl(u->fd, UFFDIO_API, &api), 0, "UFFDIO_API");
	u->buf = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)u->buf;
	reg.range.len = page;
	EQ(ioctl(u->fd, UFFDIO_REGISTER, &reg), 0, "UFFDIO_REGISTER");
	return u;
}

static void dl_answer(struct dl_uffd *u)
{
	struct uffdio_zeropage zero = {.range = {(uintptr_t)u->buf, util_page()}};

	EQ(ioctl(u->fd, UFFDIO_ZEROPAGE, &zero), 0, "UFFDIO_ZEROPAGE");
}

/* The transfer is in the fault now. */
static void dl_await_fault(struct dl_uffd *u)
{
	struct uffd_msg msg;
	double end = ktap_now() + 20;

	while (read(u->fd, &msg, sizeof(msg)) != sizeof(msg)) {
		OK(ktap_now() < end, "no fault on the buffer");
		ktap_sleep(0.002);
	}
	EQ(msg.event, UFFD_EVENT_PAGEFAULT, "event");
}

static void *dl_transfer(void *arg)
{
	struct dl_uffd *u = arg;

	u->n = u->put ? vfio_write(&gpu.vfio, u->index, u->off, u->buf, 512)
		      : vfio_read(&gpu.vfio, u->index, u->off, u->buf, 512);
	u->done = 1;
	return NULL;
}

static void *dl_others(void *arg)
{
	volatile int *step = arg;
	volatile char *p;
	uint64_t value;
	int err;

	p = vfio_map(&gpu.vfio, VFIO_USEMEM, 0, 4 * MiB);
	*step = 1;
	EQ(vfio_touch_write(p, 1), 0, "fault in the window");
	*step = 2;
	vfio_memory_enable(&gpu.vfio, false);
	vfio_memory_enable(&gpu.vfio, true);
	*step = 3;
	vfio_get(&gpu.vfio, VFIO_RESMEM, 4096, &value, 8);
	*step = 4;
	EQ(vfio_touch_read(p + MiB, &value), 0, "second fault in the window");
	*step = 5;
	EQ(vfio_reset(&gpu.vfio), 0, "VFIO_DEVICE_RESET: errno");
	vfio_memory_enable(&gpu.vfio, true);
	*step = 6;
	err = vfio_hot_reset(&gpu.vfio);
	OK(err == 0 || err == ENODEV, "VFIO_DEVICE_PCI_HOT_RESET: errno %d", err);
	vfio_memory_enable(&gpu.vfio, true);
	*step = 7;
	EQ(vfio_touch_read(p, &value), 0, "fault after the resets");
	*step = 8;
	return NULL;
}

static void dl_userfault(int index, bool put, uint64_t off)
{
	static volatile int step;
	pthread_t transfer, others;
	struct dl_uffd *u;

	gpu_open(&gpu, &gpu_tails);
	u = dl_uffd(index, put, off);
	pthread_create(&transfer, NULL, dl_transfer, u);
	dl_await_fault(u);
	pthread_create(&others, NULL, dl_others, (void *)(uintptr_t)&step);
	EQ(ktap_await(&step, 8, 20), 8, "steps of the other thread while a buffer's fault waits");
	EQ(u->done, 0, "transfer came back without its buffer");
	dl_answer(u);
	EQ(ktap_await(&u->done, 1, 20), 1, "transfer came back");
	EQ(u->n, 512, "count");
	pthread_join(transfer, NULL);
	pthread_join(others, NULL);
}

static void G4_userfault_read(void)
{
	dl_userfault((int)ktap_arg(), false, 0);
}

static void G4_userfault_write(void)
{
	dl_userfault((int)ktap_arg(), true, 0);
}

static void G4_userfault_tail(void)
{
	dl_userfault((int)ktap_arg(), false, 1536 * MiB + 4096);
}

/* A transfer that waits for its buffer can be killed. */
static void killed_in_userfault(void)
{
	struct dl_uffd *u;
	pid_t pid;

	gpu_tiny(&gpu);
	u = dl_uffd(VFIO_USEMEM, false, 0);
	/* The registration is this process's: a thread of it waits, all of it is killed. */
	pid = fork();
	OK(pid >= 0, "fork");
	if (!pid) {
		struct dl_uffd *mine = dl_uffd(VFIO_USEMEM, false, 0);
		pthread_t thread;

		pthread_create(&thread, NULL, dl_transfer, mine);
		dl_await_fault(mine);
		u->done = 2;
		for (;;)
			pause();
	}
	EQ(ktap_await(&u->done, 2, 20), 2, "helper waits in its fault");
	ktap_kill(pid, 10, "helper in a fault");
	vfio_memory_enable(&gpu.vfio, false);
	vfio_memory_enable(&gpu.vfio, true);
	vfio_get(&gpu.vfio, VFIO_USEMEM, 0, &(uint64_t){0}, 8);
}

/* Config space too: its buffers fault like any other. */
static void userfault_config(void)
{
	static volatile int step;
	pthread_t transfer, others;
	struct dl_uffd *u;

	gpu_open(&gpu, &gpu_tails);
	u = dl_uffd(VFIO_CONFIG, ktap_arg(), 0x10);
	pthread_create(&transfer, NULL, dl_transfer, u);
	dl_await_fault(u);
	pthread_create(&others, NULL, dl_others, (void *)(uintptr_t)&step);
	EQ(ktap_await(&step, 8, 20), 8, "steps of the other thread while a buffer's fault waits");
	dl_answer(u);
	EQ(ktap_await(&u->done, 1, 20), 1, "transfer came back");
	EQ(u->n, 512, "count");
	pthread_join(transfer, NULL);
	pthread_join(others, NULL);
}

static void dl_reset(void *arg)
{
	(void)arg;
	vfio_reset(&gpu.vfio);
}

/* A write to the PM register too: who resets the device meanwhile need not wait for its buffer. */
static void userfault_power(void)
{
	struct dl_uffd *u;
	pthread_t transfer;

	gpu_tiny(&gpu);
	u = dl_uffd(VFIO_CONFIG, true, vfio_cap(&gpu.vfio, PCI_CAP_ID_PM) + PCI_PM_CTRL);
	pthread_create(&transfer, NULL, dl_transfer, u);
	dl_await_fault(u);
	ktap_join_ok(ktap_spawn(dl_reset, NULL), 20,
		     "VFIO_DEVICE_RESET while a buffer's fault waits");
	dl_answer(u);
	EQ(ktap_await(&u->done, 1, 20), 1, "transfer came back");
	EQ(u->n, 512, "count");
	pthread_join(transfer, NULL);
}

static void dl_read(void *arg)
{
	static char buf[MiB];

	*(volatile int *)arg = 1;
	vfio_read(&gpu.vfio, VFIO_USEMEM, 0, buf, sizeof(buf));
	*(volatile int *)arg = 2;
}

/* The core holds its lock for as long as a function takes to come back; who waits can be killed. */
static void killed_in_slow_reset(void)
{
	volatile int *step = ktap_shared(sizeof(int));
	pid_t reset, reader;
	int waited;

	gpu_tiny(&gpu);
	/* The kernel asks after 1, 2, 4 ... ms: in fact 8.2 s, and 16.4. */
	sim_fault(gpu.name, "flr_ms", ktap_sanitized() ? "15000" : "8000");
	sim_fault(gpu.name, "flr", "slow");
	pci_attr_write(gpu.bdf, "reset_method", "flr");
	reset = ktap_spawn(dl_reset, NULL);
	ktap_sleep(2);
	reader = ktap_spawn(dl_read, (void *)(uintptr_t)step);
	EQ(ktap_await(step, 1, 10), 1, "reader began");
	ktap_sleep(0.5);
	waited = *step;
	ktap_kill(reader, 5, "reader in a slow reset");
	ktap_join_ok(reset, 60, "reset");
	sim_fault(gpu.name, "flr", "normal");
	pci_attr_write(gpu.bdf, "reset_method", "default");
	EQ(waited, 1, "reader in a reset");
}

#define DL_LONG (512 * MiB)

struct dl_long {
	volatile int started;
	void *buf;
};

static void dl_write(void *arg)
{
	struct dl_long *l = arg;

	l->started = 1;
	vfio_write(&gpu.vfio, VFIO_USEMEM, 0, l->buf, DL_LONG);
	pause();
}

/* One long call, in which the signal comes: its last bytes are never written. */
static void killed_in_write(void)
{
	struct dl_long *l = ktap_shared(sizeof(*l));
	uint64_t first = 0, last = 0x1a57;
	double start;
	pid_t pid;

	gpu_open_preset(&gpu, "gh200-96");
	sim_mem_write(gpu.name, 0, &first, 8);
	sim_mem_write(gpu.name, DL_LONG - 8, &last, 8);
	l->buf = vfio_buffer(DL_LONG);
	memset(l->buf, 0x5a, MiB);
	pid = ktap_spawn(dl_write, l);
	EQ(ktap_await(&l->started, 1, 10), 1, "write: started");
	for (int i = 0; i < 10000 && !first; i++)
		sim_mem_read(gpu.name, 0, &first, 8);
	start = ktap_now();
	ktap_kill(pid, 10, "writer");
	ktap_diag("gone %.3f s after SIGKILL", ktap_now() - start);
	EQ(first, 0x5a5a5a5a5a5a5a5a, "first bytes");
	sim_mem_read(gpu.name, DL_LONG - 8, &last, 8);
	EQ(last, 0x1a57, "last bytes");
	vfio_put(&gpu.vfio, VFIO_USEMEM, 8, &last, 8);
	sim_mem_read(gpu.name, 8, &first, 8);
	EQ(first, last, "written afterwards");
}

static const struct ktap_case cases[] = {
	KTAP_CASE_ARG("G4_own_mapping_read_usemem", G4_own_mapping_read, VFIO_USEMEM),
	KTAP_CASE_ARG("G4_own_mapping_read_resmem", G4_own_mapping_read, VFIO_RESMEM),
	KTAP_CASE_ARG("G4_own_mapping_write_usemem", G4_own_mapping_write, VFIO_USEMEM),
	KTAP_CASE_ARG("G4_own_mapping_write_resmem", G4_own_mapping_write, VFIO_RESMEM),
	KTAP_CASE_ARG("G4_own_mapping_and_resets", G4_own_mapping_and_resets, VFIO_USEMEM),
	KTAP_CASE(killed_in_userfault),
	KTAP_CASE(killed_in_write),
	KTAP_CASE_ARG("G4_userfault_read_usemem", G4_userfault_read, VFIO_USEMEM),
	KTAP_CASE_ARG("G4_userfault_read_resmem", G4_userfault_read, VFIO_RESMEM),
	KTAP_CASE_ARG("G4_userfault_write_usemem", G4_userfault_write, VFIO_USEMEM),
	KTAP_CASE_ARG("G4_userfault_write_resmem", G4_userfault_write, VFIO_RESMEM),
	KTAP_CASE_ARG("G4_userfault_tail", G4_userfault_tail, VFIO_USEMEM),
	KTAP_CASE_ARG("userfault_config_read", userfault_config, 0),
	KTAP_CASE_ARG("userfault_config_write", userfault_config, 1),
	KTAP_CASE(userfault_power),
	KTAP_CASE_SLOW(killed_in_slow_reset, 120),
};

int main(int argc, char **argv)
{
	return ktap_main("deadlock", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
