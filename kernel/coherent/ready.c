// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting until the device's memory may be touched.
 *
 * The automaton of logic/ready.c says what is known; here is who asks the
 * device. A poll is one look, without waiting, made in passing. A wait looks
 * again and again, with no lock held in between but wait_lock, which only
 * waiters take: so resets, config writes and faults go on meanwhile, and a
 * second waiter waits for the first one's result. Only a fatal signal ends a
 * wait early. The time allowed starts anew when a reset comes in between.
 *
 * A wait that fails is remembered until the next reset: accesses after it poll
 * once and fail at once. It is in the log; and so is, once, that the memory
 * became ready after all, or the log's last word of it would be wrong.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/pm_runtime.h>
#include <linux/sched/signal.h>

#include "coherent/trace.h"
#include "coherent/window.h"

#define COHERENT_READY_SLEEP_MS_MIN 1
#define COHERENT_READY_SLEEP_MS_MAX 100

/**
 * coherent_ready_now() - what is known of the memory's readiness
 * @cdev: the device
 *
 * Return: the state, right until the caller lets a reset begin (see
 * &coherent_device.gate).
 */
enum coherent_ready_state coherent_ready_now(struct coherent_device *cdev)
{
	enum coherent_ready_state state;

	spin_lock(&cdev->ready_lock);
	state = coherent_ready_state(&cdev->ready);
	spin_unlock(&cdev->ready_lock);
	return state;
}
COHERENT_EXPORT(coherent_ready_now);

/**
 * coherent_ready_generation() - how often resets have begun or ended
 * @cdev: the device
 *
 * Return: the count; odd while a reset is under way.
 */
u64 coherent_ready_generation(struct coherent_device *cdev)
{
	u64 generation;

	spin_lock(&cdev->ready_lock);
	generation = cdev->ready.generation;
	spin_unlock(&cdev->ready_lock);
	return generation;
}
COHERENT_EXPORT(coherent_ready_generation);

/* Was it the log's last word that the memory is not ready, and is it now? */
static bool coherent_ready_again(struct coherent_device *cdev)
{
	bool again = false;

	lockdep_assert_held(&cdev->ready_lock);

	switch (coherent_ready_state(&cdev->ready)) {
	case COHERENT_READY_FAILED:
		cdev->not_ready = true;
		break;
	case COHERENT_READY_YES:
		again = cdev->not_ready;
		cdev->not_ready = false;
		break;
	default:
		break;
	}
	return again;
}

/* Hand in what was seen. False: a reset came in between. */
static bool coherent_ready_tell(struct coherent_device *cdev, u64 generation,
				u32 holding, bool expired)
{
	bool again = false;
	bool taken;

	spin_lock(&cdev->ready_lock);
	taken = coherent_ready_observe(&cdev->ready, generation, holding,
				       expired);
	if (taken)
		again = coherent_ready_again(cdev);
	spin_unlock(&cdev->ready_lock);

	if (again)
		pci_info(cdev->core.pdev, "coherent memory ready after all\n");
	return taken;
}

/* Never while a reset is under way, whose start waits for those in the gate. */
static int coherent_ready_look_past_gate(struct coherent_device *cdev,
					 u32 *holding)
{
	int ret = 0;

	*holding = 0;
	down_read(&cdev->gate);
	if (!(coherent_ready_generation(cdev) & 1))
		ret = cdev->ops->look(cdev, holding);
	up_read(&cdev->gate);
	return ret;
}

/**
 * coherent_ready_poll() - look once, unless it is known to be ready
 * @cdev: the device; its memory_lock is held and it answers
 *
 * Return: 0 if the memory is ready or may become so, -EIO if not.
 */
int coherent_ready_poll(struct coherent_device *cdev)
{
	u64 generation;
	u32 holding = 0;
	int ret;

	lockdep_assert_held(&cdev->core.memory_lock);

	if (coherent_ready_now(cdev) == COHERENT_READY_YES)
		return 0;
	generation = coherent_ready_generation(cdev);
	if (generation & 1)
		return 0;

	ret = coherent_ready_look_past_gate(cdev, &holding);
	if (ret)
		return ret;
	coherent_ready_tell(cdev, generation, holding, false);
	return coherent_ready_now(cdev) == COHERENT_READY_FAILED ? -EIO : 0;
}

/*
 * One look in a wait, locks and all; the function does not sleep meanwhile. In
 * low power only who @keeps it awake may look, and forgets what was seen when
 * done: others would learn what is wrong as soon as it sleeps.
 */
static int coherent_ready_look(struct coherent_window *window, u32 *holding,
			       bool keeps)
{
	struct coherent_device *cdev = window->cdev;
	struct device *dev = &cdev->core.pdev->dev;
	int ret = -EIO;
	int awake;

	*holding = 0;
	if (down_read_killable(&cdev->core.memory_lock))
		return -EINTR;
	awake = pm_runtime_get_if_in_use(dev);
	if (awake && (keeps || !cdev->core.pm_runtime_engaged) &&
	    coherent_window_answers(window))
		ret = coherent_ready_look_past_gate(cdev, holding);
	if (awake > 0)
		pm_runtime_put(dev);
	up_read(&cdev->core.memory_lock);
	return ret;
}

/* In a reset nobody looks, but what fell asleep will not become ready. */
static int coherent_ready_silent(struct coherent_window *window)
{
	struct coherent_device *cdev = window->cdev;
	bool answers;

	if (!down_read_trylock(&cdev->core.memory_lock))
		return 0;
	answers = coherent_window_answers(window);
	up_read(&cdev->core.memory_lock);
	return answers ? 0 : -EIO;
}

static int coherent_ready_wait_locked(struct coherent_window *window,
				      u32 *holding, bool keeps,
				      unsigned long start)
{
	struct coherent_device *cdev = window->cdev;
	unsigned int sleep_ms = COHERENT_READY_SLEEP_MS_MIN;
	u64 seen = coherent_ready_generation(cdev);

	lockdep_assert_held(&cdev->wait_lock);

	for (;;) {
		u64 generation = coherent_ready_generation(cdev);
		bool failed_before =
			coherent_ready_now(cdev) == COHERENT_READY_FAILED;
		unsigned int allowed;
		bool expired = false;
		int ret = 0;

		if (generation != seen) {
			seen = generation;
			start = jiffies;
			sleep_ms = COHERENT_READY_SLEEP_MS_MIN;
		}

		if (generation & 1) {
			ret = coherent_ready_silent(window);
		} else {
			ret = coherent_ready_look(window, holding, keeps);
			allowed = cdev->ops->allowed_ms(cdev, *holding);
			expired = time_after(jiffies,
					     start + msecs_to_jiffies(allowed));
		}
		if (ret)
			return ret;

		if (coherent_ready_tell(cdev, generation, *holding, expired)) {
			switch (coherent_ready_now(cdev)) {
			case COHERENT_READY_YES:
				return 0;
			case COHERENT_READY_FAILED:
				if (!failed_before)
					cdev->ops->report(cdev, *holding);
				return -EIO;
			default:
				break;
			}
		}

		schedule_timeout_killable(msecs_to_jiffies(sleep_ms));
		if (fatal_signal_pending(current))
			return -EINTR;
		sleep_ms = min(2 * sleep_ms, COHERENT_READY_SLEEP_MS_MAX);
	}
}

static int coherent_ready_always_look(struct coherent_device *cdev,
				      u32 *holding)
{
	*holding = 0;
	return 0;
}

static unsigned int coherent_ready_always_allowed(struct coherent_device *cdev,
						  u32 holding)
{
	return 0;
}

static void coherent_ready_always_report(struct coherent_device *cdev,
					 u32 holding)
{
}

/* For memory that is always ready, or whose user knows when it is. */
const struct coherent_ops coherent_ready_always = {
	.look = coherent_ready_always_look,
	.allowed_ms = coherent_ready_always_allowed,
	.report = coherent_ready_always_report,
};
COHERENT_EXPORT(coherent_ready_always);

/**
 * coherent_ready_wait() - wait until the memory is ready
 * @window: what is to be accessed; the caller holds no lock
 * @keeps: the caller keeps the function from sleeping, and forgets readiness
 *	   afterwards if low power was engaged
 *
 * Return: 0; -EIO if it does not become ready in the time allowed, has not in
 * an earlier wait, or the window stopped answering; -EINTR on a fatal signal.
 */
int coherent_ready_wait(struct coherent_window *window, bool keeps)
{
	struct coherent_device *cdev = window->cdev;
	unsigned long start;
	u32 holding = 0;
	int ret;

	if (mutex_lock_killable(&cdev->wait_lock))
		return -EINTR;
	start = jiffies;
	ret = coherent_ready_wait_locked(window, &holding, keeps, start);
	trace_coherent_ready_wait(cdev, holding,
				  jiffies_to_msecs(jiffies - start), ret);
	mutex_unlock(&cdev->wait_lock);
	return ret;
}
COHERENT_EXPORT(coherent_ready_wait);
