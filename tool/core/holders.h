/* SPDX-License-Identifier: GPL-2.0-only */
/* Who has device files open. */
#ifndef COHGPU_HOLDERS_H
#define COHGPU_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>

struct holder {
	char pid[16];
	char command[32];
	char file[64];
	char unit[128]; /* systemd's, that it is part of; "" none */
};

#define HOLDERS	    8 /* of a GPU, that are named */
#define HOLDER_TEXT 320
/* "nvidia-persiste (813, nvidia-persistenced.service) holds /dev/nvidiactl, and 2 more" */
const char *holders_text(char buf[HOLDER_TEXT], const struct holder *holders, size_t count);
/* How to end that: services are stopped, processes end. */
void holders_fix(char *buf, size_t size, const struct holder *holders, size_t count);
/* Complains that the object is in use, with both. */
void holders_complain(const struct holder *holders, size_t count, const char *object,
		      const char *action);

/*
 * A process that holds one of the files: each a path, or its beginning where it ends with '*';
 * NULL ends them. Without root only the caller's own processes are seen.
 */
bool holder_find(struct holder *holder, const char *const *files);
/* So many of them as there is room for; their number. */
size_t holder_list(struct holder *holders, size_t room, const char *const *files);
/* Of one process, whether it does. */
bool holder_has(const char *pid, const char *const *files);
/* A process that has a VFIO device open, by its own node or its group's. */
bool holder_of_device(struct holder *holder, const char *address);
/*
 * Processes that use a GPU through the host's driver: by the GPU's own files where that tells
 * which these are, else by any of the driver's.
 */
size_t holders_of_host(struct holder *holders, size_t room, const char *address);
bool holder_of_host(struct holder *holder, const char *address);
bool holder_sees_all(void);

#endif
