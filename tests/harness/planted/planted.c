// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaves in the one way that its parameter names, so that the harness can
 * prove that it notices. Never part of anything but the harness's self-test.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static char *plant = "nothing";
module_param(plant, charp, 0400);
MODULE_PARM_DESC(plant, "nothing, warn, report, leak, mapping or stuck");

static int planted_stuck(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
	return 0;
}

static int planted_hang(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		struct task_struct *task = kthread_create(planted_stuck, NULL, "planted/%u", cpu);

		if (IS_ERR(task))
			return PTR_ERR(task);
		kthread_bind(task, cpu);
		wake_up_process(task);
	}
	msleep(60000);
	return 0;
}

static int __init planted_init(void)
{
	void *lost;

	if (!strcmp(plant, "warn"))
		WARN(1, "planted\n");
	if (!strcmp(plant, "report"))
		pr_warn("planted: possible circular locking dependency detected\n");
	if (!strcmp(plant, "leak")) {
		lost = vmalloc(64 << 20);
		if (!lost)
			return -ENOMEM;
		memset(lost, 1, 64 << 20);
	}
	if (!strcmp(plant, "mapping") && !memremap(SZ_4G, SZ_64K, MEMREMAP_WB))
		return -ENOMEM;
	if (!strcmp(plant, "stuck"))
		return planted_hang();
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted failures for the harness's self-test");
MODULE_LICENSE("GPL");
