/* SPDX-License-Identifier: GPL-2.0-only */
/* The drawing of a GPU's memory, windows and BARs, from its description. */
#ifndef COHGPU_DRAW_H
#define COHGPU_DRAW_H

#include <stdio.h>

struct json_object;

void draw_terminal(struct json_object *gpu);
void draw_svg(FILE *file, struct json_object *gpu);

#endif
