/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of vfio-coherent share among themselves. */
#ifndef COHERENT_WINDOW_H
#define COHERENT_WINDOW_H

#include "coherent/coherent.h"

/* window.c: kernel mappings */
int coherent_window_init(struct coherent_window *window);
void coherent_window_destroy(struct coherent_window *window);
size_t coherent_window_reach(const struct coherent_window *window, u64 offset,
			     size_t count);
bool coherent_window_brief(const struct coherent_window *window);
bool coherent_window_viewed(const struct coherent_window *window, u64 offset);
int coherent_window_view(struct coherent_window *window, u64 offset);
bool coherent_window_forget(struct coherent_window *window);
int coherent_window_copy(struct coherent_window *window, u64 offset,
			 void *bytes, size_t count, bool write);
bool coherent_window_direct(const struct coherent_window *window);
size_t coherent_window_copy_user(struct coherent_window *window, u64 offset,
				 char __user *buf, size_t count, bool write);

/* main.c */
void coherent_zap(struct coherent_device *cdev);
bool coherent_window_answers(struct coherent_window *window);

/* rw.c */
int coherent_rw_init(void);
void coherent_rw_exit(void);
ssize_t coherent_window_rw(struct coherent_window *window, char __user *buf,
			   size_t count, loff_t *ppos, bool write);

/* mmap.c */
int coherent_window_mmap(struct coherent_window *window,
			 struct vm_area_struct *vma);
void coherent_window_zap(struct coherent_window *window);
void coherent_window_zap_part(struct coherent_window *window, u64 offset,
			      u64 length);
struct coherent_window *coherent_mmap_window(struct vm_area_struct *vma);
unsigned long coherent_mmap_pfn(struct vm_area_struct *vma, unsigned long addr);
unsigned long coherent_mmap_clean(struct vm_area_struct *vma,
				  unsigned long addr, unsigned long bytes);

/* fill.c: small entries, many at a fault */
unsigned int coherent_fill_behind(struct vm_fault *vmf);
vm_fault_t coherent_fill_few(struct vm_fault *vmf);
vm_fault_t coherent_fill_many(struct vm_fault *vmf, unsigned int ahead);

/* reset.c */
long coherent_reset_ioctl(struct coherent_device *cdev, unsigned int cmd,
			  unsigned long arg);
void coherent_slept(struct coherent_device *cdev);

/* poison.c: what memory failures took */
int coherent_poison_start(void);
void coherent_poison_stop(void);
int coherent_window_watch(struct coherent_window *window);
void coherent_window_unwatch(struct coherent_window *window);
u64 coherent_window_clean(struct coherent_window *window, u64 offset,
			  u64 length);
void coherent_window_pardon(struct coherent_window *window, bool pardoned);
void coherent_window_heal(struct coherent_window *window);

/* dmabuf.c */
void coherent_dmabuf_init(struct coherent_device *cdev);
void coherent_dmabuf_open(struct coherent_device *cdev);
void coherent_dmabuf_close(struct coherent_device *cdev);

/* region.c */
int coherent_window_info(struct coherent_window *window,
			 struct vfio_region_info *info,
			 struct vfio_info_cap *caps);
long coherent_region_ioctl(struct coherent_device *cdev, unsigned int cmd,
			   struct vfio_region_info __user *arg);

/* inode.c: where the core has no inode a device */
int coherent_inode_get(struct coherent_device *cdev);
void coherent_inode_put(struct coherent_device *cdev);
void coherent_inode_adopt(struct coherent_device *cdev,
			  struct vm_area_struct *vma);
bool coherent_inode_zapped(const struct coherent_window *window);

#endif /* COHERENT_WINDOW_H */
