/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A coherent GPU played on a stock PCI function.
 *
 * Words: the *stock function* is what QEMU gives (an ivshmem-plain function);
 * the *persona* is what config space shows instead of it; *device memory* is
 * RAM that the kernel was told not to know; a *training* is what the device
 * does from a reset until its memory may be touched (it is *ready* then).
 *
 * Locks, outermost first:
 *	sim_lock		settings of all GPUs, who is enabled
 *	sim_gpu.alive		held for reading by those who use an enabled GPU
 *	pci_rescan_remove_lock	(the PCI core's) which GPU a bus shows
 *	pci_lock		(the PCI core's) around config accesses
 *	sim_gpu.lock		config space, training, counters; a raw lock,
 *				because it is taken inside pci_lock
 * Readers of sim_bus.gpu hold rcu_read_lock() or pci_rescan_remove_lock.
 */
#ifndef COHGPU_SIM_H
#define COHGPU_SIM_H

#include <linux/configfs.h>
#include <linux/ioport.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/property.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#define SIM_CONFIG_BYTES 4096
#define SIM_BARS 2
#define SIM_PATCHES 12
#define SIM_MS_MAX (10 * 60 * MSEC_PER_SEC)
#define SIM_WITHOUT 160
#define SIM_NPU_OWN U32_MAX
#define SIM_NPU_MAX 7

enum sim_reset_kind { SIM_RESET_FLR, SIM_RESET_HOT, SIM_RESET_PM, SIM_RESETS };

enum sim_training {
	SIM_TRAIN_NORMAL,
	SIM_TRAIN_STUCK_C2C,
	SIM_TRAIN_STUCK_HBM,
	SIM_TRAIN_STUCK,
	SIM_TRAIN_MANUAL,
};

enum sim_flr { SIM_FLR_NORMAL, SIM_FLR_SLOW, SIM_FLR_REFUSED };

enum sim_properties { SIM_PROPS_SWNODE, SIM_PROPS_FIRMWARE, SIM_PROPS_NONE };

enum sim_bar0 { SIM_BAR0_MEMORY, SIM_BAR0_NONE, SIM_BAR0_IO };

enum sim_scrub { SIM_SCRUB_NONE, SIM_SCRUB_PARTS, SIM_SCRUB_ALL };

enum sim_aer_error { SIM_AER_CORRECTABLE, SIM_AER_NONFATAL, SIM_AER_FATAL };

enum sim_ras { SIM_RAS_WRITTEN, SIM_RAS_MAPPED, SIM_RAS_KINDS };

/* Who mapped device memory, from where on, and when in jiffies. */
struct sim_ras_mapping {
	struct task_struct *task;
	u64 start;
	unsigned long when;
};

/**
 * struct sim_preset - a machine's GPU, or a bridge to one
 * @name: as written to the attribute `preset`
 * @vendor: PCI vendor ID
 * @device: PCI device ID
 * @class: PCI class, without programming interface
 * @mem_size: bytes of device memory
 * @window: bytes of address space in which it lies, 0: as many
 * @links: NVLinks to it, 0: its memory is not on NVLink
 * @bar0_size: bytes of BAR0
 * @bar1_size: bytes of the real BAR1 (registers 0x18, 0x1C), 0: none
 * @no_dvsec: there is no NVIDIA DVSEC: its firmware is older than that
 * @mig_fixed: the NVIDIA DVSEC says that the MIG bug is fixed
 * @cxl: readiness is told by a CXL Device DVSEC, not by BAR0
 * @scrub: what of memory a reset clears
 * @training: how trainings go unless told otherwise
 */
struct sim_preset {
	const char *name;
	u16 vendor;
	u16 device;
	u16 class;
	u64 mem_size;
	u64 window;
	unsigned int links;
	u32 bar0_size;
	u32 bar1_size;
	bool no_dvsec;
	bool mig_fixed;
	bool cxl;
	enum sim_scrub scrub;
	enum sim_training training;
};

/**
 * struct sim_claim - what firmware says of a value
 * @set: it says @value, else the truth
 * @absent: it says nothing
 * @value: need not be true
 */
struct sim_claim {
	bool set;
	bool absent;
	u64 value;
};

/* What firmware says of a value that is @truth. */
static inline u64 sim_claimed(const struct sim_claim *claim, u64 truth)
{
	return claim->set ? claim->value : truth;
}

/**
 * struct sim_bar - a BAR of the persona
 * @at: its register
 * @size: bytes, a power of two; 0: none
 * @io: it is an I/O BAR, with nothing behind it
 */
struct sim_bar {
	int at;
	u64 size;
	bool io;
};

/**
 * struct sim_patch - a part of device memory that is watched while not ready
 * @offset: in device memory
 * @bytes: its length, whole pages
 * @map: kernel mapping
 * @kept: what belongs there, while the patch is covered with ~0
 */
struct sim_patch {
	u64 offset;
	size_t bytes;
	void *map;
	void *kept;
};

/**
 * struct sim_aer - an error that the root port has been told of
 * @bus: the root port's
 * @devfn: its number there
 * @at: its AER capability
 * @status: bits of its Root Error Status register that the kernel has not
 *	cleared; 0: there is no error
 * @source: its Error Source Identification register
 */
struct sim_aer {
	struct pci_bus *bus;
	unsigned int devfn;
	int at;
	u32 status;
	u32 source;
};

struct sim_bus;
struct sim_nvlink;

/**
 * struct sim_gpu - one simulated GPU, or a bridge to one
 * @item: its configfs directory
 * @preset: what it plays
 * @bdf: address of the stock function
 * @bdf_set: somebody chose it, else it is the first that is free
 * @vendor: PCI vendor ID shown
 * @device: PCI device ID shown
 * @mem_base: physical address of device memory
 * @mem_base_set: somebody chose it, else it is behind the others'
 * @mem_size: bytes of device memory
 * @properties: where firmware properties come from
 * @prop_base: what they say of @mem_base
 * @prop_size: what they say of @mem_size, or of a V100's window
 * @prop_atsd: what a V100's say of where its NPU's first ATSD register is
 * @bar0: kind of BAR0
 * @bar0_size: bytes of BAR0
 * @scrub: what of memory a reset clears
 * @links: NVLinks to it
 * @first_link: index of the first of them at its host bridge
 * @npu_number: of the NPU that they go to; SIM_NPU_OWN: its own
 * @atsd: ATSD registers that the host bridge's firmware lists, if it brings the
 *	  NPU
 * @without: names of NVLink properties that firmware leaves out
 * @nvlink: what is around it on NVLink, NULL: nothing
 * @enabled: it exists; changes with @alive held for writing
 * @list: in sim_gpus, while enabled
 * @resource: device memory, claimed in /proc/iomem
 * @alive: see @enabled
 * @bus: where it is; this and @devfn do not change while enabled
 * @devfn: its number there
 * @watched: the root port's bus, once an error was sent there; guarded by
 *	pci_rescan_remove_lock
 * @debugfs: its folder
 * @train_work: ends a training
 * @reset_work: a reset from outside
 * @unplug_work: a surprise removal
 * @lock: guards all below
 * @image: config space as shown
 * @mask: bits of @image that can be written
 * @fresh: @image as it is after a reset
 * @bars: the persona's BARs
 * @stock_bar_size: bytes of the stock function's BAR2
 * @stock_base: the address programmed into it, 0: none
 * @stock_command: what was written to the stock function's command register
 * @home: bus address of BAR0 for which @registers is a mapping
 * @registers: the readiness registers' part of BAR0
 * @registers_late: they do not tell what @c2c and @hbm are
 * @covered: the patches are covered with ~0
 * @ready: memory may be touched
 * @c2c: the link is trained
 * @hbm: the memory is trained
 * @round: counts trainings, so that an old one cannot end a new one
 * @scrub_due: memory is to be cleared before this training ends
 * @finish: this training ends well whatever @training says
 * @training: how trainings go
 * @training_ms: how long they take
 * @cxl_allowance: code of the time that the CXL DVSEC allows for a training
 * @flr: how a function-level reset goes
 * @flr_ms: how long a slow one takes
 * @late: after a reset the function answers when the kernel has given it up
 * @no_wake: D3hot is not left by a write
 * @dead: config space reads as ~0
 * @lost: it does so until it is written to
 * @silent: it does so until @silent_until
 * @silent_until: in jiffies
 * @resets: how many of each kind were seen
 * @aer: an error on its way
 * @ras: early accesses of each kind that were seen
 * @last_mapped: the last early mapping that was counted
 * @patches: watched parts of device memory
 * @n_patches: how many there are
 */
struct sim_gpu {
	struct config_item item;
	const struct sim_preset *preset;
	char bdf[16];
	bool bdf_set;
	u16 vendor;
	u16 device;
	u64 mem_base;
	bool mem_base_set;
	u64 mem_size;
	enum sim_properties properties;
	struct sim_claim prop_base;
	struct sim_claim prop_size;
	struct sim_claim prop_atsd;
	enum sim_bar0 bar0;
	u32 bar0_size;
	enum sim_scrub scrub;
	u32 links;
	u32 first_link;
	u32 npu_number;
	u32 atsd;
	char without[SIM_WITHOUT];
	struct sim_nvlink *nvlink;
	bool enabled;
	struct list_head list;
	struct resource resource;
	struct rw_semaphore alive;
	struct sim_bus *bus;
	unsigned int devfn;
	struct sim_bus *watched;
	struct dentry *debugfs;
	struct delayed_work train_work;
	struct delayed_work reset_work;
	struct work_struct unplug_work;

	raw_spinlock_t lock;
	u8 image[SIM_CONFIG_BYTES];
	u8 mask[SIM_CONFIG_BYTES];
	u8 fresh[SIM_CONFIG_BYTES];
	struct sim_bar bars[SIM_BARS];
	u64 stock_bar_size;
	u64 stock_base;
	u16 stock_command;
	u64 home;
	void __iomem *registers;
	bool registers_late;
	bool covered;
	bool ready;
	bool c2c;
	bool hbm;
	u64 round;
	bool scrub_due;
	bool finish;
	enum sim_training training;
	u32 training_ms;
	u32 cxl_allowance;
	enum sim_flr flr;
	u32 flr_ms;
	u32 late;
	u32 no_wake;
	u32 dead;
	bool lost;
	bool silent;
	unsigned long silent_until;
	u64 resets[SIM_RESETS];
	struct sim_aer aer;
	u64 ras[SIM_RAS_KINDS];
	struct sim_ras_mapping last_mapped;
	struct sim_patch patches[SIM_PATCHES];
	unsigned int n_patches;
};

static inline const char *sim_name(struct sim_gpu *gpu)
{
	return config_item_name(&gpu->item);
}

#define SIM_ATSD_BYTES SZ_64K
#define SIM_ATSD_MAX 8

/* Bytes from @mem_base on in which its memory is. */
static inline u64 sim_window(const struct sim_gpu *gpu)
{
	return gpu->preset->window ?: gpu->mem_size;
}

/* With the registers of the NPU that it may bring. */
static inline u64 sim_span(const struct sim_gpu *gpu)
{
	return sim_window(gpu) +
	       (gpu->preset->window ? SIM_ATSD_MAX * SIM_ATSD_BYTES : 0);
}

/* preset.c */
extern const struct sim_preset sim_presets[];
const struct sim_preset *sim_preset_find(const char *name);

/* bus.c */
struct pci_dev *sim_bus_find_stock(struct sim_gpu *gpu);
int sim_bus_join(struct sim_gpu *gpu, struct pci_dev *stock);
void sim_bus_leave(struct sim_gpu *gpu);
int sim_bus_watch(struct sim_gpu *gpu, struct pci_bus *bus);
void sim_bus_unpin(void);
struct pci_dev *sim_bus_function(struct sim_gpu *gpu);
struct sim_gpu *sim_bus_gpu_at(u64 start, u64 bytes);
struct sim_gpu *sim_bus_gpu_of(struct pci_dev *pdev);
bool sim_bus_plays_nvlink(struct pci_dev *pdev);
u32 sim_bus_stock_read(struct sim_gpu *gpu, int where);
void sim_bus_stock_set(struct sim_gpu *gpu, int where, int size, u32 value);
void sim_bus_stock_write(struct sim_gpu *gpu, int where, int size, u32 value);
void sim_bus_exit(void);

/* persona.c */
int sim_persona_make(struct sim_gpu *gpu, struct pci_dev *stock);
void sim_persona_begin(struct sim_gpu *gpu);
void sim_persona_end(struct sim_gpu *gpu);
int sim_persona_shown(struct sim_gpu *gpu, struct pci_dev *pdev);
u32 sim_persona_read(struct sim_gpu *gpu, int where, int size);
void sim_persona_write(struct sim_gpu *gpu, int where, int size, u32 value);
void sim_persona_forget(struct sim_gpu *gpu);
void sim_persona_cxl(struct sim_gpu *gpu);
bool sim_persona_decodes(struct sim_gpu *gpu);
bool sim_persona_error(struct sim_gpu *gpu, bool correctable, u32 status);
u64 sim_persona_bar(struct sim_gpu *gpu, unsigned int i);

/* firmware.c */
bool sim_firmware_tells(struct device *dev);
int sim_firmware_init(void);
void sim_firmware_exit(void);

/* nvlink.c */
void sim_nvlink_entry(struct sim_gpu *gpu, struct property_entry *list,
		      struct property_entry entry);
int sim_nvlink_start(struct sim_gpu *gpu);
int sim_nvlink_join(struct sim_gpu *gpu);
void sim_nvlink_leave(struct sim_gpu *gpu);
void sim_nvlink_stop(struct sim_gpu *gpu);
void sim_nvlink_describe(struct sim_gpu *gpu, struct device *dev);
void sim_nvlink_undescribe(struct device *dev);

/* npu.c */
struct sim_npu *sim_npu_get(struct sim_gpu *gpu);
void sim_npu_put(struct sim_npu *npu, struct sim_gpu *gpu);
const struct software_node *sim_npu_host(const struct sim_npu *npu);
const struct software_node *sim_npu_adapter(const struct sim_npu *npu);

/* tree.c: nodes of the machine's device tree, or software nodes */
#if defined(CONFIG_PPC_POWERNV) && defined(COHGPU_HAVE_OF_CHANGESET_NODE)
#define SIM_TREE 1
int sim_tree_register(const struct software_node **nodes);
void sim_tree_unregister(const struct software_node **nodes);
int sim_tree_hang(struct device *dev, const struct software_node *node);
void sim_tree_unhang(struct device *dev);
#else
#define SIM_TREE 0
static inline int sim_tree_register(const struct software_node **nodes)
{
	return software_node_register_node_group(nodes);
}

static inline void sim_tree_unregister(const struct software_node **nodes)
{
	software_node_unregister_node_group(nodes);
}

static inline int sim_tree_hang(struct device *dev,
				const struct software_node *node)
{
	return device_add_software_node(dev, node);
}

static inline void sim_tree_unhang(struct device *dev)
{
	device_remove_software_node(dev);
}
#endif

/* device.c */
void sim_device_init(struct sim_gpu *gpu);
int sim_device_start(struct sim_gpu *gpu, struct pci_dev *pdev);
void sim_device_stop(struct sim_gpu *gpu);
void sim_device_sync(struct sim_gpu *gpu);
void sim_device_reset(struct sim_gpu *gpu, enum sim_reset_kind kind);
void sim_device_train(struct sim_gpu *gpu);
void sim_device_untrain(struct sim_gpu *gpu);

/* memory.c */
int sim_memory_start(struct sim_gpu *gpu);
void sim_memory_stop(struct sim_gpu *gpu);
void sim_memory_cover(struct sim_gpu *gpu);
void sim_memory_uncover(struct sim_gpu *gpu);
int sim_memory_scrub(struct sim_gpu *gpu, u64 round);
extern const struct file_operations sim_memory_fops;

/* ras.c */
#define SIM_RAS_LOG(gpu, what, at)                                            \
	pr_info_ratelimited("%s: corrected RAS event: memory %s at %#llx before it was ready\n", \
			    sim_name(gpu), what, (u64)(at))
#if defined(CONFIG_KPROBES) && defined(CONFIG_HAVE_FUNCTION_ARG_ACCESS_API)
void sim_ras_init(void);
void sim_ras_exit(void);
bool sim_ras_sees_mappings(void);
void sim_ras_own(bool begin);
#else
static inline void sim_ras_init(void)
{
}

static inline void sim_ras_exit(void)
{
}

static inline bool sim_ras_sees_mappings(void)
{
	return false;
}

static inline void sim_ras_own(bool begin)
{
}
#endif

/* aer.c */
#if defined(CONFIG_PCIEAER) && defined(CONFIG_GENERIC_IRQ_INJECTION)
#define SIM_AER 1
int sim_aer_inject(struct sim_gpu *gpu, enum sim_aer_error error);
void sim_aer_read(struct sim_gpu *gpu, struct pci_bus *bus, unsigned int devfn,
		  int where, int size, u32 *value);
void sim_aer_write(struct sim_gpu *gpu, struct pci_bus *bus,
		   unsigned int devfn, int where, u32 value);
#else
#define SIM_AER 0
static inline int sim_aer_inject(struct sim_gpu *gpu, enum sim_aer_error error)
{
	pr_err("%s: aer: write: the kernel must have AER and GENERIC_IRQ_INJECTION\n",
	       sim_name(gpu));
	return -EOPNOTSUPP;
}

static inline void sim_aer_read(struct sim_gpu *gpu, struct pci_bus *bus,
				unsigned int devfn, int where, int size,
				u32 *value)
{
}

static inline void sim_aer_write(struct sim_gpu *gpu, struct pci_bus *bus,
				 unsigned int devfn, int where, u32 value)
{
}
#endif

/* faults.c */
void sim_faults_init(void);
void sim_faults_exit(void);
void sim_faults_add(struct sim_gpu *gpu);
void sim_faults_remove(struct sim_gpu *gpu);

/* enable.c */
#define SIM_MEM_BASE SZ_4G
extern struct mutex sim_lock;
u64 sim_enable_next_base(void);
int sim_enable(struct sim_gpu *gpu);
void sim_disable(struct sim_gpu *gpu);

/* control.c */
int sim_control_init(void);
void sim_control_exit(void);

#endif /* COHGPU_SIM_H */
