// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: the device's side of memory, what the device has seen, and faults on
 * demand, in a folder for each GPU.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "sim.h"

#define SIM_WORD 32

static const char *const sim_training_names[] = {
	[SIM_TRAIN_NORMAL] = "normal",
	[SIM_TRAIN_STUCK_C2C] = "stuck-c2c",
	[SIM_TRAIN_STUCK_HBM] = "stuck-hbm",
	[SIM_TRAIN_STUCK] = "stuck",
	[SIM_TRAIN_MANUAL] = "manual",
};

static const char *const sim_flr_names[] = {
	[SIM_FLR_NORMAL] = "normal",
	[SIM_FLR_SLOW] = "slow",
	[SIM_FLR_REFUSED] = "refused",
};

static int sim_word_get(const char __user *buf, size_t count, char *word)
{
	if (count >= SIM_WORD)
		return -EINVAL;
	if (copy_from_user(word, buf, count))
		return -EFAULT;
	word[count] = 0;
	return 0;
}

static ssize_t sim_words_read(char __user *buf, size_t count, loff_t *ppos,
			      const char *word)
{
	char line[SIM_WORD];
	int length = scnprintf(line, sizeof(line), "%s\n", word);

	return simple_read_from_buffer(buf, count, ppos, line, length);
}

/* Which of @names was written; the log names the rule if none was. */
static int sim_words_match(const char __user *buf, size_t count,
			   const char *const *names, size_t n, const char *file)
{
	char word[SIM_WORD];
	int i = sim_word_get(buf, count, word);

	if (i)
		return i;
	i = __sysfs_match_string(names, n, word);
	if (i < 0)
		pr_err("%s %s: write: must be one of its words\n", file, word);
	return i;
}

#define SIM_WORDS(field, names)                                               \
static ssize_t sim_##field##_read(struct file *file, char __user *buf,        \
				  size_t count, loff_t *ppos)                 \
{                                                                             \
	struct sim_gpu *gpu = file->private_data;                             \
									      \
	return sim_words_read(buf, count, ppos, names[gpu->field]);           \
}                                                                             \
									      \
static ssize_t sim_##field##_write(struct file *file, const char __user *buf, \
				   size_t count, loff_t *ppos)                \
{                                                                             \
	struct sim_gpu *gpu = file->private_data;                             \
	int i = sim_words_match(buf, count, names, ARRAY_SIZE(names),         \
				#field);                                      \
									      \
	if (i < 0)                                                            \
		return i;                                                     \
	gpu->field = i;                                                       \
	return count;                                                         \
}                                                                             \
									      \
static const struct file_operations sim_##field##_fops = {                    \
	.owner = THIS_MODULE,                                                 \
	.open = simple_open,                                                  \
	.read = sim_##field##_read,                                           \
	.write = sim_##field##_write,                                         \
}

SIM_WORDS(training, sim_training_names);
SIM_WORDS(flr, sim_flr_names);

#define SIM_NUMBER(name, get, set)                                            \
static int sim_##name##_get(void *data, u64 *value)                           \
{                                                                             \
	struct sim_gpu *gpu = data;                                           \
									      \
	*value = get;                                                         \
	return 0;                                                             \
}                                                                             \
									      \
static int sim_##name##_set(void *data, u64 value)                            \
{                                                                             \
	struct sim_gpu *gpu = data;                                           \
									      \
	set;                                                                  \
	return 0;                                                             \
}                                                                             \
									      \
DEFINE_DEBUGFS_ATTRIBUTE(sim_##name##_fops, sim_##name##_get,                 \
			 sim_##name##_set, "%llu\n")

static void sim_reset_after(struct sim_gpu *gpu, u64 ms)
{
	schedule_delayed_work(&gpu->reset_work, msecs_to_jiffies(ms));
}

/* As a hand pulls it out: first it is silent, then it is gone. */
static void sim_unplug(struct sim_gpu *gpu)
{
	struct pci_dev *pdev = gpu->pdev;

	gpu->dead = true;
	pci_dev_get(pdev);
	pci_lock_rescan_remove();
	pdev->error_state = pci_channel_io_perm_failure;
	pci_stop_and_remove_bus_device(pdev);
	pci_unlock_rescan_remove();
	pci_dev_put(pdev);
}

SIM_NUMBER(training_ms, gpu->training_ms, gpu->training_ms = value);
SIM_NUMBER(train, gpu->ready, sim_device_train(gpu));
SIM_NUMBER(untrain, !gpu->ready, sim_device_untrain(gpu));
SIM_NUMBER(ras_events, gpu->ras_events, gpu->ras_events = value);
SIM_NUMBER(flr_ms, gpu->flr_ms, gpu->flr_ms = value);
SIM_NUMBER(dead, gpu->dead, gpu->dead = value);
SIM_NUMBER(unplug, gpu->dead, if (value) sim_unplug(gpu));
SIM_NUMBER(reset_after_ms, delayed_work_pending(&gpu->reset_work), sim_reset_after(gpu, value));

static int sim_ready_get(void *data, u64 *value)
{
	*value = ((struct sim_gpu *)data)->ready;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(sim_ready_fops, sim_ready_get, NULL, "%llu\n");

static int sim_resets_show(struct seq_file *seq, void *unused)
{
	struct sim_gpu *gpu = seq->private;

	seq_printf(seq, "flr %llu\nhot %llu\npm %llu\n",
		   gpu->resets[SIM_RESET_FLR], gpu->resets[SIM_RESET_HOT],
		   gpu->resets[SIM_RESET_PM]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sim_resets);

void sim_faults_add(struct sim_gpu *gpu)
{
	static const struct {
		const char *name;
		const struct file_operations *fops;
	} files[] = {
		{ "memory", &sim_memory_fops },
		{ "training", &sim_training_fops },
		{ "training_ms", &sim_training_ms_fops },
		{ "train", &sim_train_fops },
		{ "untrain", &sim_untrain_fops },
		{ "ready", &sim_ready_fops },
		{ "resets", &sim_resets_fops },
		{ "ras_events", &sim_ras_events_fops },
		{ "flr", &sim_flr_fops },
		{ "flr_ms", &sim_flr_ms_fops },
		{ "dead", &sim_dead_fops },
		{ "unplug", &sim_unplug_fops },
		{ "reset_after_ms", &sim_reset_after_ms_fops },
	};
	unsigned int i;

	gpu->debugfs = debugfs_create_dir(config_item_name(&gpu->group.cg_item),
					  sim_debugfs);
	for (i = 0; i < ARRAY_SIZE(files); i++)
		debugfs_create_file(files[i].name, 0600, gpu->debugfs, gpu,
				    files[i].fops);
}
