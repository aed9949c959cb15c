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
 * for it; the windows do not answer until the link is back, or a reset is over,
 * or the link has an error that is not fatal.
 *
 * Where readiness may have been lost without any of these, it is forgotten.
 */
#include <linux/pci.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "coherent/trace.h"
#include "coherent/window.h"

/* Wait for those in the gate; then nothing of what was made before is left. */
static void coherent_reset_sweep(struct coherent_device *cdev)
{
	bool unmapped = false;
	unsigned int i;

	down_write(&cdev->gate);
	for (i = 0; i < cdev->nr_windows; i++)
		unmapped |= coherent_window_forget(&cdev->windows[i]);
	up_write(&cdev->gate);
	/* The kernel leaves what it unmapped in TLBs, and prefetches by them. */
	if (unmapped)
		vm_unmap_aliases();
	coherent_zap(cdev);
}

/* Unless VFIO is still to tell how a reset went, all that were over worked. */
static void coherent_reset_heal(struct coherent_device *cdev)
{
	unsigned int i;

	lockdep_assert_held(&cdev->ready_lock);

	for (i = 0; i < cdev->nr_windows && !cdev->verdicts; i++)
		coherent_window_heal(&cdev->windows[i]);
}

/* What any reset does to a function: registers and failed memory are as new. */
static void coherent_reset_take(struct coherent_device *cdev)
{
	unsigned int i;

	lockdep_assert_held(&cdev->ready_lock);

	cdev->resets++;
	if (cdev->ops && cdev->ops->forget)
		cdev->ops->forget(cdev);
	for (i = 0; i < cdev->nr_windows; i++)
		coherent_window_pardon(&cdev->windows[i], true);
	coherent_reset_heal(cdev);
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
 * function that then does not answer has not come back, and one that sleeps has
 * refused to wake, which comes first: the reset failed, takes nothing, and what
 * follows it in VFIO has nothing to undo.
 */
static void coherent_reset_end(struct coherent_device *cdev)
{
	bool back = pci_device_is_present(cdev->core.pdev) &&
		    !coherent_asleep(cdev->core.pdev);
	bool plain;
	u64 generation;

	spin_lock(&cdev->ready_lock);
	if (back)
		coherent_reset_take(cdev);
	plain = back && !cdev->slept && !cdev->frozen &&
		cdev->ready.resets == 1;
	if (!coherent_asleep(cdev->core.pdev)) {
		/* after what was taken: coherent_woken() */
		smp_store_release(&cdev->slept, false);
	}
	cdev->frozen = false;
	coherent_ready_reset_end(&cdev->ready);
	generation = cdev->ready.generation;
	cdev->last_by = plain ? current : NULL;
	cdev->last_end = generation;
	spin_unlock(&cdev->ready_lock);
	trace_coherent_reset(cdev, generation);
}

/*
 * Since @generation one reset has begun and ended, in this task, and nothing
 * else that is like one has come.
 */
static bool coherent_reset_was_mine(struct coherent_device *cdev,
				    u64 generation)
{
	lockdep_assert_held(&cdev->ready_lock);

	return cdev->last_by == current && cdev->last_end != generation &&
	       cdev->last_end == cdev->ready.generation;
}

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
	WRITE_ONCE(cdev->slept, true);
	spin_unlock(&cdev->ready_lock);
	coherent_forget(cdev);
}

/* The function was asleep: coherent_woken(), if it is not any more. */
void coherent_woken_slept(struct coherent_device *cdev)
{
	u64 generation;
	bool woken;

	spin_lock(&cdev->ready_lock);
	woken = cdev->slept && !coherent_asleep(cdev->core.pdev);
	if (woken) {
		coherent_ready_forget(&cdev->ready);
		coherent_reset_take(cdev);
		/* after what was taken: above */
		smp_store_release(&cdev->slept, false);
	}
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	if (woken)
		trace_coherent_reset(cdev, generation);
}
COHERENT_EXPORT(coherent_woken_slept);

/* The result of a reset is known. One that failed has taken nothing. */
static void coherent_reset_judge(struct coherent_device *cdev, u64 generation,
				 bool failed)
{
	unsigned int i;

	spin_lock(&cdev->ready_lock);
	failed = failed && coherent_reset_was_mine(cdev, generation);
	for (i = 0; i < cdev->nr_windows && failed; i++)
		coherent_window_pardon(&cdev->windows[i], false);
	cdev->verdicts--;
	coherent_reset_heal(cdev);
	spin_unlock(&cdev->ready_lock);
	if (failed && cdev->ops && cdev->ops->remember)
		cdev->ops->remember(cdev);
}

/**
 * coherent_resets() - how many resets have worked, as far as anybody can tell
 * @cdev: the device
 *
 * Leaving D3hot counts where it is one for whoever has the device; what the core
 * hides of its own low power does not.
 *
 * Return: the count, since the driver was bound.
 */
u64 coherent_resets(struct coherent_device *cdev)
{
	u64 resets;

	spin_lock(&cdev->ready_lock);
	resets = cdev->resets;
	spin_unlock(&cdev->ready_lock);
	return resets;
}
COHERENT_EXPORT(coherent_resets);

/* VFIO_DEVICE_RESET and VFIO_DEVICE_PCI_HOT_RESET, which tell how it went. */
long coherent_reset_ioctl(struct coherent_device *cdev, unsigned int cmd,
			  unsigned long arg)
{
	u64 generation;
	long ret;

	spin_lock(&cdev->ready_lock);
	generation = cdev->ready.generation;
	cdev->verdicts++;
	spin_unlock(&cdev->ready_lock);

	ret = vfio_pci_core_ioctl(&cdev->core.vdev, cmd, arg);
	/* The core wakes the function for a reset, even one that then fails. */
	coherent_woken(cdev);
	coherent_reset_judge(cdev, generation, ret);
	return ret;
}

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

/* A frozen link is back, or given up: then nobody knows of a reset. */
static void coherent_reset_thaw(struct coherent_device *cdev, bool was_reset)
{
	u64 generation;
	bool thawed;

	spin_lock(&cdev->ready_lock);
	thawed = cdev->frozen;
	cdev->frozen = false;
	if (thawed)
		coherent_ready_forget(&cdev->ready);
	if (thawed && was_reset)
		coherent_reset_take(cdev);
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	if (thawed)
		trace_coherent_reset(cdev, generation);
}

/**
 * coherent_pci_slot_reset() - a &pci_error_handlers.slot_reset
 * @pdev: the function, whose bus was reset in a recovery
 *
 * A link that was not frozen is reset, too, where another driver below the same
 * port asks for it, and nobody told before. One that was is back when resumed.
 *
 * Return: recovered, as far as VFIO can tell.
 */
pci_ers_result_t coherent_pci_slot_reset(struct pci_dev *pdev)
{
	struct coherent_device *cdev = coherent_reset_to(pdev);
	u64 generation;
	bool frozen;

	coherent_forget(cdev);
	spin_lock(&cdev->ready_lock);
	frozen = cdev->frozen;
	if (!frozen)
		coherent_reset_take(cdev);
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	if (!frozen)
		trace_coherent_reset(cdev, generation);
	return PCI_ERS_RESULT_RECOVERED;
}
COHERENT_EXPORT(coherent_pci_slot_reset);

/**
 * coherent_pci_resume() - a &pci_error_handlers.resume
 * @pdev: the function, whose link is back after a reset of its bus
 */
void coherent_pci_resume(struct pci_dev *pdev)
{
	coherent_reset_thaw(coherent_reset_to(pdev), true);
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
	} else {
		/* Given up, or heard of again after it was given up silently. */
		coherent_reset_thaw(cdev, false);
		/* Another driver may ask for a reset of the bus. */
		coherent_forget(cdev);
	}
	return vfio_pci_core_aer_err_detected(pdev, state);
}
COHERENT_EXPORT(coherent_pci_error_detected);
