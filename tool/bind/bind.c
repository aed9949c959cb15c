// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/sys.h"

#define DEVICES "/sys/bus/pci/devices"
#define DRIVERS "/sys/bus/pci/drivers"
#define PROBE	"/sys/bus/pci/drivers_probe"

/* One that cannot be read is no driver's name, and not none either. */
static int override_of(char *buf, size_t size, const char *address)
{
	int ret = sys_line(buf, size, DEVICES "/%s/driver_override", address);

	if (ret == -ENOENT || (!ret && !strcmp(buf, "(null)")))
		ret = buf[0] = 0;
	else if (ret)
		strcpy(buf, "?");
	return ret;
}

/* One write into sysfs, told before; an exit code. */
static int step_write(const char *address, const char *what, const char *path, const char *text,
		      bool dry, bind_step_fn step)
{
	char shown[128];
	int ret;

	snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(text, "\n"), text);
	if (!step(address, what, path, shown))
		return EXIT_FAILED;
	if (dry)
		return EXIT_OK;
	ret = sys_write(path, text);
	if (!ret)
		return EXIT_OK;
	complain(address, what, "%s: %s", path, strerror(-ret));
	return EXIT_FAILED;
}

static int step_override(const char *address, const char *driver, bool dry, bind_step_fn step)
{
	char path[128], text[80];

	snprintf(path, sizeof(path), DEVICES "/%s/driver_override", address);
	/* An empty line takes it away. */
	snprintf(text, sizeof(text), "%s\n", driver);
	return step_write(address, "override", path, text, dry, step);
}

static int step_unbind(const char *address, bool dry, bind_step_fn step)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "/%s/driver/unbind", address);
	return step_write(address, "unbind", path, address, dry, step);
}

/* The record says what is about to be done, before it is. */
static int member_record(struct bind_member *m, const char *what, bool dry)
{
	int ret;

	snprintf(m->record.step, sizeof(m->record.step), "%s", what);
	m->touched = true;
	ret = dry ? 0 : record_write(&m->record);
	if (!ret)
		return EXIT_OK;
	complain(m->record.address, "record", "%s", strerror(-ret));
	advise("nothing is changed without a record");
	return EXIT_FAILED;
}

static int member_persist(struct bind_member *m, const char *driver, bool dry, bind_step_fn step)
{
	const char *path = rule_path(m->record.address);
	int ret;

	if (member_record(m, "persist", dry) ||
	    !step(m->record.address, "persist", path, m->record.target))
		return EXIT_FAILED;
	ret = dry ? 0 : rule_write(&m->record, driver);
	if (!ret)
		return EXIT_OK;
	complain(m->record.address, "persist", "%s: %s", path, strerror(-ret));
	return EXIT_FAILED;
}

static int member_bind(struct bind_member *m, bool dry, bind_step_fn step)
{
	const char *address = m->record.address, *target = m->record.target;
	char now[64];

	if (member_record(m, "override", dry) || step_override(address, target, dry, step))
		return EXIT_FAILED;
	if (m->now[0] && (member_record(m, "unbind", dry) || step_unbind(address, dry, step)))
		return EXIT_FAILED;
	if (member_record(m, "probe", dry) ||
	    step_write(address, "probe", PROBE, address, dry, step))
		return EXIT_FAILED;
	if (dry)
		return EXIT_OK;
	gpu_driver_of(now, sizeof(now), address);
	if (!strcmp(now, target))
		return EXIT_OK;
	complain(address, "bind", "%s did not take it", target);
	advise("see: dmesg, and cohgpu doctor %s", address);
	return EXIT_FAILED;
}

int bind_run(struct bind_plan *plan, bool dry, bind_step_fn step)
{
	int status = EXIT_OK;

	for (int i = 0; i < plan->count && !status; i++) {
		struct bind_member *m = &plan->member[i];

		if (strcmp(m->now, m->record.target))
			status = member_bind(m, dry, step);
		if (!status && plan->persist)
			status = member_persist(m, plan->member[0].record.target, dry, step);
	}
	for (int i = 0; i < plan->count && !status; i++)
		if (plan->persist || strcmp(plan->member[i].now, plan->member[i].record.target))
			status = member_record(&plan->member[i], "done", dry);
	return status;
}

static void record_refuse(const char *address, const char *action)
{
	complain(address, action, "its record below /run/cohgpu is no record of ours");
	advise("when it has the driver that it should: rm %s", record_path(address));
}

/* Who has the function now, and what it was before the first of all binds. */
static int member_read(struct bind_member *m)
{
	struct bind_record *r = &m->record, old;
	const char *address = r->address;
	int ret = record_read(&old, address);

	gpu_driver_of(m->now, sizeof(m->now), address);
	m->rule = rule_read(address);
	/* What does not fit into a record could not be put back. */
	if (override_of(m->now_override, sizeof(m->now_override), address)) {
		complain(address, "bind", "its driver_override is no driver's name");
		advise("first: echo > " DEVICES "/%s/driver_override", address);
		return EXIT_FAILED;
	}
	m->had_record = !ret;
	if (ret && ret != -ENOENT) {
		record_refuse(address, "bind");
		return EXIT_FAILED;
	}
	if (!ret && strcmp(old.step, "done")) {
		complain(address, "bind", "an earlier one was interrupted at its step \"%s\"",
			 old.step);
		advise("first: cohgpu restore %s", r->gpu);
		return EXIT_FAILED;
	}
	/* Bound a second time: what it was before the first time is what restore wants. */
	if (!ret) {
		strcpy(r->driver, old.driver);
		strcpy(r->driver_override, old.driver_override);
		strcpy(m->old_target, old.target);
	} else if (m->rule) {
		/* It came back, and the rule was there first. */
		strcpy(r->driver, "?");
	} else {
		strcpy(r->driver, m->now);
		strcpy(r->driver_override, m->now_override);
	}
	return EXIT_OK;
}

static int bind_add(struct bind_plan *plan, const char *gpu, const char *address,
		    const char *driver)
{
	struct bind_member *m = &plan->member[plan->count++];
	struct bind_record *r = &m->record;
	char wanted[64];

	snprintf(r->address, sizeof(r->address), "%s", address);
	snprintf(r->gpu, sizeof(r->gpu), "%s", gpu);
	if (driver)
		snprintf(wanted, sizeof(wanted), "%s", driver);
	else
		target_best(wanted, sizeof(wanted), address);
	m->loads = !target_loaded(r->target, sizeof(r->target), wanted);
	if (m->loads && !target_expected(r->target, sizeof(r->target), wanted)) {
		complain(address, "bind", "no driver %s is loaded, or could be", wanted);
		advise("see: cohgpu doctor %s", gpu);
		return EXIT_FAILED;
	}
	if (!gpu_is_vfio_driver(r->target)) {
		complain(address, "bind", "%s is no VFIO driver", r->target);
		advise("to give it back to the host: cohgpu restore %s", gpu);
		return EXIT_FAILED;
	}
	return member_read(m);
}

/* With plain vfio-pci a guest sees no memory: nobody gets that without asking for it. */
static int bind_wants_driver(const struct gpu *gpu)
{
	bool power = gpu->model->family == GPU_NVLINK2;
	char best[64];

	target_best(best, sizeof(best), gpu->address);
	if (strcmp(best, "vfio_pci"))
		return EXIT_OK;
	complain(gpu->address, "bind", "no driver for it is here, and vfio-pci shows no memory");
	advise("install cohgpu-%s-dkms, or ask for it: --driver vfio-pci",
	       power ? "nvlink2" : "grace");
	return EXIT_FAILED;
}

int bind_prepare(struct bind_plan *plan, const struct gpu *gpu, const char *driver)
{
	int status = driver ? EXIT_OK : bind_wants_driver(gpu);

	if (status)
		return status;
	status = bind_add(plan, gpu->address, gpu->address, driver);
	for (int i = 0; i < gpu->bridges && !status; i++)
		status = bind_add(plan, gpu->address, gpu->bridge[i], NULL);
	return status;
}

void bind_free(struct bind_plan *plan)
{
	for (int i = 0; i < plan->count; i++)
		free(plan->member[i].rule);
	plan->count = 0;
}

int bind_load(struct bind_plan *plan, bool dry, bind_step_fn step)
{
	for (int i = 0; i < plan->count; i++) {
		struct bind_record *r = &plan->member[i].record;
		char wanted[64];

		if (!plan->member[i].loads)
			continue;
		strcpy(wanted, r->target);
		/* Another member may have had it loaded. */
		if (target_loaded(r->target, sizeof(r->target), wanted))
			continue;
		if (!step(r->address, "load", "modprobe", wanted))
			return EXIT_FAILED;
		if (dry || target_load(r->target, sizeof(r->target), wanted))
			continue;
		complain(r->address, "load", "%s did not load, or brought no such driver", wanted);
		advise("see: dmesg, and cohgpu doctor %s", r->gpu);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* Brings one function back to what its record says, from wherever it is. */
static int undo_driver(const struct bind_record *r, bool dry, bind_step_fn step)
{
	const char *address = r->address;
	bool any = !strcmp(r->driver, "?");
	char now[64], override[64], path[160];

	gpu_driver_of(now, sizeof(now), address);
	override_of(override, sizeof(override), address);
	if (strcmp(override, r->driver_override) &&
	    step_override(address, r->driver_override, dry, step))
		return EXIT_FAILED;
	if (!any && !strcmp(now, r->driver))
		return EXIT_OK;
	if (now[0] && step_unbind(address, dry, step))
		return EXIT_FAILED;
	if (any)
		return step_write(address, "probe", PROBE, address, dry, step);
	if (!r->driver[0])
		return EXIT_OK;
	strcpy(override, r->driver);
	if (!dry && !target_load(override, sizeof(override), r->driver)) {
		complain(address, "restore", "its driver %s is not loaded any more", r->driver);
		advise("load it, then: cohgpu restore %s", r->gpu);
		return EXIT_FAILED;
	}
	snprintf(path, sizeof(path), DRIVERS "/%s/bind", override);
	return step_write(address, "bind", path, address, dry, step);
}

/*
 * The rule goes last: after a reboot it is all that is left of a record. What it is to become is
 * NULL, or what a bind found that did not get on.
 */
static int undo_member(const struct bind_record *r, const char *rule, bool dry, bind_step_fn step)
{
	const char *address = r->address;
	char *now = rule_read(address);
	bool differs = rule ? !now || strcmp(now, rule) : now != NULL;
	int ret = 0;

	free(now);
	if (undo_driver(r, dry, step))
		return EXIT_FAILED;
	if (differs && !step(address, rule ? "persist" : "unpersist", rule_path(address), ""))
		return EXIT_FAILED;
	/* Always, since a kill may have left half of one beside it. */
	if (!dry && (differs || !rule))
		ret = rule_put(address, rule);
	if (!ret)
		return EXIT_OK;
	complain(address, "restore", "%s: %s", rule_path(address), strerror(-ret));
	return EXIT_FAILED;
}

int bind_back(const struct bind_plan *plan, bind_step_fn step)
{
	int status = EXIT_OK;

	for (int i = plan->count - 1; i >= 0; i--) {
		const struct bind_member *m = &plan->member[i];
		struct bind_record before = m->record;
		int ret;

		if (!m->touched)
			continue;
		strcpy(before.driver, m->now);
		strcpy(before.driver_override, m->now_override);
		if (undo_member(&before, m->rule, false, step)) {
			status = EXIT_FAILED;
			continue;
		}
		before = m->record;
		strcpy(before.target, m->old_target);
		strcpy(before.step, "done");
		ret = m->had_record ? record_write(&before) : record_remove(before.address);
		if (ret) {
			complain(before.address, "undo", "its record: %s", strerror(-ret));
			status = EXIT_FAILED;
		}
	}
	return status;
}

/* 0 with a record of what to go back to; a rule that outlived its record is one too. */
static int undo_record(struct bind_record *r, const struct gpu *gpu, const char *address)
{
	int ret = record_read(r, address);

	if (ret == -ENOENT && rule_exists(address)) {
		snprintf(r->address, sizeof(r->address), "%s", address);
		snprintf(r->gpu, sizeof(r->gpu), "%s", gpu->address);
		strcpy(r->driver, "?");
		return 0;
	}
	if (!ret || ret == -ENOENT)
		return ret;
	record_refuse(address, "restore");
	return ret;
}

/* Is there anything to undo, or a record that cannot be read? */
static bool undo_any(const struct gpu *gpu)
{
	struct bind_record record;

	for (int i = 0; i <= gpu->bridges; i++) {
		const char *address = i ? gpu->bridge[i - 1] : gpu->address;

		if (rule_exists(address) || record_read(&record, address) != -ENOENT)
			return true;
	}
	return false;
}

/* It may be that somebody gave it to another driver since, which uses it. */
static int undo_check(const struct gpu *gpu, const char *address)
{
	struct bind_record record;
	char now[64];

	gpu_driver_of(now, sizeof(now), address);
	if (undo_record(&record, gpu, address) || !strcmp(now, record.driver))
		return EXIT_OK;
	if (strcmp(address, gpu->address) && !gpu_is_vfio_driver(now))
		return EXIT_OK;
	return check_not_used(address, now, "restore");
}

int bind_undo(const struct gpu *gpu, bool dry, bind_step_fn step)
{
	struct bind_record record;
	int status = EXIT_NOTHING;

	if (!undo_any(gpu))
		return EXIT_NOTHING;
	for (int i = 0; i <= gpu->bridges; i++)
		if (undo_check(gpu, i ? gpu->bridge[i - 1] : gpu->address))
			return EXIT_FAILED;
	/* In mirror order: the GPU was the first. */
	for (int i = gpu->bridges; i >= 0; i--) {
		const char *address = i ? gpu->bridge[i - 1] : gpu->address;
		int ret = undo_record(&record, gpu, address);

		if (ret == -ENOENT)
			continue;
		if (ret)
			return EXIT_FAILED;
		status = EXIT_OK;
		if (undo_member(&record, NULL, dry, step))
			return EXIT_FAILED;
		ret = dry ? 0 : record_remove(address);
		if (ret) {
			complain(address, "restore", "its record: %s", strerror(-ret));
			return EXIT_FAILED;
		}
	}
	return status;
}
