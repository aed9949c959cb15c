// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a POWER9 kernel does for a driver of GPUs on NVLink, played: functions
 * by the names that Linux has or had for them, so that a driver which looks
 * them up finds these. What they were asked is told in debugfs, which can also
 * make them refuse.
 *
 *	lpars		guests that GPUs are mapped to: "BDF LPID", a line each
 *	lpar_calls	"map N", "unmap N", "odd N": calls out of turn
 *	registrations	user addresses registered for DMA: "start bytes base"
 *	refuse		none, lpar, registration
 *	busy		1: registrations are in use by the IOMMU
 *	leak		1: mm_iommu_is_devmem() keeps the RCU read lock
 *
 * A kernel that has the functions for memory itself keeps its own.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "platform.h"
#include "sim.h"

enum sim_refuse { SIM_REFUSE_NONE, SIM_REFUSE_LPAR, SIM_REFUSE_REGISTRATION };

static const char *const sim_refuse_words[] = {
	[SIM_REFUSE_NONE] = "none",
	[SIM_REFUSE_LPAR] = "lpar",
	[SIM_REFUSE_REGISTRATION] = "registration",
};

/* A GPU that translates a guest's addresses. */
struct sim_lpar {
	struct list_head node;
	struct pci_dev *gpu;
	unsigned int lpid;
};

/* Guards all below; innermost. */
static DEFINE_MUTEX(sim_platform_lock);
static LIST_HEAD(sim_lpars);
static unsigned int sim_lpar_maps, sim_lpar_unmaps, sim_lpar_odd;
static enum sim_refuse sim_refuse;

static struct sim_lpar *sim_lpar_find(struct pci_dev *gpu)
{
	struct sim_lpar *lpar;

	list_for_each_entry(lpar, &sim_lpars, node) {
		if (lpar->gpu == gpu)
			return lpar;
	}
	return NULL;
}

int pnv_npu2_map_lpar_dev(struct pci_dev *gpdev, unsigned int lpid,
			  unsigned long msr)
{
	struct sim_lpar *lpar = kzalloc(sizeof(*lpar), GFP_KERNEL);
	int ret = 0;

	if (!lpar)
		return -ENOMEM;
	lpar->gpu = gpdev;
	lpar->lpid = lpid;
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

	mutex_lock(&sim_platform_lock);
	lpar = sim_lpar_find(gpdev);
	if (lpar) {
		sim_lpar_unmaps++;
		list_del(&lpar->node);
	} else {
		sim_lpar_odd++;
	}
	mutex_unlock(&sim_platform_lock);
	kfree(lpar);
	return lpar ? 0 : -ENOENT;
}
EXPORT_SYMBOL_GPL(pnv_npu2_unmap_lpar_dev);

static int sim_lpars_show(struct seq_file *seq, void *unused)
{
	struct sim_lpar *lpar;

	mutex_lock(&sim_platform_lock);
	list_for_each_entry(lpar, &sim_lpars, node)
		seq_printf(seq, "%s %u\n", pci_name(lpar->gpu), lpar->lpid);
	mutex_unlock(&sim_platform_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_lpars);

static int sim_lpar_calls_show(struct seq_file *seq, void *unused)
{
	mutex_lock(&sim_platform_lock);
	seq_printf(seq, "map %u\nunmap %u\nodd %u\n", sim_lpar_maps,
		   sim_lpar_unmaps, sim_lpar_odd);
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
		pr_err("refuse %s: write: must be none, lpar or registration\n",
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
/* A range of user addresses that is registered; the kernel's name for it. */
struct mm_iommu_table_group_mem_t {
	struct list_head node;
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	unsigned long base;
};

static LIST_HEAD(sim_registrations);
static bool sim_registrations_busy, sim_registrations_leak;

long mm_iommu_newdev(struct mm_struct *mm, unsigned long ua,
		     unsigned long entries, unsigned long dev_hpa,
		     struct mm_iommu_table_group_mem_t **pmem)
{
	struct mm_iommu_table_group_mem_t *mem, *other;
	int ret = 0;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	mem->mm = mm;
	mem->start = ua;
	mem->end = ua + (entries << PAGE_SHIFT);
	mem->base = dev_hpa;

	mutex_lock(&sim_platform_lock);
	if (sim_refuse == SIM_REFUSE_REGISTRATION)
		ret = -EINVAL;
	list_for_each_entry(other, &sim_registrations, node) {
		if (other->mm == mm && other->start < mem->end &&
		    mem->start < other->end)
			ret = -EINVAL;
	}
	if (!ret)
		list_add_tail(&mem->node, &sim_registrations);
	mutex_unlock(&sim_platform_lock);

	if (ret)
		kfree(mem);
	else
		*pmem = mem;
	return ret;
}
EXPORT_SYMBOL_GPL(mm_iommu_newdev);

long mm_iommu_put(struct mm_struct *mm, struct mm_iommu_table_group_mem_t *mem)
{
	bool busy;

	mutex_lock(&sim_platform_lock);
	busy = sim_registrations_busy;
	if (!busy)
		list_del(&mem->node);
	mutex_unlock(&sim_platform_lock);
	if (busy)
		return -EBUSY;
	kfree(mem);
	return 0;
}
EXPORT_SYMBOL_GPL(mm_iommu_put);

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

static void sim_registrations_init(struct dentry *folder)
{
	debugfs_create_file("registrations", 0400, folder, NULL,
			    &sim_registrations_fops);
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

void sim_platform_init(struct dentry *root)
{
	struct dentry *folder = debugfs_create_dir(SIM_PLATFORM, root);

	debugfs_create_file("lpars", 0400, folder, NULL, &sim_lpars_fops);
	debugfs_create_file("lpar_calls", 0400, folder, NULL,
			    &sim_lpar_calls_fops);
	debugfs_create_file("refuse", 0600, folder, NULL, &sim_refuse_fops);
	sim_registrations_init(folder);
}

void sim_platform_exit(void)
{
	WARN_ON(!list_empty(&sim_lpars));
	sim_registrations_exit();
}
