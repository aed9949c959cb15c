// SPDX-License-Identifier: GPL-2.0-only
/*
 * The persona: what the stock function looks like in config space.
 *
 * It is an image of 4 KiB, with a mask of the bits that can be written. Few
 * writes do more than change the image:
 *
 *	0x04 command	passed on to the stock function, as far as power allows
 *	0x06 status	the stock function's, with a capability list
 *	0x10 BAR0	decoded by the stock function's BAR2
 *	0x18 BAR1	the same, where the preset has one
 *	PMCSR		D3hot stops decoding, and D3hot to D0 is a reset
 *	FLR bit		a reset
 *	AER status	cleared by ones, and kept over resets
 *
 * so that decoding, DMA, IOMMU and interrupts stay the machine's own, and BAR0
 * is real MMIO.
 *
 * The stock function has one BAR of memory, 16 MiB from a multiple of 16 MiB:
 * a *frame*. All BARs of the persona have to lie in one frame, which is then
 * programmed into the stock function. A persona with one BAR always fits. With
 * two of 8 MiB it does because the bridge's window has just the room that the
 * stock function's BAR had. sim_persona_frame() gives 0 if it does not.
 *
 * A bus reset goes past these accessors. It is noticed by the next access,
 * because the stock function has then lost a value, the *canary*, that was put
 * into a register of it that does nothing.
 *
 * All but sim_persona_begin() and _end() are called with gpu->lock held.
 */
#define pr_fmt(fmt) "cohgpu-sim: " fmt

#include COMPAT_UNALIGNED_HEADER

#include "sim.h"

#define SIM_CAP_PM 0x40
#define SIM_CAP_EXP 0x60 /* 0x3c bytes */
#define SIM_EXT_AER 0x100
#define SIM_EXT_NVIDIA 0x150
#define SIM_EXT_CXL 0x180
#define SIM_CXL_SIZE_HIGH (SIM_EXT_CXL + 0x18)
#define SIM_CXL_SIZE_LOW (SIM_EXT_CXL + 0x1C)

#define SIM_CXL_VENDOR 0x1e98
#define SIM_CXL_CAP 0xA
#define SIM_CXL_MEM_CAPABLE BIT(2)
#define SIM_CXL_ONE_RANGE BIT(4)
#define SIM_CXL_VALID BIT(0)
#define SIM_CXL_ACTIVE BIT(1)
#define SIM_CXL_ALLOWANCE_SHIFT 13

/* The kernel turns on an audio function here unless it finds it turned on. */
#define SIM_HDA 0x488
#define SIM_HDA_ON BIT(25)

#define SIM_UNCORRECTABLE                                                     \
	(PCI_ERR_UNC_DLP | PCI_ERR_UNC_POISON_TLP | PCI_ERR_UNC_FCP |         \
	 PCI_ERR_UNC_COMP_TIME | PCI_ERR_UNC_COMP_ABORT |                     \
	 PCI_ERR_UNC_UNX_COMP | PCI_ERR_UNC_RX_OVER | PCI_ERR_UNC_MALF_TLP |  \
	 PCI_ERR_UNC_ECRC | PCI_ERR_UNC_UNSUP)
#define SIM_FATAL                                                             \
	(PCI_ERR_UNC_DLP | PCI_ERR_UNC_FCP | PCI_ERR_UNC_RX_OVER |            \
	 PCI_ERR_UNC_MALF_TLP)
#define SIM_CORRECTABLE                                                       \
	(PCI_ERR_COR_RCVR | PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_BAD_DLLP |      \
	 PCI_ERR_COR_REP_ROLL | PCI_ERR_COR_REP_TIMER | PCI_ERR_COR_ADV_NFAT)

#define SIM_GEN5_X16 (5 | 16 << 4)
#define SIM_DECODE (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)
#define SIM_STOCK_BAR PCI_BASE_ADDRESS_2
#define SIM_CANARY_AT PCI_CACHE_LINE_SIZE
#define SIM_CANARY 0xa5
#define SIM_REFUSED_MS (120 * MSEC_PER_SEC)

static void sim_persona_dvsec(struct sim_gpu *gpu, int at, int next, u16 vendor,
			      u16 id, u16 length)
{
	put_unaligned_le32(PCI_EXT_CAP_ID_DVSEC | 1 << 16 | next << 20,
			   gpu->image + at);
	put_unaligned_le32(vendor | length << 20, gpu->image + at + 4);
	put_unaligned_le16(id, gpu->image + at + 8);
}

static void sim_persona_aer(struct sim_gpu *gpu, int next)
{
	u8 *aer = gpu->image + SIM_EXT_AER, *mask = gpu->mask + SIM_EXT_AER;

	put_unaligned_le32(PCI_EXT_CAP_ID_ERR | 2 << 16 | next << 20, aer);
	put_unaligned_le32(SIM_UNCORRECTABLE, mask + PCI_ERR_UNCOR_MASK);
	put_unaligned_le32(SIM_FATAL, aer + PCI_ERR_UNCOR_SEVER);
	put_unaligned_le32(SIM_UNCORRECTABLE, mask + PCI_ERR_UNCOR_SEVER);
	put_unaligned_le32(PCI_ERR_COR_ADV_NFAT, aer + PCI_ERR_COR_MASK);
	put_unaligned_le32(SIM_CORRECTABLE, mask + PCI_ERR_COR_MASK);
}

static void sim_persona_header(struct sim_gpu *gpu, struct pci_dev *stock)
{
	u8 *image = gpu->image, *mask = gpu->mask;

	put_unaligned_le16(gpu->vendor, image + PCI_VENDOR_ID);
	put_unaligned_le16(gpu->device, image + PCI_DEVICE_ID);
	put_unaligned_le16(SIM_DECODE | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
			   PCI_COMMAND_INTX_DISABLE, mask + PCI_COMMAND);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, image + PCI_STATUS);
	put_unaligned_le32(gpu->preset->class << 16 | 0xa1,
			   image + PCI_CLASS_REVISION);
	mask[PCI_CACHE_LINE_SIZE] = 0xff;
	image[PCI_HEADER_TYPE] = stock->multifunction << 7;
	put_unaligned_le16(gpu->preset->vendor,
			   image + PCI_SUBSYSTEM_VENDOR_ID);
	put_unaligned_le16(0x16eb, image + PCI_SUBSYSTEM_ID);
	image[PCI_CAPABILITY_LIST] = SIM_CAP_PM;
	image[PCI_INTERRUPT_LINE] = stock->irq;
	mask[PCI_INTERRUPT_LINE] = 0xff;
	image[PCI_INTERRUPT_PIN] = stock->pin;
}

static int sim_persona_bars(struct sim_gpu *gpu)
{
	u64 bar1 = gpu->preset->bar1_size, total = 0;
	unsigned int i;

	gpu->bars[0] = (struct sim_bar){ PCI_BASE_ADDRESS_0, gpu->bar0_size,
					 gpu->bar0 == SIM_BAR0_IO };
	if (gpu->bar0 == SIM_BAR0_NONE)
		gpu->bars[0].size = 0;
	gpu->bars[1] = (struct sim_bar){ PCI_BASE_ADDRESS_2, bar1, false };

	for (i = 0; i < SIM_BARS; i++) {
		struct sim_bar *bar = &gpu->bars[i];

		if (!bar->size)
			continue;
		if (bar->io) {
			gpu->image[bar->at] = PCI_BASE_ADDRESS_SPACE_IO;
			put_unaligned_le32(~((u32)bar->size - 1),
					   gpu->mask + bar->at);
			continue;
		}
		gpu->image[bar->at] = PCI_BASE_ADDRESS_MEM_TYPE_64 |
				      PCI_BASE_ADDRESS_MEM_PREFETCH;
		put_unaligned_le64(~(bar->size - 1), gpu->mask + bar->at);
		total += bar->size;
	}
	if (total <= gpu->stock_bar_size)
		return 0;
	pr_err("%s: bar0_size %#x: enable: must leave room for all BARs in the %#llx bytes of BAR2 of %s\n",
	       sim_name(gpu), gpu->bar0_size, gpu->stock_bar_size, gpu->bdf);
	return -ENOSPC;
}

static void sim_persona_capabilities(struct sim_gpu *gpu)
{
	u8 *pm = gpu->image + SIM_CAP_PM, *exp = gpu->image + SIM_CAP_EXP;
	u8 *exp_mask = gpu->mask + SIM_CAP_EXP;

	pm[PCI_CAP_LIST_ID] = PCI_CAP_ID_PM;
	pm[PCI_CAP_LIST_NEXT] = SIM_CAP_EXP;
	put_unaligned_le16(3, pm + PCI_PM_PMC);
	put_unaligned_le16(PCI_PM_CTRL_STATE_MASK,
			   gpu->mask + SIM_CAP_PM + PCI_PM_CTRL);

	exp[PCI_CAP_LIST_ID] = PCI_CAP_ID_EXP;
	put_unaligned_le16(2 | PCI_EXP_TYPE_ENDPOINT << 4, exp + PCI_EXP_FLAGS);
	put_unaligned_le32(PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER | 1,
			   exp + PCI_EXP_DEVCAP);
	put_unaligned_le16(0x7fff, exp_mask + PCI_EXP_DEVCTL);
	put_unaligned_le32(SIM_GEN5_X16, exp + PCI_EXP_LNKCAP);
	put_unaligned_le16(PCI_EXP_LNKCTL_CCC, exp_mask + PCI_EXP_LNKCTL);
	put_unaligned_le16(SIM_GEN5_X16, exp + PCI_EXP_LNKSTA);
	put_unaligned_le32(0x3e, exp + PCI_EXP_LNKCAP2);
	put_unaligned_le16(5, exp + PCI_EXP_LNKCTL2);

	put_unaligned_le32(SIM_HDA_ON, gpu->image + SIM_HDA);
	if (gpu->preset->links || gpu->preset->no_dvsec) {
		sim_persona_aer(gpu, 0);
		return;
	}
	sim_persona_aer(gpu, SIM_EXT_NVIDIA);
	sim_persona_dvsec(gpu, SIM_EXT_NVIDIA,
			  gpu->preset->cxl ? SIM_EXT_CXL : 0,
			  PCI_VENDOR_ID_NVIDIA, 3, 0xc);
	put_unaligned_le16(gpu->preset->mig_fixed,
			   gpu->image + SIM_EXT_NVIDIA + 0xA);
	if (!gpu->preset->cxl)
		return;
	sim_persona_dvsec(gpu, SIM_EXT_CXL, 0, SIM_CXL_VENDOR, 0, 0x3c);
	put_unaligned_le16(SIM_CXL_MEM_CAPABLE | SIM_CXL_ONE_RANGE,
			   gpu->image + SIM_EXT_CXL + SIM_CXL_CAP);
}

/* What the persona says of the stock function becomes true. */
void sim_persona_begin(struct sim_gpu *gpu)
{
	sim_bus_stock_set(gpu, PCI_COMMAND, 2, 0);
	sim_bus_stock_set(gpu, PCI_BASE_ADDRESS_0, 4, 0);
	sim_bus_stock_set(gpu, SIM_STOCK_BAR, 4, 0);
	sim_bus_stock_set(gpu, SIM_STOCK_BAR + 4, 4, 0);
	sim_bus_stock_set(gpu, SIM_CANARY_AT, 1, SIM_CANARY);
}

void sim_persona_end(struct sim_gpu *gpu)
{
	sim_bus_stock_set(gpu, SIM_CANARY_AT, 1, 0);
}

/* Config space as a reset leaves it; @stock is about to be replaced. */
int sim_persona_make(struct sim_gpu *gpu, struct pci_dev *stock)
{
	int ret;

	memset(gpu->image, 0, SIM_CONFIG_BYTES);
	memset(gpu->mask, 0, SIM_CONFIG_BYTES);
	gpu->stock_bar_size = pci_resource_len(stock, 2);
	gpu->stock_base = 0;
	gpu->stock_command = 0;
	sim_persona_header(gpu, stock);
	ret = sim_persona_bars(gpu);
	if (ret)
		return ret;
	sim_persona_capabilities(gpu);
	memcpy(gpu->fresh, gpu->image, SIM_CONFIG_BYTES);
	return 0;
}

/* What the CXL Device DVSEC tells of its first range. */
void sim_persona_cxl(struct sim_gpu *gpu)
{
	u32 low = gpu->mem_size & GENMASK(31, 28);

	lockdep_assert_held(&gpu->lock);

	if (!gpu->preset->cxl)
		return;
	if (gpu->c2c)
		low |= SIM_CXL_VALID;
	if (gpu->ready)
		low |= SIM_CXL_ACTIVE;
	low |= gpu->cxl_allowance << SIM_CXL_ALLOWANCE_SHIFT;
	put_unaligned_le32(gpu->mem_size >> 32,
			   gpu->image + SIM_CXL_SIZE_HIGH);
	put_unaligned_le32(low, gpu->image + SIM_CXL_SIZE_LOW);
}

/* The address in a memory BAR; 0 if there is none yet, also while sizing. */
u64 sim_persona_bar(struct sim_gpu *gpu, unsigned int i)
{
	struct sim_bar *bar = &gpu->bars[i];
	u64 address;

	if (!bar->size || bar->io)
		return 0;
	address = get_unaligned_le64(gpu->image + bar->at) & ~(bar->size - 1);
	return address == ~(bar->size - 1) ? 0 : address;
}

static u64 sim_persona_frame(struct sim_gpu *gpu)
{
	u64 frame = 0;
	unsigned int i;

	for (i = 0; i < SIM_BARS; i++) {
		u64 address = sim_persona_bar(gpu, i) &
			      ~(gpu->stock_bar_size - 1);

		if (!address)
			continue;
		if (frame && frame != address)
			return 0;
		frame = address;
	}
	return frame;
}

static u16 sim_persona_power(struct sim_gpu *gpu)
{
	return get_unaligned_le16(gpu->image + SIM_CAP_PM + PCI_PM_CTRL) &
	       PCI_PM_CTRL_STATE_MASK;
}

/* Pass BARs and command on to the stock function, as far as they changed. */
static void sim_persona_program(struct sim_gpu *gpu)
{
	u16 command = get_unaligned_le16(gpu->image + PCI_COMMAND);
	u64 frame = sim_persona_frame(gpu);

	if (sim_persona_power(gpu) != (__force u16)PCI_D0)
		command &= ~SIM_DECODE;
	if (frame != gpu->stock_base) {
		sim_bus_stock_write(gpu, SIM_STOCK_BAR, 4, frame);
		sim_bus_stock_write(gpu, SIM_STOCK_BAR + 4, 4, frame >> 32);
		gpu->stock_base = frame;
	}
	if (command != gpu->stock_command) {
		sim_bus_stock_write(gpu, PCI_COMMAND, 2, command);
		gpu->stock_command = command;
	}
	sim_device_sync(gpu);
}

/* Does the stock function decode BAR0 where our mapping of it is? */
bool sim_persona_decodes(struct sim_gpu *gpu)
{
	lockdep_assert_held(&gpu->lock);

	return gpu->stock_command & PCI_COMMAND_MEMORY && gpu->stock_base &&
	       sim_persona_bar(gpu, 0) == gpu->home;
}

/* Registers in which a one that is written clears a bit. */
static bool sim_persona_is_status(int where)
{
	int at = (where & ~3) - SIM_EXT_AER;

	return at == PCI_ERR_UNCOR_STATUS || at == PCI_ERR_COR_STATUS;
}

/* An error happens; false if software does not want to be told of it. */
bool sim_persona_error(struct sim_gpu *gpu, bool correctable, u32 status)
{
	u8 *aer = gpu->image + SIM_EXT_AER;
	u8 *to = aer + (correctable ? PCI_ERR_COR_STATUS :
				      PCI_ERR_UNCOR_STATUS);
	u8 *mask = aer + (correctable ? PCI_ERR_COR_MASK : PCI_ERR_UNCOR_MASK);

	lockdep_assert_held(&gpu->lock);

	if (get_unaligned_le32(mask) & status)
		return false;
	put_unaligned_le32(get_unaligned_le32(to) | status, to);
	return true;
}

/* A reset: all that was written is forgotten, but for what went wrong. */
void sim_persona_forget(struct sim_gpu *gpu)
{
	u8 line = gpu->image[PCI_INTERRUPT_LINE];
	int i;

	lockdep_assert_held(&gpu->lock);

	for (i = 0; i < SIM_CONFIG_BYTES; i++) {
		if (!sim_persona_is_status(i))
			gpu->image[i] = gpu->fresh[i];
	}
	gpu->image[PCI_INTERRUPT_LINE] = line;
	sim_persona_cxl(gpu);
	sim_persona_program(gpu);
}

static bool sim_persona_is_dead(struct sim_gpu *gpu)
{
	if (gpu->silent && time_after(jiffies, gpu->silent_until))
		gpu->silent = false;
	return gpu->dead || gpu->silent || gpu->lost;
}

static void sim_persona_notice_bus_reset(struct sim_gpu *gpu)
{
	u32 now = sim_bus_stock_read(gpu, SIM_CANARY_AT);

	if ((now & 0xff) == SIM_CANARY)
		return;
	sim_bus_stock_write(gpu, SIM_CANARY_AT, 1, SIM_CANARY);
	gpu->stock_command = 0;
	gpu->stock_base = 0;
	sim_device_reset(gpu, SIM_RESET_HOT);
}

u32 sim_persona_read(struct sim_gpu *gpu, int where, int size)
{
	u32 value;

	lockdep_assert_held(&gpu->lock);

	if (sim_persona_is_dead(gpu))
		return ~0;
	sim_persona_notice_bus_reset(gpu);
	if (gpu->lost)
		return ~0;
	value = get_unaligned_le32(gpu->image + (where & ~3));
	if ((where & ~3) == PCI_COMMAND)
		value |= sim_bus_stock_read(gpu, PCI_COMMAND) & 0xffff0000;
	return value >> (8 * (where & 3));
}

static void sim_persona_flr(struct sim_gpu *gpu)
{
	unsigned int ms = gpu->flr_ms;

	switch (gpu->flr) {
	case SIM_FLR_REFUSED:
		/* Longer than the kernel waits; the device was never reset. */
		ms = SIM_REFUSED_MS;
		break;
	case SIM_FLR_SLOW:
		sim_device_reset(gpu, SIM_RESET_FLR);
		break;
	case SIM_FLR_NORMAL:
		sim_device_reset(gpu, SIM_RESET_FLR);
		return;
	}
	gpu->silent = true;
	gpu->silent_until = jiffies + msecs_to_jiffies(ms);
}

static bool sim_persona_touches(int where, int size, int at, int bytes)
{
	return where < at + bytes && at < where + size;
}

/* From @power, something was written; not every function leaves D3hot. */
static void sim_persona_stay_asleep(struct sim_gpu *gpu, u16 power)
{
	u8 *control = gpu->image + SIM_CAP_PM + PCI_PM_CTRL;

	if (power == (__force u16)PCI_D3hot && gpu->no_wake)
		control[0] |= (__force u8)PCI_D3hot;
}

void sim_persona_write(struct sim_gpu *gpu, int where, int size, u32 value)
{
	u8 *control = gpu->image + SIM_CAP_EXP + PCI_EXP_DEVCTL;
	u16 power;
	int i;

	lockdep_assert_held(&gpu->lock);

	/* Who waits for the function only reads; to write is to have stopped. */
	gpu->lost = false;
	if (sim_persona_is_dead(gpu))
		return;
	sim_persona_notice_bus_reset(gpu);

	power = sim_persona_power(gpu);
	for (i = 0; i < size; i++) {
		u8 *byte = gpu->image + where + i, mask = gpu->mask[where + i];

		/* The bit that starts an FLR does its work and reads as 0. */
		if (where + i == SIM_CAP_EXP + PCI_EXP_DEVCTL + 1)
			mask |= PCI_EXP_DEVCTL_BCR_FLR >> 8;
		if (sim_persona_is_status(where + i))
			*byte &= ~(value >> (8 * i));
		else
			*byte = (*byte & ~mask) | (value >> (8 * i) & mask);
	}

	sim_persona_stay_asleep(gpu, power);

	/* Errors are cleared by writing ones. */
	if (where <= PCI_STATUS && where + size == PCI_STATUS + 2 && size > 1)
		sim_bus_stock_write(gpu, PCI_STATUS, 2,
				    value >> (8 * (PCI_STATUS - where)));

	if (sim_persona_touches(where, size, PCI_COMMAND, 2) ||
	    sim_persona_touches(where, size, PCI_BASE_ADDRESS_0, 24) ||
	    sim_persona_touches(where, size, SIM_CAP_PM + PCI_PM_CTRL, 2))
		sim_persona_program(gpu);

	if (power == (__force u16)PCI_D3hot &&
	    sim_persona_power(gpu) == (__force u16)PCI_D0)
		sim_device_reset(gpu, SIM_RESET_PM);
	if (get_unaligned_le16(control) & PCI_EXP_DEVCTL_BCR_FLR) {
		control[1] &= ~(PCI_EXP_DEVCTL_BCR_FLR >> 8);
		sim_persona_flr(gpu);
	}
}

/* Does the bus show what was enabled, with room for its BARs? */
int sim_persona_shown(struct sim_gpu *gpu, struct pci_dev *pdev)
{
	unsigned int i;

	if (!pdev || pdev->vendor != gpu->vendor ||
	    pdev->device != gpu->device) {
		pr_err("%s: bdf %s: enable: the bus does not show %04x:%04x there\n",
		       sim_name(gpu), gpu->bdf, gpu->vendor, gpu->device);
		return -ENODEV;
	}
	for (i = 0; i < SIM_BARS; i++) {
		if (!gpu->bars[i].size || gpu->bars[i].io)
			continue;
		if (pci_resource_start(pdev, 2 * i) &&
		    pdev->resource[2 * i].parent)
			continue;
		pr_err("%s: bdf %s: enable: no room for BAR%u of %#llx bytes below its root port\n",
		       sim_name(gpu), gpu->bdf, 2 * i, gpu->bars[i].size);
		return -ENOSPC;
	}
	return 0;
}
