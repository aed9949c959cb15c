/* SPDX-License-Identifier: GPL-2.0-only */
/* A coherent GPU played on a stock PCI function. */
#ifndef COHGPU_SIM_H
#define COHGPU_SIM_H

#include <linux/configfs.h>
#include <linux/debugfs.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#define SIM_CONFIG_BYTES 4096
#define SIM_PATCH_BYTES (64 << 10)
#define SIM_PATCHES 2

/**
 * struct sim_preset - a machine's GPU
 * @name: as written to the attribute `preset`
 * @device: PCI device ID, vendor 10de
 * @mem_size: bytes of device memory
 * @mig_fixed: the NVIDIA DVSEC says that the MIG bug is fixed
 * @cxl: readiness is told by a CXL device DVSEC
 */
struct sim_preset {
	const char *name;
	u16 device;
	u64 mem_size;
	bool mig_fixed;
	bool cxl;
};

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

/**
 * struct sim_value - a firmware value that need not be true
 * @set: @value is what firmware claims, else the truth is
 * @absent: firmware does not give the property
 * @value: the claim
 */
struct sim_value {
	bool set;
	bool absent;
	u64 value;
};

/**
 * struct sim_patch - a part of device memory that is watched while not ready
 * @offset: where it lies in device memory
 * @at: kernel mapping, NULL: not there
 * @kept: what it held when readiness was lost
 */
struct sim_patch {
	u64 offset;
	void *at;
	void *kept;
};

/**
 * struct sim_gpu - one simulated GPU
 * @group: its configfs directory
 * @mutex: guards what configfs sets, and enabling as a whole
 * @bdf: address of the stock function, empty: the first that is free
 * @preset: what it plays
 * @vendor: PCI vendor ID shown
 * @device: PCI device ID shown
 * @mem_base: physical address of device memory, 0: behind the others'
 * @mem_size: bytes of device memory, 0: the preset's
 * @properties: where firmware properties come from
 * @prop_base: claimed base
 * @prop_size: claimed size
 * @bar0: kind of BAR0
 * @bar0_size: bytes of BAR0
 * @scrub: a reset clears the watched parts of memory
 * @enabled: it exists on the bus
 * @pdev: the function, while enabled
 * @bus: its bus
 * @devfn: its number there
 * @ops: the bus's accessors, swapped in
 * @stock: the bus's own
 * @lock: guards all below; taken inside the PCI core's raw lock
 * @image: config space as shown, where it is not the stock function's
 * @bar0_value: what was written to BAR0
 * @ready: memory may be touched
 * @training: how training goes
 * @training_ms: how long it takes
 * @flr: how a function-level reset goes
 * @flr_ms: how long a slow one takes
 * @dead: config space reads as ~0
 * @silent_until: jiffies until which it does, after a slow reset
 * @silent: @silent_until counts
 * @resets: how many of each kind were seen
 * @ras_events: early writes that were found
 * @registers: BAR0, for the readiness registers
 * @patches: watched parts of device memory
 * @train_work: ends a training
 * @reset_work: a reset from outside
 * @debugfs: its folder
 * @list: in sim_gpus
 */
struct sim_gpu {
	struct config_group group;
	struct mutex mutex;
	char bdf[16];
	const struct sim_preset *preset;
	u16 vendor;
	u16 device;
	u64 mem_base;
	u64 mem_size;
	enum sim_properties properties;
	struct sim_value prop_base;
	struct sim_value prop_size;
	enum sim_bar0 bar0;
	u32 bar0_size;
	bool scrub;
	bool enabled;
	struct pci_dev *pdev;
	struct pci_bus *bus;
	unsigned int devfn;
	struct pci_ops ops;
	struct pci_ops *stock;

	raw_spinlock_t lock;
	u8 image[SIM_CONFIG_BYTES];
	u64 bar0_value;
	bool ready;
	enum sim_training training;
	unsigned int training_ms;
	enum sim_flr flr;
	unsigned int flr_ms;
	bool dead;
	bool silent;
	unsigned long silent_until;
	u64 resets[SIM_RESETS];
	u64 ras_events;
	void __iomem *registers;
	struct sim_patch patches[SIM_PATCHES];
	struct delayed_work train_work;
	struct delayed_work reset_work;
	struct dentry *debugfs;
	struct list_head list;
};

/* main.c */
extern struct mutex sim_gpus_lock;
extern struct list_head sim_gpus;
extern struct dentry *sim_debugfs;

/* preset.c */
const struct sim_preset *sim_preset_find(const char *name);
const struct sim_preset *sim_preset_default(void);

/* persona.c */
void sim_persona_make(struct sim_gpu *gpu);
int sim_persona_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *val);
int sim_persona_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 val);
void sim_persona_cxl(struct sim_gpu *gpu, bool valid, bool active);
u32 sim_persona_stock_read(struct sim_gpu *gpu, int where);
void sim_persona_stock_write(struct sim_gpu *gpu, int where, u32 value);

/* device.c */
int sim_device_start(struct sim_gpu *gpu);
void sim_device_stop(struct sim_gpu *gpu);
void sim_device_init(struct sim_gpu *gpu);
void sim_device_reset(struct sim_gpu *gpu, enum sim_reset_kind kind);
void sim_device_train(struct sim_gpu *gpu);
void sim_device_untrain(struct sim_gpu *gpu);

/* memory.c */
int sim_memory_start(struct sim_gpu *gpu);
void sim_memory_stop(struct sim_gpu *gpu);
void sim_memory_cover(struct sim_gpu *gpu);
void sim_memory_uncover(struct sim_gpu *gpu);
extern const struct file_operations sim_memory_fops;

/* faults.c */
void sim_faults_add(struct sim_gpu *gpu);

/* control.c */
extern struct configfs_subsystem sim_subsystem;
int sim_enable(struct sim_gpu *gpu);
void sim_disable(struct sim_gpu *gpu);

#endif /* COHGPU_SIM_H */
