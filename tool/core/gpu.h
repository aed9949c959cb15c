/* SPDX-License-Identifier: GPL-2.0-only */
/* A coherent GPU, as the system's files tell of it. Reading it changes nothing. */
#ifndef COHGPU_GPU_H
#define COHGPU_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPU_ADDRESS 16
#define GPU_NAME    96
#define GPU_BARS    6
#define GPU_BRIDGES 6

enum gpu_family {
	GPU_GRACE,   /* Grace Hopper, Grace Blackwell: the memory is known to ACPI */
	GPU_NVLINK2, /* V100 on POWER9: known to the device tree, through its bridges */
};

struct gpu_model {
	uint16_t vendor, device;
	enum gpu_family family;
	const char *name;
	const char *driver; /* the variant driver that is made for it */
	uint64_t memory;    /* of a V100, since nothing tells; 0: its driver does */
};

/* All that are known; ends with name NULL. */
extern const struct gpu_model gpu_models[];

/* Where the figures of the memory come from. */
enum gpu_memory_source {
	GPU_MEMORY_UNKNOWN,
	GPU_MEMORY_DRIVER,   /* coherent_memory/ on the PCI device */
	GPU_MEMORY_FIRMWARE, /* a V100's, in usemem, which is no BAR */
};

struct gpu_memory {
	enum gpu_memory_source source;
	bool present;
	char state[160]; /* "present" or why not, as the driver says it */
	char ready[16];	 /* yes, no, failed, unknown */
	uint64_t total, usemem, resmem;
	uint64_t window; /* of a V100, by the device tree; its memory is at its start */
	uint64_t usemem_offset, resmem_offset; /* in device memory */
	uint64_t usemem_base, resmem_base;     /* physical; 0: not to be read by this user */
	uint64_t generation; /* of what is known of it; odd while a reset is under way */
	uint64_t resets;     /* since its driver was bound */
};

struct gpu_bar {
	uint64_t start, size;
	uint64_t flags; /* as in the file "resource" */
};

struct gpu {
	char address[GPU_ADDRESS];
	char name[GPU_NAME];
	const struct gpu_model *model;
	char driver[64];      /* "" none */
	char best_driver[64]; /* by modules.alias; "" none */
	char best_module[64];
	int group; /* -1: none */
	char group_type[32];
	char iommu[64];
	int numa_node; /* -1: none */
	char power_state[16];
	struct gpu_bar bar[GPU_BARS];
	struct gpu_memory memory;
	/* A V100's NVLink bridges: those that firmware has, and which of them are PCI functions. */
	int links;
	char first_link[4]; /* phandle of the first one's node */
	char bridge[GPU_BRIDGES][GPU_ADDRESS];
	int bridges;
};

struct gpu_set {
	struct gpu *gpu;
	size_t count;
	char ordinary[GPU_ADDRESS]; /* of a V100 without links to the CPU; "" none */
};

/* All of this machine, by address. */
void gpu_scan(struct gpu_set *set);
void gpu_copy(struct gpu_set *to, const struct gpu_set *from);
void gpu_free(struct gpu_set *set);
/*
 * Those that the words name, each once, in the order of the words: full or short addresses, or
 * "all". An exit code, having complained; EXIT_NOTHING when there is none at all, EXIT_UNKNOWN when
 * there is none of this address.
 */
int gpu_select(struct gpu_set *set, char **words, int count);
/* Whether a word is the address of one of them; "all" is none. */
bool gpu_is_named(const struct gpu_set *set, const char *word);

/* Reads again what may change while it runs; false when it is gone. */
bool gpu_refresh(struct gpu *gpu);
/* "0009:01:00.0" from any spelling; false when it is none. domain -1: not given. */
bool gpu_parse_address(const char *text, int *domain, int *bus, int *slot, int *function);
/* A sysfs path of the GPU. */
const char *gpu_file(const struct gpu *gpu, const char *name);
bool gpu_is_vfio_driver(const char *driver);
/* Of any PCI function; "" none. */
void gpu_driver_of(char *buf, size_t size, const char *address);
/*
 * In no IOMMU group, and yet it may be: some kernels (arm64's) give a function its group when its
 * first driver is bound.
 */
bool gpu_group_may_come(const struct gpu *gpu);
/* The size of the BAR that shows this many bytes. */
uint64_t gpu_bar_size(uint64_t length);
/* fit.c: bound to the best driver, its memory shown and ready; if not, why. */
enum gpu_fit {
	FIT_OK,
	FIT_UNSURE, /* nothing is wrong, as far as can be seen */
	FIT_FAILED,
};
enum gpu_fit gpu_fit(const struct gpu *gpu, char *why, size_t size);
const char *gpu_fit_word(enum gpu_fit fit);

/* alias.c: the driver that modules.alias prefers for a device; false: none. */
struct alias_id {
	uint32_t vendor, device, subvendor, subdevice, class;
};
bool alias_best(const struct alias_id *id, char *module, size_t size);
/* Whether there is anything to choose by. */
bool alias_known(void);
/* The same from a given text, for tests. */
bool alias_best_in(char *text, const struct alias_id *id, char *module, size_t size);

/* firmware.c: what the device tree says of a V100; both want an address only. */
void firmware_read_links(struct gpu *gpu);
void firmware_read_memory(struct gpu *gpu);

/* group.c: the IOMMU group of a function; -1: none. */
int group_of(const char *address);
/* The addresses of those in a group, as sys_names() has its names. */
char **group_members(int group);
/* A port or a switch, which is nobody's to be given. */
bool group_is_port(const char *address);
/* With this one VFIO gives the group away, as it leaves DMA to others; "": none. */
bool group_is_viable(const char *driver);
/* The GPU itself, or one of its bridges. */
bool gpu_includes(const struct gpu *gpu, const char *address);
struct group_member {
	char address[GPU_ADDRESS];
	char driver[64]; /* "" none */
};
/* The first of its group that the host uses, of those that are not its own; false: none. */
bool gpu_group_held(const struct gpu *gpu, struct group_member *member);
/* A bridge of its that the host uses, or has not been given along with it; false: none. */
bool gpu_bridge_held(const struct gpu *gpu, struct group_member *member);
/* Its first bridge that is not in its group; NULL: none. */
const char *gpu_bridge_apart(const struct gpu *gpu);

/* What of that is in the way, in words; false: nothing. */
bool group_trouble(const struct gpu *gpu, char *why, size_t size);
bool bridge_trouble(const struct gpu *gpu, char *why, size_t size);
bool bridge_apart_trouble(const struct gpu *gpu, char *why, size_t size);

/* describe.c */
struct json_object;
struct json_object *gpu_describe(const struct gpu *gpu);

#endif
