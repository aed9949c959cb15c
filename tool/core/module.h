/* SPDX-License-Identifier: GPL-2.0-only */
/* Modules as files, of any kernel that is installed; a name is right in either spelling. */
#ifndef COHGPU_MODULE_H
#define COHGPU_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/* Below /lib/modules/RELEASE, by the index modules.dep or modules.builtin. */
bool module_file(char *buf, size_t size, const char *release, const char *index,
		 const char *module);
/* The kernel that runs has it, as a file or built in. */
bool module_known(const char *module);

#endif
