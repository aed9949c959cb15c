// SPDX-License-Identifier: GPL-2.0-only
/*
 * For a QEMU that reads what it has freed: what has the size of a region's description stays as it
 * was, for ever. Preloaded (LD_PRELOAD) it changes nothing else.
 *
 * QEMU 7.2 gives the properties nvlink2-tgt and nvlink2-link-speed of a V100 and its bridges a pointer into the
 * answer to VFIO_DEVICE_GET_REGION_INFO, which it then frees.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

/* An answer with its capabilities, as malloc() rounds it. */
#define KEEP_MIN 64
#define KEEP_MAX 256

void free(void *p)
{
	static void (*next)(void *p);
	size_t size = malloc_usable_size(p);

	if (size >= KEEP_MIN && size <= KEEP_MAX)
		return;
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "free");
	next(p);
}
