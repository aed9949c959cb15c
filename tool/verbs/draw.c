// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory is one range that the driver cuts into windows: usemem, cacheable, and where the
 * part needs it resmem, uncached, at its end. A BAR has a power of two for its size, so that a
 * window may leave a hole at its end: reads there give ~0. The drawing is not to scale where a
 * window would be too thin to be seen. On a narrow terminal it is narrower, down to 40 columns.
 */
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "core/out.h"
#include "verbs/draw.h"

#define BAR_CELLS  48
#define BAR_BEFORE 7  /* "  BAR4 " */
#define BAR_BEHIND 32 /* what is said of it, at most */
#define BOX_WIDTH  46
#define BOX_AROUND 20 /* its sides, and an address */
#define NARROWEST  40

struct draw_window {
	const char *name, *key, *cache;
	int bar;
};

static const struct draw_window draw_windows[] = {
	{"usemem", "usemem", "cacheable", 4},
	{"resmem", "resmem", "write-combining", 2},
};

struct draw_glyphs {
	const char *full, *hole, *line, *side, *corner[4], *tee[2];
};

static const struct draw_glyphs draw_utf8 = {
	"█", "░", "─", "│", {"┌", "┐", "└", "┘"}, {"├", "┤"},
};
static const struct draw_glyphs draw_ascii = {
	"#", ".", "-", "|", {"+", "+", "+", "+"}, {"+", "+"},
};

/* How wide things are on this terminal. */
static int draw_columns(void)
{
	unsigned int columns = out_columns(STDOUT_FILENO);

	return columns < NARROWEST ? NARROWEST : columns < 1000 ? (int)columns : 1000;
}

static int box_width(void)
{
	int room = draw_columns() - BOX_AROUND;

	return room < BOX_WIDTH ? room : BOX_WIDTH;
}

static uint64_t member(struct json_object *gpu, const char *window, const char *suffix)
{
	char path[64];

	snprintf(path, sizeof(path), "memory.%s%s", window, suffix);
	return out_get_number(gpu, path);
}

static void repeat(const char *glyph, int count)
{
	while (count-- > 0)
		fputs(glyph, stdout);
}

static void box_line(const struct draw_glyphs *g, const char *left, const char *right, uint64_t at)
{
	char size[32];

	printf("  %s", left);
	repeat(g->line, box_width());
	printf("%s %s\n", right, out_size(size, at));
}

/* In the box, what fits; beside it an address, if there is one. */
static void box_text(const struct draw_glyphs *g, const char *text, uint64_t base)
{
	printf("  %s%-*.*s%s", g->side, box_width(), box_width(), text, g->side);
	if (base)
		printf(" %#" PRIx64, base);
	putchar('\n');
}

/* Device memory as a stack of windows, its offsets at the right. */
static void draw_memory(const struct draw_glyphs *g, struct json_object *gpu)
{
	char size[32], text[BOX_WIDTH + 1];
	uint64_t end = 0;

	for (size_t i = 0; i < 2; i++) {
		const struct draw_window *w = &draw_windows[i];
		uint64_t length = member(gpu, w->key, ""), base = member(gpu, w->key, "_base");

		if (!length)
			continue;
		box_line(g, i ? g->tee[0] : g->corner[0], i ? g->tee[1] : g->corner[1], end);
		snprintf(text, sizeof(text), " %s %s, %s", w->name, out_size(size, length),
			 w->cache);
		box_text(g, text, base);
		end += length;
	}
	box_line(g, g->corner[2], g->corner[3], end);
}

/* A V100's: no BAR shows it, but a region of VFIO's beside them. */
static void draw_region(const struct draw_glyphs *g, struct json_object *gpu, uint64_t total)
{
	uint64_t base = out_get_number(gpu, "memory.base"), window = member(gpu, "window", "");

	box_line(g, g->corner[0], g->corner[1], 0);
	box_text(g, " GPU memory, cacheable: a vendor's region", base);
	if (window > total) {
		box_line(g, g->tee[0], g->tee[1], total);
		box_text(g, " the rest of the region: no memory", 0);
	}
	box_line(g, g->corner[2], g->corner[3], window);
}

static void draw_bar(const struct draw_glyphs *g, int bar, uint64_t length, uint64_t size,
		     const char *what)
{
	int room = draw_columns() - BAR_BEFORE, cells = BAR_CELLS, full;
	bool breaks = room < BAR_CELLS + BAR_BEHIND;
	char a[32], b[32];

	if (breaks && room - 1 < cells)
		cells = room - 1;
	full = size ? (int)((double)length / (double)size * cells + 0.5) : 0;

	printf("  BAR%d %s", bar, out_colour(OUT_GREEN));
	repeat(g->full, full);
	fputs(out_colour(OUT_DIM), stdout);
	repeat(g->hole, cells - full);
	fputs(out_colour(OUT_PLAIN), stdout);
	if (breaks)
		printf("\n%*s%s", BAR_BEFORE, "", out_size(a, size));
	else
		printf(" %s", out_size(a, size));
	if (length < size)
		printf(", %s of it %s", out_size(b, length), what);
	else
		printf(" of %s", what);
	putchar('\n');
}

void draw_terminal(struct json_object *gpu)
{
	const struct draw_glyphs *g;
	struct json_object *bars = out_get(gpu, "bars");
	uint64_t total = member(gpu, "total", "");
	char size[32];

	setlocale(LC_CTYPE, "");
	g = strcmp(nl_langinfo(CODESET), "UTF-8") ? &draw_ascii : &draw_utf8;
	if (total) {
		printf("device memory, %s\n", out_size(size, total));
		if (member(gpu, "usemem", ""))
			draw_memory(g, gpu);
		else
			draw_region(g, gpu, total);
	} else {
		puts("device memory: not known, the bound driver does not tell");
	}
	puts("BARs, as a guest sees them");
	for (size_t i = 0; i < json_object_array_length(bars); i++) {
		struct json_object *bar = json_object_array_get_idx(bars, i);
		uint64_t index = out_get_number(bar, "index"), length = out_get_number(bar, "size");

		if ((index >= 4 && member(gpu, "usemem", "")) ||
		    (index >= 2 && index <= 3 && member(gpu, "resmem", "")))
			continue;
		draw_bar(g, index, length, length, index ? "the device's own" : "registers");
	}
	for (size_t i = 2; i-- > 0;)
		if (member(gpu, draw_windows[i].key, ""))
			draw_bar(g, draw_windows[i].bar, member(gpu, draw_windows[i].key, ""),
				 member(gpu, draw_windows[i].key, "_bar"), draw_windows[i].name);
}

#define SVG_LEFT   40
#define SVG_WIDTH  800
#define SVG_HEIGHT 300
#define SVG_TOP	   84
#define SVG_BARS   210
#define SVG_BOX	   56
#define SVG_SPAN   720
#define SVG_THIN   150 /* the least width of a window, so that its name fits */

static void svg_text(FILE *f, int x, int y, const char *class, const char *text)
{
	fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, class);
	for (; *text; text++) {
		if (*text == '<' || *text == '&')
			fprintf(f, "&#%d;", *text);
		else
			fputc(*text, f);
	}
	fputs("</text>\n", f);
}

static void svg_box(FILE *f, int x, int y, int width, const char *class)
{
	fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"3\" class=\"%s\"/>\n",
		x, y, width, SVG_BOX, class);
}

/* A window in device memory, the BAR that shows it, and the lines between. */
static void svg_window(FILE *f, struct json_object *gpu, const struct draw_window *w, int x,
		       int width, int bar_x, int bar_width)
{
	uint64_t length = member(gpu, w->key, ""), size = member(gpu, w->key, "_bar");
	uint64_t base = member(gpu, w->key, "_base");
	int full = (double)length / (double)size * bar_width;
	char text[96], a[32], b[32];

	svg_box(f, x, SVG_TOP, width, w->key);
	snprintf(text, sizeof(text), "%s %s", w->name, out_size(a, length));
	svg_text(f, x + 8, SVG_TOP + 24, "name", text);
	svg_text(f, x + 8, SVG_TOP + 42, "note", w->cache);
	if (base) {
		snprintf(text, sizeof(text), "%#" PRIx64, base);
		svg_text(f, x, SVG_TOP - 8, "note", text);
	}
	fprintf(f, "<path d=\"M%d %d L%d %d M%d %d L%d %d\" class=\"tie\"/>\n", x,
		SVG_TOP + SVG_BOX, bar_x, SVG_BARS, x + width, SVG_TOP + SVG_BOX, bar_x + full,
		SVG_BARS);
	svg_box(f, bar_x, SVG_BARS, bar_width, "hole");
	svg_box(f, bar_x, SVG_BARS, full, w->key);
	snprintf(text, sizeof(text), "BAR%d %s", w->bar, out_size(b, size));
	svg_text(f, bar_x + 8, SVG_BARS + 24, "name", text);
	if (length < size) {
		snprintf(text, sizeof(text), "%s reads ~0", out_size(a, size - length));
		svg_text(f, bar_x + full + 8, SVG_BARS + 42, "note", text);
	}
}

/* A V100: its memory, the region that shows it, and the bridges that it is reached through. */
static void svg_region(FILE *f, struct json_object *gpu, uint64_t total)
{
	struct json_object *bridges = out_get(gpu, "bridges");
	size_t count = json_object_array_length(bridges);
	int gap = 10, width = count ? (SVG_SPAN - gap * ((int)count - 1)) / (int)count : 0;
	uint64_t window = member(gpu, "window", "");
	int memory = (double)total / (double)window * SVG_SPAN;
	char text[128], size[32];

	if (memory < SVG_THIN)
		memory = SVG_THIN;
	svg_text(
		f, SVG_LEFT, 52, "note",
		"device memory, which a region beside the BARs shows; below it its NVLink bridges");
	snprintf(text, sizeof(text), "%#" PRIx64, out_get_number(gpu, "memory.base"));
	svg_text(f, SVG_LEFT, SVG_TOP - 8, "note", text);
	svg_box(f, SVG_LEFT, SVG_TOP, SVG_SPAN, "hole");
	svg_box(f, SVG_LEFT, SVG_TOP, memory, "usemem");
	snprintf(text, sizeof(text), "GPU memory %s", out_size(size, total));
	svg_text(f, SVG_LEFT + 8, SVG_TOP + 24, "name", text);
	svg_text(f, SVG_LEFT + 8, SVG_TOP + 42, "note", "cacheable");
	if (window > total) {
		snprintf(text, sizeof(text), "of a window of %s", out_size(size, window));
		svg_text(f, SVG_LEFT + memory + 8, SVG_TOP + 24, "name", text);
		svg_text(f, SVG_LEFT + memory + 8, SVG_TOP + 42, "note", "no memory");
	}
	for (int i = 0; i < (int)count; i++) {
		int x = SVG_LEFT + i * (width + gap);

		fprintf(f, "<path d=\"M%d %d L%d %d\" class=\"tie\"/>\n", x + width / 2,
			SVG_TOP + SVG_BOX, x + width / 2, SVG_BARS);
		svg_box(f, x, SVG_BARS, width, "resmem");
		svg_text(f, x + 8, SVG_BARS + 24, "name",
			 json_object_get_string(json_object_array_get_idx(bridges, i)));
		svg_text(f, x + 8, SVG_BARS + 42, "note", "NVLink bridge");
	}
}

void draw_svg(FILE *f, struct json_object *gpu)
{
	uint64_t total = member(gpu, "total", ""), resmem = member(gpu, "resmem", "");
	int thin = resmem ? (double)resmem / (double)total * SVG_SPAN : 0;
	char title[256], size[32];

	if (resmem && thin < SVG_THIN)
		thin = SVG_THIN;
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
		"font-family=\"sans-serif\">\n",
		SVG_WIDTH, SVG_HEIGHT);
	fputs("<style>\n.usemem{fill:#76b900}.resmem{fill:#f2a33a}.hole{fill:#e4e4e4;stroke:#aaa}\n"
	      ".tie{stroke:#888;stroke-dasharray:3 3;fill:none}\n"
	      ".title{font-size:18px;font-weight:bold;fill:#222}.name{font-size:15px;fill:#111}\n"
	      ".note{font-size:12px;fill:#333}\n</style>\n"
	      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
	      f);
	snprintf(title, sizeof(title), "%s %s", out_get_text(gpu, "address", ""),
		 out_get_text(gpu, "name", ""));
	svg_text(f, SVG_LEFT, 30, "title", title);
	if (!total) {
		svg_text(f, SVG_LEFT, SVG_TOP, "name", "device memory: not known");
	} else if (!member(gpu, "usemem", "")) {
		svg_region(f, gpu, total);
	} else {
		snprintf(title, sizeof(title),
			 "device memory %s; below it the BARs that a guest sees",
			 out_size(size, total));
		svg_text(f, SVG_LEFT, 52, "note", title);
		svg_window(f, gpu, &draw_windows[0], SVG_LEFT, SVG_SPAN - thin, SVG_LEFT,
			   SVG_SPAN - (thin ? thin + 20 : 0));
		if (resmem)
			svg_window(f, gpu, &draw_windows[1], SVG_LEFT + SVG_SPAN - thin, thin,
				   SVG_LEFT + SVG_SPAN - thin, thin);
	}
	fputs("</svg>\n", f);
}
