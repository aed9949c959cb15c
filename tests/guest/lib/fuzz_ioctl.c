// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's ioctls: an argument with the fields that its kind has, of which some are as they
 * should be, and the others come from the operation's numbers. Nothing is expected but an errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"
#include "iommufd.h"
#include "ktap.h"
#include "util.h"

#define FZ_WORDS 64

/* Of <linux/vfio.h>, newer than Debian 12's. */
#define FZ_FEATURES 14

struct fz_arg {
	uint32_t word[FZ_WORDS];
};

/* An argument of some size, zeros or noise behind the header. */
static void fz_arg(struct fz_arg *a, const struct fz_op *op, uint32_t least)
{
	memset(a, 0, sizeof(*a));
	if (op->how & 1)
		ktap_fill(a, sizeof(*a), op->value);
	a->word[0] = op->how & 2 ? op->len : least + op->value % 40;
	if (a->word[0] > sizeof(*a) && !(op->how & 4))
		a->word[0] = sizeof(*a);
	a->word[1] = op->how & 8 ? op->value : 0;
}

static int fz_call(const struct fz_device *d, unsigned long request, const struct fz_op *op,
		   void *arg)
{
	/* Now and then where no argument can be. */
	if (op->how == 31)
		arg = (void *)(uintptr_t)op->value;
	return ioctl(d->vfio.fd, request, arg) ? errno : 0;
}

static int fz_region_info(const struct fz_device *d, const struct fz_op *op)
{
	struct fz_arg a;

	fz_arg(&a, op, sizeof(struct vfio_region_info));
	a.word[2] = op->delta >= 0 && op->delta < 65536 ? (uint32_t)op->target : op->value;
	return fz_call(d, VFIO_DEVICE_GET_REGION_INFO, op, &a);
}

static int fz_info(const struct fz_device *d, const struct fz_op *op)
{
	static const unsigned long requests[] = {VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_IRQ_INFO,
						 VFIO_DEVICE_GET_PCI_HOT_RESET_INFO};
	struct fz_arg a;

	fz_arg(&a, op, 12);
	a.word[2] = op->target;
	return fz_call(d, requests[op->base % ARRAY_LEN(requests)], op, &a);
}

static int fz_irqs(const struct fz_device *d, const struct fz_op *op)
{
	struct fz_arg a;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), err;

	fz_arg(&a, op, sizeof(struct vfio_irq_set));
	if (op->how & 16) {
		/* One of DATA_, one of ACTION_. */
		a.word[1] = op->how & 8 ? op->value : 1u << op->base % 3 | 8u << op->value / 8 % 3;
		a.word[2] = op->target % 6;
		a.word[3] = op->delta > 1 ? (uint32_t)op->delta : 0;
		a.word[4] = op->value % 3;
	} else {
		a.word[0] = 24;
		a.word[1] = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
		a.word[2] = VFIO_PCI_ERR_IRQ_INDEX + op->target % 2;
		a.word[3] = 0;
		a.word[4] = 1;
	}
	a.word[5] = op->how & 8 ? -1u : (uint32_t)fd;
	err = fz_call(d, VFIO_DEVICE_SET_IRQS, op, &a);
	close(fd);
	return err;
}

static int fz_ioeventfd(const struct fz_device *d, const struct fz_op *op, uint64_t pos)
{
	struct vfio_device_ioeventfd e = {.argsz = sizeof(e), .offset = pos, .data = op->value};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), err;

	e.flags = op->how & 1 ? op->value : 1u << op->how / 2 % 4;
	/* A place in BAR0 that can be had. */
	if (op->how & 16)
		e.offset = d->vfio.region[0].offset + MiB + op->value % 512 * 8;
	e.fd = op->how & 8 ? -1 : fd;
	err = fz_call(d, VFIO_DEVICE_IOEVENTFD, op, &e);
	close(fd);
	return err;
}

static int fz_feature(const struct fz_device *d, const struct fz_op *op)
{
	unsigned int number = op->target % FZ_FEATURES;
	struct fz_arg a;

	/* Sleep has a kind of its own, which the model follows; no PCI function has the other. */
	if (number >= VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY &&
	    number <= VFIO_DEVICE_FEATURE_LOW_POWER_EXIT)
		number = 10;
	fz_arg(&a, op, sizeof(struct vfio_device_feature));
	a.word[1] = number | (op->base & 7) << 16;
	a.word[2] = op->value % 16;
	/* Whether it has what each has. */
	if (op->how & 16) {
		a.word[0] = 8;
		a.word[1] = (VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY + op->target % 3) |
			    VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PROBE;
	}
	return fz_call(d, VFIO_DEVICE_FEATURE, op, &a);
}

static int fz_export(const struct fz_device *d, const struct fz_op *op, uint64_t pos, int *exported)
{
	struct iommufd_range range[3];
	int file;

	for (int i = 0; i < 3; i++) {
		range[i].offset = (pos + op->value % 64 * MiB * i) & 0xffffffffffull;
		range[i].length = op->len;
		if (op->how & 1) {
			range[i].offset &= ~4095ull;
			range[i].length = (op->len + 4095ull) & ~4095ull;
		}
	}
	file = iommufd_export(&d->vfio, (int)(pos >> 40 & 15), range, op->how / 4 % 4);
	if (file < 0)
		return -file;
	if (*exported >= 0)
		close(*exported);
	*exported = file;
	return 0;
}

static int fz_attach(const struct fz_device *d, const struct fz_op *op, int exported)
{
	uint64_t iova = GiB + op->target * 16 * MiB;
	uint64_t n = op->how & 2 ? 4096 : (op->len + 4095ull) & ~4095ull;

	if (op->how & 1)
		return iommufd_unmap(&d->vfio, iova, n);
	if (exported < 0)
		return EBADF;
	return iommufd_map_file(&d->vfio, exported, op->delta > 0 ? op->delta & ~4095 : 0, n, iova);
}

static int fz_raw(const struct fz_device *d, const struct fz_op *op)
{
	struct fz_arg a;
	uint32_t nr = op->value % 24;

	/* Resets, sleep and the like have kinds of their own; 13 is the hot reset, 11 the reset. */
	if (nr == 11 || nr == 13 || nr == 17)
		nr = 30;
	fz_arg(&a, op, 8);
	return fz_call(d, _IO(VFIO_TYPE, VFIO_BASE + nr), op, &a);
}

int fz_ioctl(const struct fz_device *d, const struct fz_op *op, uint64_t pos, int *exported)
{
	switch (op->kind) {
	case FZ_REGION_INFO:
		return fz_region_info(d, op);
	case FZ_INFO:
		return fz_info(d, op);
	case FZ_IRQS:
		return fz_irqs(d, op);
	case FZ_IOEVENTFD:
		return fz_ioeventfd(d, op, pos);
	case FZ_FEATURE:
		return fz_feature(d, op);
	case FZ_EXPORT:
		return fz_export(d, op, pos, exported);
	case FZ_ATTACH:
		return fz_attach(d, op, *exported);
	default:
		return fz_raw(d, op);
	}
}
