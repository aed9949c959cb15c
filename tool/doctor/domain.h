/* SPDX-License-Identifier: GPL-2.0-only */
/* What a libvirt domain says that matters to GPUs. */
#ifndef COHGPU_DOMAIN_H
#define COHGPU_DOMAIN_H

#include "core/gpu.h"

#define DOMAIN_NODES   256
#define DOMAIN_BRIDGES 256
#define DOMAIN_ALIAS   32

struct domain_gpu {
	char address[GPU_ADDRESS]; /* on the host */
	char model[64];		   /* driver that is asked for; "" none */
	bool managed;		   /* libvirt binds it to a driver, and gives it back */
	bool iommufd;
	bool has_place; /* in the guest: */
	uint64_t bus, function;
	bool node[DOMAIN_NODES];
};

struct domain {
	struct domain_gpu *gpu; /* all hostdevs on PCI: bridges and others too */
	size_t count;
	char type[16], arch[16]; /* "" not said */
	char emulator[256];
	uint64_t memory, hard_limit; /* bytes; limit 0: none */
	uint64_t most_memory;	     /* that it may get, with room to place it; 0: no more */
	uint64_t cpus;
	uint64_t window; /* bytes; 0: not said */
	uint64_t address_bits, oas;
	bool ras;
	bool no_mmap; /* of some device; by means that are QEMU's, not libvirt's */
	bool has_cell[DOMAIN_NODES];
	uint64_t cell[DOMAIN_NODES]; /* memory */
	/* By a controller's index, the bus that it sits on; DOMAIN_BRIDGES: it is a host bridge. */
	uint64_t parent[DOMAIN_BRIDGES];
	bool port[DOMAIN_BRIDGES];	  /* a root port, which a switch's ports are not */
	bool accelerated[DOMAIN_BRIDGES]; /* controllers with a vSMMU that uses the real one */
	uint64_t reserve[DOMAIN_BRIDGES]; /* room that a port asks firmware for; 0: none */
	char alias[DOMAIN_BRIDGES][DOMAIN_ALIAS];
};

/* An exit code, having complained; domain_free() in any case. */
int domain_read(struct domain *domain, const char *file);
void domain_free(struct domain *domain);
/* Of those on the machine, the ones that the domain has. */
void domain_select(const struct domain *domain, struct gpu_set *set);
/* By its address on the host; NULL: it is not in the domain. */
const struct domain_gpu *domain_find(const struct domain *domain, const char *address);

#endif
