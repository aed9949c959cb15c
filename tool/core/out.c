// SPDX-License-Identifier: GPL-2.0-only
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libsmartcols/libsmartcols.h>

#include "core/error.h"
#include "core/out.h"
#include "core/text.h"

struct json_object *out_new(const struct call *call)
{
	struct json_object *object = json_object_new_object();

	out_number(object, "version", OUT_VERSION);
	out_text(object, "verb", call->verb->name);
	return object;
}

void out_json(struct json_object *object, int status)
{
	if (status == EXIT_USAGE || status == EXIT_UNKNOWN)
		return;
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
}

struct json_object *out_string(const char *value)
{
	char *valid = text_valid(value);
	struct json_object *string = json_object_new_string(valid ? valid : "");

	free(valid);
	return string;
}

void out_text(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, value ? out_string(value) : NULL);
}

void out_number(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void out_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void out_object(struct json_object *object, const char *key, struct json_object *value)
{
	json_object_object_add(object, key, value);
}

struct json_object *out_array(struct json_object *object, const char *key)
{
	struct json_object *array = json_object_new_array();

	json_object_object_add(object, key, array);
	return array;
}

struct json_object *out_get(struct json_object *object, const char *path)
{
	char key[64];

	while (object && *path) {
		size_t length = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		object = json_object_object_get(object, key);
		path += length + (path[length] == '.');
	}
	return object;
}

const char *out_get_text(struct json_object *object, const char *path, const char *otherwise)
{
	struct json_object *value = out_get(object, path);

	return value ? json_object_get_string(value) : otherwise;
}

uint64_t out_get_number(struct json_object *object, const char *path)
{
	return json_object_get_uint64(out_get(object, path));
}

const char *out_size(char buf[32], uint64_t bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t scale = 1;
	int i = 0;

	while (i < 6 && bytes / scale >= 1024) {
		scale *= 1024;
		i++;
	}
	if (bytes % scale == 0)
		snprintf(buf, 32, "%" PRIu64 " %s", bytes / scale, unit[i]);
	else
		snprintf(buf, 32, "%.1f %s", (double)bytes / (double)scale, unit[i]);
	return buf;
}

/* The elements of an array, with spaces between; as many as there is room for. */
static const char *out_words(char *buf, size_t size, struct json_object *array)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		const char *word = json_object_get_string(json_object_array_get_idx(array, i));
		size_t have = strlen(buf);

		snprintf(buf + have, size - have, "%s%s", i ? " " : "", word);
	}
	return buf[0] ? buf : "-";
}

static void out_cell(struct libscols_line *line, size_t at, struct json_object *row,
		     const struct out_column *column)
{
	struct json_object *value = out_get(row, column->path);
	char size[32], words[256] = "";
	const char *text = "-";

	if (value && column->is_size)
		text = out_size(size, json_object_get_uint64(value));
	else if (value && json_object_is_type(value, json_type_boolean))
		text = json_object_get_boolean(value) ? "yes" : "no";
	else if (value && json_object_is_type(value, json_type_array))
		text = out_words(words, sizeof(words), value);
	else if (value)
		text = json_object_get_string(value);
	scols_line_set_data(line, at, text);
}

void out_table(struct json_object *rows, const struct out_column *columns, size_t count)
{
	struct libscols_table *table = scols_new_table();

	/* A terminal breaks lines itself, and can be made wider; the library cuts words. */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	for (size_t i = 0; i < count; i++)
		scols_table_new_column(table, columns[i].head, 0,
				       columns[i].right ? SCOLS_FL_RIGHT : 0);
	for (size_t r = 0; r < json_object_array_length(rows); r++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		for (size_t i = 0; i < count; i++)
			out_cell(line, i, json_object_array_get_idx(rows, r), &columns[i]);
	}
	scols_print_table(table);
	scols_unref_table(table);
}

unsigned int out_columns(int fd)
{
	struct winsize size;

	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : UINT_MAX;
}

const char *out_colour(enum out_colour colour)
{
	static const char *const sequence[] = {"\033[0m",  "\033[31m", "\033[32m", "\033[33m",
					       "\033[34m", "\033[2m",  "\033[1m"};
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if ((no && *no) || !isatty(STDOUT_FILENO) || !term || !strcmp(term, "dumb"))
		return "";
	return sequence[colour];
}

const char *out_status_colour(const char *status)
{
	return out_colour(*status == 'o' ? OUT_GREEN : *status == 'f' ? OUT_RED : OUT_YELLOW);
}
