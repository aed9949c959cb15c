// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows as dma-bufs, where the core can export regions: for devices that are
 * to reach the memory through an iommufd, which cannot pin what has no struct
 * page. The core does the exporting, and the revoking when memory is disabled
 * or reset; it asks here where a region lies.
 */
#include "coherent/window.h"

#ifdef COHGPU_HAVE_DMABUF_PHYS

#include <linux/dma-buf.h>
#include <linux/pci-p2pdma.h>

static int coherent_dmabuf_phys(struct vfio_pci_core_device *core,
				struct p2pdma_provider **provider,
				unsigned int index, struct phys_vec *phys,
				struct vfio_region_dma_range *ranges,
				size_t nr_ranges)
{
	struct coherent_window *window =
		coherent_find_window(to_coherent_device(&core->vdev), index);
	size_t i;
	int ret;

	if (!window)
		return vfio_pci_core_get_dmabuf_phys(core, provider, index,
						     phys, ranges, nr_ranges);

	/* The memory is no BAR; the function's first stands for it. */
	*provider = pcim_p2pdma_provider(core->pdev, 0);
	if (!*provider)
		return -EINVAL;
	ret = vfio_pci_core_fill_phys_vec(phys, ranges, nr_ranges, window->base,
					  round_down(window->length, PAGE_SIZE));
	for (i = 0; i < nr_ranges && !ret; i++) {
		if (coherent_window_clean(window, ranges[i].offset,
					  ranges[i].length) < ranges[i].length)
			ret = -EIO;
	}
	return ret;
}

static const struct vfio_pci_device_ops coherent_dmabuf_ops = {
	.get_dmabuf_phys = coherent_dmabuf_phys,
};

void coherent_dmabuf_init(struct coherent_device *cdev)
{
	cdev->core.pci_ops = &coherent_dmabuf_ops;
}

/*
 * The core exports only what it has claimed and mapped as a BAR. Nothing decodes
 * a window, so this stands in the BAR's place while the device is open; nobody
 * reads it, for every access to a window's region comes to us, and the core finds
 * no BAR there that it could reach into. Where there is one, it is not exported
 * unless the core has claimed it.
 */
static u64 coherent_dmabuf_claimed;

static void coherent_dmabuf_stand_in(struct coherent_device *cdev, bool open)
{
	void __iomem *claimed = (void __iomem __force *)&coherent_dmabuf_claimed;
	unsigned int i;

	for (i = 0; i < cdev->nr_windows; i++) {
		struct coherent_window *window = &cdev->windows[i];
		void __iomem **bar;

		if (window->region)
			continue;
		bar = &cdev->core.barmap[window->index];
		if (open && IS_ERR(*bar) &&
		    !pci_resource_len(cdev->core.pdev, window->index))
			*bar = claimed;
		else if (!open && *bar == claimed)
			*bar = IOMEM_ERR_PTR(-ENODEV);
	}
}

void coherent_dmabuf_open(struct coherent_device *cdev)
{
	coherent_dmabuf_stand_in(cdev, true);
}

void coherent_dmabuf_close(struct coherent_device *cdev)
{
	coherent_dmabuf_stand_in(cdev, false);
}

#else

void coherent_dmabuf_init(struct coherent_device *cdev)
{
}

void coherent_dmabuf_open(struct coherent_device *cdev)
{
}

void coherent_dmabuf_close(struct coherent_device *cdev)
{
}

#endif
