// SPDX-License-Identifier: GPL-2.0-only
/* Config space: the registers that a guest's kernel reads and writes all the time, and BAR sizing. */
#include "bench.h"

static struct vfio_dev *config_dev;

static void config_read(void *arg)
{
	(void)arg;
	vfio_cfg32(config_dev, PCI_VENDOR_ID);
}

static void config_write(void *arg)
{
	(void)arg;
	vfio_cfg_set32(config_dev, PCI_INTERRUPT_LINE, 0);
}

/* As a guest sizes a 64-bit BAR: ones into both halves, read, and what was there again. */
static void config_size_bar(void *arg)
{
	unsigned int reg = PCI_BASE_ADDRESS_0 + 4 * *(int *)arg;
	uint64_t was = vfio_cfg64(config_dev, reg);

	vfio_cfg_set64(config_dev, reg, ~0ULL);
	vfio_cfg64(config_dev, reg);
	vfio_cfg_set64(config_dev, reg, was);
}

void bench_config(struct bench *b)
{
	int bar0 = 0, bar4 = 4;

	vfio_open(&b->gpu->vfio, b->gpu->bdf);
	config_dev = &b->gpu->vfio;
	bench_run(b, &(struct bench_op){"config-read", 4, 100, 10}, config_read, NULL);
	bench_run(b, &(struct bench_op){"config-write", 4, 100, 10}, config_write, NULL);
	bench_run(b, &(struct bench_op){"size-bar0", 8, 20, 10}, config_size_bar, &bar0);
	if (!b->power)
		bench_run(b, &(struct bench_op){"size-bar4", 8, 20, 10}, config_size_bar, &bar4);
	vfio_close(&b->gpu->vfio);
}
