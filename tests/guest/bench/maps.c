// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of the memory, whole: mmap, the first touch of every 1 GiB, 2 MiB or 32 KiB of it, what a
 * reset or a guest that disables memory does to a mapping in use (zap), munmap. And the page tables
 * meanwhile.
 *
 * A mapping is congruent when its virtual and its physical address are the same modulo the largest
 * page. VMMs that align what they map get one; those that do not, do not.
 */
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

#define MAPS_ALIGN GiB
/* As many events as the kernel keeps. */
#define MAPS_HOLD  (2 * GiB)
#define MAPS_SMALL (128 * GiB)
#define MAPS_LIVES 9

struct maps_costs {
	struct bench_cost map, touch, both, zap, unmap;
	long long mapped_bytes, touched_bytes; /* of page tables */
};

/* Address space for a mapping that is congruent, or is off by a page. */
static char *maps_room(uint64_t size, bool congruent)
{
	char *room = mmap(NULL, size + 2 * MAPS_ALIGN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uintptr_t at = ((uintptr_t)room + MAPS_ALIGN - 1) & ~(MAPS_ALIGN - 1);

	OK(room != MAP_FAILED, "address space");
	/* To replace a reservation would be a part of what mmap costs. */
	munmap(room, size + 2 * MAPS_ALIGN);
	return (char *)at + (congruent ? 0 : util_page());
}

static long long maps_tables(void)
{
	return util_field("/proc/self/status", "VmPTE") * 1024;
}

static void maps_zap(const struct bench *b, struct bench_cost *cost)
{
	bench_start(cost);
	vfio_memory_enable(&b->gpu->vfio, false);
	bench_stop(cost);
	vfio_memory_enable(&b->gpu->vfio, true);
}

/* One life of a mapping: costs are those of this one alone. */
static void maps_once(const struct bench *b, char *at, uint64_t size, uint64_t stride, bool zap,
		      struct maps_costs *c)
{
	const struct vfio_dev *dev = &b->gpu->vfio;
	long long before = maps_tables();
	char *p;

	bench_start(&c->map);
	p = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, dev->fd,
		 dev->region[b->window].offset);
	bench_stop(&c->map);
	OK(p == at, "mmap of the window");
	c->mapped_bytes = maps_tables() - before;

	bench_start(&c->touch);
	for (uint64_t off = 0; off < size; off += stride)
		(void)*(volatile uint32_t *)(p + off);
	bench_stop(&c->touch);
	c->touched_bytes = maps_tables() - before;
	c->both = c->map;
	bench_add(&c->both, &c->touch);

	if (zap)
		maps_zap(b, &c->zap);
	bench_start(&c->unmap);
	OK(!munmap(p, size), "munmap");
	bench_stop(&c->unmap);
}

static struct bench_cost maps_middle(const struct maps_costs *lives, int n, size_t member)
{
	struct bench_cost costs[MAPS_LIVES];

	for (int i = 0; i < n; i++)
		memcpy(&costs[i], (const char *)&lives[i] + member, sizeof(costs[i]));
	return bench_middle(costs, n);
}

/* Of short ones several, as an interrupt in one is a tenth of it: of each cost the middle. */
static void maps_lives(const struct bench *b, bool congruent, uint64_t stride, bool zap, int n,
		       struct maps_costs *c)
{
	struct maps_costs lives[MAPS_LIVES] = {0};
	char *at = maps_room(b->size, congruent);

	for (int i = 0; i < n; i++)
		maps_once(b, at, b->size, stride, zap, &lives[i]);
	*c = lives[0];
	c->map = maps_middle(lives, n, offsetof(struct maps_costs, map));
	c->touch = maps_middle(lives, n, offsetof(struct maps_costs, touch));
	c->both = maps_middle(lives, n, offsetof(struct maps_costs, both));
	c->zap = maps_middle(lives, n, offsetof(struct maps_costs, zap));
	c->unmap = maps_middle(lives, n, offsetof(struct maps_costs, unmap));
}

static const char *maps_name(const char *what, bool congruent, const char *label)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s-%s-%s", what, congruent ? "congruent" : "askew", label);
	return name;
}

/* With @zap, the mapping is emptied first, and munmap has nothing to do. */
static void maps_stride(const struct bench *b, bool congruent, uint64_t stride, const char *label,
			bool zap)
{
	uint64_t size = b->size;
	struct maps_costs c;

	maps_lives(b, congruent, stride, zap, stride == GiB ? MAPS_LIVES : 1, &c);
	bench_print(b, maps_name("touch", congruent, label), size, &c.touch);
	bench_print_bytes(b, maps_name("touch", congruent, label), size, c.touched_bytes);
	bench_print(b, maps_name("mmap+touch", congruent, label), size, &c.both);
	if (zap)
		bench_print(b, maps_name("zap", congruent, label), size, &c.zap);
	else
		bench_print(b, maps_name("munmap", congruent, label), size, &c.unmap);
}

/* It costs the same whatever is touched afterwards. */
static void maps_mmap(const struct bench *b, bool congruent)
{
	const char *name = congruent ? "mmap-congruent" : "mmap-askew";
	uint64_t size = b->size;
	struct maps_costs c;

	maps_lives(b, congruent, size, false, MAPS_LIVES, &c);
	bench_print(b, name, size, &c.map);
	bench_print_bytes(b, name, size, c.mapped_bytes);
}

/* All of that in a part of the window, as every event is noted. */
static void maps_hold(const struct bench *b, bool congruent)
{
	uint64_t size = b->size;
	struct maps_costs c;

	size = size < MAPS_HOLD ? size : MAPS_HOLD;
	bench_hold_start();
	maps_once(b, maps_room(size, congruent), size, 32 * KiB, false, &c);
	bench_hold_stop(b, maps_name("map-touch-unmap", congruent, "32K"), size);
}

void bench_maps(struct bench *b)
{
	bench_open(b);
	for (int congruent = 1; congruent >= 0; congruent--) {
		maps_mmap(b, congruent);
		maps_stride(b, congruent, GiB, "1G", false);
		/* Small entries for all of it take minutes to emulate. */
		if (!congruent && b->size > MAPS_SMALL)
			continue;
		maps_stride(b, congruent, 2 * MiB, "2M", false);
		maps_stride(b, congruent, 32 * KiB, "32K", true);
		maps_hold(b, congruent);
	}
	vfio_close(&b->gpu->vfio);
}
