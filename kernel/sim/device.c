// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device does by itself: it loses its training at every reset and
 * trains again, and tells so in two registers of BAR0 (or in its CXL DVSEC).
 *
 * The registers are words in BAR0's RAM, which a reset does not clear. So they
 * are cleared here when a reset is seen, with the stock function's BAR and
 * memory enable put back for that moment; so they are when training ends.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/io.h>

#include "sim.h"

#define SIM_C2C 0x1498
#define SIM_HBM 0x200BC
#define SIM_DONE 0xFF
#define SIM_REGISTERS (SIM_HBM + sizeof(u32))

/*
 * Write the registers, whether or not the function decodes its BAR now. Nobody
 * else comes near its config space meanwhile: the accessors take the lock.
 */
static void sim_device_registers(struct sim_gpu *gpu, u32 c2c, u32 hbm)
{
	u64 address = pci_resource_start(gpu->pdev, 0);
	u32 command, low, high;

	lockdep_assert_held(&gpu->lock);

	if (!gpu->registers || gpu->preset->cxl)
		return;
	command = sim_persona_stock_read(gpu, PCI_COMMAND) & 0xFFFF;
	low = sim_persona_stock_read(gpu, PCI_BASE_ADDRESS_2);
	high = sim_persona_stock_read(gpu, PCI_BASE_ADDRESS_3);
	if (!(command & PCI_COMMAND_MEMORY)) {
		sim_persona_stock_write(gpu, PCI_BASE_ADDRESS_2, address);
		sim_persona_stock_write(gpu, PCI_BASE_ADDRESS_3, address >> 32);
		sim_persona_stock_write(gpu, PCI_COMMAND,
					command | PCI_COMMAND_MEMORY);
	}
	iowrite32(c2c, gpu->registers + SIM_C2C);
	iowrite32(hbm, gpu->registers + SIM_HBM);
	ioread32(gpu->registers + SIM_HBM);
	if (!(command & PCI_COMMAND_MEMORY)) {
		sim_persona_stock_write(gpu, PCI_COMMAND, command);
		sim_persona_stock_write(gpu, PCI_BASE_ADDRESS_2, low);
		sim_persona_stock_write(gpu, PCI_BASE_ADDRESS_3, high);
	}
}

static void sim_device_schedule(struct sim_gpu *gpu)
{
	if (gpu->training != SIM_TRAIN_MANUAL)
		mod_delayed_work(system_wq, &gpu->train_work,
				 msecs_to_jiffies(gpu->training_ms));
}

static void sim_device_lose(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->lock);

	if (gpu->ready)
		sim_memory_cover(gpu);
	gpu->ready = false;
	sim_persona_cxl(gpu, false, false);
	sim_device_registers(gpu, 0, 0);
}

/* A reset of any kind; called from the accessors, with interrupts off. */
void sim_device_reset(struct sim_gpu *gpu, enum sim_reset_kind kind)
{
	lockdep_assert_held(&gpu->lock);

	gpu->resets[kind]++;
	sim_device_lose(gpu);

	gpu->bar0_value = 0;
	sim_persona_stock_write(gpu, PCI_COMMAND, 0);
	sim_persona_stock_write(gpu, PCI_BASE_ADDRESS_2, 0);
	sim_persona_stock_write(gpu, PCI_BASE_ADDRESS_3, 0);
	if (kind == SIM_RESET_FLR && gpu->flr != SIM_FLR_NORMAL) {
		gpu->silent = true;
		gpu->silent_until = jiffies +
			msecs_to_jiffies(gpu->flr == SIM_FLR_SLOW ?
					 gpu->flr_ms : 70 * MSEC_PER_SEC);
	}
	sim_device_schedule(gpu);
}

static void sim_device_train_work(struct work_struct *work)
{
	struct sim_gpu *gpu = container_of(to_delayed_work(work),
					   struct sim_gpu, train_work);
	bool c2c, hbm;
	unsigned long flags;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	c2c = gpu->training != SIM_TRAIN_STUCK_C2C &&
	      gpu->training != SIM_TRAIN_STUCK;
	hbm = gpu->training != SIM_TRAIN_STUCK_HBM &&
	      gpu->training != SIM_TRAIN_STUCK;
	if (c2c && hbm && !gpu->ready) {
		sim_memory_uncover(gpu);
		gpu->ready = true;
	}
	sim_device_registers(gpu, c2c ? SIM_DONE : 0, hbm ? SIM_DONE : 0);
	sim_persona_cxl(gpu, c2c, c2c && hbm);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

static void sim_device_reset_work(struct work_struct *work)
{
	struct sim_gpu *gpu = container_of(to_delayed_work(work),
					   struct sim_gpu, reset_work);
	int ret = pci_reset_function(gpu->pdev);

	pr_info("%s: reset from outside: %d\n", pci_name(gpu->pdev), ret);
}

/* Finish a training now, as `train` asks. */
void sim_device_train(struct sim_gpu *gpu)
{
	mod_delayed_work(system_wq, &gpu->train_work, 0);
}

void sim_device_untrain(struct sim_gpu *gpu)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	sim_device_lose(gpu);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

void sim_device_init(struct sim_gpu *gpu)
{
	raw_spin_lock_init(&gpu->lock);
	INIT_DELAYED_WORK(&gpu->train_work, sim_device_train_work);
	INIT_DELAYED_WORK(&gpu->reset_work, sim_device_reset_work);
	gpu->training_ms = 50;
	gpu->flr_ms = 1000;
}

int sim_device_start(struct sim_gpu *gpu)
{
	unsigned long flags;
	int ret;

	/* Decode memory once, bridges included; nobody counts on it later. */
	ret = pci_enable_device_mem(gpu->pdev);
	if (ret)
		return ret;
	pci_disable_device(gpu->pdev);

	if (gpu->bar0 == SIM_BAR0_MEMORY &&
	    pci_resource_len(gpu->pdev, 0) >= SIM_REGISTERS) {
		gpu->registers = ioremap(pci_resource_start(gpu->pdev, 0),
					 SIM_REGISTERS);
		if (!gpu->registers)
			return -ENOMEM;
	}

	raw_spin_lock_irqsave(&gpu->lock, flags);
	gpu->ready = false;
	sim_persona_cxl(gpu, false, false);
	sim_device_registers(gpu, 0, 0);
	sim_memory_cover(gpu);
	sim_device_schedule(gpu);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return 0;
}

void sim_device_stop(struct sim_gpu *gpu)
{
	unsigned long flags;

	cancel_delayed_work_sync(&gpu->reset_work);
	cancel_delayed_work_sync(&gpu->train_work);
	raw_spin_lock_irqsave(&gpu->lock, flags);
	if (!gpu->ready)
		sim_memory_uncover(gpu);
	gpu->ready = false;
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	if (gpu->registers)
		iounmap(gpu->registers);
	gpu->registers = NULL;
}
