/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Force-included into every source: what the probes found, and stand-ins for
 * what a kernel does not have, so that the code below never asks.
 */
#ifndef COHGPU_COMPAT_H
#define COHGPU_COMPAT_H

#include "probed.h"

#endif /* COHGPU_COMPAT_H */
