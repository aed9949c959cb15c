// SPDX-License-Identifier: GPL-2.0-only
/* Must not compile on any kernel: calls what nobody declares. */
#include <linux/module.h>

static int __used canary_fail(void)
{
	return cohgpu_function_that_no_kernel_has(1);
}
