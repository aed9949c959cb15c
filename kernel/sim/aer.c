// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors that the GPU reports by AER (advanced error reporting).
 *
 * A device sets a status bit in its AER capability and sends a message to its
 * root port; the root port notes who it was and interrupts; the kernel's AER
 * service reads both and acts: it counts, calls the driver, and resets the
 * link after a fatal error. All of that is the kernel's own here. Played are
 * the status bit (persona.c has the capability) and the root port's two
 * registers, which are laid over the real ones from an injection until the
 * kernel has cleared them; the interrupt is the root port's, triggered by
 * software.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/bitfield.h>
#include <linux/interrupt.h>

#include "sim.h"

/* What each kind of error is made of. */
static const struct sim_aer_kind {
	const char *name;
	u32 status;
	u32 port_status;
} sim_aer_kinds[] = {
	[SIM_AER_CORRECTABLE] = {
		.name = "correctable",
		.status = PCI_ERR_COR_RCVR,
		.port_status = PCI_ERR_ROOT_COR_RCV,
	},
	[SIM_AER_NONFATAL] = {
		.name = "uncorrectable",
		.status = PCI_ERR_UNC_COMP_TIME,
		.port_status = PCI_ERR_ROOT_UNCOR_RCV |
			       PCI_ERR_ROOT_NONFATAL_RCV,
	},
	[SIM_AER_FATAL] = {
		.name = "fatal",
		.status = PCI_ERR_UNC_DLP,
		.port_status = PCI_ERR_ROOT_UNCOR_RCV |
			       PCI_ERR_ROOT_FIRST_FATAL |
			       PCI_ERR_ROOT_FATAL_RCV,
	},
};

static bool sim_aer_is_port(struct sim_gpu *gpu, struct pci_bus *bus,
			    unsigned int devfn, int where)
{
	return gpu->aer.bus == bus && gpu->aer.devfn == devfn &&
	       (where & ~3) >= gpu->aer.at + PCI_ERR_ROOT_STATUS &&
	       (where & ~3) <= gpu->aer.at + PCI_ERR_ROOT_ERR_SRC;
}

/* A root port's register was read; @gpu may have to say something. */
void sim_aer_read(struct sim_gpu *gpu, struct pci_bus *bus, unsigned int devfn,
		  int where, int size, u32 *value)
{
	u32 all;

	lockdep_assert_held(&gpu->lock);

	if (!gpu->aer.status || !sim_aer_is_port(gpu, bus, devfn, where))
		return;
	all = (where & ~3) == gpu->aer.at + PCI_ERR_ROOT_STATUS ?
		      gpu->aer.status :
		      gpu->aer.source;
	*value |= all >> (8 * (where & 3)) & (u32)GENMASK(8 * size - 1, 0);
}

/* A root port's register was written: ones clear its status. */
void sim_aer_write(struct sim_gpu *gpu, struct pci_bus *bus,
		   unsigned int devfn, int where, u32 value)
{
	lockdep_assert_held(&gpu->lock);

	if (sim_aer_is_port(gpu, bus, devfn, where) &&
	    (where & ~3) == gpu->aer.at + PCI_ERR_ROOT_STATUS)
		gpu->aer.status &= ~(value << (8 * (where & 3)));
}

static int sim_aer_refuse(struct sim_gpu *gpu, const struct sim_aer_kind *kind,
			  const char *rule)
{
	pr_err("%s: aer %s: write: %s\n", sim_name(gpu), kind->name, rule);
	return -EOPNOTSUPP;
}

/* The interrupt by which @port reports errors; negative if it does not. */
static int sim_aer_irq(struct pci_dev *port)
{
	u32 on = PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN |
		 PCI_ERR_ROOT_CMD_FATAL_EN;
	u32 command = 0, status = 0;

	if (!port->aer_cap)
		return -ENODEV;
	pci_read_config_dword(port, port->aer_cap + PCI_ERR_ROOT_COMMAND,
			      &command);
	pci_read_config_dword(port, port->aer_cap + PCI_ERR_ROOT_STATUS,
			      &status);
	if ((command & on) != on)
		return -ENODEV;
	return pci_irq_vector(port, FIELD_GET(PCI_ERR_ROOT_AER_IRQ, status));
}

int sim_aer_inject(struct sim_gpu *gpu, enum sim_aer_error error)
{
	const struct sim_aer_kind *kind = &sim_aer_kinds[error];
	struct pci_dev *pdev = sim_bus_function(gpu);
	struct pci_dev *port = pdev ? pcie_find_root_port(pdev) : NULL;
	unsigned long flags;
	u32 source;
	int irq, ret;

	lockdep_assert_held(&gpu->alive);

	irq = port ? sim_aer_irq(port) : -ENODEV;
	if (irq < 0) {
		ret = sim_aer_refuse(gpu, kind,
				     "the kernel's AER service must serve a root port above the function");
		goto out;
	}
	ret = sim_bus_watch(gpu, port->bus);
	if (ret)
		goto out;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	if (sim_persona_error(gpu, error == SIM_AER_CORRECTABLE,
			      kind->status)) {
		source = pci_dev_id(pdev);
		gpu->aer.bus = port->bus;
		gpu->aer.devfn = port->devfn;
		gpu->aer.at = port->aer_cap;
		gpu->aer.status |= kind->port_status;
		gpu->aer.source = error == SIM_AER_CORRECTABLE ? source :
								 source << 16;
	} else {
		ret = -EPERM;
	}
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	if (ret) {
		sim_aer_refuse(gpu, kind, "must not be masked in the function");
		goto out;
	}
	ret = irq_inject_interrupt(irq);
	if (ret)
		sim_aer_refuse(gpu, kind,
			       "the root port's interrupt must be one that software can trigger");
out:
	pci_dev_put(pdev);
	return ret;
}
