// SPDX-License-Identifier: GPL-2.0-only
/*
 * When the GPU's memory may be touched after power-on and after a reset.
 *
 * Hopper and Blackwell say so in two registers of BAR0, one for the chip-to-
 * chip link, one for the training of the HBM: both read 0xFF when done, which
 * takes up to 30 s. The generation after them says so in config space, in the
 * CXL device DVSEC: "memory info valid" within a second, and "memory active"
 * within a time that the DVSEC itself names.
 */
#include <linux/bitfield.h>
#include <linux/io.h>
#include <linux/module.h>

#include "grace/grace.h"

#define NVGRACE_C2C 0x1498
#define NVGRACE_HBM 0x200BC
#define NVGRACE_DONE 0xFF
#define NVGRACE_REGISTERS (NVGRACE_HBM + sizeof(u32))
#define NVGRACE_ALLOWED_MS 30000

#define NVGRACE_CXL_VENDOR 0x1e98
#define NVGRACE_CXL_DEVICE_DVSEC 0
#define NVGRACE_CXL_RANGE1_SIZE_LOW 0x1C
#define NVGRACE_CXL_VALID BIT(0)
#define NVGRACE_CXL_ACTIVE BIT(1)
#define NVGRACE_CXL_TIMEOUT GENMASK(15, 13)
#define NVGRACE_CXL_VALID_MS 1000

/* Conditions, a bit each. */
#define NVGRACE_READY_C2C BIT(0)
#define NVGRACE_READY_HBM BIT(1)
#define NVGRACE_READY_VALID BIT(0)
#define NVGRACE_READY_ACTIVE BIT(1)

static struct nvgrace_device *nvgrace_ready_to(struct coherent_device *cdev)
{
	return container_of(cdev, struct nvgrace_device, coherent);
}

static int nvgrace_ready_look(struct coherent_device *cdev, u32 *holding)
{
	struct nvgrace_device *nvdev = nvgrace_ready_to(cdev);
	u32 c2c, hbm;

	*holding = 0;
	c2c = ioread32(nvdev->registers + NVGRACE_C2C);
	hbm = ioread32(nvdev->registers + NVGRACE_HBM);
	if (c2c == NVGRACE_DONE)
		*holding |= NVGRACE_READY_C2C;
	if (hbm == NVGRACE_DONE)
		*holding |= NVGRACE_READY_HBM;
	WRITE_ONCE(nvdev->last_c2c, c2c);
	WRITE_ONCE(nvdev->last_hbm, hbm);
	return 0;
}

static unsigned int nvgrace_ready_allowed(struct coherent_device *cdev,
					  u32 holding)
{
	return NVGRACE_ALLOWED_MS;
}

static void nvgrace_ready_report(struct coherent_device *cdev, u32 holding)
{
	struct nvgrace_device *nvdev = nvgrace_ready_to(cdev);

	pci_err(cdev->core.pdev,
		"coherent memory not ready after %u s: C2C link (BAR0+%#x) %s, HBM training (BAR0+%#x) %s (%#x, %#x; both must be %#x)\n",
		NVGRACE_ALLOWED_MS / 1000, NVGRACE_C2C,
		holding & NVGRACE_READY_C2C ? "up" : "not up", NVGRACE_HBM,
		holding & NVGRACE_READY_HBM ? "done" : "not done",
		READ_ONCE(nvdev->last_c2c), READ_ONCE(nvdev->last_hbm),
		NVGRACE_DONE);
}

static void nvgrace_ready_forget(struct coherent_device *cdev)
{
	nvgrace_config_reset(nvgrace_ready_to(cdev));
}

static void nvgrace_ready_remember(struct coherent_device *cdev)
{
	nvgrace_config_undo_reset(nvgrace_ready_to(cdev));
}

static const struct coherent_ops nvgrace_ready_ops = {
	.required = NVGRACE_READY_C2C | NVGRACE_READY_HBM,
	.look = nvgrace_ready_look,
	.allowed_ms = nvgrace_ready_allowed,
	.report = nvgrace_ready_report,
	.forget = nvgrace_ready_forget,
	.remember = nvgrace_ready_remember,
};

/* All ones are a function that is still in reset, not one that is ready. */
static int nvgrace_ready_cxl_look(struct coherent_device *cdev, u32 *holding)
{
	struct nvgrace_device *nvdev = nvgrace_ready_to(cdev);
	u32 range;

	*holding = 0;
	if (pci_read_config_dword(cdev->core.pdev,
				  nvdev->cxl_dvsec +
					  NVGRACE_CXL_RANGE1_SIZE_LOW,
				  &range))
		return -EIO;
	if (PCI_POSSIBLE_ERROR(range))
		return 0;
	WRITE_ONCE(nvdev->last_range, range);
	if (range & NVGRACE_CXL_VALID)
		*holding |= NVGRACE_READY_VALID;
	if (range & NVGRACE_CXL_ACTIVE)
		*holding |= NVGRACE_READY_ACTIVE;
	return 0;
}

static unsigned int nvgrace_ready_cxl_allowed(struct coherent_device *cdev,
					      u32 holding)
{
	u32 range = READ_ONCE(nvgrace_ready_to(cdev)->last_range);

	if (!(holding & NVGRACE_READY_VALID))
		return NVGRACE_CXL_VALID_MS;
	return NVGRACE_CXL_VALID_MS +
	       coherent_ready_code_ms(FIELD_GET(NVGRACE_CXL_TIMEOUT, range));
}

static void nvgrace_ready_cxl_report(struct coherent_device *cdev, u32 holding)
{
	pci_err(cdev->core.pdev,
		"coherent memory not ready in the time allowed: CXL DVSEC memory info %s, memory %s\n",
		holding & NVGRACE_READY_VALID ? "valid" : "not valid",
		holding & NVGRACE_READY_ACTIVE ? "active" : "not active");
}

static const struct coherent_ops nvgrace_ready_cxl_ops = {
	.required = NVGRACE_READY_VALID | NVGRACE_READY_ACTIVE,
	.look = nvgrace_ready_cxl_look,
	.allowed_ms = nvgrace_ready_cxl_allowed,
	.report = nvgrace_ready_cxl_report,
	.forget = nvgrace_ready_forget,
	.remember = nvgrace_ready_remember,
};

/* Which of the two kinds this GPU is, and whether it can be asked at all. */
int nvgrace_ready_probe(struct nvgrace_device *nvdev, struct pci_dev *pdev)
{
	nvdev->cxl_dvsec = pci_find_dvsec_capability(pdev, NVGRACE_CXL_VENDOR,
						     NVGRACE_CXL_DEVICE_DVSEC);
	if (nvdev->cxl_dvsec) {
		nvdev->coherent.ops = &nvgrace_ready_cxl_ops;
		return 0;
	}

	if (!(pci_resource_flags(pdev, 0) & IORESOURCE_MEM) ||
	    pci_resource_len(pdev, 0) < NVGRACE_REGISTERS) {
		pci_err(pdev, "BAR0 %pR: must be memory of at least %#zx bytes, to hold the readiness registers\n",
			&pdev->resource[0], NVGRACE_REGISTERS);
		return -EINVAL;
	}
	nvdev->coherent.ops = &nvgrace_ready_ops;
	return 0;
}

/*
 * A mapping of our own, beside the one that the core makes, and claims BAR0
 * for, when user space comes to need it.
 */
int nvgrace_ready_open(struct nvgrace_device *nvdev)
{
	struct pci_dev *pdev = nvdev->coherent.core.pdev;

	if (!nvdev->firmware.present || nvdev->cxl_dvsec)
		return 0;
	nvdev->registers = pci_iomap(pdev, 0, NVGRACE_REGISTERS);
	if (nvdev->registers)
		return 0;
	pci_err(pdev, "BAR0 %pR: map: out of memory\n", &pdev->resource[0]);
	return -ENOMEM;
}

void nvgrace_ready_close(struct nvgrace_device *nvdev)
{
	if (!nvdev->registers)
		return;
	pci_iounmap(nvdev->coherent.core.pdev, nvdev->registers);
	nvdev->registers = NULL;
}
