// SPDX-License-Identifier: GPL-2.0-only
/*
 * Misbehaves in the one way that its parameter names, so that the harness can
 * prove that it notices. Never part of anything but the harness's self-test.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/property.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static char *plant = "nothing";
module_param(plant, charp, 0400);
MODULE_PARM_DESC(plant, "nothing, warn, report, leak, mapping, stuck or properties");

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

/* Not a failure: says what firmware tells about the functions of the slots. */
static void planted_properties(void)
{
	struct pci_dev *pdev = NULL;
	u64 base, size;

	while ((pdev = pci_get_device(0x1af4, 0x1110, pdev))) {
		if (device_property_read_u64(&pdev->dev, "nvidia,gpu-mem-base-pa", &base) ||
		    device_property_read_u64(&pdev->dev, "nvidia,gpu-mem-size", &size))
			continue;
		pci_info(pdev, "planted: memory at %#llx, %#llx bytes\n", base, size);
	}
}

/* Left behind. That there is memory at all is a check of the machine. */
static int planted_mapping(void)
{
	u64 *memory = memremap(SZ_4G, SZ_64K, MEMREMAP_WB);

	if (!memory)
		return -ENOMEM;
	WRITE_ONCE(memory[1], 0x706c616e746564ULL);
	return READ_ONCE(memory[1]) == 0x706c616e746564ULL ? 0 : -EIO;
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
	if (!strcmp(plant, "mapping"))
		return planted_mapping();
	if (!strcmp(plant, "stuck"))
		return planted_hang();
	if (!strcmp(plant, "properties"))
		planted_properties();
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);

MODULE_DESCRIPTION("Planted failures for the harness's self-test");
MODULE_LICENSE("GPL");
