// SPDX-License-Identifier: GPL-2.0-only
/*
 * cohgpu-sim-power: what a POWER9 kernel does for a driver of GPUs on NVLink,
 * played. Functions by the names that Linux has or had for them, so that a
 * driver which looks them up finds these, while this module is loaded. What
 * they were asked is told in debugfs, which can also make them refuse.
 *
 *	lpars		guests that GPUs are mapped to: "BDF LPID MSR", a line each
 *	lpar_calls	"map N", "unmap N", "odd N": calls out of turn,
 *			"early N": unmaps of a GPU that was a bus master yet
 *	registrations	user addresses registered for DMA: "start bytes base"
 *	askew		how many of them an IOMMU page could map into a BUG
 *	refuse		none, lpar, unmap, registration
 *	busy		1: registrations are in use by the IOMMU
 *	held		1: a container registered what is registered now, too
 *	leak		1: mm_iommu_is_devmem() keeps the RCU read lock
 *
 * A kernel that has the functions for memory itself keeps its own. These err
 * where that errs. It takes the largest IOMMU page of a registration from its
 * physical address and length, not from its user address. And to give one
 * back succeeds while a container has it, which can go on to map it.
 */
#define pr_fmt(fmt) "cohgpu-sim-power: " fmt

#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "platform.h"
#include "sim.h"

enum sim_refuse {
	SIM_REFUSE_NONE,
	SIM_REFUSE_LPAR,
	SIM_REFUSE_UNMAP,
	SIM_REFUSE_REGISTRATION,
};

static const char *const sim_refuse_words[] = {
	[SIM_REFUSE_NONE] = "none",
	[SIM_REFUSE_LPAR] = "lpar",
	[SIM_REFUSE_UNMAP] = "unmap",
	[SIM_REFUSE_REGISTRATION] = "registration",
};

/* A GPU that translates a guest's addresses. */
struct sim_lpar {
	struct list_head node;
	char gpu[16]; /* its address, for it may be gone */
	unsigned int lpid;
	unsigned long msr; /* machine state that it makes accesses in */
};

/* Guards all below; innermost. */
static DEFINE_MUTEX(sim_platform_lock);
static LIST_HEAD(sim_lpars);
static unsigned int sim_lpar_maps, sim_lpar_unmaps, sim_lpar_odd;
static unsigned int sim_lpar_early;
static enum sim_refuse sim_refuse;

static struct sim_lpar *sim_lpar_find(struct pci_dev *gpu)
{
	struct sim_lpar *lpar;

	list_for_each_entry(lpar, &sim_lpars, node) {
		if (!strcmp(lpar->gpu, pci_name(gpu)))
			return lpar;
	}
	return NULL;
}

/* May the GPU still translate? Then it is early to take its guest away. */
static bool sim_lpar_busy(struct pci_dev *gpu)
{
	u16 command = 0;

	pci_read_config_word(gpu, PCI_COMMAND, &command);
	return command & PCI_COMMAND_MASTER;
}

int pnv_npu2_map_lpar_dev(struct pci_dev *gpdev, unsigned int lpid,
			  unsigned long msr)
{
	struct sim_lpar *lpar;
	int ret = 0;

	/* A real one would be left without, and nobody would know. */
	if (!sim_bus_plays_nvlink(gpdev))
		return -ENODEV;
	lpar = kzalloc(sizeof(*lpar), GFP_KERNEL);
	if (!lpar)
		return -ENOMEM;
	strscpy(lpar->gpu, pci_name(gpdev), sizeof(lpar->gpu));
	lpar->lpid = lpid;
	lpar->msr = msr;
	mutex_lock(&sim_platform_lock);
	if (sim_refuse == SIM_REFUSE_LPAR) {
		ret = -EIO;
	} else if (sim_lpar_find(gpdev)) {
		sim_lpar_odd++;
		ret = -EBUSY;
	} else {
		sim_lpar_maps++;
		list_add_tail(&lpar->node, &sim_lpars);
	}
	mutex_unlock(&sim_platform_lock);
	if (ret)
		kfree(lpar);
	return ret;
}
EXPORT_SYMBOL_GPL(pnv_npu2_map_lpar_dev);

int pnv_npu2_unmap_lpar_dev(struct pci_dev *gpdev)
{
	struct sim_lpar *lpar;
	int ret = 0;

	mutex_lock(&sim_platform_lock);
	lpar = sim_lpar_find(gpdev);
	if (!lpar) {
		sim_lpar_odd++;
		ret = -ENOENT;
	} else if (sim_refuse == SIM_REFUSE_UNMAP) {
		lpar = NULL;
		ret = -EIO;
	} else {
		sim_lpar_unmaps++;
		sim_lpar_early += sim_lpar_busy(gpdev);
		list_del(&lpar->node);
	}
	mutex_unlock(&sim_platform_lock);
	kfree(lpar);
	return ret;
}
EXPORT_SYMBOL_GPL(pnv_npu2_unmap_lpar_dev);

static int sim_lpars_show(struct seq_file *seq, void *unused)
{
	struct sim_lpar *lpar;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry(lpar, &sim_lpars, node)
		seq_printf(seq, "%s %u %#lx\n", lpar->gpu, lpar->lpid,
			   lpar->msr);
	mutex_unlock(&sim_platform_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_lpars);

static int sim_lpar_calls_show(struct seq_file *seq, void *unused)
{
	mutex_lock(&sim_platform_lock);
	seq_printf(seq, "map %u\nunmap %u\nodd %u\nearly %u\n", sim_lpar_maps,
		   sim_lpar_unmaps, sim_lpar_odd, sim_lpar_early);
	mutex_unlock(&sim_platform_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_lpar_calls);

static ssize_t sim_refuse_read(struct file *file, char __user *buf,
			       size_t count, loff_t *ppos)
{
	const char *word = sim_refuse_words[READ_ONCE(sim_refuse)];

	return simple_read_from_buffer(buf, count, ppos, word, strlen(word));
}

static ssize_t sim_refuse_write(struct file *file, const char __user *buf,
				size_t count, loff_t *ppos)
{
	char word[16] = "";
	int i;

	if (copy_from_user(word, buf, min(count, sizeof(word) - 1)))
		return -EFAULT;
	i = sysfs_match_string(sim_refuse_words, word);
	if (i < 0 || count >= sizeof(word)) {
		pr_err("refuse %s: write: must be none, lpar, unmap or registration\n",
		       strim(word));
		return -EINVAL;
	}
	mutex_lock(&sim_platform_lock);
	sim_refuse = i;
	mutex_unlock(&sim_platform_lock);
	return count;
}

static const struct file_operations sim_refuse_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = sim_refuse_read,
	.write = sim_refuse_write,
};

#ifndef CONFIG_SPAPR_TCE_IOMMU
/* The largest page of this machine's IOMMU tables. */
#define SIM_IOMMU_PAGE_SHIFT ilog2(SZ_1G)

/* A range of user addresses that is registered; the kernel's name for it. */
struct mm_iommu_table_group_mem_t {
	struct list_head node;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	unsigned long base;
	unsigned int pageshift;
	unsigned int used;
	bool held;
};

static LIST_HEAD(sim_registrations);
static bool sim_registrations_busy, sim_registrations_leak;

static bool sim_registration_overlaps(struct mm_struct *mm, unsigned long start,
				      unsigned long end)
{
	struct mm_iommu_table_group_mem_t *mem;

	lockdep_assert_held(&sim_platform_lock);

	list_for_each_entry(mem, &sim_registrations, node) {
		if (mem->mm == mm && mem->start < end && start < mem->end)
			return true;
	}
	return false;
}

long mm_iommu_newdev(struct mm_struct *mm, unsigned long ua,
		     unsigned long entries, unsigned long dev_hpa,
		     struct mm_iommu_table_group_mem_t **pmem)
{
	struct mm_iommu_table_group_mem_t *mem;
	int ret = 0;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	mem->mm = mm;
	mem->start = ua;
	mem->end = ua + (entries << PAGE_SHIFT);
	mem->base = dev_hpa;
	mem->pageshift = __ffs(dev_hpa | (entries << PAGE_SHIFT));
	mem->used = 1;

	mutex_lock(&sim_platform_lock);
	if (sim_refuse == SIM_REFUSE_REGISTRATION ||
	    sim_registration_overlaps(mm, mem->start, mem->end))
		ret = -EINVAL;
	else
		list_add_tail(&mem->node, &sim_registrations);
	mutex_unlock(&sim_platform_lock);

	if (ret)
		kfree(mem);
	else
		*pmem = mem;
	return ret;
}
EXPORT_SYMBOL_GPL(mm_iommu_newdev);

static long sim_registration_put(struct mm_iommu_table_group_mem_t *mem)
{
	lockdep_assert_held(&sim_platform_lock);

	if (!mem->used)
		return -ENOENT;
	if (mem->used == 1 && sim_registrations_busy)
		return -EBUSY;
	if (!--mem->used) {
		list_del(&mem->node);
		kfree(mem);
	}
	return 0;
}

long mm_iommu_put(struct mm_struct *mm, struct mm_iommu_table_group_mem_t *mem)
{
	long ret;

	mutex_lock(&sim_platform_lock);
	ret = sim_registration_put(mem);
	mutex_unlock(&sim_platform_lock);
	return ret;
}
EXPORT_SYMBOL_GPL(mm_iommu_put);

struct mm_iommu_table_group_mem_t *
mm_iommu_lookup(struct mm_struct *mm, unsigned long ua, unsigned long size)
{
	struct mm_iommu_table_group_mem_t *mem, *found = NULL;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry(mem, &sim_registrations, node) {
		if (mem->mm == mm && mem->start <= ua && ua + size <= mem->end)
			found = mem;
	}
	mutex_unlock(&sim_platform_lock);
	return found;
}
EXPORT_SYMBOL_GPL(mm_iommu_lookup);

bool mm_iommu_is_devmem(struct mm_struct *mm, unsigned long hpa,
			unsigned int pageshift, unsigned long *size)
{
	if (READ_ONCE(sim_registrations_leak)) {
		rcu_read_lock();
		__release(RCU);
	}
	*size = 1UL << pageshift;
	return true;
}
EXPORT_SYMBOL_GPL(mm_iommu_is_devmem);

static int sim_registrations_show(struct seq_file *seq, void *unused)
{
	struct mm_iommu_table_group_mem_t *mem;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry(mem, &sim_registrations, node)
		seq_printf(seq, "%#lx %#lx %#lx\n", mem->start,
			   mem->end - mem->start, mem->base);
	mutex_unlock(&sim_platform_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_registrations);

static bool sim_registration_askew(const struct mm_iommu_table_group_mem_t *mem)
{
	unsigned int shift = min_t(unsigned int, mem->pageshift,
				   SIM_IOMMU_PAGE_SHIFT);

	return !IS_ALIGNED(mem->start, BIT(shift));
}

static int sim_askew_get(void *unused, u64 *value)
{
	struct mm_iommu_table_group_mem_t *mem;
	u64 n = 0;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry(mem, &sim_registrations, node)
		n += sim_registration_askew(mem);
	mutex_unlock(&sim_platform_lock);
	*value = n;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_askew_fops, sim_askew_get, NULL, "%llu\n");

static int sim_held_get(void *unused, u64 *value)
{
	struct mm_iommu_table_group_mem_t *mem;
	u64 n = 0;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry(mem, &sim_registrations, node)
		n += mem->held;
	mutex_unlock(&sim_platform_lock);
	*value = n;
	return 0;
}

static int sim_held_set(void *unused, u64 value)
{
	struct mm_iommu_table_group_mem_t *mem, *next;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry_safe(mem, next, &sim_registrations, node) {
		if (mem->held == !!value)
			continue;
		mem->held = value;
		if (value)
			mem->used++;
		else
			sim_registration_put(mem);
	}
	mutex_unlock(&sim_platform_lock);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_held_fops, sim_held_get, sim_held_set, "%llu\n");

static void sim_registrations_init(struct dentry *folder)
{
	debugfs_create_file("registrations", 0400, folder, NULL,
			    &sim_registrations_fops);
	debugfs_create_file_unsafe("askew", 0400, folder, NULL,
				   &sim_askew_fops);
	debugfs_create_file_unsafe("held", 0600, folder, NULL, &sim_held_fops);
	debugfs_create_bool("busy", 0600, folder, &sim_registrations_busy);
	debugfs_create_bool("leak", 0600, folder, &sim_registrations_leak);
}

/* Who registers something holds a reference to this module. */
static void sim_registrations_exit(void)
{
	WARN_ON(!list_empty(&sim_registrations));
}
#else
static void sim_registrations_init(struct dentry *folder)
{
}

static void sim_registrations_exit(void)
{
}
#endif

static struct dentry *sim_platform_folder;

static int __init sim_platform_init(void)
{
	struct dentry *folder = debugfs_create_dir("cohgpu-power", NULL);

	debugfs_create_file("lpars", 0400, folder, NULL, &sim_lpars_fops);
	debugfs_create_file("lpar_calls", 0400, folder, NULL,
			    &sim_lpar_calls_fops);
	debugfs_create_file("refuse", 0600, folder, NULL, &sim_refuse_fops);
	sim_registrations_init(folder);
	sim_platform_folder = folder;
	return 0;
}

static void __exit sim_platform_exit(void)
{
	debugfs_remove_recursive(sim_platform_folder);
	WARN_ON(!list_empty(&sim_lpars));
	sim_registrations_exit();
}

module_init(sim_platform_init);
module_exit(sim_platform_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The cohgpu authors");
MODULE_DESCRIPTION("What a POWER9 kernel does for drivers of GPUs on NVLink, simulated");
MODULE_VERSION(COHGPU_VERSION);
MODULE_INFO(test, "Y");
