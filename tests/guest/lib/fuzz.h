/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs of calls to a device's file, for the fuzz suite.
 *
 * An *operation* is one call: what (kind), by which of two threads, at which region (target), from
 * where (an edge of it, and a small distance), how many bytes, with what buffer or flags (how), and a
 * number that everything else comes from (value). Nothing in it is absolute, so a program means the
 * same on every device. Each program begins with the function awake, its memory on, nothing mapped.
 *
 * The *model* knows of one thread's program what each call must give: the bytes of the memory, which
 * it learns as it reads and writes them, the BARs' registers, whether the window answers. A program of
 * two threads is judged by the kernel's log, and by not hanging.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfio.h"

#define FZ_OPS	   16
#define FZ_WINDOWS 2

enum fz_kind {
	FZ_READ,
	FZ_WRITE,
	FZ_READV,
	FZ_WRITEV,
	FZ_MMAP,
	FZ_LOAD,
	FZ_STORE,
	FZ_MUNMAP,
	FZ_MPROTECT,
	FZ_MREMAP,
	FZ_MADVISE,
	FZ_FORK,
	FZ_ENABLE,
	FZ_POWER,
	FZ_FLR,
	FZ_RESET,
	FZ_HOT_RESET,
	FZ_LOW_POWER,
	FZ_REGION_INFO,
	FZ_INFO,
	FZ_IRQS,
	FZ_IOEVENTFD,
	FZ_FEATURE,
	FZ_EXPORT,
	FZ_ATTACH,
	FZ_RAW,
	FZ_KINDS
};

struct fz_op {
	uint8_t kind, thread, target, base, how;
	int32_t delta;
	uint32_t len;
	uint64_t value;
};

struct fz_program {
	uint32_t n;
	struct fz_op op[FZ_OPS];
};

/* fuzz_program.c; the seed decides all. */
uint64_t fz_random(uint64_t *state);
const char *fz_name(unsigned int kind);
void fz_generate(struct fz_program *p, uint64_t *state);
void fz_mutate(struct fz_program *p, uint64_t *state);
/* The head of @p, the tail of @other. */
void fz_splice(struct fz_program *p, const struct fz_program *other, uint64_t *state);
/* Resets and sleep take as long as a hundred other calls: one of these, or none. */
void fz_pace(struct fz_program *p, bool slow, uint64_t *state);
/* One line, which fz_parse() takes: the rest behind a program, NULL if it is none. */
void fz_print(const struct fz_program *p, char *line, size_t size);
const char *fz_parse(struct fz_program *p, const char *line);
#define FZ_LINE 1200

/* fuzz_seeds.c: lines, NULL at the end. */
extern const char *const fz_seeds[];

struct fz_window {
	int region;
	uint64_t length, size; /* of the memory, of the region */
	uint64_t device;       /* where it is in the device's memory */
	uint64_t memory;       /* so much is really there: less, if the driver cannot know */
	bool registers;	       /* of eight bytes, mapped whole */
	bool picky;	       /* mmap may have reasons of its own to refuse */
};

struct fz_device {
	struct vfio_dev vfio;
	const char *sim; /* the GPU's name in the simulator */
	int windows;
	struct fz_window window[FZ_WINDOWS];
	bool bars;     /* emulated registers of the windows' BARs */
	bool sees;     /* the device's side of the memory can be read */
	bool slept;    /* in low power, or was */
	bool untrains; /* a reset takes the memory until somebody trains it */
	unsigned int pm, express;
};

/* Where an operation goes. */
struct fz_place {
	int region;
	const struct fz_window *w; /* NULL: no window */
	uint64_t off;
	off_t pos; /* in the file; not of this region if the offset is absurd */
	bool inside;
};

/* No more than this of a window is touched at once. */
#define FZ_BUF (2u << 20)

/* fuzz_place.c */
struct fz_place fz_find(const struct fz_device *d, const struct fz_op *op);

/* fuzz_model.c */
struct fz_model;
struct fz_model *fz_model_new(const struct fz_device *d);
/* What could have been a reset, or have changed whether windows answer: look again. */
void fz_model_look(struct fz_model *m);
void fz_model_asleep(struct fz_model *m, bool asleep);
bool fz_model_is_asleep(const struct fz_model *m);
bool fz_model_answers(const struct fz_model *m, const struct fz_window *w);
/* Bytes of a window that were read: those that are known must be these. */
void fz_model_got(struct fz_model *m, const struct fz_window *w, uint64_t off, const void *buf,
		  uint64_t n);
void fz_model_put(struct fz_model *m, const struct fz_window *w, uint64_t off, const void *buf,
		  uint64_t n);
void fz_model_forget(struct fz_model *m, const struct fz_window *w, uint64_t off, uint64_t n);
/* All of it, registers too: something happened that nobody followed. */
void fz_model_forget_all(struct fz_model *m);
/* The same of config space. */
void fz_model_config_got(struct fz_model *m, uint64_t off, const void *buf, uint64_t n);
void fz_model_config_put(struct fz_model *m, uint64_t off, const void *buf, uint64_t n);
void fz_model_config_forget(struct fz_model *m, uint64_t off, uint64_t n);
/* What is known of the BARs, read by itself. */
void fz_model_registers(struct fz_model *m);
/* Some of what is known, seen from the device. */
void fz_model_device(struct fz_model *m, uint64_t random);

/* fuzz_run.c: a thread of the worker that runs programs. */
struct fz_thread;
struct fz_thread *fz_thread_new(struct fz_device *d, uint64_t *served);
/* Its part of the program, judged by the model if there is one. */
void fz_run(struct fz_thread *t, const struct fz_program *p, unsigned int thread,
	    struct fz_model *m);
/* What its part has left: nothing mapped, nothing exported. */
void fz_tidy(struct fz_thread *t);
/* fuzz_state.c: the kinds from FZ_ENABLE to FZ_LOW_POWER; false if they were refused. */
bool fz_state(struct fz_device *d, const struct fz_op *op, struct fz_model *m);
/* The function awake, its memory on. */
void fz_wake(struct fz_device *d);

/* fuzz_ioctl.c: the kinds from FZ_REGION_INFO on; 0 or errno. */
int fz_ioctl(const struct fz_device *d, const struct fz_op *op, uint64_t pos, int *exported);

#endif
