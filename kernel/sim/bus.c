// SPDX-License-Identifier: GPL-2.0-only
/*
 * Config accessors of a bus, replaced by ours, and the scan that makes the
 * kernel look again.
 *
 * pci_bus_set_ops() swaps a bus's accessors. Ours take the original's other
 * members over, because generic ECAM accessors call bus->ops->map_bus().
 * While a GPU is enabled they answer for its function from the persona, and
 * pass everything else on.
 *
 * Somebody else's may come over ours, as aer_inject's do, and pass on to them.
 * Then ours neither go from beneath nor come on top again, for the two would
 * call each other for ever: *pinned*, they and the module stay until those go.
 *
 * Where no lock is held around config accesses (CONFIG_PCI_LOCKLESS_CONFIG),
 * someone may still be on the way into our accessors after the original's came
 * back. So a sim_bus stays until the module goes, after a grace period of tasks,
 * is found by its pci_bus (referenced for that), and knows whom to pass on to.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/module.h>
#include <linux/pm_runtime.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "sim.h"

#define SIM_STOCK_VENDOR 0x1af4
#define SIM_STOCK_DEVICE 0x1110
#define SIM_STOCK_MIN SZ_4M

/**
 * struct sim_bus - a bus on which a GPU is, or was, or a root port of one
 * @node: in sim_buses
 * @bus: with a reference
 * @stock: its own accessors
 * @ops: ours
 * @swapped: they are the bus's, or somebody's who is over them
 * @pinned: nobody needs them, but somebody is over them
 * @watchers: GPUs whose root port is on this bus and may be laid over
 * @gpu: whom they show, NULL: nobody
 */
struct sim_bus {
	struct list_head node;
	struct pci_bus *bus;
	struct pci_ops *stock;
	struct pci_ops ops;
	bool swapped, pinned;
	unsigned int watchers;
	struct sim_gpu __rcu *gpu;
};

/*
 * Grows under pci_rescan_remove_lock, as all but @gpu changes in what is in it,
 * and shrinks only in sim_bus_exit().
 */
static LIST_HEAD(sim_buses);

static struct sim_bus *sim_bus_find(struct pci_bus *bus)
{
	struct sim_bus *entry;

	list_for_each_entry_rcu(entry, &sim_buses, node, true) {
		if (entry->bus == bus)
			return entry;
	}
	return NULL;
}

/* Whose accessors @bus has, or has just had: one made below another has its. */
static struct sim_bus *sim_bus_above(struct pci_bus *bus)
{
	struct sim_bus *entry, *nearest = NULL;

	for (; bus; bus = bus->parent) {
		entry = sim_bus_find(bus);
		if (entry && entry->swapped)
			return entry;
		nearest = nearest ?: entry;
	}
	return nearest;
}

/* From within an access, which came through our accessors. */
u32 sim_bus_stock_read(struct sim_gpu *gpu, int where)
{
	struct sim_bus *bus = gpu->bus;
	u32 value = ~0;

	bus->stock->read(bus->bus, gpu->devfn, where, 4, &value);
	return value;
}

void sim_bus_stock_write(struct sim_gpu *gpu, int where, int size, u32 value)
{
	struct sim_bus *bus = gpu->bus;

	bus->stock->write(bus->bus, gpu->devfn, where, size, value);
}

/*
 * The same outside of an access, while nobody is shown: somebody else's
 * accessors over ours must pass it on, for until they do the bus has theirs.
 */
void sim_bus_stock_set(struct sim_gpu *gpu, int where, int size, u32 value)
{
	struct pci_bus *bus = gpu->bus->bus;

	if (size == 4)
		pci_bus_write_config_dword(bus, gpu->devfn, where, value);
	else if (size == 2)
		pci_bus_write_config_word(bus, gpu->devfn, where, value);
	else
		pci_bus_write_config_byte(bus, gpu->devfn, where, value);
}

/* A register that is not the persona's; a root port's may be laid over. */
static int sim_bus_read_other(struct sim_bus *entry, struct pci_bus *bus,
			      unsigned int devfn, int where, int size, u32 *val)
{
	int ret = entry->stock->read(bus, devfn, where, size, val);
	struct sim_bus *other;
	struct sim_gpu *gpu;
	unsigned long flags;

	list_for_each_entry_rcu(other, &sim_buses, node) {
		gpu = rcu_dereference(other->gpu);
		if (ret || !gpu || !READ_ONCE(gpu->aer.status))
			continue;
		raw_spin_lock_irqsave(&gpu->lock, flags);
		sim_aer_read(gpu, bus, devfn, where, size, val);
		raw_spin_unlock_irqrestore(&gpu->lock, flags);
	}
	return ret;
}

static int sim_bus_write_other(struct sim_bus *entry, struct pci_bus *bus,
			       unsigned int devfn, int where, int size, u32 val)
{
	struct sim_bus *other;
	struct sim_gpu *gpu;
	unsigned long flags;

	list_for_each_entry_rcu(other, &sim_buses, node) {
		gpu = rcu_dereference(other->gpu);
		if (!gpu || !READ_ONCE(gpu->aer.status))
			continue;
		raw_spin_lock_irqsave(&gpu->lock, flags);
		sim_aer_write(gpu, bus, devfn, where, val);
		raw_spin_unlock_irqrestore(&gpu->lock, flags);
	}
	return entry->stock->write(bus, devfn, where, size, val);
}

static int sim_bus_read(struct pci_bus *bus, unsigned int devfn, int where,
			int size, u32 *val)
{
	int ret = PCIBIOS_SUCCESSFUL;
	struct sim_bus *entry;
	struct sim_gpu *gpu;
	unsigned long flags;

	rcu_read_lock();
	entry = sim_bus_above(bus);
	gpu = entry->bus == bus ? rcu_dereference(entry->gpu) : NULL;
	if (gpu && gpu->devfn == devfn && where + size <= SIM_CONFIG_BYTES) {
		raw_spin_lock_irqsave(&gpu->lock, flags);
		*val = sim_persona_read(gpu, where, size);
		raw_spin_unlock_irqrestore(&gpu->lock, flags);
		if (size < 4)
			*val &= BIT(8 * size) - 1;
	} else {
		ret = sim_bus_read_other(entry, bus, devfn, where, size, val);
	}
	rcu_read_unlock();
	return ret;
}

static int sim_bus_write(struct pci_bus *bus, unsigned int devfn, int where,
			 int size, u32 val)
{
	int ret = PCIBIOS_SUCCESSFUL;
	struct sim_bus *entry;
	struct sim_gpu *gpu;
	unsigned long flags;

	rcu_read_lock();
	entry = sim_bus_above(bus);
	gpu = entry->bus == bus ? rcu_dereference(entry->gpu) : NULL;
	if (gpu && gpu->devfn == devfn && where + size <= SIM_CONFIG_BYTES) {
		raw_spin_lock_irqsave(&gpu->lock, flags);
		sim_persona_write(gpu, where, size, val);
		raw_spin_unlock_irqrestore(&gpu->lock, flags);
	} else {
		ret = sim_bus_write_other(entry, bus, devfn, where, size, val);
	}
	rcu_read_unlock();
	return ret;
}

/* The GPU that @pdev is; the caller holds pci_rescan_remove_lock. */
struct sim_gpu *sim_bus_gpu_of(struct pci_dev *pdev)
{
	struct sim_bus *entry = sim_bus_find(pdev->bus);
	struct sim_gpu *gpu;

	gpu = entry ? rcu_dereference_protected(entry->gpu, true) : NULL;
	return gpu && gpu->devfn == pdev->devfn ? gpu : NULL;
}

/* Is @pdev a GPU on NVLink, of those that are played? */
bool sim_bus_plays_nvlink(struct pci_dev *pdev)
{
	struct sim_bus *entry = sim_bus_find(pdev->bus);
	struct sim_gpu *gpu;
	bool plays;

	rcu_read_lock();
	gpu = entry ? rcu_dereference(entry->gpu) : NULL;
	plays = gpu && gpu->devfn == pdev->devfn && gpu->links;
	rcu_read_unlock();
	return plays;
}
EXPORT_SYMBOL_GPL(sim_bus_plays_nvlink);

/* The GPU whose memory has a part in the range; under rcu_read_lock(). */
struct sim_gpu *sim_bus_gpu_at(u64 start, u64 bytes)
{
	struct sim_bus *entry;
	struct sim_gpu *gpu;

	list_for_each_entry_rcu(entry, &sim_buses, node) {
		gpu = rcu_dereference(entry->gpu);
		if (gpu && start < gpu->mem_base + gpu->mem_size &&
		    gpu->mem_base < start + bytes)
			return gpu;
	}
	return NULL;
}

/* The function of an enabled GPU with a reference; NULL if it was removed. */
struct pci_dev *sim_bus_function(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->alive);

	return gpu->enabled ? pci_get_slot(gpu->bus->bus, gpu->devfn) : NULL;
}

static bool sim_bus_fits(struct pci_dev *pdev)
{
	return pdev->vendor == SIM_STOCK_VENDOR &&
	       pdev->device == SIM_STOCK_DEVICE && pdev->bus->self &&
	       pci_resource_flags(pdev, 2) & IORESOURCE_MEM_64 &&
	       pci_resource_len(pdev, 2) >= SIM_STOCK_MIN;
}

static bool sim_bus_is_free(struct pci_dev *pdev)
{
	struct sim_bus *entry = sim_bus_find(pdev->bus);

	return !pdev->dev.driver &&
	       (!entry || !rcu_access_pointer(entry->gpu));
}

/* By address: functions that come back are last in the kernel's own order. */
static bool sim_bus_is_before(struct pci_dev *a, struct pci_dev *b)
{
	int domain = pci_domain_nr(a->bus) - pci_domain_nr(b->bus);

	if (domain)
		return domain < 0;
	return PCI_DEVID(a->bus->number, a->devfn) <
	       PCI_DEVID(b->bus->number, b->devfn);
}

/* @told: firmware of the machine itself has properties for it. */
static struct pci_dev *sim_bus_first_free(bool told)
{
	struct pci_dev *pdev = NULL, *first = NULL;

	while ((pdev = pci_get_device(SIM_STOCK_VENDOR, SIM_STOCK_DEVICE,
				      pdev))) {
		if (!sim_bus_fits(pdev) || !sim_bus_is_free(pdev) ||
		    sim_firmware_tells(&pdev->dev) != told ||
		    (first && sim_bus_is_before(first, pdev)))
			continue;
		pci_dev_put(first);
		first = pci_dev_get(pdev);
	}
	return first;
}

static struct pci_dev *sim_bus_named(struct sim_gpu *gpu)
{
	unsigned int domain, bus, slot, function;

	if (sscanf(gpu->bdf, "%x:%x:%x.%x", &domain, &bus, &slot,
		   &function) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus,
					   PCI_DEVFN(slot, function));
}

/* What the machine's own firmware says of a function cannot be overruled. */
static bool sim_bus_suits(struct sim_gpu *gpu, struct pci_dev *pdev)
{
	return gpu->properties == SIM_PROPS_FIRMWARE ||
	       !sim_firmware_tells(&pdev->dev);
}

static struct pci_dev *sim_bus_any(struct sim_gpu *gpu)
{
	struct pci_dev *pdev = NULL;

	if (gpu->properties == SIM_PROPS_FIRMWARE)
		pdev = sim_bus_first_free(true);
	if (!pdev)
		pdev = sim_bus_first_free(false);
	if (pdev)
		return pdev;
	pr_err("%s: bdf: enable: no free function %04x:%04x behind a root port with a BAR2 of %u MiB or more\n",
	       sim_name(gpu), SIM_STOCK_VENDOR, SIM_STOCK_DEVICE,
	       SIM_STOCK_MIN >> 20);
	return ERR_PTR(-ENODEV);
}

static int sim_bus_refuse(struct sim_gpu *gpu, struct pci_dev *pdev)
{
	if (!pdev || !sim_bus_fits(pdev)) {
		pr_err("%s: bdf %s: enable: must be a %04x:%04x behind a root port with a BAR2 of %u MiB or more\n",
		       sim_name(gpu), gpu->bdf, SIM_STOCK_VENDOR,
		       SIM_STOCK_DEVICE, SIM_STOCK_MIN >> 20);
		return -ENODEV;
	}
	if (!sim_bus_is_free(pdev)) {
		pr_err("%s: bdf %s: enable: must have no driver, and no simulated GPU on its bus\n",
		       sim_name(gpu), gpu->bdf);
		return -EBUSY;
	}
	pr_err("%s: bdf %s: enable: must have `properties` = firmware, because the machine's own describes it\n",
	       sim_name(gpu), gpu->bdf);
	return -EINVAL;
}

/*
 * The function that was chosen, or was used last, or else the first that is
 * free; with a reference.
 */
struct pci_dev *sim_bus_find_stock(struct sim_gpu *gpu)
{
	struct pci_dev *pdev = sim_bus_named(gpu);
	int ret;

	lockdep_assert_held(&sim_lock);

	if (pdev && sim_bus_fits(pdev) && sim_bus_is_free(pdev) &&
	    sim_bus_suits(gpu, pdev))
		return pdev;
	ret = gpu->bdf_set ? sim_bus_refuse(gpu, pdev) : 0;
	pci_dev_put(pdev);
	return ret ? ERR_PTR(ret) : sim_bus_any(gpu);
}

static struct sim_bus *sim_bus_get(struct pci_bus *bus)
{
	struct sim_bus *entry = sim_bus_find(bus);

	if (entry)
		return entry;
	entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		return NULL;
	entry->bus = bus;
	get_device(&bus->dev);
	list_add_tail_rcu(&entry->node, &sim_buses);
	return entry;
}

static void sim_bus_swap(struct sim_bus *bus)
{
	if (bus->swapped)
		return;
	bus->stock = bus->bus->ops;
	bus->ops = *bus->stock;
	bus->ops.read = sim_bus_read;
	bus->ops.write = sim_bus_write;
	pci_bus_set_ops(bus->bus, &bus->ops);
	bus->swapped = true;
}

/* Below @parent, where a bus that was made meanwhile has @from, there is @to. */
static void sim_bus_hand_down(struct pci_bus *parent, struct pci_ops *from,
			      struct pci_ops *to)
{
	struct pci_bus *bus;

	list_for_each_entry(bus, &parent->children, node) {
		if (bus->ops == from)
			pci_bus_set_ops(bus, to);
		sim_bus_hand_down(bus, from, to);
	}
}

/*
 * Ours go from a bus where nobody needs them, unless somebody is over them. Who
 * is over them shows ours while he passes on, and then puts his own back; he
 * does it with interrupts off.
 */
static void sim_bus_swap_back(struct sim_bus *bus)
{
	struct pci_ops *top = bus->bus->ops;

	if (!bus->swapped || bus->watchers || rcu_access_pointer(bus->gpu))
		return;
	if (top == &bus->ops) {
		pci_bus_set_ops(bus->bus, bus->stock);
		sim_bus_hand_down(bus->bus, &bus->ops, bus->stock);
		synchronize_rcu();
		top = READ_ONCE(bus->bus->ops);
	}
	bus->swapped = top != bus->stock;
	if (bus->swapped == bus->pinned)
		return;
	bus->pinned = bus->swapped;
	if (!bus->pinned) {
		module_put(THIS_MODULE);
		return;
	}
	pr_warn("bus %s: somebody took the config accessors over, so the module stays loaded until they are gone and a GPU's directory is removed\n",
		dev_name(&bus->bus->dev));
	__module_get(THIS_MODULE);
}

/* Perhaps whoever was over ours is gone. */
void sim_bus_unpin(void)
{
	struct sim_bus *entry;

	pci_lock_rescan_remove();
	list_for_each_entry(entry, &sim_buses, node)
		sim_bus_swap_back(entry);
	pci_unlock_rescan_remove();
}

/* Let a root port's registers be laid over, until the GPU goes. */
int sim_bus_watch(struct sim_gpu *gpu, struct pci_bus *bus)
{
	struct sim_bus *entry;

	lockdep_assert_held(&gpu->alive);

	pci_lock_rescan_remove();
	entry = gpu->watched ?: sim_bus_get(bus);
	if (entry && !gpu->watched) {
		sim_bus_swap(entry);
		entry->watchers++;
		gpu->watched = entry;
	}
	pci_unlock_rescan_remove();
	return entry ? 0 : -ENOMEM;
}

static void sim_bus_unwatch(struct sim_gpu *gpu)
{
	struct sim_bus *entry = gpu->watched;

	gpu->watched = NULL;
	if (!entry)
		return;
	entry->watchers--;
	sim_bus_swap_back(entry);
}

static void sim_bus_remove(struct pci_bus *bus, unsigned int devfn)
{
	struct pci_dev *pdev = pci_get_slot(bus, devfn);

	if (pdev)
		pci_stop_and_remove_bus_device(pdev);
	pci_dev_put(pdev);
}

/* Look at the function again; it has no driver until pci_bus_add_devices(). */
static struct pci_dev *sim_bus_scan(struct pci_bus *bus, unsigned int devfn)
{
	pci_scan_slot(bus, devfn);
	pci_bus_assign_resources(bus);
	return pci_get_slot(bus, devfn);
}

/*
 * A root port without children sleeps, and whoever is found below one that does
 * is taken for asleep, too: a reset would then restore what it saved before it
 * was enabled. As hotplug does, the port is kept awake while children change.
 */
static void sim_bus_wake(struct pci_bus *bus)
{
	if (bus->self)
		pm_runtime_get_sync(&bus->self->dev);
}

static void sim_bus_rest(struct pci_bus *bus)
{
	if (bus->self)
		pm_runtime_put(&bus->self->dev);
}

static void sim_bus_show_stock(struct sim_gpu *gpu)
{
	struct pci_bus *bus = gpu->bus->bus;

	lockdep_assert_held(&sim_lock);

	sim_bus_wake(bus);
	sim_bus_remove(bus, gpu->devfn);
	RCU_INIT_POINTER(gpu->bus->gpu, NULL);
	sim_bus_swap_back(gpu->bus);
	synchronize_rcu();
	sim_persona_end(gpu);
	sim_device_stop(gpu);
	pci_dev_put(sim_bus_scan(bus, gpu->devfn));
	pci_bus_add_devices(bus);
	sim_bus_rest(bus);
}

/*
 * The stock function goes, the GPU comes. The reference to @stock is given up
 * before that: on POWER the last one takes with it what the new function was
 * given, because both are the same function to the host bridge.
 */
int sim_bus_join(struct sim_gpu *gpu, struct pci_dev *stock)
{
	struct pci_bus *bus = stock->bus;
	struct pci_dev *pdev;
	unsigned long flags;
	int ret;

	lockdep_assert_held(&sim_lock);

	pci_lock_rescan_remove();
	gpu->devfn = stock->devfn;
	raw_spin_lock_irqsave(&gpu->lock, flags);
	/* A new device answers, whatever became of the one before. */
	gpu->dead = false;
	gpu->lost = false;
	gpu->silent = false;
	gpu->aer.status = 0;
	ret = sim_persona_make(gpu, stock);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	pci_dev_put(stock);
	gpu->bus = ret ? NULL : sim_bus_get(bus);
	if (!gpu->bus) {
		ret = ret ?: -ENOMEM;
		goto out;
	}

	sim_bus_wake(bus);
	sim_bus_remove(bus, gpu->devfn);
	sim_bus_swap(gpu->bus);
	sim_persona_begin(gpu);
	rcu_assign_pointer(gpu->bus->gpu, gpu);

	pdev = sim_bus_scan(bus, gpu->devfn);
	ret = sim_persona_shown(gpu, pdev);
	if (!ret)
		ret = sim_device_start(gpu, pdev);
	if (ret)
		sim_bus_show_stock(gpu);
	else
		pci_bus_add_devices(bus);
	pci_dev_put(pdev);
	sim_bus_rest(bus);
out:
	pci_unlock_rescan_remove();
	return ret;
}

/* The GPU goes (its driver lets go first), the stock function is back. */
void sim_bus_leave(struct sim_gpu *gpu)
{
	pci_lock_rescan_remove();
	sim_bus_show_stock(gpu);
	sim_bus_unwatch(gpu);
	pci_unlock_rescan_remove();
}

/* No bus has ours any more, or the module would stay. */
void sim_bus_exit(void)
{
	struct sim_bus *entry, *next;

	synchronize_rcu_tasks();
	list_for_each_entry_safe(entry, next, &sim_buses, node) {
		list_del(&entry->node);
		put_device(&entry->bus->dev);
		kfree(entry);
	}
}
