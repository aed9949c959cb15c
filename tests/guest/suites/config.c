// SPDX-License-Identifier: GPL-2.0-only
/*
 * spec/grace.md section 2, "Config space": the emulated BARs at 0x18..0x27 beside the real ones.
 *
 * The oracle is a model of the 24 bytes of the six BAR registers: a BAR stores what is written and
 * shows it with the bits below its size replaced by its flags. The real BARs' sizes and flags are
 * learnt by aligned 32-bit accesses that touch nothing else.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "gpu.h"

#define CFG_BARS     0x10
#define CFG_BARS_END 0x28
#define CFG_BAR2     0x18
#define CFG_BAR4     0x20
#define CFG_FLAGS    (PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH)

struct cfg_model {
	uint8_t stored[0x40]; /* only CFG_BARS .. CFG_BARS_END count */
	uint32_t mask[6];     /* writable bits of each register */
	uint32_t flags[6];
};

static struct gpu gpu;

static uint64_t cfg_bar_value(uint64_t written, uint64_t size)
{
	return (written & ~(size - 1)) | CFG_FLAGS;
}

/* What a read of the first 64 bytes must give; outside the BARs whatever @base has. */
static void cfg_expect(const struct cfg_model *m, const uint8_t base[0x40], uint8_t want[0x40])
{
	memcpy(want, base, 0x40);
	for (int bar = 0; bar < 6; bar++) {
		const uint8_t *s = m->stored + CFG_BARS + 4 * bar;
		uint32_t x = s[0] | s[1] << 8 | s[2] << 16 | (uint32_t)s[3] << 24;

		x = (x & m->mask[bar]) | m->flags[bar];
		for (int i = 0; i < 4; i++)
			want[CFG_BARS + 4 * bar + i] = (uint8_t)(x >> 8 * i);
	}
}

static void cfg_emulated(struct cfg_model *m, int bar, uint64_t size)
{
	m->mask[bar] = (uint32_t) ~(size - 1);
	m->mask[bar + 1] = (uint32_t)(~(size - 1) >> 32);
	m->flags[bar] = CFG_FLAGS;
	m->flags[bar + 1] = 0;
}

static void cfg_real(struct cfg_model *m, int bar)
{
	uint32_t old = vfio_cfg32(&gpu.vfio, CFG_BARS + 4 * bar), lo, hi = 0;

	vfio_cfg_set32(&gpu.vfio, CFG_BARS + 4 * bar, UINT32_MAX);
	hi = vfio_cfg32(&gpu.vfio, CFG_BARS + 4 * bar);
	vfio_cfg_set32(&gpu.vfio, CFG_BARS + 4 * bar, 0);
	lo = vfio_cfg32(&gpu.vfio, CFG_BARS + 4 * bar);
	vfio_cfg_set32(&gpu.vfio, CFG_BARS + 4 * bar, old);
	m->mask[bar] = hi & ~lo;
	m->flags[bar] = lo;
}

/* Opens the GPU of this case and learns its registers. The BARs hold zero afterwards. */
static void cfg_open(struct cfg_model *m, const char *preset)
{
	static const uint8_t zero[CFG_BARS_END - CFG_BARS];

	gpu_open_preset(&gpu, preset);
	memset(m, 0, sizeof(*m));
	cfg_real(m, 0);
	cfg_real(m, 1);
	if (strncmp(preset, "gb", 2)) {
		cfg_emulated(m, 2, !strcmp(preset, "tiny") ? GiB : GiB);
		cfg_emulated(m, 4, !strcmp(preset, "tiny") ? 512 * MiB : 128 * GiB);
	} else {
		cfg_real(m, 2);
		cfg_real(m, 3);
		cfg_emulated(m, 4, 256 * GiB);
	}
	for (int i = 0; i < 6; i++)
		vfio_put(&gpu.vfio, VFIO_CONFIG, CFG_BARS + 4 * i, zero, 4);
}

static const char *cfg_preset(void)
{
	return ktap_arg() ? "gb200" : "gh200-96";
}

static void cfg_base(uint8_t base[0x40])
{
	for (int i = 0; i < 0x40; i++)
		vfio_get(&gpu.vfio, VFIO_CONFIG, i, base + i, 1);
}

static void cfg_check(const struct cfg_model *m, const char *what)
{
	uint8_t want[0x40], got[0x40], base[0x40];

	cfg_base(base);
	cfg_expect(m, base, want);
	for (int i = 0; i < 0x40; i += 4)
		vfio_get(&gpu.vfio, VFIO_CONFIG, i, got + i, 4);
	BYTES(got + CFG_BARS, want + CFG_BARS, CFG_BARS_END - CFG_BARS, "%s: registers at 0x10",
	      what);
	BYTES(base + CFG_BARS, want + CFG_BARS, CFG_BARS_END - CFG_BARS,
	      "%s: registers at 0x10 byte by byte", what);
}

/* Sets every BAR to a value of its own, by aligned accesses. */
static void cfg_scatter(struct cfg_model *m, uint64_t seed)
{
	ktap_fill(m->stored + CFG_BARS, CFG_BARS_END - CFG_BARS, seed);
	for (int i = CFG_BARS; i < CFG_BARS_END; i += 4)
		vfio_put(&gpu.vfio, VFIO_CONFIG, i, m->stored + i, 4);
}

static void bars_are_zero_at_open(void)
{
	struct cfg_model m;

	cfg_open(&m, "gh200-96");
	vfio_cfg_set64(&gpu.vfio, CFG_BAR4, 0x1234560000000000);
	vfio_cfg_set64(&gpu.vfio, CFG_BAR2, 0x4560000000);
	vfio_close(&gpu.vfio);
	vfio_open(&gpu.vfio, gpu.bdf);
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR4), CFG_FLAGS, "BAR4 in a fresh session");
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR2), CFG_FLAGS, "BAR2 in a fresh session");
}

static void sizing(void)
{
	static const struct {
		const char *preset;
		uint64_t bar2, bar4;
	} t[] = {
		{"gh200-96", GiB, 128 * GiB},
		{"tiny", GiB, 512 * MiB},
		{"gb200", 0, 256 * GiB},
	};
	const char *preset = t[ktap_arg()].preset;
	uint64_t bar2 = t[ktap_arg()].bar2, bar4 = t[ktap_arg()].bar4;

	gpu_open_preset(&gpu, preset);
	/* As the PCI core of a guest does it: both halves all-ones, then both read. */
	vfio_cfg_set64(&gpu.vfio, CFG_BAR4, UINT64_MAX);
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR4), cfg_bar_value(UINT64_MAX, bar4), "BAR4 sized");
	vfio_cfg_set64(&gpu.vfio, CFG_BAR4, 0);
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR4), CFG_FLAGS, "BAR4 after writing 0");
	vfio_cfg_set64(&gpu.vfio, CFG_BAR4, 0x123456789abcdef0);
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR4), cfg_bar_value(0x123456789abcdef0, bar4), "BAR4 set");
	if (!bar2)
		return;
	vfio_cfg_set64(&gpu.vfio, CFG_BAR2, UINT64_MAX);
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR2), cfg_bar_value(UINT64_MAX, bar2), "BAR2 sized");
	vfio_cfg_set64(&gpu.vfio, CFG_BAR2, 0xfedcba9876543210);
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR2), cfg_bar_value(0xfedcba9876543210, bar2), "BAR2 set");
	EQ(vfio_cfg64(&gpu.vfio, CFG_BAR4), cfg_bar_value(0x123456789abcdef0, bar4),
	   "BAR4 after BAR2 was set");
}

/* Reads of every length at every start. */
static void read_all(void)
{
	uint8_t want[0x40], got[0x48], base[0x40];
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	cfg_scatter(&m, 1);
	cfg_base(base);
	cfg_expect(&m, base, want);
	for (int start = 0; start < 0x40; start++) {
		for (int len = 1; len <= 0x40 - start; len++) {
			memset(got, 0xee, sizeof(got));
			EQ(vfio_read(&gpu.vfio, VFIO_CONFIG, start, got, len), len,
			   "read of %d at 0x%02x: count", len, start);
			BYTES(got, want + start, len, "read of %d at 0x%02x", len, start);
			EQ(got[len], 0xee, "read of %d at 0x%02x: byte beyond", len, start);
		}
	}
}

/* Writes of many lengths at every start around the BARs, each compared with the model. */
static void write_all(void)
{
	int max = ktap_quick() ? 9 : 28;
	uint8_t base[0x40], data[0x40];
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	cfg_base(base);
	for (int start = 0x0c; start < CFG_BARS_END; start++) {
		for (int len = 1; len <= max && start + len <= 0x30; len++) {
			char what[64];

			/* Bytes that are no BAR's are written as they are. */
			memcpy(data, base, sizeof(data));
			for (int i = start; i < start + len; i++)
				if (i >= CFG_BARS && i < CFG_BARS_END)
					data[i] = m.stored[i] = (uint8_t)ktap_random();
			snprintf(what, sizeof(what), "write of %d at 0x%02x", len, start);
			EQ(vfio_write(&gpu.vfio, VFIO_CONFIG, start, data + start, len), len,
			   "%s: count", what);
			cfg_check(&m, what);
		}
	}
}

static void straddle(void)
{
	int edge = (int)ktap_arg();
	struct cfg_model m;
	uint8_t data[16];

	cfg_open(&m, "gh200-96");
	for (int before = 1; before < 8; before++) {
		for (int after = 1; after < 8; after++) {
			char what[64];

			ktap_fill(data, sizeof(data), before * 16 + after);
			/* What lies behind 0x28 is read-only. */
			memcpy(m.stored + edge - before, data, before + after);
			snprintf(what, sizeof(what), "%d bytes before and %d behind 0x%02x", before,
				 after, edge);
			EQ(vfio_write(&gpu.vfio, VFIO_CONFIG, edge - before, data, before + after),
			   before + after, "%s: count", what);
			cfg_check(&m, what);
		}
	}
}

static void G6_64_bytes_at_0(void)
{
	uint8_t want[0x40], got[0x40], base[0x40];
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	cfg_scatter(&m, 2);
	cfg_base(base);
	cfg_expect(&m, base, want);
	EQ(vfio_read(&gpu.vfio, VFIO_CONFIG, 0, got, 64), 64, "count");
	BYTES(got, want, 64, "64 bytes at 0");
}

static void G6_16_bytes_at_0x18(void)
{
	uint8_t want[0x40], got[0x40], base[0x40];
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	cfg_scatter(&m, 3);
	cfg_base(base);
	cfg_expect(&m, base, want);
	EQ(vfio_read(&gpu.vfio, VFIO_CONFIG, 0x18, got, 16), 16, "count");
	BYTES(got, want + 0x18, 16, "16 bytes at 0x18");
}

static void cfg_write_8(int start)
{
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	cfg_scatter(&m, 4);
	ktap_fill(m.stored + start, 8, 5);
	EQ(vfio_write(&gpu.vfio, VFIO_CONFIG, start, m.stored + start, 8), 8, "count");
	cfg_check(&m, "8-byte write");
}

static void G6_write_8_at_0x14(void)
{
	cfg_write_8(0x14);
}

static void G6_write_8_at_0x1c(void)
{
	cfg_write_8(0x1c);
}

/* One write that takes the command register, BAR0 and the windows' BARs. */
static void G6_write_0x04_across_0x18(void)
{
	static const int end[] = {0x19, 0x1c, 0x20, 0x24, 0x28};
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	for (size_t i = 0; i < ARRAY_LEN(end); i++) {
		uint16_t cmd = i & 1 ? PCI_COMMAND_MEMORY : 0;
		int len = end[i] - 4;
		uint8_t data[0x40];

		cfg_base(data);
		cmd |= (data[4] | data[5] << 8) & ~PCI_COMMAND_MEMORY;
		data[4] = (uint8_t)cmd;
		data[5] = (uint8_t)(cmd >> 8);
		ktap_fill(data + CFG_BARS, end[i] - CFG_BARS, i);
		memcpy(m.stored + CFG_BARS, data + CFG_BARS, end[i] - CFG_BARS);
		EQ(vfio_write(&gpu.vfio, VFIO_CONFIG, 4, data + 4, len), len,
		   "write of %d at 4: count", len);
		EQ(vfio_cfg16(&gpu.vfio, PCI_COMMAND), cmd, "write of %d at 4: command", len);
		cfg_check(&m, "write at 4");
	}
}

/* Three segments: the second piece starts where the first one ended. */
static void vectored(void)
{
	static const int cut[][3] = {{4, 8, 12}, {3, 10, 11}, {1, 1, 22}, {9, 6, 9}};
	uint8_t want[0x40], got[0x40], base[0x40];
	struct cfg_model m;

	cfg_open(&m, cfg_preset());
	for (size_t i = 0; i < ARRAY_LEN(cut); i++) {
		struct iovec iov[3];
		int at = CFG_BARS;

		ktap_fill(m.stored + CFG_BARS, CFG_BARS_END - CFG_BARS, i + 10);
		for (int k = 0; k < 3; k++) {
			iov[k].iov_base = m.stored + at;
			iov[k].iov_len = cut[i][k];
			at += cut[i][k];
		}
		EQ(vfio_writev(&gpu.vfio, VFIO_CONFIG, CFG_BARS, iov, 3), 24, "pwritev: count");
		cfg_check(&m, "pwritev");
		cfg_base(base);
		cfg_expect(&m, base, want);
		at = CFG_BARS;
		for (int k = 0; k < 3; k++) {
			iov[k].iov_base = got + at;
			at += cut[i][k];
		}
		EQ(vfio_readv(&gpu.vfio, VFIO_CONFIG, CFG_BARS, iov, 3), 24, "preadv: count");
		BYTES(got + CFG_BARS, want + CFG_BARS, 24, "preadv");
	}
}

static void zero_count(void)
{
	struct cfg_model m;
	uint8_t byte = 0x77;

	cfg_open(&m, "gh200-96");
	cfg_scatter(&m, 6);
	for (int start = 0x10; start <= 0x28; start++) {
		EQ(vfio_read(&gpu.vfio, VFIO_CONFIG, start, &byte, 0), 0, "read of 0 at 0x%x",
		   start);
		EQ(vfio_write(&gpu.vfio, VFIO_CONFIG, start, &byte, 0), 0, "write of 0 at 0x%x",
		   start);
	}
	EQ(byte, 0x77, "buffer of a read of 0");
	cfg_check(&m, "writes of 0");
}

/* Two mapped pages, the second one gone. */
static uint8_t *cfg_cliff(void)
{
	size_t page = util_page();
	uint8_t *map =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	OK(map != MAP_FAILED && !munmap(map + page, page), "mmap");
	return map + page;
}

/* Accesses of every width to every emulated byte, with every length of buffer that is there. */
static void G7_faulting_write(void)
{
	uint8_t *cliff = cfg_cliff();
	struct cfg_model m;

	cfg_open(&m, "gh200-96");
	cfg_scatter(&m, 7);
	for (int start = 0x14; start < CFG_BARS_END; start++) {
		for (int len = 1; len <= 8 && start + len <= CFG_BARS_END; len++) {
			for (int have = 0; have < len; have++) {
				char what[80];
				ssize_t r;

				snprintf(what, sizeof(what),
					 "write of %d at 0x%02x, %d bytes mapped", len, start,
					 have);
				ktap_fill(cliff - have, have, start * 64 + len * 8 + have);
				r = vfio_write(&gpu.vfio, VFIO_CONFIG, start, cliff - have, len);
				OK(r == -EFAULT || (r > 0 && r <= have),
				   "%s: expected -EFAULT or 1..%d, got %zd", what, have, r);
				if (r > 0)
					memcpy(m.stored + start, cliff - have, r);
				cfg_check(&m, what);
			}
		}
		if (ktap_quick())
			start++;
	}
}

/* The same in registers that are the core's: what it took before the fault is counted. */
static void faulting_command(void)
{
	uint8_t *cliff = cfg_cliff();
	uint16_t command;

	gpu_tiny(&gpu);
	for (int have = 0; have <= 6; have++) {
		ssize_t r;

		vfio_cfg_set16(&gpu.vfio, PCI_COMMAND, PCI_COMMAND_MEMORY);
		memset(cliff - have, 0, have);
		r = vfio_write(&gpu.vfio, VFIO_CONFIG, PCI_COMMAND, cliff - have, 16);
		command = vfio_cfg16(&gpu.vfio, PCI_COMMAND);
		EQ(r, have < 4 ? -EFAULT : 4, "write of 16, %d bytes mapped", have);
		EQ(command, have < 4 ? PCI_COMMAND_MEMORY : 0, "command, %d bytes mapped", have);
	}
}

static void faulting_read(void)
{
	uint8_t want[0x40], base[0x40];
	uint8_t *cliff = cfg_cliff();
	struct cfg_model m;

	cfg_open(&m, "gh200-96");
	cfg_scatter(&m, 8);
	cfg_base(base);
	cfg_expect(&m, base, want);
	for (int start = 0x14; start < CFG_BARS_END; start++) {
		for (int have = 0; have < 8; have++) {
			ssize_t r = vfio_read(&gpu.vfio, VFIO_CONFIG, start, cliff - have, 8);

			OK(r == -EFAULT || (r > 0 && r <= have),
			   "read of 8 at 0x%02x, %d bytes mapped: expected -EFAULT or 1..%d, "
			   "got %zd",
			   start, have, have, r);
			if (r > 0)
				BYTES(cliff - have, want + start, r, "read of 8 at 0x%02x", start);
		}
	}
	cfg_check(&m, "faulting reads");
}

struct cfg_writer {
	pthread_barrier_t *barrier;
	uint64_t value;
	unsigned int off;
	size_t len;
	int rounds;
};

static void *cfg_writer(void *arg)
{
	struct cfg_writer *w = arg;

	for (int i = 0; i < w->rounds; i++) {
		pthread_barrier_wait(w->barrier);
		vfio_put(&gpu.vfio, VFIO_CONFIG, w->off, &w->value, w->len);
		pthread_barrier_wait(w->barrier);
		/* The main thread looks now. */
		pthread_barrier_wait(w->barrier);
	}
	return NULL;
}

/* @same: both write one whole BAR; otherwise each writes its own half. */
static void cfg_race(unsigned int off, uint64_t size, bool same)
{
	int rounds = ktap_quick() ? 300 : 3000;
	pthread_barrier_t barrier;
	pthread_t thread[2];
	struct cfg_writer w[2];
	uint64_t want[2];

	pthread_barrier_init(&barrier, NULL, 3);
	for (int i = 0; i < 2; i++) {
		w[i] = (struct cfg_writer){
			.barrier = &barrier,
			.value = i ? 0x5555555555555555 : 0xaaaaaaaaaaaaaaaa,
			.off = off + (same ? 0 : 4 * i),
			.len = same ? 8 : 4,
			.rounds = rounds,
		};
		want[i] = cfg_bar_value(w[i].value, size);
		pthread_create(&thread[i], NULL, cfg_writer, &w[i]);
	}
	if (!same)
		want[0] = want[1] = cfg_bar_value(0x55555555aaaaaaaa, size);
	for (int i = 0; i < rounds; i++) {
		uint64_t got;

		if (!same)
			vfio_cfg_set64(&gpu.vfio, off, 0);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		got = vfio_cfg64(&gpu.vfio, off);
		OK(got == want[0] || got == want[1],
		   "round %d: expected 0x%llx or 0x%llx, got 0x%llx", i,
		   (unsigned long long)want[0], (unsigned long long)want[1],
		   (unsigned long long)got);
		pthread_barrier_wait(&barrier);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static void two_writers_one_bar(void)
{
	gpu_open_preset(&gpu, "gh200-96");
	cfg_race(CFG_BAR4, 128 * GiB, true);
	cfg_race(CFG_BAR2, GiB, true);
}

static void two_writers_two_halves(void)
{
	gpu_open_preset(&gpu, "gh200-96");
	cfg_race(CFG_BAR2, GiB, false);
}

/* The windows' BARs are the client's own: the device never hears of them. */
static void ids_and_class(void)
{
	gpu_open_preset(&gpu, "gh200-96");
	EQ(vfio_cfg16(&gpu.vfio, PCI_VENDOR_ID), 0x10de, "vendor");
	EQ(vfio_cfg16(&gpu.vfio, PCI_DEVICE_ID), 0x2342, "device");
	EQ(vfio_cfg16(&gpu.vfio, PCI_CLASS_DEVICE), 0x0302, "class");
	EQ(vfio_cfg8(&gpu.vfio, PCI_HEADER_TYPE) & 0x7f, 0, "header type");
}

static const struct ktap_case cases[] = {
	KTAP_CASE(ids_and_class),
	KTAP_CASE(bars_are_zero_at_open),
	KTAP_CASE_ARG("sizing_gh200_96", sizing, 0),
	KTAP_CASE_ARG("sizing_tiny", sizing, 1),
	KTAP_CASE_ARG("sizing_gb200", sizing, 2),
	KTAP_CASE_ARG("read_all_widths", read_all, 0),
	KTAP_CASE_ARG("write_all_widths", write_all, 0),
	KTAP_CASE_ARG("straddle_0x18", straddle, 0x18),
	KTAP_CASE_ARG("straddle_0x20", straddle, 0x20),
	KTAP_CASE_ARG("straddle_0x28", straddle, 0x28),
	KTAP_CASE_ARG("G6_64_bytes_at_0", G6_64_bytes_at_0, 0),
	KTAP_CASE_ARG("G6_16_bytes_at_0x18", G6_16_bytes_at_0x18, 0),
	KTAP_CASE_ARG("G6_write_8_at_0x14", G6_write_8_at_0x14, 0),
	KTAP_CASE_ARG("G6_write_8_at_0x1c", G6_write_8_at_0x1c, 0),
	KTAP_CASE_ARG("G6_write_0x04_across_0x18", G6_write_0x04_across_0x18, 0),
	KTAP_CASE_ARG("vectored", vectored, 0),
	KTAP_CASE(zero_count),
	KTAP_CASE(G7_faulting_write),
	KTAP_CASE(faulting_command),
	KTAP_CASE(faulting_read),
	KTAP_CASE(two_writers_one_bar),
	KTAP_CASE(two_writers_two_halves),
	KTAP_CASE_ARG("read_all_widths_no_resmem", read_all, 1),
	KTAP_CASE_ARG("write_all_widths_no_resmem", write_all, 1),
	KTAP_CASE_ARG("G6_64_bytes_at_0_no_resmem", G6_64_bytes_at_0, 1),
	KTAP_CASE_ARG("G6_16_bytes_at_0x18_no_resmem", G6_16_bytes_at_0x18, 1),
	KTAP_CASE_ARG("G6_write_8_at_0x14_no_resmem", G6_write_8_at_0x14, 1),
	KTAP_CASE_ARG("G6_write_8_at_0x1c_no_resmem", G6_write_8_at_0x1c, 1),
	KTAP_CASE_ARG("G6_write_0x04_across_0x18_no_resmem", G6_write_0x04_across_0x18, 1),
	KTAP_CASE_ARG("vectored_no_resmem", vectored, 1),
};

int main(int argc, char **argv)
{
	return ktap_main("config", cases, ARRAY_LEN(cases), gpu_cleanup, argc, argv);
}
