// SPDX-License-Identifier: GPL-2.0-only
/*
 * The persona: what a stock function looks like in config space.
 *
 * The bus's config accessors are replaced by these. They answer from an image
 * what makes a GPU of the function (its identity, its capabilities) and pass on
 * what makes the machine work (command, status, interrupt line), so that DMA,
 * IOMMU and bus resets stay the machine's own:
 *
 *	0x00 identity   image           0x10 BAR0   image, address passed on
 *	0x04 command    stock           0x18-0x27   no BARs
 *	0x34, 0x40..    image           0x3C        stock
 *
 * BAR0 is the stock function's BAR2 (RAM of the host), so it is real MMIO.
 *
 * A bus reset goes past these accessors. It is noticed afterwards, because the
 * stock function has then lost the address that was programmed into it.
 *
 * Called with the PCI core's raw lock held and interrupts off.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include COMPAT_UNALIGNED_HEADER

#include "sim.h"

#define SIM_CAP_PM 0x40
#define SIM_CAP_EXP 0x50
#define SIM_EXT_NVIDIA 0x100
#define SIM_EXT_CXL 0x140
#define SIM_CXL_RANGE1_LOW (SIM_EXT_CXL + 0x1C)

#define SIM_STOCK_BAR PCI_BASE_ADDRESS_2
#define SIM_CXL_VENDOR 0x1e98

static void sim_persona_ext(struct sim_gpu *gpu, int at, int next, u16 vendor,
			    u16 id, u16 length)
{
	put_unaligned_le32(PCI_EXT_CAP_ID_DVSEC | 1 << 16 | next << 20,
			   gpu->image + at);
	put_unaligned_le32(vendor | length << 20, gpu->image + at + 4);
	put_unaligned_le16(id, gpu->image + at + 8);
}

/* Config space as it is before anything was written. */
void sim_persona_make(struct sim_gpu *gpu)
{
	u8 *image = gpu->image;

	memset(image, 0, SIM_CONFIG_BYTES);
	put_unaligned_le16(gpu->vendor, image + PCI_VENDOR_ID);
	put_unaligned_le16(gpu->device, image + PCI_DEVICE_ID);
	put_unaligned_le32(PCI_CLASS_DISPLAY_3D << 16 | 0xa1,
			   image + PCI_CLASS_REVISION);
	put_unaligned_le16(PCI_VENDOR_ID_NVIDIA, image + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(0x16eb, image + PCI_SUBSYSTEM_ID);
	image[PCI_CAPABILITY_LIST] = SIM_CAP_PM;

	image[SIM_CAP_PM] = PCI_CAP_ID_PM;
	image[SIM_CAP_PM + 1] = SIM_CAP_EXP;
	put_unaligned_le16(3, image + SIM_CAP_PM + PCI_PM_PMC);

	image[SIM_CAP_EXP] = PCI_CAP_ID_EXP;
	put_unaligned_le16(2, image + SIM_CAP_EXP + PCI_EXP_FLAGS);
	put_unaligned_le32(PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER,
			   image + SIM_CAP_EXP + PCI_EXP_DEVCAP);
	put_unaligned_le32(0x5 | 16 << 4, image + SIM_CAP_EXP + PCI_EXP_LNKCAP);
	put_unaligned_le16(0x5 | 16 << 4, image + SIM_CAP_EXP + PCI_EXP_LNKSTA);

	sim_persona_ext(gpu, SIM_EXT_NVIDIA,
			gpu->preset->cxl ? SIM_EXT_CXL : 0,
			PCI_VENDOR_ID_NVIDIA, 3, 0x10);
	put_unaligned_le16(gpu->preset->mig_fixed, image + SIM_EXT_NVIDIA + 0xA);
	if (gpu->preset->cxl)
		sim_persona_ext(gpu, SIM_EXT_CXL, 0, SIM_CXL_VENDOR, 0, 0x38);
	gpu->bar0_value = 0;
}

/* What the CXL DVSEC tells of the memory; the time allowed is 16 s. */
void sim_persona_cxl(struct sim_gpu *gpu, bool valid, bool active)
{
	lockdep_assert_held(&gpu->lock);

	if (gpu->preset->cxl)
		put_unaligned_le32(valid | active << 1 | 2 << 13,
				   gpu->image + SIM_CXL_RANGE1_LOW);
}

u32 sim_persona_stock_read(struct sim_gpu *gpu, int where)
{
	u32 value = ~0;

	gpu->stock->read(gpu->bus, gpu->devfn, where, 4, &value);
	return value;
}

void sim_persona_stock_write(struct sim_gpu *gpu, int where, u32 value)
{
	gpu->stock->write(gpu->bus, gpu->devfn, where, 4, value);
}

static u64 sim_persona_bar0(struct sim_gpu *gpu)
{
	u64 mask = ~((u64)gpu->bar0_size - 1);

	switch (gpu->bar0) {
	case SIM_BAR0_NONE:
		return 0;
	case SIM_BAR0_IO:
		return (gpu->bar0_value & ~0xFFULL & 0xFFFFFFFF) | 1;
	default:
		return (gpu->bar0_value & mask) | 0xC;
	}
}

static bool sim_persona_is_dead(struct sim_gpu *gpu)
{
	if (gpu->silent && time_after(jiffies, gpu->silent_until))
		gpu->silent = false;
	return gpu->dead || gpu->silent;
}

/* A bus reset took the stock function's BAR away. */
static void sim_persona_notice_bus_reset(struct sim_gpu *gpu)
{
	if (gpu->bar0 != SIM_BAR0_MEMORY ||
	    !(sim_persona_bar0(gpu) >> 4))
		return;
	if ((sim_persona_stock_read(gpu, SIM_STOCK_BAR) |
	     sim_persona_stock_read(gpu, SIM_STOCK_BAR + 4)) & ~0xFU)
		return;
	sim_device_reset(gpu, SIM_RESET_HOT);
}

static u32 sim_persona_dword(struct sim_gpu *gpu, int at)
{
	u32 value;

	switch (at) {
	case PCI_COMMAND:
		value = sim_persona_stock_read(gpu, at);
		return value | PCI_STATUS_CAP_LIST << 16;
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		return sim_persona_stock_read(gpu, at);
	case PCI_BASE_ADDRESS_0:
		return sim_persona_bar0(gpu);
	case PCI_BASE_ADDRESS_1:
		return gpu->bar0 == SIM_BAR0_MEMORY ?
		       sim_persona_bar0(gpu) >> 32 : 0;
	default:
		return get_unaligned_le32(gpu->image + at);
	}
}

int sim_persona_read(struct pci_bus *bus, unsigned int devfn, int where,
		     int size, u32 *val)
{
	struct sim_gpu *gpu = container_of(bus->ops, struct sim_gpu, ops);
	unsigned long flags;
	u32 value;

	if (devfn != gpu->devfn || where >= SIM_CONFIG_BYTES)
		return gpu->stock->read(bus, devfn, where, size, val);

	raw_spin_lock_irqsave(&gpu->lock, flags);
	if (sim_persona_is_dead(gpu)) {
		value = ~0;
	} else {
		sim_persona_notice_bus_reset(gpu);
		value = sim_persona_dword(gpu, where & ~3) >> (8 * (where & 3));
	}
	raw_spin_unlock_irqrestore(&gpu->lock, flags);

	*val = size == 4 ? value : value & ((1U << (8 * size)) - 1);
	return PCIBIOS_SUCCESSFUL;
}

static void sim_persona_write_bar0(struct sim_gpu *gpu, int at, u32 value)
{
	int shift = at == PCI_BASE_ADDRESS_0 ? 0 : 32;

	gpu->bar0_value &= ~(0xFFFFFFFFULL << shift);
	gpu->bar0_value |= (u64)value << shift;
	if (gpu->bar0 == SIM_BAR0_MEMORY)
		sim_persona_stock_write(gpu,
					SIM_STOCK_BAR + at - PCI_BASE_ADDRESS_0,
					value);
}

static void sim_persona_write_pm(struct sim_gpu *gpu, u16 value)
{
	u8 *control = gpu->image + SIM_CAP_PM + PCI_PM_CTRL;
	u16 before = get_unaligned_le16(control) & PCI_PM_CTRL_STATE_MASK;
	u16 after = value & PCI_PM_CTRL_STATE_MASK;

	put_unaligned_le16(after, control);
	if (before == (__force u16)PCI_D3hot && !after)
		sim_device_reset(gpu, SIM_RESET_PM);
}

static void sim_persona_write_exp(struct sim_gpu *gpu, u32 value)
{
	u8 *control = gpu->image + SIM_CAP_EXP + PCI_EXP_DEVCTL;

	put_unaligned_le16(value & ~PCI_EXP_DEVCTL_BCR_FLR & 0xFFFF, control);
	if (value & PCI_EXP_DEVCTL_BCR_FLR)
		sim_device_reset(gpu, SIM_RESET_FLR);
}

static void sim_persona_write_dword(struct sim_gpu *gpu, int at, u32 value)
{
	switch (at) {
	case PCI_COMMAND:
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		sim_persona_stock_write(gpu, at, value);
		break;
	case PCI_BASE_ADDRESS_0:
	case PCI_BASE_ADDRESS_1:
		sim_persona_write_bar0(gpu, at, value);
		break;
	case SIM_CAP_PM + PCI_PM_CTRL:
		sim_persona_write_pm(gpu, value);
		break;
	case SIM_CAP_EXP + PCI_EXP_DEVCTL:
		sim_persona_write_exp(gpu, value);
		break;
	default:
		break;
	}
}

int sim_persona_write(struct pci_bus *bus, unsigned int devfn, int where,
		      int size, u32 val)
{
	struct sim_gpu *gpu = container_of(bus->ops, struct sim_gpu, ops);
	u32 mask = size == 4 ? ~0U : (1U << (8 * size)) - 1;
	int shift = 8 * (where & 3);
	unsigned long flags;
	u32 value;

	if (devfn != gpu->devfn || where >= SIM_CONFIG_BYTES)
		return gpu->stock->write(bus, devfn, where, size, val);

	raw_spin_lock_irqsave(&gpu->lock, flags);
	if (!sim_persona_is_dead(gpu)) {
		sim_persona_notice_bus_reset(gpu);
		value = sim_persona_dword(gpu, where & ~3);
		/* Status bits are cleared by ones: write none back. */
		if ((where & ~3) == PCI_COMMAND && where < PCI_STATUS)
			value &= 0xFFFF;
		value = (value & ~(mask << shift)) | (val & mask) << shift;
		sim_persona_write_dword(gpu, where & ~3, value);
	}
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return PCIBIOS_SUCCESSFUL;
}
