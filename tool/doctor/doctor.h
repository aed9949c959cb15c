/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may stand between a GPU and a guest, one check a cause. A check looks and never changes
 * anything; what it cannot see it skips, and says why, since an unseen fault is no pass.
 */
#ifndef COHGPU_DOCTOR_H
#define COHGPU_DOCTOR_H

#include "core/gpu.h"

enum verdict {
	VERDICT_PASS,
	VERDICT_SKIP,
	VERDICT_WARN, /* works, but worse than it could, or not for every use */
	VERDICT_FAIL,
	VERDICTS,
};

struct finding {
	enum verdict verdict;
	char text[256];
	char fix[256]; /* of what was found; "": the check's */
};

/* What is examined. Its words choose of whose GPUs a check tells, not what a GPU is judged by. */
struct patient {
	const struct gpu_set *gpus;  /* all of the machine; with --domain, all of the domain */
	const struct domain *domain; /* with --domain only */
	uint64_t ram;		     /* of the guest that is to come */
	uint64_t memory;	     /* of a GPU; 0: as its driver says */
};

#define FOR_GRACE   (1U << GPU_GRACE)
#define FOR_NVLINK2 (1U << GPU_NVLINK2)

struct check {
	const char *id; /* stable: scripts name it */
	const char *looks;
	const char *symptom;   /* that an operator has when this is wrong */
	const char *fix;       /* {GPU} and {GPUS} stand for addresses: that one's, and all */
	unsigned int families; /* whose GPUs it is about; 0: all */
	/* Once a GPU, or once; bare: in place of gpu, on a machine that has none. */
	void (*gpu)(struct finding *f, const struct gpu *gpu, const struct patient *p);
	void (*machine)(struct finding *f, const struct patient *p);
	void (*bare)(struct finding *f, const struct patient *p);
};

void finding(struct finding *f, enum verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A check's fix, with addresses in it. */
void fix_text(char *buf, size_t size, const char *fix, const char *one, const char *all);

/* All of a kind; end with id NULL. */
extern const struct check doctor_host[];
extern const struct check doctor_domain[];
extern const struct check doctor_guest[];

/* device.c: once a GPU */
void check_answers(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_variant_driver(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_bound_driver(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_driver_name(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_memory_present(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_memory_ready(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_iommu(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_iommu_group(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_iommu_shared(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_power(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_reset(struct finding *f, const struct gpu *gpu, const struct patient *p);

/* nvlink2.c */
#define NVLINK2_KERNEL "a kernel with POWER9's NVLink: KERNELS FOR A V100 in cohgpu-doctor(8)"
void check_guest_mapping(struct finding *f, const struct patient *p);
void check_bridge_functions(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_bridges(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_bridge_group(struct finding *f, const struct gpu *gpu, const struct patient *p);
/* What the driver looks for in the kernel; ends with NULL. */
extern const char *const nvlink2_symbols[];
/* 1: a module could find it, 0: there is none, -1: it cannot be known. */
int nvlink2_has_symbol(const char *name);

/* module.c */
void check_module_built(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_module_signed(struct finding *f, const struct gpu *gpu, const struct patient *p);
/* The same of a driver that is for no GPU yet. */
void module_built(struct finding *f, const char *driver);
void module_signed(struct finding *f, const char *driver);

/* bare.c: what is the machine's, and what one without a GPU has of what is a GPU's */
void check_vfio(struct finding *f, const struct patient *p);
void bare_variant_driver(struct finding *f, const struct patient *p);
void bare_module_built(struct finding *f, const struct patient *p);
void bare_module_signed(struct finding *f, const struct patient *p);
void bare_iommu(struct finding *f, const struct patient *p);
/* Of the GPUs that this machine could get: a V100 is in POWER9s only. */
enum gpu_family bare_family(void);

/* online.c */
void check_memory_offline(struct finding *f, const struct gpu *gpu, const struct patient *p);
void bare_memory_offline(struct finding *f, const struct patient *p);
/* Ranges of memory that the host uses as its own. */
struct online {
	unsigned int own;    /* of this GPU */
	unsigned int untold; /* of it or another: nothing tells */
};
/* gpu NULL: of whichever. False where it cannot be read. */
bool online_read(struct online *online, const struct gpu *gpu);

/* machine.c */
void check_gpu_unused(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_memlock(struct finding *f, const struct patient *p);
void check_iommu_passthrough(struct finding *f, const struct patient *p);
void check_iommufd(struct finding *f, const struct patient *p);
void check_kvm_cacheable(struct finding *f, const struct patient *p);

/* domain.c */
void check_domain_driver(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_bridges(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_group(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_iommufd(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_function(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_initiators(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_vsmmu(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_reserve(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_domain_type(struct finding *f, const struct patient *p);
void check_domain_hostdev(struct finding *f, const struct patient *p);
void check_domain_window(struct finding *f, const struct patient *p);
void check_domain_width(struct finding *f, const struct patient *p);
void check_domain_emulator(struct finding *f, const struct patient *p);
void check_domain_libvirt(struct finding *f, const struct patient *p);
void check_domain_memlock(struct finding *f, const struct patient *p);
void check_domain_mmap(struct finding *f, const struct patient *p);
void check_domain_ras(struct finding *f, const struct patient *p);

/* guest.c */
void check_guest_bars(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_guest_srat(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_guest_nodes(struct finding *f, const struct patient *p);
void check_guest_online(struct finding *f, const struct patient *p);
void check_guest_ats(struct finding *f, const struct gpu *gpu, const struct patient *p);
void check_guest_pasid(struct finding *f, const struct gpu *gpu, const struct patient *p);

/* kernel.c */
void check_peer_to_peer(struct finding *f, const struct patient *p);
void check_nodes_shift(struct finding *f, const struct patient *p);
void check_sva(struct finding *f, const struct patient *p);
void check_memory_failure(struct finding *f, const struct patient *p);
void check_huge_maps(struct finding *f, const struct patient *p);
/* The value of CONFIG_<name>; "n" when not set; NULL when the configuration cannot be read. */
const char *kernel_config(const char *name);
/* Of a release like "6.12.3-amd64": 612. */
unsigned int kernel_number(void);
bool machine_is_arm64(void);
bool machine_is_power(void);
/* How many NUMA nodes are in a list: "has_cpu", "has_generic_initiator". */
unsigned int kernel_nodes(const char *kind);
/* KVM_CHECK_EXTENSION; -errno without KVM. */
int machine_kvm(int extension);
#define KVM_IPA_SIZE  165
#define KVM_CACHEABLE 243
/* Bits of guest physical addresses that KVM has here; 0 or less: not known. */
int machine_guest_bits(void);

#endif
