// SPDX-License-Identifier: GPL-2.0-only
#include "gpu.h"

#include <string.h>

const struct gpu_want gpu_tails = {.preset = "tiny", .mem_size = "2624M"};

static void gpu_set(const struct gpu *g, const char *attr, const char *value)
{
	if (value)
		sim_set(g->name, attr, value);
}

static void gpu_key(char *key, size_t size, const struct gpu_want *w)
{
#define S(x) ((x) ? (x) : "-")
	snprintf(key, size, "%s %s %s %s %s %s %s %s %s %s", S(w->preset), S(w->mem_size),
		 S(w->properties), S(w->prop_base), S(w->prop_size), S(w->bar0_size), S(w->scrub),
		 S(w->vendor), S(w->device), S(w->bdf));
#undef S
}

void gpu_learn(struct gpu *g, const char *name)
{
	char bdf[64];

	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "%s", name);
	sim_get(g->name, "bdf", bdf, sizeof(bdf));
	snprintf(g->bdf, sizeof(g->bdf), "%.15s", bdf);
	g->mem_base = sim_get_number(g->name, "mem_base");
	g->mem_size = sim_get_number(g->name, "mem_size");
	g->vfio.fd = g->vfio.group = g->vfio.container = -1;
}

void gpu_make(struct gpu *g, int number, const struct gpu_want *w)
{
	char name[sizeof(g->name)];

	snprintf(g->name, sizeof(g->name), "t%d", number);
	sim_create(g->name);
	gpu_set(g, "preset", w->preset ? w->preset : "tiny");
	gpu_set(g, "bdf", w->bdf);
	gpu_set(g, "mem_size", w->mem_size);
	gpu_set(g, "properties", w->properties);
	gpu_set(g, "prop_base", w->prop_base);
	gpu_set(g, "prop_size", w->prop_size);
	gpu_set(g, "bar0_size", w->bar0_size);
	gpu_set(g, "scrub", w->scrub);
	gpu_set(g, "vendor", w->vendor);
	gpu_set(g, "device", w->device);
	gpu_set(g, "training_ms", w->training_ms ? w->training_ms : "20");
	gpu_set(g, "enable", "1");
	snprintf(name, sizeof(name), "%s", g->name);
	gpu_learn(g, name);
}

void gpu_fresh(struct gpu *g, const struct gpu_want *w)
{
	sim_load();
	pci_driver_load();
	ktap_note()[0] = 0;
	sim_remove_all();
	gpu_make(g, 0, w);
}

void gpu_bind(struct gpu *g, const struct gpu_want *w)
{
	char key[KTAP_NOTE_SIZE];

	gpu_key(key, sizeof(key), w);
	if (strcmp(ktap_note(), key)) {
		gpu_fresh(g, w);
		pci_bind(g->bdf, pci_driver_name());
		snprintf(ktap_note(), KTAP_NOTE_SIZE, "%s", key);
		return;
	}
	gpu_learn(g, "t0");
	sim_calm(g->name);
	pci_bind(g->bdf, pci_driver_name());
}

void gpu_open(struct gpu *g, const struct gpu_want *w)
{
	gpu_bind(g, w);
	vfio_open(&g->vfio, g->bdf);
	vfio_memory_enable(&g->vfio, true);
	/* Opening resets; cases about readiness make their own. */
	for (int i = 0; i < 1000 && !sim_state(g->name, "ready"); i++)
		ktap_sleep(0.002);
}

void gpu_open_preset(struct gpu *g, const char *preset)
{
	const struct gpu_want w = {.preset = preset};

	gpu_open(g, &w);
}

void gpu_tiny(struct gpu *g)
{
	gpu_open_preset(g, "tiny");
}

int gpu_failing_reset(struct gpu *g, bool hot)
{
	int err;

	sim_fault(g->name, "late", "1");
	pci_attr_write(g->bdf, "reset_method", "bus");
	err = hot ? vfio_hot_reset(&g->vfio) : vfio_reset(&g->vfio);
	pci_attr_write(g->bdf, "reset_method", "default");
	sim_fault(g->name, "late", "0");
	return err;
}

uint64_t gpu_window(const struct gpu *g, int index)
{
	return index == VFIO_RESMEM ? GPU_USEMEM(g->mem_size) : 0;
}

uint64_t gpu_window_size(const struct gpu *g, int index)
{
	return index == VFIO_RESMEM ? GPU_RESMEM(g->mem_size) : GPU_USEMEM(g->mem_size);
}

void gpu_cleanup(void)
{
	sim_remove_all();
	if (sim_count())
		ktap_fail("%d simulated GPUs left", sim_count());
	EQ(sim_unload_power(), 0, "removing cohgpu_sim_power");
}
