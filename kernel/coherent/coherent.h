/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows of coherent device memory for VFIO variant drivers.
 *
 * A window shows a range of CPU physical addresses, which no BAR decodes, as if
 * it were the BAR of a PCI function: it answers only while the function's
 * memory decoding is on and its power is, and it loses its mappings at every
 * reset. It stands in the place of a BAR, or is a device-specific region of its
 * own. What the memory is, and when it is ready, is the driver's to say.
 */
#ifndef COHERENT_H
#define COHERENT_H

#include <linux/ioport.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/pgtable.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>
#include <linux/workqueue.h>

#include "logic/bar.h"
#include "logic/poison.h"
#include "logic/ready.h"
#include "logic/span.h"
#include "logic/split.h"

#define COHERENT_WINDOWS 2

/*
 * The highest physical address that the kernel can map and the processor form. On
 * POWER registers are at addresses where no RAM can be; page tables say there.
 */
#if defined(PTE_RPN_MASK)
#define COHERENT_ADDRESS_LIMIT ((u64)PTE_RPN_MASK | (PAGE_SIZE - 1))
#elif defined(MAX_PHYSMEM_BITS)
#define COHERENT_ADDRESS_LIMIT                                                \
	min_t(u64, iomem_resource.end, BIT_ULL(MAX_PHYSMEM_BITS) - 1)
#else
#define COHERENT_ADDRESS_LIMIT ((u64)iomem_resource.end)
#endif

struct coherent_device;
struct coherent_watch;

/**
 * enum coherent_cache - how the CPU maps a window
 * @COHERENT_CACHED: write-back
 * @COHERENT_WRITECOMBINE: uncached, writes may be merged (arm64 Normal-NC)
 * @COHERENT_REGISTERS: uncached, every access is one access, in order
 */
enum coherent_cache {
	COHERENT_CACHED,
	COHERENT_WRITECOMBINE,
	COHERENT_REGISTERS,
};

struct coherent_window;

/**
 * struct coherent_region - what is special about a device-specific region
 * @type: VFIO region type
 * @subtype: VFIO region subtype
 * @cache: how the CPU maps it
 * @brief: for memory that must not be prefetched: nobody maps more of it than
 *	   is accessed, and the kernel for no longer
 * @undecoded: it is no memory of the function, so that its command register
 *	       and power state do not matter
 * @access: bytes of the only access that is allowed, naturally aligned; then
 *	    also a mapping must be of the whole. 0: any
 * @add_capability: describe it further to user space
 * @map: a mapping is being made; an error refuses it. May be NULL
 * @copy: a mapping was split, moved or forked off another. May be NULL
 * @unmap: a mapping, or what is left of it, goes. May be NULL
 */
struct coherent_region {
	u32 type;
	u32 subtype;
	enum coherent_cache cache;
	bool brief;
	bool undecoded;
	u32 access;
	int (*add_capability)(struct coherent_window *window,
			      struct vfio_info_cap *caps);
	int (*map)(struct coherent_window *window, struct vm_area_struct *vma,
		   phys_addr_t base);
	void (*copy)(struct coherent_window *window,
		     struct vm_area_struct *vma, phys_addr_t base);
	void (*unmap)(struct coherent_window *window,
		      struct vm_area_struct *vma);
};

/**
 * struct coherent_window - a range of device memory behind a VFIO region
 * @cdev: the device that it belongs to
 * @index: VFIO region index; a device-specific region's is known while the
 *	   device is open
 * @region: what a device-specific region is, NULL in the place of a BAR
 * @cache: how the CPU maps it
 * @base: physical address of the first byte, page-aligned
 * @length: bytes of memory; 0 is possible for a device-specific region
 * @region_size: bytes of the region, at least @length
 * @views: kernel mappings made so far, one for each COHERENT_VIEW_BYTES of the
 *	   window; guarded by the device's gate
 * @nr_views: number of @views
 * @poison_lock: guards @poison; raw, as failures are told with preemption off
 * @poison: what memory failures took since the last reset
 * @pardoned: a reset has ended since the last failure, of which it is not known
 *	      yet whether it was one; guarded by @poison_lock
 * @poison_work: takes the mappings of it away
 * @watch: the kernel's word on memory failures; poison.c's own
 */
struct coherent_window {
	struct coherent_device *cdev;
	unsigned int index;
	const struct coherent_region *region;
	enum coherent_cache cache;
	phys_addr_t base;
	u64 length;
	u64 region_size;
	void **views;
	unsigned int nr_views;
	raw_spinlock_t poison_lock;
	struct coherent_poison poison;
	bool pardoned;
	struct work_struct poison_work;
	struct coherent_watch *watch;
};

/**
 * struct coherent_ops - what a driver knows of its memory's readiness
 * @required: conditions, a bit each, for coherent_ready; 0: always ready
 * @look: read from the device which conditions hold now. Called with
 *	  memory_lock held for read and the function answering; must not sleep
 *	  for long. Returns 0 or an error.
 * @allowed_ms: milliseconds that may pass, from the start of a wait, until all
 *		conditions hold, given those that hold now
 * @report: say in the log which conditions were missing when time was up
 * @forget: a reset ended, of whatever kind, and the function lost what was
 *	    written to it. Called with ready_lock held; must not sleep. May be
 *	    NULL
 * @remember: the reset for which @forget was called has failed: what it took is
 *	      back, where nothing was written since. May be NULL
 */
struct coherent_ops {
	u32 required;
	int (*look)(struct coherent_device *cdev, u32 *holding);
	unsigned int (*allowed_ms)(struct coherent_device *cdev, u32 holding);
	void (*report)(struct coherent_device *cdev, u32 holding);
	void (*forget)(struct coherent_device *cdev);
	void (*remember)(struct coherent_device *cdev);
};

/**
 * struct coherent_device - a VFIO PCI device with windows
 * @core: the vfio-pci-core device; must come first, as must this struct in
 *	  the driver's
 * @ops: the driver's, NULL if it has no windows
 * @windows: the windows, @nr_windows of them
 * @nr_windows: 0 makes the device plain vfio-pci
 * @gate: held for read around every touch of the memory and every insertion
 *	  of a mapping, for write by the start of a reset, which so knows that
 *	  nothing is under way; nests inside memory_lock
 * @ready_lock: guards @ready and all that says whether a reset is under way, has
 *		been, or will be; innermost
 * @ready: may the memory be touched?
 * @not_ready: that it may not is the log's last word of it
 * @resets: that the function came back from
 * @slept: in D3hot, or was until now, which it leaves by a reset
 * @frozen: its link is, by a fatal error; read without the lock too
 * @last_by: the task that made the last reset, NULL if it was not that alone
 * @last_end: generation at the end of that reset
 * @verdicts: resets that VFIO was asked for and has not told the result of
 * @wait_lock: held by the one that waits for readiness, so that others wait
 *	       for its result; taken with no other lock held
 * @power_lock: serialises config writes that may change the power state with
 *		the look at what they did; taken with no other lock held
 * @table_lock: held by the one that maps where there is no page table yet and
 *		a huge entry could be, with @gate held
 * @mapping: inode whose address space all mappings of the device are in
 */
struct coherent_device {
	struct vfio_pci_core_device core;
	const struct coherent_ops *ops;
	struct coherent_window windows[COHERENT_WINDOWS];
	unsigned int nr_windows;
	struct rw_semaphore gate;
	spinlock_t ready_lock;
	struct coherent_ready ready;
	bool not_ready;
	u64 resets;
	bool slept;
	bool frozen;
	struct task_struct *last_by;
	u64 last_end;
	unsigned int verdicts;
	struct mutex wait_lock;
	struct mutex power_lock;
	struct mutex table_lock;
	struct inode *mapping;
};

static inline struct coherent_device *
to_coherent_device(struct vfio_device *core_vdev)
{
	return container_of(core_vdev, struct coherent_device, core.vdev);
}

/* Too deep asleep to decode memory? Power states are ordered, for the CPU. */
static inline bool coherent_asleep(const struct pci_dev *pdev)
{
	return (__force int)pdev->current_state >= (__force int)PCI_D3hot;
}

/* main.c: a device's life, the operations of its VFIO device */
int coherent_init_dev(struct vfio_device *core_vdev);
void coherent_release_dev(struct vfio_device *core_vdev);
int coherent_add_window(struct coherent_device *cdev, unsigned int index,
			enum coherent_cache cache,
			const struct coherent_split_part *part);
int coherent_add_region(struct coherent_device *cdev,
			const struct coherent_region *region, phys_addr_t base,
			u64 length);
int coherent_register_regions(struct coherent_device *cdev);
struct coherent_window *coherent_find_window(struct coherent_device *cdev,
					     unsigned int index);
void coherent_open(struct coherent_device *cdev);
void coherent_close(struct coherent_device *cdev);
bool coherent_answers(struct coherent_device *cdev);
ssize_t coherent_read(struct vfio_device *core_vdev, char __user *buf,
		      size_t count, loff_t *ppos);
ssize_t coherent_write(struct vfio_device *core_vdev, const char __user *buf,
		       size_t count, loff_t *ppos);
long coherent_ioctl(struct vfio_device *core_vdev, unsigned int cmd,
		    unsigned long arg);
int coherent_feature(struct vfio_device *core_vdev, u32 flags,
		     void __user *arg, size_t argsz);
int coherent_mmap(struct vfio_device *core_vdev, struct vm_area_struct *vma);
void coherent_pci_remove(struct pci_dev *pdev);
int coherent_pci_sriov_configure(struct pci_dev *pdev, int nr_virtfn);
int coherent_region_info_caps(struct vfio_device *core_vdev,
			      struct vfio_region_info *info,
			      struct vfio_info_cap *caps);

/* reset.c: resets, and what is like one */
void coherent_forget(struct coherent_device *cdev);
void coherent_woken_slept(struct coherent_device *cdev);

/**
 * coherent_woken() - after what may have woken the function
 * @cdev: the device
 *
 * Who returns from here finds the function as waking left it, whoever was first.
 */
static inline void coherent_woken(struct coherent_device *cdev)
{
	/* Nobody clears it before all is taken. */
	if (smp_load_acquire(&cdev->slept))
		coherent_woken_slept(cdev);
}

void coherent_pci_reset_prepare(struct pci_dev *pdev);
void coherent_pci_reset_done(struct pci_dev *pdev);
pci_ers_result_t coherent_pci_error_detected(struct pci_dev *pdev,
					     pci_channel_state_t state);
u64 coherent_resets(struct coherent_device *cdev);
pci_ers_result_t coherent_pci_slot_reset(struct pci_dev *pdev);
void coherent_pci_resume(struct pci_dev *pdev);

/* config.c */
ssize_t coherent_config_write(struct coherent_device *cdev,
			      const char __user *buf, size_t count,
			      loff_t *ppos);

/* ready.c */
extern const struct coherent_ops coherent_ready_always;
enum coherent_ready_state coherent_ready_now(struct coherent_device *cdev);
u64 coherent_ready_generation(struct coherent_device *cdev);
int coherent_ready_poll(struct coherent_device *cdev);
int coherent_ready_wait(struct coherent_window *window, bool keeps);

#endif /* COHERENT_H */
