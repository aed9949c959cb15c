// SPDX-License-Identifier: GPL-2.0-only
#include "srat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"

/* ACPI 6.3, 5.2.16.6: what says of a PCI function that it is a node's initiator. */
struct srat_initiator {
	uint8_t type, length, reserved, handle_type;
	uint32_t node;
	uint16_t segment;
	uint8_t bus, devfn, rest[12];
	uint32_t flags, reserved2;
};

#define SRAT_HEADER	48
#define SRAT_INITIATOR	5
#define SRAT_HANDLE_PCI 1

void srat_is_initiator(const char *bdf, int first, int n)
{
	static const char path[] = "/sys/firmware/acpi/tables/SRAT";
	unsigned int seg, bus, dev, fn, seen = 0;
	struct srat_initiator at;
	uint8_t table[4096];
	ssize_t bytes;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	OK(fd >= 0, "%s: %s", path, strerror(errno));
	bytes = read(fd, table, sizeof(table));
	OK(bytes > SRAT_HEADER && bytes < (ssize_t)sizeof(table), "%s: %zd bytes", path, bytes);
	close(fd);
	EQ(sscanf(bdf, "%x:%x:%x.%x", &seg, &bus, &dev, &fn), 4, "%s", bdf);
	for (size_t i = SRAT_HEADER; i + 2 <= (size_t)bytes; i += table[i + 1]) {
		OK(table[i + 1], "%s: an entry of no length", path);
		if (table[i] != SRAT_INITIATOR)
			continue;
		OK(table[i + 1] == sizeof(at) && i + sizeof(at) <= (size_t)bytes,
		   "%s: an initiator of %u bytes", path, table[i + 1]);
		memcpy(&at, &table[i], sizeof(at));
		EQ(at.handle_type, SRAT_HANDLE_PCI, "node %u: kind of handle", at.node);
		EQ(at.segment, seg, "node %u: segment", at.node);
		EQ(at.bus, bus, "node %u: bus", at.node);
		EQ(at.devfn, dev << 3 | fn, "node %u: function", at.node);
		EQ(at.flags & 1, 1, "node %u: enabled", at.node);
		OK(at.node >= (unsigned int)first && at.node < (unsigned int)(first + n), "node %u",
		   at.node);
		OK(!(seen & 1u << at.node), "node %u: twice", at.node);
		seen |= 1u << at.node;
	}
	EQ(__builtin_popcount(seen), n, "nodes of the GPU");
}
