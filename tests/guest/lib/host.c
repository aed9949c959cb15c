// SPDX-License-Identifier: GPL-2.0-only
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ktap.h"
#include "util.h"

/* vm/init.c looks for it. */
#define HOST_AGAIN "/run/cohgpu.again"

static int host = -1;

static int host_port(void)
{
	char path[64], name[64];

	for (int i = 1; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport0p%d/name", i);
		if (util_read(path, name, sizeof(name)) || strcmp(name, "cohgpu.host"))
			continue;
		snprintf(path, sizeof(path), "/dev/vport0p%d", i);
		return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

void host_open(void)
{
	host = host_port();
	OK(host >= 0, "no port to the host: %s", strerror(errno));
}

const char *host_ask(const char *fmt, ...)
{
	static char line[256];
	size_t len = 0;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	line[n++] = '\n';
	OK(write(host, line, n) == n, "port to the host: write: %s", strerror(errno));
	do {
		n = read(host, line + len, sizeof(line) - len);
		OK(n > 0, "port to the host: read: %s", n ? strerror(errno) : "closed");
		len += n;
	} while (line[len - 1] != '\n' && len < sizeof(line));
	line[len - 1] = 0;
	return line;
}

void host_ok(const char *what, int gpu, uint64_t off, uint64_t bytes, uint64_t seed)
{
	const char *answer = host_ask("%s %d 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64, what, gpu,
				      off, bytes, seed);

	OK(!strcmp(answer, "ok"), "GPU %d, %s at 0x%" PRIx64 ": %s", gpu, what, off, answer);
}

void host_again(void)
{
	int fd = open(HOST_AGAIN, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	OK(fd >= 0, HOST_AGAIN ": %s", strerror(errno));
	close(fd);
}

void host_tell(const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_ask("tell %s", text);
}

/*
 * Memory of a device is taken in whole words only. Where QEMU plays it, on arm64 the
 * instruction must be a plain one; the processor does not tell KVM what one that also moves its
 * pointer has done, and compilers like these in loops.
 */
uint64_t host_load(volatile uint64_t *p)
{
#ifdef __aarch64__
	uint64_t value;

	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(p) : "memory");
	return value;
#else
	return *p;
#endif
}

void host_store(volatile uint64_t *p, uint64_t value)
{
#ifdef __aarch64__
	__asm__ volatile("str %0, [%1]" : : "r"(value), "r"(p) : "memory");
#else
	*p = value;
#endif
}

void host_fill(volatile uint64_t *p, uint64_t off, uint64_t seed)
{
	static uint64_t chunk[HOST_CHUNK / 8];

	ktap_fill(chunk, sizeof(chunk), seed);
	for (size_t i = 0; i < ARRAY_LEN(chunk); i++)
		host_store(&p[off / 8 + i], chunk[i]);
}

static void host_take(volatile uint64_t *p, uint64_t off, uint64_t *chunk)
{
	for (size_t i = 0; i < HOST_CHUNK / 8; i++)
		chunk[i] = host_load(&p[off / 8 + i]);
}

void host_expect(volatile uint64_t *p, uint64_t off, uint64_t seed, const char *what)
{
	static uint64_t got[HOST_CHUNK / 8], want[HOST_CHUNK / 8];

	host_take(p, off, got);
	ktap_fill(want, sizeof(want), seed);
	BYTES(got, want, sizeof(got), "%s, at 0x%" PRIx64, what, off);
}

void host_expect_zero(volatile uint64_t *p, uint64_t off, const char *what)
{
	static uint64_t got[HOST_CHUNK / 8], zero[HOST_CHUNK / 8];

	host_take(p, off, got);
	BYTES(got, zero, sizeof(got), "%s, at 0x%" PRIx64, what, off);
}
