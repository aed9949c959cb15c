// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device does by itself: every reset takes its training away, it
 * trains again, and says so when it is ready: in two registers of BAR0, or in
 * its CXL DVSEC.
 *
 *	reset, enable --> training --(training_ms, or `train`)--> ready
 *	                     ^                                      |
 *	                     +----------(reset, `untrain`)----------+
 *
 * The registers are words in the stock function's RAM. Software can reach them
 * only while the function decodes BAR0, and so can we: sim_device_sync() writes
 * them when they changed, now if BAR0 is decoded, else at the config access
 * that starts decoding, before that access returns. So nobody ever reads a
 * state that is over.
 *
 * A reset is seen inside a config access, with interrupts off; what takes long
 * (clearing memory) is left to the work that ends the training. @round tells
 * that work whether the training that it is about to end is still the one that
 * it began with.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/io.h>

#include "sim.h"

#define SIM_C2C 0x1498
#define SIM_HBM 0x200BC
#define SIM_DONE 0xFF
#define SIM_REGISTERS (SIM_HBM + sizeof(u32))
#define SIM_TRAINING_MS 50
#define SIM_FLR_MS 1000
#define SIM_CXL_ALLOWANCE 1 /* 4 s */

/* Make the registers tell the state, if they can be reached. */
void sim_device_sync(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->lock);

	if (!gpu->registers || !gpu->registers_late ||
	    !sim_persona_decodes(gpu))
		return;
	/* With a CXL DVSEC that is where it stands, and these stay 0. */
	iowrite32(gpu->c2c && !gpu->preset->cxl ? SIM_DONE : 0,
		  gpu->registers + SIM_C2C);
	iowrite32(gpu->hbm && !gpu->preset->cxl ? SIM_DONE : 0,
		  gpu->registers + SIM_HBM);
	ioread32(gpu->registers + SIM_HBM);
	gpu->registers_late = false;
}

static void sim_device_tell(struct sim_gpu *gpu)
{
	gpu->registers_late = true;
	sim_persona_cxl(gpu);
	sim_device_sync(gpu);
}

static void sim_device_lose(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->lock);

	gpu->round++;
	gpu->finish = false;
	gpu->ready = false;
	gpu->c2c = false;
	gpu->hbm = false;
	sim_memory_cover(gpu);
	sim_device_tell(gpu);
}

static void sim_device_begin(struct sim_gpu *gpu)
{
	sim_device_lose(gpu);
	if (gpu->training != SIM_TRAIN_MANUAL)
		mod_delayed_work(system_long_wq, &gpu->train_work,
				 msecs_to_jiffies(gpu->training_ms));
}

/* A reset of any kind; called from the accessors. */
void sim_device_reset(struct sim_gpu *gpu, enum sim_reset_kind kind)
{
	lockdep_assert_held(&gpu->lock);

	gpu->resets[kind]++;
	gpu->scrub_due = gpu->scrub != SIM_SCRUB_NONE;
	sim_device_begin(gpu);
	sim_persona_forget(gpu);
	gpu->lost = gpu->late;
}

static void sim_device_end(struct sim_gpu *gpu)
{
	enum sim_training training = gpu->training;

	lockdep_assert_held(&gpu->lock);

	if (gpu->ready)
		return;
	if (gpu->finish)
		training = SIM_TRAIN_NORMAL;
	gpu->finish = false;
	switch (training) {
	case SIM_TRAIN_NORMAL:
		gpu->c2c = true;
		gpu->hbm = true;
		break;
	case SIM_TRAIN_STUCK_C2C:
		gpu->hbm = true;
		break;
	case SIM_TRAIN_STUCK_HBM:
		gpu->c2c = true;
		break;
	case SIM_TRAIN_STUCK:
	case SIM_TRAIN_MANUAL:
		break;
	}
	if (gpu->c2c && gpu->hbm) {
		sim_memory_uncover(gpu);
		gpu->ready = true;
	}
	sim_device_tell(gpu);
}

static void sim_device_train_work(struct work_struct *work)
{
	struct sim_gpu *gpu = container_of(to_delayed_work(work),
					   struct sim_gpu, train_work);
	unsigned long flags;
	bool scrub;
	u64 round;
	int ret;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	round = gpu->round;
	scrub = gpu->scrub_due && !gpu->ready;
	raw_spin_unlock_irqrestore(&gpu->lock, flags);

	if (scrub) {
		ret = sim_memory_scrub(gpu, round);
		if (ret)
			pr_err("%s: scrub: clear memory: error %d\n",
			       sim_name(gpu), ret);
	}

	raw_spin_lock_irqsave(&gpu->lock, flags);
	if (gpu->round == round) {
		gpu->scrub_due = false;
		sim_device_end(gpu);
	}
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

/* Finish this training now and well; returns when it is. */
void sim_device_train(struct sim_gpu *gpu)
{
	unsigned long flags;

	lockdep_assert_held(&gpu->alive);

	raw_spin_lock_irqsave(&gpu->lock, flags);
	gpu->finish = true;
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	mod_delayed_work(system_long_wq, &gpu->train_work, 0);
	flush_delayed_work(&gpu->train_work);
}

/* Lose readiness, and do not train until told to, or reset. */
void sim_device_untrain(struct sim_gpu *gpu)
{
	unsigned long flags;

	lockdep_assert_held(&gpu->alive);

	raw_spin_lock_irqsave(&gpu->lock, flags);
	sim_device_lose(gpu);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

static void sim_device_reset_work(struct work_struct *work)
{
	struct sim_gpu *gpu = container_of(to_delayed_work(work),
					   struct sim_gpu, reset_work);
	struct pci_dev *pdev;
	int ret = -ENODEV;

	down_read(&gpu->alive);
	pdev = sim_bus_function(gpu);
	up_read(&gpu->alive);
	if (pdev)
		ret = pci_reset_function(pdev);
	pr_info("%s: reset_after_ms: reset of %s: %d\n", sim_name(gpu),
		gpu->bdf, ret);
	pci_dev_put(pdev);
}

/* First it is silent, then the kernel notices and takes it off the bus. */
static void sim_device_unplug_work(struct work_struct *work)
{
	struct sim_gpu *gpu = container_of(work, struct sim_gpu, unplug_work);
	struct pci_dev *pdev;

	down_read(&gpu->alive);
	pdev = sim_bus_function(gpu);
	up_read(&gpu->alive);
	if (!pdev)
		return;
	WRITE_ONCE(pdev->error_state, pci_channel_io_perm_failure);
	pci_stop_and_remove_bus_device_locked(pdev);
	pci_dev_put(pdev);
}

void sim_device_init(struct sim_gpu *gpu)
{
	raw_spin_lock_init(&gpu->lock);
	init_rwsem(&gpu->alive);
	INIT_DELAYED_WORK(&gpu->train_work, sim_device_train_work);
	INIT_DELAYED_WORK(&gpu->reset_work, sim_device_reset_work);
	INIT_WORK(&gpu->unplug_work, sim_device_unplug_work);
	gpu->training_ms = SIM_TRAINING_MS;
	gpu->flr_ms = SIM_FLR_MS;
	gpu->cxl_allowance = SIM_CXL_ALLOWANCE;
}

/* @pdev has its BARs, and no driver yet. */
int sim_device_start(struct sim_gpu *gpu, struct pci_dev *pdev)
{
	struct sim_bar *bar = &gpu->bars[0];
	unsigned long flags;

	if (!bar->io && bar->size >= SIM_REGISTERS) {
		gpu->registers = ioremap(pci_resource_start(pdev, 0),
					 SIM_REGISTERS);
		if (!gpu->registers)
			return -ENOMEM;
	}

	raw_spin_lock_irqsave(&gpu->lock, flags);
	gpu->home = sim_persona_bar(gpu, 0);
	gpu->scrub_due = false;
	sim_device_begin(gpu);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return 0;
}

/* The function is off the bus, so nobody starts a training any more. */
void sim_device_stop(struct sim_gpu *gpu)
{
	unsigned long flags;

	cancel_delayed_work_sync(&gpu->train_work);
	raw_spin_lock_irqsave(&gpu->lock, flags);
	sim_memory_uncover(gpu);
	gpu->ready = false;
	gpu->aer.status = 0;
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	if (gpu->registers)
		iounmap(gpu->registers);
	gpu->registers = NULL;
}
