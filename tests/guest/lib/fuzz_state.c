// SPDX-License-Identifier: GPL-2.0-only
/* The fuzzer's ways to turn a function's memory off, send it to sleep, and reset it. */
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"
#include "ktap.h"

/* The function may say no, and then the fuzzer goes on. */
static void fz_config_set16(const struct fz_device *d, unsigned int at, uint16_t bits,
			    uint16_t mask)
{
	uint16_t value = vfio_cfg16(&d->vfio, at);

	value = (value & ~mask) | bits;
	if (vfio_write(&d->vfio, VFIO_CONFIG, at, &value, sizeof(value)) < 0)
		return;
}

static bool fz_low_power(struct fz_device *d, uint64_t value, struct fz_model *m)
{
	static const unsigned int features[] = {VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
						VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
						VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
						VFIO_DEVICE_FEATURE_LOW_POWER_EXIT};
	unsigned int feature = features[value % 4];
	uint32_t arg[4] = {feature == VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP ? sizeof(arg)
										      : 8,
			   VFIO_DEVICE_FEATURE_SET | feature, -1u, 0};

	if (ioctl(d->vfio.fd, VFIO_DEVICE_FEATURE, arg))
		return false;
	d->slept = d->slept || feature != VFIO_DEVICE_FEATURE_LOW_POWER_EXIT;
	if (m)
		fz_model_asleep(m, feature != VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
	return true;
}

bool fz_state(struct fz_device *d, const struct fz_op *op, struct fz_model *m)
{
	uint16_t on = op->value % 2 ? PCI_COMMAND_MEMORY : 0;

	switch (op->kind) {
	case FZ_ENABLE:
		fz_config_set16(d, PCI_COMMAND, on, PCI_COMMAND_MEMORY);
		return true;
	case FZ_POWER:
		if (d->pm)
			fz_config_set16(d, d->pm + PCI_PM_CTRL, op->value % 4,
					PCI_PM_CTRL_STATE_MASK);
		return d->pm;
	case FZ_FLR:
		if (d->express)
			fz_config_set16(d, d->express + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR,
					PCI_EXP_DEVCTL_BCR_FLR);
		return d->express;
	case FZ_RESET:
		return !vfio_reset(&d->vfio);
	case FZ_LOW_POWER:
		return fz_low_power(d, op->value, m);
	default:
		return !vfio_hot_reset(&d->vfio);
	}
}

void fz_wake(struct fz_device *d)
{
	uint32_t awake[2] = {sizeof(awake),
			     VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT};

	/* Whoever leaves low power makes the driver forget what it mapped. */
	if (d->slept)
		EQ(ioctl(d->vfio.fd, VFIO_DEVICE_FEATURE, awake), 0, "low power exit");
	d->slept = false;
	if (d->pm && vfio_cfg16(&d->vfio, d->pm + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK)
		fz_config_set16(d, d->pm + PCI_PM_CTRL, 0, PCI_PM_CTRL_STATE_MASK);
	if (!(vfio_cfg16(&d->vfio, PCI_COMMAND) & PCI_COMMAND_MEMORY))
		fz_config_set16(d, PCI_COMMAND, PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
}
