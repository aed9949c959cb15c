/* SPDX-License-Identifier: GPL-2.0-only */
/* What every unit test includes: cmocka wants these four first. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GIB(n) ((u64)(n) << 30)
#define MIB(n) ((u64)(n) << 20)

#endif /* UNIT_H */
