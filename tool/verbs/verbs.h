/* SPDX-License-Identifier: GPL-2.0-only */
/* One function a verb; each in a file of its name. */
#ifndef COHGPU_RUN_H
#define COHGPU_RUN_H

#include "core/verbs.h"

int run_list(const struct call *call);
int run_show(const struct call *call);
int run_bench(const struct call *call);
int run_bind(const struct call *call);
int run_capture(const struct call *call);
int run_doctor(const struct call *call);
void manual_doctor(void);
void manual_plan(void);
int run_plan(const struct call *call);
int run_probe(const struct call *call);
int run_restore(const struct call *call);
int run_sim(const struct call *call);
void manual_sim(void);
int run_status(const struct call *call);
int run_watch(const struct call *call);

#endif
