// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: the device's side of memory, what the device has seen, and faults on
 * demand, in a folder for each GPU that is there as long as its configfs
 * directory, so that faults can be set before the GPU is enabled.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "sim.h"

#define SIM_WORD 32
#define SIM_UNPLUG_WAIT 100

static struct dentry *sim_faults_root;

static const char *const sim_faults_training[] = {
	[SIM_TRAIN_NORMAL] = "normal",
	[SIM_TRAIN_STUCK_C2C] = "stuck-c2c",
	[SIM_TRAIN_STUCK_HBM] = "stuck-hbm",
	[SIM_TRAIN_STUCK] = "stuck",
	[SIM_TRAIN_MANUAL] = "manual",
};

static const char *const sim_faults_flr[] = {
	[SIM_FLR_NORMAL] = "normal",
	[SIM_FLR_SLOW] = "slow",
	[SIM_FLR_REFUSED] = "refused",
};

static const char *const sim_faults_aer[] = {
	[SIM_AER_CORRECTABLE] = "correctable",
	[SIM_AER_NONFATAL] = "uncorrectable",
	[SIM_AER_FATAL] = "fatal",
};

/* Which of @names was written; the log tells which there are if none was. */
static int sim_faults_match(struct sim_gpu *gpu, const char *file,
			    const char __user *buf, size_t count,
			    const char *const *names, unsigned int n)
{
	char word[SIM_WORD] = "", all[96] = "";
	unsigned int i, at = 0;
	int found;

	if (count < sizeof(word)) {
		if (copy_from_user(word, buf, count))
			return -EFAULT;
		word[count] = 0;
		found = __sysfs_match_string(names, n, word);
		if (found >= 0)
			return found;
	}
	for (i = 0; i < n; i++)
		at += scnprintf(all + at, sizeof(all) - at, " %s", names[i]);
	strim(word);
	pr_err("%s: %s %s: write: must be one of:%s\n", sim_name(gpu), file,
	       word, all);
	return -EINVAL;
}

static ssize_t sim_faults_show_word(char __user *buf, size_t count,
				    loff_t *ppos, const char *word)
{
	char line[SIM_WORD];
	int length = scnprintf(line, sizeof(line), "%s\n", word);

	return simple_read_from_buffer(buf, count, ppos, line, length);
}

static ssize_t sim_faults_training_read(struct file *filp, char __user *buf,
					size_t count, loff_t *ppos)
{
	struct sim_gpu *gpu = filp->private_data;

	return sim_faults_show_word(buf, count, ppos,
				    sim_faults_training[READ_ONCE(gpu->training)]);
}

static ssize_t sim_faults_training_write(struct file *filp,
					 const char __user *buf, size_t count,
					 loff_t *ppos)
{
	struct sim_gpu *gpu = filp->private_data;
	int i = sim_faults_match(gpu, "training", buf, count,
				 sim_faults_training,
				 ARRAY_SIZE(sim_faults_training));

	if (i < 0)
		return i;
	WRITE_ONCE(gpu->training, i);
	return count;
}

static const struct file_operations sim_faults_training_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = sim_faults_training_read,
	.write = sim_faults_training_write,
};

static ssize_t sim_faults_flr_read(struct file *filp, char __user *buf,
				   size_t count, loff_t *ppos)
{
	struct sim_gpu *gpu = filp->private_data;

	return sim_faults_show_word(buf, count, ppos,
				    sim_faults_flr[READ_ONCE(gpu->flr)]);
}

/* A device that was silent because of its last FLR answers again. */
static ssize_t sim_faults_flr_write(struct file *filp, const char __user *buf,
				    size_t count, loff_t *ppos)
{
	struct sim_gpu *gpu = filp->private_data;
	int i = sim_faults_match(gpu, "flr", buf, count, sim_faults_flr,
				 ARRAY_SIZE(sim_faults_flr));
	unsigned long flags;

	if (i < 0)
		return i;
	raw_spin_lock_irqsave(&gpu->lock, flags);
	gpu->flr = i;
	gpu->silent = false;
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return count;
}

static const struct file_operations sim_faults_flr_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = sim_faults_flr_read,
	.write = sim_faults_flr_write,
};

static int sim_faults_number(struct sim_gpu *gpu, const char *file,
			     const char __user *buf, size_t count, u64 *value)
{
	char word[SIM_WORD] = "";

	if (copy_from_user(word, buf, min(count, sizeof(word) - 1)))
		return -EFAULT;
	if (!kstrtou64(strim(word), 0, value) && count < sizeof(word))
		return 0;
	pr_err("%s: %s %s: write: must be a number\n", sim_name(gpu), file,
	       strim(word));
	return -EINVAL;
}

static int sim_faults_check(struct sim_gpu *gpu, const char *file, u64 value,
			    u64 max)
{
	if (value <= max)
		return 0;
	pr_err("%s: %s %llu: write: must be at most %llu\n", sim_name(gpu),
	       file, value, max);
	return -EINVAL;
}

static ssize_t sim_faults_show_number(char __user *buf, size_t count,
				      loff_t *ppos, u64 value)
{
	char word[SIM_WORD];

	scnprintf(word, sizeof(word), "%llu", value);
	return sim_faults_show_word(buf, count, ppos, word);
}

/* A file that reads as sim_faults_get_NAME() says. */
#define SIM_FAULTS_READ(name)                                                 \
static ssize_t sim_faults_##name##_read(struct file *filp, char __user *buf,  \
					size_t count, loff_t *ppos)           \
{                                                                             \
	return sim_faults_show_number(buf, count, ppos,                       \
				      sim_faults_get_##name(filp->private_data)); \
}

/* A file that takes a number and does what sim_faults_set_NAME() does. */
#define SIM_FAULTS_WRITE(name)                                                \
static ssize_t sim_faults_##name##_write(struct file *filp,                   \
					 const char __user *buf,              \
					 size_t count, loff_t *ppos)          \
{                                                                             \
	struct sim_gpu *gpu = filp->private_data;                             \
	u64 value;                                                            \
	int ret = sim_faults_number(gpu, #name, buf, count, &value);          \
									      \
	if (!ret)                                                             \
		ret = sim_faults_set_##name(gpu, value);                      \
	return ret ?: count;                                                  \
}

#define SIM_FAULTS_FOPS(name, ...)                                            \
static const struct file_operations sim_faults_##name##_fops = {              \
	.owner = THIS_MODULE,                                                 \
	.open = simple_open,                                                  \
	__VA_ARGS__                                                           \
}

#define SIM_FAULTS_FOPS_RW(name)                                              \
SIM_FAULTS_FOPS(name, .read = sim_faults_##name##_read,                       \
		.write = sim_faults_##name##_write)

/* A u32 of that name, from 0 to @max. */
#define SIM_FAULTS_MEMBER(name, max)                                          \
static u32 *sim_faults_at_##name(struct sim_gpu *gpu)                         \
{                                                                             \
	return (void *)gpu + offsetof(struct sim_gpu, name);                  \
}                                                                             \
static u64 sim_faults_get_##name(struct sim_gpu *gpu)                         \
{                                                                             \
	return READ_ONCE(*sim_faults_at_##name(gpu));                         \
}                                                                             \
static int sim_faults_set_##name(struct sim_gpu *gpu, u64 value)              \
{                                                                             \
	int ret = sim_faults_check(gpu, #name, value, max);                   \
									      \
	if (!ret)                                                             \
		WRITE_ONCE(*sim_faults_at_##name(gpu), value);                \
	return ret;                                                           \
}

SIM_FAULTS_MEMBER(training_ms, SIM_MS_MAX)
SIM_FAULTS_READ(training_ms)
SIM_FAULTS_WRITE(training_ms)
SIM_FAULTS_FOPS_RW(training_ms);

SIM_FAULTS_MEMBER(flr_ms, SIM_MS_MAX)
SIM_FAULTS_READ(flr_ms)
SIM_FAULTS_WRITE(flr_ms)
SIM_FAULTS_FOPS_RW(flr_ms);

SIM_FAULTS_MEMBER(cxl_allowance, 7)
SIM_FAULTS_READ(cxl_allowance)
SIM_FAULTS_WRITE(cxl_allowance)
SIM_FAULTS_FOPS_RW(cxl_allowance);

SIM_FAULTS_MEMBER(late, 1)
SIM_FAULTS_READ(late)
SIM_FAULTS_WRITE(late)
SIM_FAULTS_FOPS_RW(late);

SIM_FAULTS_MEMBER(no_wake, 1)
SIM_FAULTS_READ(no_wake)
SIM_FAULTS_WRITE(no_wake)
SIM_FAULTS_FOPS_RW(no_wake);

SIM_FAULTS_MEMBER(dead, 1)
SIM_FAULTS_READ(dead)
SIM_FAULTS_WRITE(dead)
SIM_FAULTS_FOPS_RW(dead);

static u64 sim_faults_get_ready(struct sim_gpu *gpu)
{
	return READ_ONCE(gpu->ready);
}

SIM_FAULTS_READ(ready)
SIM_FAULTS_FOPS(ready, .read = sim_faults_ready_read);

/*
 * Something that is done when a number is written, to a GPU that is enabled.
 * @unless_zero: a zero does nothing.
 */
static int sim_faults_do(struct sim_gpu *gpu, const char *file, u64 value,
			 bool unless_zero,
			 int (*act)(struct sim_gpu *gpu, u64 value))
{
	int ret = -ENODEV;

	if (unless_zero && !value)
		return 0;
	down_read(&gpu->alive);
	if (gpu->enabled)
		ret = act(gpu, value);
	else
		pr_err("%s: %s %llu: write: must be enabled\n", sim_name(gpu),
		       file, value);
	up_read(&gpu->alive);
	return ret;
}

#define SIM_FAULTS_ACT(name, unless_zero)                                     \
static int sim_faults_set_##name(struct sim_gpu *gpu, u64 value)              \
{                                                                             \
	return sim_faults_do(gpu, #name, value, unless_zero,                  \
			     sim_faults_##name);                              \
}                                                                             \
SIM_FAULTS_WRITE(name)

static int sim_faults_train(struct sim_gpu *gpu, u64 value)
{
	sim_device_train(gpu);
	return 0;
}

SIM_FAULTS_ACT(train, true)
SIM_FAULTS_FOPS(train, .write = sim_faults_train_write);

static int sim_faults_untrain(struct sim_gpu *gpu, u64 value)
{
	sim_device_untrain(gpu);
	return 0;
}

SIM_FAULTS_ACT(untrain, true)
SIM_FAULTS_FOPS(untrain, .write = sim_faults_untrain_write);

static int sim_faults_reset_after_ms(struct sim_gpu *gpu, u64 value)
{
	int ret = sim_faults_check(gpu, "reset_after_ms", value, SIM_MS_MAX);

	if (ret)
		return ret;
	mod_delayed_work(system_long_wq, &gpu->reset_work,
			 msecs_to_jiffies(value));
	return 0;
}

SIM_FAULTS_ACT(reset_after_ms, false)
SIM_FAULTS_FOPS(reset_after_ms, .write = sim_faults_reset_after_ms_write);

/* The kernel is told, and given a moment: a driver may hold the device long. */
static int sim_faults_unplug(struct sim_gpu *gpu, u64 value)
{
	WRITE_ONCE(gpu->dead, true);
	queue_work(system_long_wq, &gpu->unplug_work);
	schedule_timeout_killable(msecs_to_jiffies(SIM_UNPLUG_WAIT));
	return 0;
}

SIM_FAULTS_ACT(unplug, true)
SIM_FAULTS_FOPS(unplug, .write = sim_faults_unplug_write);

/* Poison in device memory, as the platform reports it: @value is where. */
static int sim_faults_poison(struct sim_gpu *gpu, u64 value)
{
	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE)) {
		pr_err("%s: poison %#llx: write: the kernel must have CONFIG_MEMORY_FAILURE\n",
		       sim_name(gpu), value);
		return -EOPNOTSUPP;
	}
	if (value >= gpu->mem_size) {
		pr_err("%s: poison %#llx: write: must be in %#llx bytes of memory\n",
		       sim_name(gpu), value, gpu->mem_size);
		return -EINVAL;
	}
	memory_failure_queue((gpu->mem_base + value) >> PAGE_SHIFT, 0);
	return 0;
}

SIM_FAULTS_ACT(poison, false)
SIM_FAULTS_FOPS(poison, .write = sim_faults_poison_write);

static ssize_t sim_faults_aer_write(struct file *filp, const char __user *buf,
				    size_t count, loff_t *ppos)
{
	struct sim_gpu *gpu = filp->private_data;
	int i = sim_faults_match(gpu, "aer", buf, count, sim_faults_aer,
				 ARRAY_SIZE(sim_faults_aer));
	int ret = -ENODEV;

	if (i < 0)
		return i;
	down_read(&gpu->alive);
	if (gpu->enabled)
		ret = sim_aer_inject(gpu, i);
	else
		pr_err("%s: aer %s: write: must be enabled\n", sim_name(gpu),
		       sim_faults_aer[i]);
	up_read(&gpu->alive);
	return ret ?: count;
}

static const struct file_operations sim_faults_aer_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = sim_faults_aer_write,
};

static u64 sim_faults_get_ras_events(struct sim_gpu *gpu)
{
	unsigned long flags;
	u64 events;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	events = gpu->ras[SIM_RAS_WRITTEN] + gpu->ras[SIM_RAS_MAPPED];
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return events;
}

static int sim_faults_set_ras_events(struct sim_gpu *gpu, u64 value)
{
	unsigned long flags;

	if (value) {
		pr_err("%s: ras_events %llu: write: must be 0\n", sim_name(gpu),
		       value);
		return -EINVAL;
	}
	raw_spin_lock_irqsave(&gpu->lock, flags);
	memset(gpu->ras, 0, sizeof(gpu->ras));
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return 0;
}

SIM_FAULTS_READ(ras_events)
SIM_FAULTS_WRITE(ras_events)
SIM_FAULTS_FOPS_RW(ras_events);

static int sim_faults_detail_show(struct seq_file *seq, void *unused)
{
	struct sim_gpu *gpu = seq->private;

	seq_printf(seq, "written %llu\nmapped %llu\n",
		   READ_ONCE(gpu->ras[SIM_RAS_WRITTEN]),
		   READ_ONCE(gpu->ras[SIM_RAS_MAPPED]));
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(sim_faults_detail);

static int sim_faults_resets_show(struct seq_file *seq, void *unused)
{
	struct sim_gpu *gpu = seq->private;

	seq_printf(seq, "flr %llu\nhot %llu\npm %llu\n",
		   READ_ONCE(gpu->resets[SIM_RESET_FLR]),
		   READ_ONCE(gpu->resets[SIM_RESET_HOT]),
		   READ_ONCE(gpu->resets[SIM_RESET_PM]));
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(sim_faults_resets);

static const struct {
	const char *name;
	umode_t mode;
	const struct file_operations *fops;
} sim_faults_files[] = {
	{ "memory", 0600, &sim_memory_fops },
	{ "training", 0600, &sim_faults_training_fops },
	{ "training_ms", 0600, &sim_faults_training_ms_fops },
	{ "train", 0200, &sim_faults_train_fops },
	{ "untrain", 0200, &sim_faults_untrain_fops },
	{ "ready", 0400, &sim_faults_ready_fops },
	{ "cxl_allowance", 0600, &sim_faults_cxl_allowance_fops },
	{ "resets", 0400, &sim_faults_resets_fops },
	{ "ras_events", 0600, &sim_faults_ras_events_fops },
	{ "ras_detail", 0400, &sim_faults_detail_fops },
	{ "flr", 0600, &sim_faults_flr_fops },
	{ "flr_ms", 0600, &sim_faults_flr_ms_fops },
	{ "late", 0600, &sim_faults_late_fops },
	{ "no_wake", 0600, &sim_faults_no_wake_fops },
	{ "dead", 0600, &sim_faults_dead_fops },
	{ "unplug", 0200, &sim_faults_unplug_fops },
	{ "aer", 0200, &sim_faults_aer_fops },
	{ "poison", 0200, &sim_faults_poison_fops },
	{ "reset_after_ms", 0200, &sim_faults_reset_after_ms_fops },
};

void sim_faults_add(struct sim_gpu *gpu)
{
	unsigned int i;

	gpu->debugfs = debugfs_create_dir(sim_name(gpu), sim_faults_root);
	for (i = 0; i < ARRAY_SIZE(sim_faults_files); i++)
		debugfs_create_file(sim_faults_files[i].name,
				    sim_faults_files[i].mode, gpu->debugfs, gpu,
				    sim_faults_files[i].fops);
}

/* Returns when nobody is in a file any more. */
void sim_faults_remove(struct sim_gpu *gpu)
{
	debugfs_remove_recursive(gpu->debugfs);
}

void sim_faults_init(void)
{
	sim_faults_root = debugfs_create_dir("cohgpu", NULL);
}

void sim_faults_exit(void)
{
	debugfs_remove_recursive(sim_faults_root);
}
