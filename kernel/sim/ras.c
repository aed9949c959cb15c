// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who maps device memory before it is ready.
 *
 * A mapping is no access, but it lets accesses happen that nobody can see any
 * more: those of user space, and of the CPU itself, which prefetches through
 * cacheable mappings. So kernel probes on the generic mapping functions count
 * the mappings that are made over device memory while it is not ready. Mappings
 * that were there before are not seen; memory.c finds what is written through
 * them. A driver that maps early and touches late is counted too: the number
 * stands by itself in `ras_detail`.
 *
 * Functions call each other (memremap() ends in ioremap_prot()), so the same
 * task that maps the same address within one tick counts once.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/mm_types.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "sim.h"

/* What one page-table entry maps; how much that is, POWER knows at run time. */
enum sim_ras_entry { SIM_RAS_PTE, SIM_RAS_PMD, SIM_RAS_PUD };

/**
 * struct sim_ras_probe - a function that maps memory
 * @probe: on its entry
 * @start: number of the argument that tells where
 * @bytes: number of the one that tells how much, 0: one @entry
 * @entry: see @bytes
 * @action: number of the argument that is a struct mmap_action with both, or 0
 * @frames: @start is in page frames
 */
struct sim_ras_probe {
	struct kprobe probe;
	int start;
	int bytes;
	enum sim_ras_entry entry;
	int action;
	bool frames;
};

#define SIM_RAS_PROBE(function, ...)                                          \
	{                                                                     \
		.probe = {                                                    \
			.symbol_name = function,                              \
		},                                                            \
		__VA_ARGS__                                                   \
	}

/* What a kernel has not, it is not asked for. */
static struct sim_ras_probe sim_ras_probes[] = {
	SIM_RAS_PROBE("vmf_insert_pfn", .start = 2, .entry = SIM_RAS_PTE,
		      .frames = true),
	SIM_RAS_PROBE("vmf_insert_pfn_prot", .start = 2, .entry = SIM_RAS_PTE,
		      .frames = true),
	SIM_RAS_PROBE("vmf_insert_pfn_pmd", .start = 1, .entry = SIM_RAS_PMD,
		      .frames = true),
	SIM_RAS_PROBE("vmf_insert_pfn_pud", .start = 1, .entry = SIM_RAS_PUD,
		      .frames = true),
	SIM_RAS_PROBE("remap_pfn_range", .start = 2, .bytes = 3,
		      .frames = true),
	/* What /dev/mem comes to since 6.19. */
	SIM_RAS_PROBE("remap_pfn_range_track", .start = 2, .bytes = 3,
		      .frames = true),
	SIM_RAS_PROBE("remap_pfn_range_notrack", .start = 2, .bytes = 3,
		      .frames = true),
#ifdef COHGPU_HAVE_MMAP_ACTION
	/* The same, where there is no PAT and the compiler leaves one of them. */
	SIM_RAS_PROBE("remap_pfn_range_complete", .action = 1, .frames = true),
#endif
	SIM_RAS_PROBE("memremap", .start = 0, .bytes = 1),
	SIM_RAS_PROBE("ioremap", .start = 0, .bytes = 1),
	SIM_RAS_PROBE("ioremap_prot", .start = 0, .bytes = 1),
	SIM_RAS_PROBE("ioremap_cache", .start = 0, .bytes = 1),
	SIM_RAS_PROBE("ioremap_wc", .start = 0, .bytes = 1),
};

static bool sim_ras_on[ARRAY_SIZE(sim_ras_probes)];

/* Who maps device memory for the device's side, which is no event. */
static DEFINE_MUTEX(sim_ras_own_lock);
static struct task_struct *sim_ras_own_task;

void sim_ras_own(bool begin)
{
	if (begin) {
		mutex_lock(&sim_ras_own_lock);
		WRITE_ONCE(sim_ras_own_task, current);
	} else {
		WRITE_ONCE(sim_ras_own_task, NULL);
		mutex_unlock(&sim_ras_own_lock);
	}
}

/* A mapping may go through several of the functions: it is counted once. */
static void sim_ras_count(struct sim_gpu *gpu, u64 start)
{
	struct sim_ras_mapping *last = &gpu->last_mapped;

	lockdep_assert_held(&gpu->lock);

	if (last->task == current && last->start == start &&
	    jiffies - last->when <= 1)
		return;
	last->task = current;
	last->start = start;
	last->when = jiffies;
	gpu->ras[SIM_RAS_MAPPED]++;
	SIM_RAS_LOG(gpu, "mapped", start - gpu->mem_base);
}

static u64 sim_ras_entry_bytes(enum sim_ras_entry entry)
{
	switch (entry) {
	case SIM_RAS_PMD:
		return PMD_SIZE;
	case SIM_RAS_PUD:
		return PUD_SIZE;
	default:
		return PAGE_SIZE;
	}
}

/* What a function that is entered with @regs will map. */
static void sim_ras_range(const struct sim_ras_probe *ras,
			  struct pt_regs *regs, u64 *start, u64 *bytes)
{
	if (ras->action) {
#ifdef COHGPU_HAVE_MMAP_ACTION
		const struct mmap_action *action =
			(void *)regs_get_kernel_argument(regs, ras->action);

		*start = action->remap.start_pfn;
		*bytes = action->remap.size;
#endif
	} else {
		*start = regs_get_kernel_argument(regs, ras->start);
		*bytes = ras->bytes ?
				 regs_get_kernel_argument(regs, ras->bytes) :
				 sim_ras_entry_bytes(ras->entry);
	}
	/* A pfn_t has flags in the bits that this shifts out. */
	if (ras->frames)
		*start <<= PAGE_SHIFT;
}

static int sim_ras_hit(struct kprobe *probe, struct pt_regs *regs)
{
	struct sim_ras_probe *ras = container_of(probe, struct sim_ras_probe,
						 probe);
	struct sim_gpu *gpu;
	unsigned long flags;
	u64 start, bytes;

	sim_ras_range(ras, regs, &start, &bytes);
	if (READ_ONCE(sim_ras_own_task) == current)
		return 0;

	rcu_read_lock();
	gpu = sim_bus_gpu_at(start, bytes);
	if (gpu) {
		raw_spin_lock_irqsave(&gpu->lock, flags);
		if (gpu->covered)
			sim_ras_count(gpu, start);
		raw_spin_unlock_irqrestore(&gpu->lock, flags);
	}
	rcu_read_unlock();
	return 0;
}

/* A probe that has one stays a trap. */
static void sim_ras_passed(struct kprobe *probe, struct pt_regs *regs,
			   unsigned long flags)
{
}

/*
 * On POWER r13 is the CPU's own, and both ftrace, which has the probes on a
 * function's entry, and optimized probes give it back as it was before them. A
 * task that is moved meanwhile, as it can be where the kernel is preemptible,
 * goes on with the data of the CPU that it came from. A trap leaves r13 alone:
 * on the instruction behind ftrace's, where the arguments are as they came.
 */
static int sim_ras_register(struct kprobe *probe)
{
	struct kprobe trap = {
		.pre_handler = sim_ras_hit,
		.post_handler = sim_ras_passed,
	};
	int ret;

	probe->pre_handler = sim_ras_hit;
	if (!IS_ENABLED(CONFIG_PPC))
		return register_kprobe(probe);

	probe->post_handler = sim_ras_passed;
	probe->flags = KPROBE_FLAG_DISABLED;
	ret = register_kprobe(probe);
	if (ret)
		return ret;
	trap.addr = probe->addr + (kprobe_ftrace(probe) ? 1 : 0);
	unregister_kprobe(probe);
	*probe = trap;
	return register_kprobe(probe);
}

bool sim_ras_sees_mappings(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_ras_probes); i++) {
		if (sim_ras_on[i])
			return true;
	}
	return false;
}

void sim_ras_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_ras_probes); i++) {
		/* It calls the two before it, where they are functions. */
		if (sim_ras_probes[i].action &&
		    (sim_ras_on[i - 1] || sim_ras_on[i - 2]))
			continue;
		sim_ras_on[i] = !sim_ras_register(&sim_ras_probes[i].probe);
	}
	if (!sim_ras_sees_mappings())
		pr_info("ras: no kernel probes, so early mappings are not counted\n");
}

void sim_ras_exit(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sim_ras_probes); i++) {
		if (sim_ras_on[i])
			unregister_kprobe(&sim_ras_probes[i].probe);
	}
}
