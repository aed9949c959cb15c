// SPDX-License-Identifier: GPL-2.0-only
/* What must not be taken away: a driver is unbound when its last user is gone, however long. */
#include <string.h>

#include "bind/bind.h"
#include "core/error.h"
#include "core/holders.h"

int check_not_used(const char *address, const char *driver, const char *action)
{
	struct holder holders[HOLDERS];
	size_t count = 0;

	if (gpu_is_vfio_driver(driver))
		count = holder_of_device(holders, address);
	else if (driver[0])
		count = holders_of_host(holders, HOLDERS, address);
	if (!count)
		return EXIT_OK;
	holders_complain(holders, count, address, action);
	return EXIT_FAILED;
}

/* A function that some other driver has is in use by that: its files are not known. */
static int check_member(const struct bind_member *m, bool is_gpu)
{
	if (!strcmp(m->now, m->record.target) || (!is_gpu && !gpu_is_vfio_driver(m->now)))
		return EXIT_OK;
	return check_not_used(m->record.address, m->now, "bind");
}

int bind_check(const struct bind_plan *plan, const struct gpu *gpu)
{
	int status = EXIT_OK;

	/* Else VFIO finds out when it is bound, and all goes back. */
	if (gpu->group < 0 && !gpu_group_may_come(gpu)) {
		complain(gpu->address, "bind", "it is in no IOMMU group, and VFIO needs one");
		advise("see: cohgpu doctor --check iommu");
		return EXIT_FAILED;
	}
	for (int i = 0; i < plan->count && !status; i++)
		status = check_member(&plan->member[i], !i);
	return status;
}
