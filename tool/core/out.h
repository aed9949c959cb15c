/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tool says, it says once: a verb makes a JSON object, and the text for people is a view
 * of the same object.
 */
#ifndef COHGPU_OUT_H
#define COHGPU_OUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/verbs.h"

#define OUT_VERSION 1

/* {"version": 1, "verb": ...} */
struct json_object *out_new(const struct call *call);
/* Nothing where words or options are wrong, or what they name is not there: that is no answer. */
void out_json(struct json_object *object, int status);

/* JSON is UTF-8, whatever the text is. */
struct json_object *out_string(const char *value);
/* Adding members; a NULL string or a false bool of "known" makes null. */
void out_text(struct json_object *object, const char *key, const char *value);
void out_number(struct json_object *object, const char *key, uint64_t value);
void out_bool(struct json_object *object, const char *key, bool value);
void out_object(struct json_object *object, const char *key, struct json_object *value);
/* A new array under key. */
struct json_object *out_array(struct json_object *object, const char *key);

/* Reading back for a view; dots go down: "memory.usemem". NULL when null or missing. */
struct json_object *out_get(struct json_object *object, const char *path);
const char *out_get_text(struct json_object *object, const char *path, const char *otherwise);
uint64_t out_get_number(struct json_object *object, const char *path);

/* "95 GiB", exact as far as one decimal goes. */
const char *out_size(char buf[32], uint64_t bytes);

struct out_column {
	const char *head;
	const char *path;
	bool is_size;
	bool right;
};

/* A row per element, a line a row, however narrow the terminal. Cells that are null show "-". */
void out_table(struct json_object *rows, const struct out_column *columns, size_t count);

/* Of the terminal that a stream is; what is none has no end of them. */
unsigned int out_columns(int fd);

enum out_colour {
	OUT_PLAIN,
	OUT_RED,
	OUT_GREEN,
	OUT_YELLOW,
	OUT_BLUE,
	OUT_DIM,
	OUT_BOLD,
};

/* The escape sequence, or "" unless stdout is a terminal and NO_COLOR is not set. */
const char *out_colour(enum out_colour colour);
/* Of "ok", "unsure" and "failed". */
const char *out_status_colour(const char *status);

#endif
