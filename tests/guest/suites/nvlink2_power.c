// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/nvlink2.md section 4 on POWER, where the kernel's own code maps for DMA: another device copies
 * to and from GPU memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counts.h"
#include "edu.h"
#include "nvlink.h"
#include "power.h"

static struct nvlink nv;
static struct vfio_dev edu;
static char out[EDU_COPY], in[EDU_COPY];

static const struct nvlink_want one_link = {.links = "1"};

static void need_dma_target(void)
{
	if (nvlink_kernel_keeps_rcu())
		ktap_skip("with this kernel GPU memory must be no DMA target");
}

/* There the driver registers nothing, so that nobody can register the mapping, and says why. */
static void P14_no_dma_target(void)
{
	const uint64_t bytes = 256 * KiB;
	int log;
	char *p;

	if (!nvlink_kernel_keeps_rcu())
		ktap_skip("this kernel does not count the RCU read lock");
	/* It finds out once. */
	EQ(pci_module_remove(NVLINK_DRIVER), 0, "removing the driver");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
	log = util_log_mark();
	nvlink_open(&nv, &one_link);
	tce_window(&nv.gpu.vfio);
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 0, bytes);
	p[0] = 1;
	EQ(tce_register(&nv.gpu.vfio, p, bytes), EFAULT, "registering");
	OK(util_log_has(log, (const char *const[]){"GPU memory as a DMA target: ",
						   "mm_iommu_is_devmem()", NULL}),
	   "not in the log: why it is no DMA target");
}

/* GPU memory, and edu in the GPU's container, with a window that can map it for DMA. */
static void *gpu_and_edu(uint64_t at, uint64_t bytes)
{
	nvlink_open_bound(&nv);
	edu_open(&edu, nv.gpu.vfio.container);
	tce_window(&nv.gpu.vfio);
	return nvlink_map(&nv, at, bytes, 0);
}

/* CPU, device and another device's DMA see the same bytes in @p, mapped and @at in the memory. */
static void same_bytes(const char *p, uint64_t at)
{
	ktap_fill(out, sizeof(out), ktap_random());
	sim_mem_write(nv.gpu.name, at + 64 * KiB, out, sizeof(out));
	edu_copy(&edu, POWER_IOVA + 64 * KiB, sizeof(out), false);
	edu_copy(&edu, POWER_IOVA + 128 * KiB, sizeof(out), true);
	BYTES(p + 128 * KiB, out, sizeof(out), "copied by DMA, through the mapping");
	sim_mem_read(nv.gpu.name, at + 128 * KiB, in, sizeof(in));
	BYTES(in, out, sizeof(in), "copied by DMA, on the device's side");
}

/* P4: 1 GiB into the memory. */
static void P4_dma_and_cpu_agree(void)
{
	const uint64_t bytes = 1 * MiB, at = 1 * GiB;
	char *p;

	need_dma_target();
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	p = gpu_and_edu(at, bytes);
	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "mapping for DMA");
	same_bytes(p, at);
	EQ(tce_unregister(&nv.gpu.vfio, p, bytes), 0, "unregistering");
}

/* Just before and right after what is mapped, there is nothing. */
static void nothing_arrives_around(uint64_t at, uint64_t bytes)
{
	edu_must_not_arrive(&edu, (uint32_t)(POWER_IOVA - 4 * KiB), nv.gpu.name, at - 4 * KiB,
			    "just before what is mapped");
	edu_must_not_arrive(&edu, (uint32_t)(POWER_IOVA + bytes), nv.gpu.name, at + bytes,
			    "right after what is mapped");
}

/*
 * P4: another device reaches what is mapped for DMA, as long as it is and as it is, and nothing else. A
 * real PHB would stop the device's partition, which EEH then tells (VFIO_EEH_PE_STATE_STOPPED_...);
 * QEMU's refuses the write, tells its own log and nobody else, and goes on.
 */
static void P4_dma_not_beyond(void)
{
	const uint64_t bytes = 1 * MiB, at = 1 * GiB;
	char *p;

	need_dma_target();
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	p = gpu_and_edu(at, bytes);
	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering");
	EQ(tce_state(&nv.gpu.vfio, VFIO_EEH_PE_ENABLE), 0, "EEH");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "mapping for DMA");
	same_bytes(p, at);
	nothing_arrives_around(at, bytes);
	same_bytes(p, at);
	EQ(tce_unmap(&nv.gpu.vfio, bytes), 0, "unmapping");
	edu_must_not_arrive(&edu, POWER_IOVA, nv.gpu.name, at, "after unmapping");
	nothing_arrives_around(at, bytes);
	EQ(tce_state(&nv.gpu.vfio, VFIO_EEH_PE_GET_STATE), VFIO_EEH_PE_STATE_NORMAL,
	   "EEH's state after writes that were refused, by QEMU's PHB");
	EQ(tce_map_to_read(&nv.gpu.vfio, p, bytes), 0, "mapping for reading by DMA");
	edu_must_not_arrive(&edu, POWER_IOVA, nv.gpu.name, at, "mapped for reading");
	EQ(tce_unmap(&nv.gpu.vfio, bytes), 0, "unmapping");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "mapping for DMA again");
	same_bytes(p, at);
	EQ(tce_unmap(&nv.gpu.vfio, bytes), 0, "unmapping");
	EQ(tce_unregister(&nv.gpu.vfio, p, bytes), 0, "unregistering");
}

static struct dma_client {
	bool registers;
	volatile int copied;
} * dma_client;

/* Has GPU memory mapped for CPU and DMA, and copies by both until it is killed. */
static void dma_until_killed(void *arg)
{
	const uint64_t bytes = 1 * MiB, at = 1 * GiB;
	char *p = gpu_and_edu(at, bytes);

	(void)arg;
	if (dma_client->registers)
		EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "client: registering");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "client: mapping for DMA");
	for (;;) {
		same_bytes(p, at);
		dma_client->copied = 1;
	}
}

/* The next client, elsewhere in the memory and by the same addresses of DMA; nothing is left of it. */
static void dma_after_the_dead(void)
{
	const uint64_t bytes = 1 * MiB, at = 2 * GiB;
	char *p = gpu_and_edu(at, bytes);

	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "next client: registering");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "next client: mapping for DMA");
	same_bytes(p, at);
	EQ(tce_unmap(&nv.gpu.vfio, bytes), 0, "next client: unmapping");
	EQ(tce_unregister(&nv.gpu.vfio, p, bytes), 0, "next client: unregistering");
	munmap(p, bytes);
	vfio_close(&edu);
	nvlink_close(&nv);
}

/* P7: nobody unmaps anything, and the IOMMU maps GPU memory when its mapping goes with its client. */
static void P7_killed_in_dma(void)
{
	int rounds = ktap_quick() ? 3 : 10;
	struct counts before;

	need_dma_target();
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	dma_client = ktap_shared(sizeof(*dma_client));
	for (int i = 0; i < rounds; i++) {
		pid_t pid;

		*dma_client = (struct dma_client){.registers = i % 2};
		pid = ktap_spawn(dma_until_killed, NULL);
		EQ(ktap_await(&dma_client->copied, 1, 60), 1, "round %d: copied", i);
		ktap_sleep((double)(ktap_random() % 100) / 1000);
		/* The kernel clears half a million entries of each table. */
		ktap_kill(pid, 60, "client");
		/* What edu was told to copy it forgets when its time has come: a tenth of a second. */
		ktap_sleep(0.2);
		dma_after_the_dead();
		if (!i)
			counts_take(&before);
	}
	counts_same(&before, rounds - 1, COUNTS_NOISE_LARGE);
	nvlink_driver_again();
}

/*
 * Where the user address has less alignment than the kernel's code takes it to have, a large IOMMU
 * page would end in a BUG: so such a mapping is none that a container can register.
 */
static void askew_is_not_registered(void)
{
	const uint64_t bytes = 1 * MiB, page = util_page();
	char *p;

	need_dma_target();
	nvlink_open(&nv, &one_link);
	tce_window(&nv.gpu.vfio);
	p = nvlink_map(&nv, GiB, bytes, page);
	nvlink_agrees(&nv, p, GiB, "mapping");
	EQ(tce_register(&nv.gpu.vfio, p, bytes), EFAULT, "registering, askew: errno");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), EINVAL, "mapping for DMA, askew: errno");
	munmap(p, bytes);
	p = nvlink_map(&nv, GiB, bytes + page, page);
	EQ(tce_register(&nv.gpu.vfio, p, bytes + page), 0, "registering an odd length");
	EQ(tce_unregister(&nv.gpu.vfio, p, bytes + page), 0, "unregistering");
	munmap(p, bytes + page);
}

/* P3: memory was registered there before, and is gone; its registration is not. */
static void P3_overlap(void)
{
	const uint64_t bytes = 256 * KiB;
	char *p, *q;

	need_dma_target();
	nvlink_open(&nv, &one_link);
	p = nvlink_map(&nv, 0, bytes, 0);
	p = mmap(p, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	OK(p != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(p, 1, bytes);
	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering");
	munmap(p, bytes);
	q = mmap(p, bytes, PROT_READ, MAP_SHARED | MAP_FIXED, nv.gpu.vfio.fd,
		 nv.gpu.vfio.region[VFIO_SPECIAL].offset);
	OK(q == MAP_FAILED && errno == EINVAL, "mmap over a registration: %s",
	   q == MAP_FAILED ? strerror(errno) : "worked");
	nvlink_close(&nv);
	vfio_open(&nv.gpu.vfio, nv.gpu.bdf);
	q = mmap(p, bytes, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, nv.gpu.vfio.fd,
		 nv.gpu.vfio.region[VFIO_SPECIAL].offset);
	OK(q == p, "mmap there afterwards: %s", strerror(errno));
	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering it: errno");
}

/* Open the GPU again, of which the group is still there: 0 or errno. */
static int reopen(void)
{
	nv.gpu.vfio.fd = ioctl(nv.gpu.vfio.group, VFIO_GROUP_GET_DEVICE_FD, nv.gpu.bdf);
	return nv.gpu.vfio.fd < 0 ? errno : 0;
}

/*
 * P7: the container has registered the memory, too, so giving it back succeeds and yet the memory
 * can be mapped for DMA: by addresses that map nothing, even when somebody else has the GPU.
 */
static void P7_unmapped_while_registered(void)
{
	const uint64_t bytes = 256 * KiB;
	void *p;

	need_dma_target();
	nvlink_open(&nv, &one_link);
	tce_window(&nv.gpu.vfio);
	p = nvlink_map(&nv, 0, bytes, 0);
	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering");
	munmap(p, bytes);
	close(nv.gpu.vfio.fd);
	EQ(reopen(), EBUSY, "open while a container has it: errno");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "what that container can do: errno");
	EQ(reopen(), EBUSY, "open while the IOMMU has it: errno");
	EQ(tce_unmap(&nv.gpu.vfio, bytes), 0, "unmapping");
	EQ(tce_unregister(&nv.gpu.vfio, p, bytes), 0, "unregistering");
	EQ(reopen(), 0, "open when nobody has it: errno");
	nvlink_close(&nv);
}

static void unregisters_first(void *arg)
{
	const uint64_t bytes = 256 * KiB;
	void *p;

	(void)arg;
	nvlink_open_bound(&nv);
	tce_window(&nv.gpu.vfio);
	p = nvlink_map(&nv, 0, bytes, 0);
	EQ(tce_register(&nv.gpu.vfio, p, bytes), 0, "registering");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "mapping for DMA");
	munmap(p, bytes);
	EQ(tce_unregister(&nv.gpu.vfio, p, bytes), 0, "unregistering what is mapped");
	EQ(tce_unmap(&nv.gpu.vfio, bytes), 0, "unmapping");
	close(nv.gpu.vfio.fd);
	EQ(reopen(), EBUSY, "open, by who made it nobody's: errno");
}

/*
 * P7: a container gives back what the IOMMU has mapped, when it was the last: the kernel keeps the
 * registration, and forgets whose it is. So it lasts as long as the process that could do so.
 */
static void P7_unregistered_while_mapped(void)
{
	int err = EBUSY;

	need_dma_target();
	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	ktap_join_ok(ktap_spawn(unregisters_first, NULL), 20, "its owner");
	for (int i = 0; i < 50 && err == EBUSY; i++) {
		err = vfio_try_open(&nv.gpu.vfio, nv.gpu.bdf);
		if (err) {
			vfio_close(&nv.gpu.vfio);
			ktap_sleep(0.1);
		}
	}
	EQ(err, 0, "open by the next: errno");
	vfio_close(&nv.gpu.vfio);
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	EQ(pci_module_remove(NVLINK_DRIVER), 0, "removing the driver");
	EQ(pci_module_insert(NVLINK_DRIVER), 0, "loading it again");
}

/*
 * P7: the IOMMU still maps GPU memory when the mapping goes. The driver keeps the registration, and
 * itself, until the IOMMU lets go. That is when the container loses its last group: at the latest
 * when the GPU, alone in its group, is unbound, whoever still has the group and the container open.
 */
static void P7_unmapped_while_in_tces(void)
{
	const uint64_t bytes = 256 * KiB;
	void *p;

	need_dma_target();
	nvlink_open(&nv, &one_link);
	tce_window(&nv.gpu.vfio);
	p = nvlink_map(&nv, 0, bytes, 0);
	EQ(tce_map(&nv.gpu.vfio, p, bytes), 0, "mapping for DMA");
	munmap(p, bytes);
	vfio_close(&nv.bridge[0]);
	close(nv.gpu.vfio.fd);
	EQ(reopen(), EBUSY, "open while the IOMMU has it: errno");
	/* Nobody has the driver open, and it has tried again at least once. */
	ktap_sleep(1.5);
	EQ(pci_module_remove(NVLINK_DRIVER), EWOULDBLOCK, "removing the driver");
	EQ(pci_unbind(nv.gpu.bdf), 0, "unbind");
	EQ(pci_unbind(nv.bridge[0].bdf), 0, "unbind of the bridge");
	nvlink_driver_again();
	close(nv.gpu.vfio.group);
	close(nv.gpu.vfio.container);
}

/*
 * The first version of the container pins what it maps, so it maps ordinary memory only: who wants
 * DMA to GPU memory has to take the second. All else is as there.
 */
static void container_v1(void)
{
	const uint64_t bytes = 256 * KiB;
	char bdf[PCI_BDF_SIZE];
	char *ram;
	void *p;

	nvlink_make(&nv, 0, &one_link);
	nvlink_bind(&nv);
	EQ(power_open(&nv.gpu.vfio, nv.gpu.bdf, 1, NULL), 0, "open: errno");
	vfio_memory_enable(&nv.gpu.vfio, true);
	sim_train(nv.gpu.name);
	p = vfio_map(&nv.gpu.vfio, VFIO_SPECIAL, 1 * GiB, bytes);
	nvlink_agrees(&nv, p, 1 * GiB, "mapping");
	EQ(tce_map(&nv.gpu.vfio, p, bytes), EFAULT, "mapping GPU memory for DMA: errno");
	munmap(p, bytes);
	vfio_close(&nv.gpu.vfio);

	edu_bind(bdf);
	EQ(power_open(&edu, bdf, 1, NULL), 0, "edu: open: errno");
	edu_enable(&edu);
	ram = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(ram != MAP_FAILED, "mmap: %s", strerror(errno));
	ktap_fill(ram, EDU_COPY, ktap_random());
	EQ(tce_map(&edu, ram, bytes), 0, "mapping ordinary memory for DMA: errno");
	edu_copy(&edu, POWER_IOVA, EDU_COPY, false);
	edu_copy(&edu, POWER_IOVA + 128 * KiB, EDU_COPY, true);
	BYTES(ram + 128 * KiB, ram, EDU_COPY, "copied by DMA");
	vfio_close(&edu);
	munmap(ram, bytes);
}

int main(int argc, char **argv)
{
	static const struct ktap_case cases[] = {
		KTAP_CASE(P14_no_dma_target),
		KTAP_CASE(P4_dma_and_cpu_agree),
		KTAP_CASE(P4_dma_not_beyond),
		KTAP_CASE(askew_is_not_registered),
		KTAP_CASE(P3_overlap),
		KTAP_CASE(P7_unmapped_while_registered),
		KTAP_CASE(P7_unregistered_while_mapped),
		KTAP_CASE(P7_unmapped_while_in_tces),
		KTAP_CASE_SLOW(P7_killed_in_dma, 500),
		KTAP_CASE(container_v1),
	};

	nvlink_suite();
	return ktap_main("nvlink2_power", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
