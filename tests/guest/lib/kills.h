/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients that read, write, map, touch and reset at once, and are killed at random moments. Each
 * time the next client works, and in the end nothing has stayed behind.
 */
#ifndef KILLS_H
#define KILLS_H

#include "vfio.h"

/**
 * struct kills - who is killed
 * @vfio: the client's device, closed
 * @bdf: its name
 * @region: what is read and written in turn, 512 MiB of each
 * @enable: makes memory answer, after open and after each reset
 * @map: so many bytes of memory, to be unmapped by munmap()
 * @next: the next client: it works, and has closed the device
 */
struct kills {
	struct vfio_dev *vfio;
	const char *bdf;
	int region[2];
	void (*enable)(void);
	volatile char *(*map)(uint64_t bytes);
	void (*next)(void);
};

/* In a case; the device is bound. */
void kills_random(const struct kills *k);

#endif
