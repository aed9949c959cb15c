// SPDX-License-Identifier: GPL-2.0-only
#include "counts.h"

#include <stdlib.h>
#include <unistd.h>

#include "ktap.h"
#include "util.h"

void counts_take(struct counts *c)
{
	char text[128] = "";

	/* Freed things have until now to be gone. */
	sync();
	util_write("/proc/sys/vm/drop_caches", "3");
	ktap_sleep(0.3);
	c->page_tables = util_field("/proc/meminfo", "PageTables");
	c->available = util_field("/proc/meminfo", "MemAvailable");
	c->unreclaimable = util_field("/proc/meminfo", "SUnreclaim");
	c->vmalloc = util_lines("/proc/vmallocinfo", "ioremap") +
		     util_lines("/proc/vmallocinfo", "memremap");
	c->iomem = util_lines("/proc/iomem", NULL);
	c->modules = util_lines("/proc/modules", NULL);
	util_read("/proc/sys/fs/file-nr", text, sizeof(text));
	c->files = atoll(text);
}

void counts_same(const struct counts *before, int n, long noise)
{
	const struct counts *a = before;
	struct counts b;

	counts_take(&b);
	ktap_diag("%d rounds: PageTables %+lld KiB, MemAvailable %lld %+lld KiB, SUnreclaim %+lld "
		  "KiB, files %+lld",
		  n, b.page_tables - a->page_tables, a->available, b.available - a->available,
		  b.unreclaimable - a->unreclaimable, b.files - a->files);
	EQ(b.vmalloc, a->vmalloc, "kernel mappings of devices");
	EQ(b.iomem, a->iomem, "lines of /proc/iomem");
	EQ(b.modules, a->modules, "modules");
	/* The kernel counts files on each CPU, in batches of 32. */
	OK(b.files - a->files < 128, "open files: %lld, then %lld", a->files, b.files);
	OK(b.page_tables - a->page_tables <= 256, "PageTables: %lld KiB, then %lld", a->page_tables,
	   b.page_tables);
	/* Sanitizers keep freed memory for a while, and look for leaks themselves. */
	if (ktap_sanitized())
		return;
	OK(a->available - b.available < noise + n / 4, "MemAvailable: %lld KiB, then %lld",
	   a->available, b.available);
	OK(b.unreclaimable - a->unreclaimable < 512 + n / 8, "SUnreclaim: %lld KiB, then %lld",
	   a->unreclaimable, b.unreclaimable);
}
