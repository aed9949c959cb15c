// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resets, by whatever path, and what is like one.
 *
 * The PCI core tells of most resets at both their *edges*. Between them nobody
 * touches the memory, and who wants to waits for the end; several may be under
 * way, by different paths, and it ends with the last. Two kinds have no edges:
 *
 * A function that *sleeps* in D3hot may reset itself when it wakes, be it by a
 * write to its PM register, by the core, for a reset or for a hot reset of its
 * sibling. What was known of its memory is forgotten when it falls asleep, and
 * what a reset takes is taken by the first who finds it awake.
 *
 * A function whose link is *frozen* by a fatal error is recovered by a reset of
 * its bus, or not: older kernels tell nobody that they gave up. So nobody waits
 * for it; the windows do not answer until the link is back, or a reset is over.
 *
 * Where readiness may have been lost without any of these, it is forgotten.
 */
#include <linux/pci.h>
#include <linux/sched.h>

#include "coherent/trace.h"
#include "coherent/window.h"

/* Wait for those in the gate; then nothing of what was made before is left. */
static void coherent_reset_sweep(struct coherent_device *cdev)
{
	unsigned int i;

	down_write(&cdev->gate);
	for (i = 0; i < cdev->nr_windows; i++)
		coherent_window_forget(&cdev->windows[i]);
	up_write(&cdev->gate);
	coherent_zap(cdev);
}

/* What any reset does to a function: registers and failed memory are as new. */
static void coherent_reset_take(struct coherent_device *cdev)
{
	unsigned int i;

	if (cdev->ops && cdev->ops->forget)
		cdev->ops->forget(cdev);
	for (i = 0; i < cdev->nr_windows; i++)
		coherent_window_heal(&cdev->windows[i]);
}

static void coherent_reset_begin(struct coherent_device *cdev)
{
	u64 generation;

	spin_lock(&cdev->ready_lock);
	coherent_ready_reset_begin(&cdev->ready);
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	trace_coherent_reset(cdev, generation);
	coherent_reset_sweep(cdev);
}

/*
 * The PCI core says at the end of a reset that it is over, not how it ended. A
 * function that then does not answer has not come back: it failed, takes
 * nothing, and what follows it in VFIO has nothing to undo.
 */
static void coherent_reset_end(struct coherent_device *cdev)
{
	bool back = pci_device_is_present(cdev->core.pdev);
	bool plain;
	u64 generation;

	if (back)
		coherent_reset_take(cdev);
	spin_lock(&cdev->ready_lock);
	plain = back && !cdev->slept && !cdev->frozen &&
		cdev->ready.resets == 1;
	cdev->slept = cdev->slept && coherent_asleep(cdev->core.pdev);
	cdev->frozen = false;
	coherent_ready_reset_end(&cdev->ready);
	generation = cdev->ready.generation;
	cdev->last_by = plain ? current : NULL;
	cdev->last_end = generation;
	spin_unlock(&cdev->ready_lock);
	trace_coherent_reset(cdev, generation);
}

/**
 * coherent_reset_was_mine() - was the last reset made by this task alone?
 * @cdev: the device
 * @generation: coherent_ready_generation() from before it
 *
 * Return: true if one reset has begun and ended since, in this task, and
 * nothing else that is like one has come.
 */
bool coherent_reset_was_mine(struct coherent_device *cdev, u64 generation)
{
	bool mine;

	spin_lock(&cdev->ready_lock);
	mine = cdev->last_by == current && cdev->last_end != generation &&
	       cdev->last_end == cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	return mine;
}
COHERENT_EXPORT(coherent_reset_was_mine);

/**
 * coherent_forget() - the memory may have lost its training without a reset
 * @cdev: the device; its memory_lock is not held
 *
 * Whether a reset is under way does not change.
 */
void coherent_forget(struct coherent_device *cdev)
{
	spin_lock(&cdev->ready_lock);
	coherent_ready_forget(&cdev->ready);
	spin_unlock(&cdev->ready_lock);
	coherent_reset_sweep(cdev);
}
COHERENT_EXPORT(coherent_forget);

/* The function is in D3hot, and waking will reset it. */
void coherent_slept(struct coherent_device *cdev)
{
	spin_lock(&cdev->ready_lock);
	cdev->slept = true;
	spin_unlock(&cdev->ready_lock);
	coherent_forget(cdev);
}

/**
 * coherent_woken() - after what may have woken the function
 * @cdev: the device
 */
void coherent_woken(struct coherent_device *cdev)
{
	u64 generation;
	bool woken;

	spin_lock(&cdev->ready_lock);
	woken = cdev->slept && !coherent_asleep(cdev->core.pdev);
	if (woken) {
		cdev->slept = false;
		coherent_ready_forget(&cdev->ready);
	}
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	if (!woken)
		return;
	coherent_reset_take(cdev);
	trace_coherent_reset(cdev, generation);
}
COHERENT_EXPORT(coherent_woken);

static struct coherent_device *coherent_reset_to(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = dev_get_drvdata(&pdev->dev);

	return to_coherent_device(&core->vdev);
}

/**
 * coherent_pci_reset_prepare() - a &pci_error_handlers.reset_prepare
 * @pdev: the function
 */
void coherent_pci_reset_prepare(struct pci_dev *pdev)
{
	coherent_reset_begin(coherent_reset_to(pdev));
}
COHERENT_EXPORT(coherent_pci_reset_prepare);

/**
 * coherent_pci_reset_done() - a &pci_error_handlers.reset_done
 * @pdev: the function
 */
void coherent_pci_reset_done(struct pci_dev *pdev)
{
	coherent_reset_end(coherent_reset_to(pdev));
}
COHERENT_EXPORT(coherent_pci_reset_done);

/**
 * coherent_pci_resume() - a &pci_error_handlers.resume
 * @pdev: the function, whose link is back, or given up for good
 */
void coherent_pci_resume(struct pci_dev *pdev)
{
	struct coherent_device *cdev = coherent_reset_to(pdev);
	u64 generation;
	bool thawed;

	spin_lock(&cdev->ready_lock);
	thawed = cdev->frozen;
	cdev->frozen = false;
	if (thawed)
		coherent_ready_forget(&cdev->ready);
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	if (!thawed)
		return;
	coherent_reset_take(cdev);
	trace_coherent_reset(cdev, generation);
}
COHERENT_EXPORT(coherent_pci_resume);

/**
 * coherent_pci_error_detected() - a &pci_error_handlers.error_detected
 * @pdev: the function
 * @state: of its link
 *
 * Return: as the core's.
 */
pci_ers_result_t coherent_pci_error_detected(struct pci_dev *pdev,
					     pci_channel_state_t state)
{
	struct coherent_device *cdev = coherent_reset_to(pdev);

	if (state == pci_channel_io_frozen) {
		spin_lock(&cdev->ready_lock);
		cdev->frozen = true;
		spin_unlock(&cdev->ready_lock);
		coherent_forget(cdev);
	} else if (state == pci_channel_io_perm_failure) {
		coherent_pci_resume(pdev);
	}
	return vfio_pci_core_aer_err_detected(pdev, state);
}
COHERENT_EXPORT(coherent_pci_error_detected);
