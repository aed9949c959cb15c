/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulator's controls: configfs to make GPUs, debugfs for faults and for the device's side of
 * the memory. Functions without a result fail the case.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SIM_CONFIGFS "/sys/kernel/config/cohgpu"
#define SIM_DEBUGFS  "/sys/kernel/debug/cohgpu"
#define SIM_POWER    "/sys/kernel/debug/cohgpu-power"

void sim_load(void);
/* What a POWER9 kernel does for a driver, played: a module of its own. */
void sim_load_power(void);
int sim_unload_power(void); /* 0 or errno */
void sim_create(const char *gpu);
/* 0 or errno. */
int sim_try_set(const char *gpu, const char *attr, const char *value);
void sim_set(const char *gpu, const char *attr, const char *value);
void sim_get(const char *gpu, const char *attr, char *buf, size_t size);
uint64_t sim_get_number(const char *gpu, const char *attr);
void sim_remove(const char *gpu);
/* Every simulated GPU goes, whoever made it; drivers are unbound first. */
void sim_remove_all(void);
int sim_count(void);

/* debugfs */
void sim_fault(const char *gpu, const char *file, const char *value);
uint64_t sim_state(const char *gpu, const char *file);
/* Everything as it is right after enable. */
void sim_calm(const char *gpu);
/* Training: the device becomes ready only when sim_train() says so. */
void sim_hold_training(const char *gpu);
void sim_train(const char *gpu);
/* How many resets of a kind ("flr", "hot", "pm") the device has seen. */
unsigned long sim_resets(const char *gpu, const char *kind);

/* The device's side. */
void sim_mem_read(const char *gpu, uint64_t off, void *buf, size_t n);
void sim_mem_write(const char *gpu, uint64_t off, const void *buf, size_t n);

#endif
