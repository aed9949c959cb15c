/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a VM needs to get GPUs, computed from the sizes of their regions.
 *
 * A root port's window begins at a multiple of the largest BAR behind it. BARs are powers of two,
 * so that laid out from the largest down they leave no gaps, and a port takes the sum; firmware
 * reserves powers of two, so that is rounded up. The machine's window holds all ports and a rest for other devices, is a power of
 * two, and is aligned to its own size above the RAM and what the machine puts behind that: the rest
 * of its interrupt controller, host bridges of CXL, config space. That says how many address bits it
 * takes.
 */
#ifndef COHGPU_PLAN_H
#define COHGPU_PLAN_H

#include <stdio.h>

#include "core/gpu.h"

#define PLAN_NODES	8	       /* NUMA nodes for a GPU: MIG makes up to seven more */
#define PLAN_RAM	"16G"	       /* of a guest, unless told */
#define PLAN_MIN_WINDOW (512ULL << 30) /* QEMU's own, and the least it takes */
#define PLAN_REST	(1ULL << 30)   /* for all other devices */
#define PLAN_MOST_BITS	52	       /* of an address, on any CPU that has such a GPU */
#define PLAN_RAM_BASE	(1ULL << 30)
#define PLAN_NODES_MAX	128				    /* of QEMU; one is for the CPUs */
#define PLAN_MOST	((PLAN_NODES_MAX - 1) / PLAN_NODES) /* GPUs */
#define PLAN_LOCK_REST	(1ULL << 30) /* that a VMM locks beside the guest's RAM, at most */
#define PLAN_OAS	48

struct plan_gpu {
	const struct gpu *gpu;
	uint64_t bar[GPU_BARS];
	uint64_t port;
	unsigned int first_node;
	unsigned int host;  /* its host bridge, counted from 1 */
	unsigned int place; /* there, of GPUs, counted from 0 */
};

/* What is left out, where those who would have to take it do not have it. */
struct plan_without {
	bool ras;
	bool initiators; /* and their NUMA nodes */
	bool iommufd;
	bool vsmmu;  /* and the host bridges that these want */
	bool window; /* of the machine: QEMU's own then */
};

struct plan {
	struct plan_gpu *gpu;
	size_t count;
	unsigned int hosts;
	enum gpu_family family; /* of all of them */
	uint64_t ram;
	unsigned int cpus;
	uint64_t needed, window; /* bytes of MMIO, before and after rounding */
	unsigned int bits;	 /* of guest physical addresses */
	struct plan_without without;
};

/* plan.c; 0 or an exit code, having complained. total 0: as the driver says. */
int plan_make(struct plan *plan, const struct gpu_set *set, uint64_t total, uint64_t ram,
	      unsigned int cpus);
void plan_free(struct plan *plan);
/* The window that so much takes, and the bits of address that this takes. */
void plan_fit(struct plan *plan, uint64_t needed);
/* As size_in() takes them, bare ones in bytes; 0 when it is none, or no memory's. */
uint64_t plan_size(const char *text);
#define PLAN_SIZES "no size from 1M to below 16T (like 16G)"

/*
 * Buses of a host bridge's own: so many for each GPU, its port and room. Those of a bridge's GPUs
 * are one after the other, whatever the order of the GPUs.
 */
#define PLAN_BUSES 8
/* How many GPUs the host bridges before this one have. */
unsigned int plan_before(const struct plan *plan, unsigned int host);

/* Of V100s, which are for another machine than the rest. An exit code, having complained. */
int plan_pseries(struct plan *plan);
void plan_pseries_qemu(FILE *file, const struct plan *plan);
void plan_pseries_libvirt(FILE *file, const struct plan *plan);

enum plan_format {
	PLAN_QEMU,
	PLAN_LIBVIRT,
	PLAN_KUBEVIRT,
};

/*
 * lacks.c: how much of what the plan takes is not here; it is in the object, and said on standard
 * error unless quiet. What only another format takes does not count. here: what can be left out is.
 */
struct json_object;
unsigned int plan_lacks(struct json_object *object, const struct plan *plan,
			enum plan_format format, bool here, bool quiet);

/* parts.c: the same of the installed programs. */
unsigned int parts_lack(struct json_object *object, const struct plan *plan,
			enum plan_format format, bool here, bool quiet);
/* Leaves out what cannot be here. 0 or an exit code, having complained. */
int plan_leave_out(struct plan *plan, enum plan_format format);

void plan_kubevirt(FILE *file, const struct plan *plan);
void plan_qemu(FILE *file, const struct plan *plan);
void plan_libvirt(FILE *file, const struct plan *plan);

#endif
