// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which address space the mappings of a device are in.
 *
 * All of them must be in one of the device's own, so that they can be found and
 * zapped: the inode that the VFIO core gives every device.
 */
#include "coherent/window.h"

#ifdef COHGPU_HAVE_CORE_INODE

int coherent_inode_get(struct coherent_device *cdev)
{
	cdev->mapping = cdev->core.vdev.inode;
	return 0;
}

void coherent_inode_put(struct coherent_device *cdev)
{
}

void coherent_inode_adopt(struct coherent_device *cdev,
			  struct vm_area_struct *vma)
{
}

/* Does the core zap it when it makes the function silent? All in BARs' places. */
bool coherent_inode_zapped(const struct coherent_window *window)
{
	return !window->region;
}

#else

/*
 * The core does that since 6.10. For older kernels we make an inode, on a pseudo
 * file system, and let the device's files use it: from the first mmap() of a
 * file on, before any VMA is linked.
 *
 * Two things need care there. The mm counts writable mappings in the address
 * space before and after it calls mmap(), and need not find the same one: two
 * processes may map a file for the first time at once. So the new one starts
 * with a count that no such drift uses up; nobody ever forbids to write to it.
 * And the core puts the physical page number of a real BAR
 * into vm_pgoff, which must not be mistaken for ours: COMPAT_PGOFF_BYTES.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#define COHERENT_FS_MAGIC 0x636f6866
#define COHERENT_FS_WRITABLE BIT(30)

static int coherent_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, COHERENT_FS_MAGIC) ? 0 : -ENOMEM;
}

static struct file_system_type coherent_fs_type = {
	.name = "vfio-coherent",
	.owner = THIS_MODULE,
	.init_fs_context = coherent_fs_init_context,
	.kill_sb = kill_anon_super,
};

static struct vfsmount *coherent_fs_mount;
static int coherent_fs_count;

int coherent_inode_get(struct coherent_device *cdev)
{
	struct inode *inode;
	int ret;

	ret = simple_pin_fs(&coherent_fs_type, &coherent_fs_mount,
			    &coherent_fs_count);
	if (ret)
		return ret;

	inode = alloc_anon_inode(coherent_fs_mount->mnt_sb);
	if (IS_ERR(inode)) {
		simple_release_fs(&coherent_fs_mount, &coherent_fs_count);
		return PTR_ERR(inode);
	}
	atomic_set(&inode->i_mapping->i_mmap_writable, COHERENT_FS_WRITABLE);
	cdev->mapping = inode;
	return 0;
}

void coherent_inode_put(struct coherent_device *cdev)
{
	iput(cdev->mapping);
	simple_release_fs(&coherent_fs_mount, &coherent_fs_count);
}

/* Called for every mmap() of the device, windows and real BARs alike. */
void coherent_inode_adopt(struct coherent_device *cdev,
			  struct vm_area_struct *vma)
{
	WRITE_ONCE(vma->vm_file->f_mapping, cdev->mapping->i_mapping);
}

bool coherent_inode_zapped(const struct coherent_window *window)
{
	return false;
}

#endif
