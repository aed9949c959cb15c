/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest of the VM's own: QEMU, as Debian packs it, with simulated GPUs assigned to it.
 *
 * What runs in the guest (tests/guest/inner) prints KTAP, which comes to a file here over one port,
 * and asks over another what this side knows or can do: which GPUs it has, what is in their memory.
 * Nothing that the guest does not say itself counts.
 */
#ifndef GUEST_H
#define GUEST_H

#include "gpu.h"

#define GUEST_GPUS 2

struct guest {
	const char *name;  /* of this life, for its files */
	const char *suite; /* the program that runs in it; NULL: grace */
	int gpus;
	struct gpu *gpu[GUEST_GPUS];
	const char *also[4]; /* other functions that it gets, by address */
	/* What this does not know how to answer; false: nor does the suite. */
	bool (*answer)(const char *question, char *answer, size_t size);
	/* What the guest is to do, one word a boot. */
	const char *roles[3];
	void (*tell)(const char *text); /* what it has to say while it runs; NULL: a diagnostic */
	const char *append;		/* more words for its kernel */
	const char *vfio;		/* more options of vfio-pci, each with a comma before */
	const char *const *trace; /* events of QEMU's to be noted, by name or pattern, then NULL */
	const char *preload;	  /* a library that QEMU starts with */
	/* Who starts it, when not this: a process that ends with it; and where its first GPU is then. */
	pid_t (*power_on)(const struct guest *g);
	const char *address;
	/* With firmware, and so with ACPI, and nodes for the first GPU to put its memory in. */
	bool nodes;
	unsigned int window_gib; /* for its BARs, where QEMU's own is too small; of QEMU 10 on */
	unsigned int mem_mib;
	double limit; /* seconds, from power-on to power-off */
};

/* A file of that life's: the ports "results" and "host", "console", and "qemu", what its VMM says. */
void guest_path(char *buf, size_t size, const char *life, const char *what);
/* From power-on to power-off; fails the case unless all boots went well and the guest said so. */
void guest_run(const struct guest *g);
/* Has QEMU noted just this event, "NAME WORDS", on a line to its end? */
bool guest_traced(const char *life, const char *event);
/* Has QEMU said all these words (NULL-terminated list) in one line? */
bool guest_vmm_said(const char *life, const char *const words[]);
/* Has QEMU noted that memory of so many bytes is there for the IOMMU (vfio_listener_region_add_ram)? */
bool guest_memory_added(const char *life, uint64_t bytes);
/* What the guest said about one of its cases in that life; fails the case if that is not "ok". */
void guest_said_ok(const char *life, const char *name);

#endif
