// SPDX-License-Identifier: GPL-2.0-only
/*
 * What one thread's calls must give.
 *
 * Memory is pages of bytes that are known or not. A page is learned when some of it is read or
 * written, and forgotten when something may have written it that the model does not follow. A BAR's
 * register is bytes as they were written; how it reads is worked out here and not taken from the
 * driver. That there was a reset the simulator tells, by its counts.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ktap.h"
#include "sim.h"
#include "util.h"

#define FZ_PAGE	 4096ull
#define FZ_PAGES 1024u
/* Transfers that are longer are compared with what is known, and teach nothing. */
#define FZ_LEARN (64 * KiB)

struct fz_page {
	uint64_t number; /* in device memory, plus one; 0: free */
	uint8_t byte[FZ_PAGE];
	bool known[FZ_PAGE];
};

struct fz_model {
	const struct fz_device *d;
	bool answers, asleep, slept, lost;
	unsigned long resets;
	uint8_t bar[0x10]; /* of 0x18 to 0x27 */
	bool bar_known[0x10];
	uint32_t pages;
	struct fz_page page[FZ_PAGES];
};

/* Of all kinds. */
static unsigned long fz_resets(const struct fz_model *m)
{
	unsigned long flr, hot, pm;
	char path[256], text[128];
	int err;

	snprintf(path, sizeof(path), SIM_DEBUGFS "/%s/resets", m->d->sim);
	err = util_read(path, text, sizeof(text));
	OK(!err && sscanf(text, "flr %lu hot %lu pm %lu", &flr, &hot, &pm) == 3, "%s: %s", path,
	   text);
	return flr + hot + pm;
}

struct fz_model *fz_model_new(const struct fz_device *d)
{
	struct fz_model *m = calloc(1, sizeof(*m));

	OK(m, "out of memory");
	m->d = d;
	m->resets = fz_resets(m);
	return m;
}

void fz_model_asleep(struct fz_model *m, bool asleep)
{
	m->asleep = asleep;
	m->slept = m->slept || asleep;
}

bool fz_model_is_asleep(const struct fz_model *m)
{
	return m->asleep;
}

bool fz_model_answers(const struct fz_model *m, const struct fz_window *w)
{
	return w->registers || m->answers;
}

/* Emulated are the registers of windows: 0x20 of any, 0x18 where there is a second one. */
static bool fz_bar_is_window(const struct fz_model *m, uint64_t off)
{
	return m->d->bars && off >= (m->d->windows > 1 ? 0x18 : 0x20) && off < 0x28;
}

static void fz_model_forget_memory(struct fz_model *m)
{
	for (uint32_t i = 0; i < FZ_PAGES; i++)
		m->page[i].number = 0;
	m->pages = 0;
}

void fz_model_forget_all(struct fz_model *m)
{
	fz_model_forget_memory(m);
	memset(m->bar_known, false, sizeof(m->bar_known));
	m->resets = fz_resets(m);
	m->lost = true;
}

/*
 * What the core gives back after D3hot is the command register from before it, for whoever reads it,
 * and not for those who ask whether memory is on. To write it brings the two together.
 */
static uint16_t fz_command(struct fz_model *m, bool unsure)
{
	uint16_t command = vfio_cfg16(&m->d->vfio, PCI_COMMAND);

	if (unsure)
		vfio_cfg_set16(&m->d->vfio, PCI_COMMAND, command);
	return command;
}

void fz_model_look(struct fz_model *m)
{
	uint16_t command, power = 0;
	unsigned long resets;
	bool unsure;

	/* A look would wake it, and to wake takes long. */
	if (m->asleep)
		return;
	if (m->d->pm)
		power = vfio_cfg16(&m->d->vfio, m->d->pm + PCI_PM_CTRL);
	resets = fz_resets(m);
	unsure = m->lost || resets != m->resets;
	command = fz_command(m, unsure);
	m->answers = command & PCI_COMMAND_MEMORY && (power & PCI_PM_CTRL_STATE_MASK) < 3;
	if (unsure && m->d->untrains) {
		fz_model_forget_all(m);
		sim_train(m->d->sim);
	}
	if (resets != m->resets) {
		memset(m->bar, 0, sizeof(m->bar));
		/* Of low power's the core hides some; and who was lost does not know of it. */
		memset(m->bar_known, !m->slept && !m->lost, sizeof(m->bar_known));
	}
	m->lost = false;
	m->resets = resets;
	m->slept = false;
}

/* The page, or NULL; made when it is wanted. */
static struct fz_page *fz_page(struct fz_model *m, uint64_t number, bool want)
{
	uint32_t at = (uint32_t)(number * 0x9e3779b1) % FZ_PAGES;

	while (m->page[at].number && m->page[at].number != number + 1)
		at = (at + 1) % FZ_PAGES;
	if (m->page[at].number || !want)
		return m->page[at].number ? &m->page[at] : NULL;
	if (m->pages > FZ_PAGES * 3 / 4) {
		fz_model_forget_memory(m);
		at = (uint32_t)(number * 0x9e3779b1) % FZ_PAGES;
	}
	m->pages++;
	m->page[at].number = number + 1;
	memset(m->page[at].known, false, sizeof(m->page[at].known));
	return &m->page[at];
}

/* Bytes [@at, @at + @n) of a page are those of @buf: learned, or compared. */
static void fz_page_is(struct fz_page *page, uint64_t at, const uint8_t *buf, uint64_t n, bool put,
		       const struct fz_window *w)
{
	for (uint64_t i = 0; i < n; i++) {
		if (!put && page->known[at + i] && page->byte[at + i] != buf[i])
			ktap_fail("region %d: memory at 0x%llx is 0x%02x, was written 0x%02x",
				  w->region,
				  (unsigned long long)((page->number - 1) * FZ_PAGE + at + i),
				  buf[i], page->byte[at + i]);
		page->byte[at + i] = buf[i];
		page->known[at + i] = true;
	}
}

/* Each page of [@off, @off + @n) of the window's memory. */
static void fz_model_bytes(struct fz_model *m, const struct fz_window *w, uint64_t off,
			   const uint8_t *buf, uint64_t n, bool put)
{
	uint64_t at = w->device + off, end = at + n, now;

	for (; at < end; at += now, buf += now) {
		struct fz_page *page = fz_page(m, at / FZ_PAGE, n <= FZ_LEARN);

		now = FZ_PAGE - at % FZ_PAGE;
		if (now > end - at)
			now = end - at;
		if (page)
			fz_page_is(page, at % FZ_PAGE, buf, now, put, w);
	}
}

static uint64_t fz_memory_of(const struct fz_window *w, uint64_t off, uint64_t n)
{
	if (off >= w->length)
		return 0;
	return n < w->length - off ? n : w->length - off;
}

void fz_model_got(struct fz_model *m, const struct fz_window *w, uint64_t off, const void *buf,
		  uint64_t n)
{
	uint64_t memory = fz_memory_of(w, off, n);

	fz_model_bytes(m, w, off, buf, memory, false);
	for (uint64_t i = memory; i < n; i++) {
		if (((const uint8_t *)buf)[i] != 0xff)
			ktap_fail("region %d: 0x%llx, past the memory, reads 0x%02x", w->region,
				  (unsigned long long)(off + i), ((const uint8_t *)buf)[i]);
	}
}

void fz_model_put(struct fz_model *m, const struct fz_window *w, uint64_t off, const void *buf,
		  uint64_t n)
{
	fz_model_bytes(m, w, off, buf, fz_memory_of(w, off, n), true);
}

void fz_model_forget(struct fz_model *m, const struct fz_window *w, uint64_t off, uint64_t n)
{
	uint64_t first, last;

	n = fz_memory_of(w, off, n);
	if (!n)
		return;
	first = (w->device + off) / FZ_PAGE;
	last = (w->device + off + n - 1) / FZ_PAGE;
	for (uint32_t i = 0; i < FZ_PAGES; i++) {
		struct fz_page *page = &m->page[i];

		if (page->number && page->number - 1 >= first && page->number - 1 <= last)
			memset(page->known, false, sizeof(page->known));
	}
}

void fz_model_config_got(struct fz_model *m, uint64_t off, const void *buf, uint64_t n)
{
	uint64_t sizes[2] = {m->d->window[m->d->windows - 1].size, m->d->window[0].size};

	for (uint64_t i = 0; i < n; i++) {
		unsigned int at = off + i - 0x18;
		uint8_t want, mask;

		if (!fz_bar_is_window(m, off + i) || !m->bar_known[at])
			continue;
		mask = ~(sizes[at / 8] - 1) >> 8 * (at % 8);
		want = (m->bar[at] & mask) | (at % 8 ? 0 : 0xc);
		EQ(((const uint8_t *)buf)[i], want, "config space: byte 0x%x", (int)(off + i));
	}
}

void fz_model_config_forget(struct fz_model *m, uint64_t off, uint64_t n)
{
	for (uint64_t i = 0; i < sizeof(m->bar); i++)
		if (0x18 + i >= off && 0x18 + i - off < n)
			m->bar_known[i] = false;
}

void fz_model_registers(struct fz_model *m)
{
	uint8_t bytes[sizeof(m->bar)];

	/* To read them would wake it. */
	if (!m->asleep && m->d->bars &&
	    vfio_read(&m->d->vfio, VFIO_CONFIG, 0x18, bytes, sizeof(bytes)) == sizeof(bytes))
		fz_model_config_got(m, 0x18, bytes, sizeof(bytes));
}

void fz_model_config_put(struct fz_model *m, uint64_t off, const void *buf, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (!fz_bar_is_window(m, off + i))
			continue;
		m->bar[off + i - 0x18] = ((const uint8_t *)buf)[i];
		m->bar_known[off + i - 0x18] = true;
	}
}

void fz_model_device(struct fz_model *m, uint64_t random)
{
	struct fz_page *page = NULL;
	uint8_t bytes[FZ_PAGE];

	for (uint32_t i = 0; i < FZ_PAGES && !page; i++) {
		if (m->page[(i + random) % FZ_PAGES].number)
			page = &m->page[(i + random) % FZ_PAGES];
	}
	if (!page || !m->d->sees)
		return;
	sim_mem_read(m->d->sim, (page->number - 1) * FZ_PAGE, bytes, sizeof(bytes));
	for (uint64_t i = 0; i < FZ_PAGE; i++) {
		if (page->known[i])
			EQ(bytes[i], page->byte[i], "device memory at 0x%llx, seen from the device",
			   (unsigned long long)((page->number - 1) * FZ_PAGE + i));
	}
}
