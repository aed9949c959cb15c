// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the fuzzer's programs.
 *
 * A thread has four *slots*, mappings of its own; the other thread never touches them, so that what
 * it maps in a place that became free is its own. Buffers are one piece of memory with nothing behind
 * it, so no length is too long.
 */
#include "fuzz.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktap.h"
#include "util.h"

#define FZ_SLOTS 4
struct fz_slot {
	char *at;
	uint64_t off, len; /* in its region */
	const struct fz_window *w;
	int prot;
};

struct fz_thread {
	struct fz_device *d;
	struct fz_model *m;
	struct fz_slot slot[FZ_SLOTS];
	char *buf;
	int exported;
	uint64_t *served; /* a count for each kind */
};

/* What the bytes of a transfer are in. */
struct fz_buffer {
	char *at;
	uint64_t room;	      /* so much is there */
	uint64_t fill;	      /* so much may be filled first */
	bool plain;	      /* nothing strange about it */
	struct fz_slot *slot; /* it is in this mapping */
};

static _Thread_local sigjmp_buf fz_jump;
static _Thread_local volatile bool fz_touching;

static void fz_signal(int sig)
{
	if (!fz_touching) {
		signal(sig, SIG_DFL);
		return;
	}
	siglongjmp(fz_jump, sig);
}

struct fz_thread *fz_thread_new(struct fz_device *d, uint64_t *served)
{
	struct sigaction sa = {.sa_handler = fz_signal, .sa_flags = SA_NODEFER};
	struct fz_thread *t = calloc(1, sizeof(*t));

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	OK(t, "out of memory");
	t->d = d;
	t->exported = -1;
	t->served = served;
	t->buf = mmap(NULL, FZ_BUF + MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(t->buf != MAP_FAILED && !mprotect(t->buf, FZ_BUF, PROT_READ | PROT_WRITE), "buffer");
	/* Its last two pages: one to be read only, and one whole. */
	OK(!mprotect(t->buf + FZ_BUF - 8192, 4096, PROT_READ), "buffer: read-only page");
	return t;
}

/* Is there memory behind this byte of the mapping? */
static bool fz_there(const struct fz_slot *s, uint64_t at)
{
	return s->at && s->w &&
	       (s->w->memory == s->w->length || s->off + at < s->w->memory - FZ_BUF);
}

/* One that is mapped, if there is one. */
static struct fz_slot *fz_slot(struct fz_thread *t, unsigned int wanted)
{
	for (unsigned int i = 0; i < FZ_SLOTS; i++) {
		struct fz_slot *s = &t->slot[(wanted + i) % FZ_SLOTS];

		if (s->at)
			return s;
	}
	return NULL;
}

/* What a write to the device takes from may be read-only: two pages more than a read has. */
static struct fz_buffer fz_buffer(struct fz_thread *t, const struct fz_op *op, bool write)
{
	struct fz_buffer b = {.at = t->buf, .fill = FZ_BUF - 8192, .plain = true};

	b.room = write ? FZ_BUF : b.fill;
	switch (op->how % 16) {
	case 8:
		b.slot = fz_slot(t, op->value);
		if (b.slot && fz_there(b.slot, 0)) {
			b.at = b.slot->at + op->value / 4 % b.slot->len % FZ_BUF;
			b.room = b.slot->len - (b.at - b.slot->at);
			b.fill = 0;
			b.plain = false;
			return b;
		}
		b.slot = NULL;
		break;
	case 9: /* ends soon, for reads */
		b.fill = op->value % 8192;
		b.at = t->buf + FZ_BUF - 8192 - b.fill;
		b.room = write ? b.fill + 8192 : b.fill;
		b.plain = false;
		break;
	case 10: /* ends soon */
		b.room = b.fill = op->value % 4096;
		b.at = t->buf + FZ_BUF - b.room;
		b.plain = false;
		break;
	case 11:
		b.at = op->value % 2 ? NULL : (char *)(uintptr_t)(op->value | 1ull << 63);
		b.room = b.fill = 0;
		b.plain = false;
		break;
	case 12:
	case 13:
		b.at += op->value % 64;
		b.room -= op->value % 64;
		b.fill -= op->value % 64;
		break;
	default:
		break;
	}
	return b;
}

static void fz_look(struct fz_thread *t)
{
	if (t->m)
		fz_model_look(t->m);
}

/* What a transfer to or from a window must give, where the buffer is not in the way. */
static void fz_expect(const struct fz_thread *t, const struct fz_place *p, uint64_t n, ssize_t r)
{
	const struct fz_window *w = p->w;
	int64_t want = (int64_t)n;

	if (p->off >= w->size)
		want = -EINVAL;
	else if (w->registers && (n != 8 || p->off % 8))
		want = -EINVAL;
	else if (!fz_model_answers(t->m, w))
		want = -EIO;
	else if (n > w->size - p->off)
		want = (int64_t)(w->size - p->off);
	EQ(r, want, "transfer of %llu at region %d + 0x%llx", (unsigned long long)n, w->region,
	   (unsigned long long)p->off);
}

/* What the call gave, and the bytes that came or went; @n were wanted. */
static void fz_judge(struct fz_thread *t, const struct fz_place *p, const struct fz_buffer *b,
		     uint64_t n, bool write, ssize_t r)
{
	uint64_t done = r > 0 ? (uint64_t)r : 0;
	struct fz_model *m = t->m;

	OK(r <= (ssize_t)n, "transfer of %llu gives %zd", (unsigned long long)n, r);
	/* What is dropped is not looked at. */
	if (!b->slot && b->room < n && !(write && p->w && p->off + b->room >= p->w->length))
		OK(done <= b->room, "%zd bytes of a buffer of %llu", r,
		   (unsigned long long)b->room);
	if (!m || !p->inside)
		return;
	if (t->d->untrains && fz_model_is_asleep(m)) {
		fz_model_forget_all(m);
		return;
	}
	if (p->w && b->plain && n && n <= b->room && p->off + n < 1ull << 40 &&
	    !fz_model_is_asleep(m))
		fz_expect(t, p, n, r);
	/* A write may have written more than it counts. */
	if (p->w && write && (b->slot || done < n))
		fz_model_forget(m, p->w, p->off, n < FZ_BUF ? n : FZ_BUF);
	if (p->region == VFIO_CONFIG && write && (b->slot || done < n))
		fz_model_config_forget(m, p->off, n);
	if (b->slot) {
		if (!write)
			fz_model_forget(m, b->slot->w, b->slot->off + (b->at - b->slot->at),
					b->room);
		return;
	}
	if (p->w && write)
		fz_model_put(m, p->w, p->off, b->at, done);
	else if (p->w)
		fz_model_got(m, p->w, p->off, b->at, done);
	else if (p->region == VFIO_CONFIG && write)
		fz_model_config_put(m, p->off, b->at, done);
	else if (p->region == VFIO_CONFIG)
		fz_model_config_got(m, p->off, b->at, done);
}

static void fz_fill(char *at, uint64_t n, uint64_t seed)
{
	ktap_fill(at, n < 64 * KiB ? n : 64 * KiB, seed);
}

static void fz_transfer(struct fz_thread *t, const struct fz_op *op, bool write)
{
	struct fz_place p = fz_find(t->d, op);
	struct fz_buffer b = fz_buffer(t, op, write);
	uint64_t n = op->len;
	ssize_t r;

	/* Register by register, which takes its time. */
	if (!p.w && n > 512)
		n %= 320;
	if (b.slot && n > FZ_BUF)
		n %= FZ_BUF;
	/* What is not filled is as it was. */
	if (write)
		fz_fill(b.at, n < b.fill ? n : b.fill, op->value);
	r = write ? pwrite(t->d->vfio.fd, b.at, n, p.pos) : pread(t->d->vfio.fd, b.at, n, p.pos);
	if (r < 0)
		r = -errno;
	t->served[op->kind] += r > 0;
	if (n > 0x7ffff000)
		n = 0x7ffff000;
	fz_judge(t, &p, &b, n, write, r);
	if (p.region == VFIO_CONFIG && write)
		fz_look(t);
}

/* The same bytes in up to three pieces. */
static void fz_vector(struct fz_thread *t, const struct fz_op *op, bool write)
{
	struct fz_place p = fz_find(t->d, op);
	struct fz_buffer b = {.at = t->buf, .room = FZ_BUF - 8192};
	uint64_t n = op->len % MiB, first, second;
	struct iovec iov[3];
	ssize_t r;

	if (n < 3 || !p.w)
		n = 3 + n % 64;
	first = 1 + op->value % (n - 2);
	second = 1 + op->value / 7 % (n - first - 1);
	if (p.w && p.w->registers && op->value % 2) {
		n = 24;
		first = second = 8;
	}
	iov[0] = (struct iovec){b.at, first};
	iov[1] = (struct iovec){b.at + first, second};
	iov[2] = (struct iovec){b.at + first + second, n - first - second};
	if (write)
		fz_fill(b.at, n, op->value);
	r = write ? pwritev(t->d->vfio.fd, iov, 3, p.pos) : preadv(t->d->vfio.fd, iov, 3, p.pos);
	if (r < 0)
		r = -errno;
	t->served[op->kind] += r > 0;
	b.plain = !(p.w && p.w->registers);
	fz_judge(t, &p, &b, n, write, r);
	if (p.region == VFIO_CONFIG && write)
		fz_look(t);
}

static void fz_unmap(struct fz_slot *s)
{
	if (s->at)
		munmap(s->at, s->len);
	memset(s, 0, sizeof(*s));
}

static void fz_map(struct fz_thread *t, const struct fz_op *op)
{
	static const int prots[] = {PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ | PROT_WRITE,
				    PROT_READ,
				    PROT_WRITE,
				    PROT_NONE};
	struct fz_slot *s = &t->slot[op->target % FZ_SLOTS];
	struct fz_place p = fz_find(t->d, op);
	uint64_t len = op->len ? (op->len + 4095ull) & ~4095ull : 0, most;
	int flags = op->how % 8 == 7 ? MAP_PRIVATE : MAP_SHARED;
	int prot = prots[op->value % ARRAY_LEN(prots)];
	bool right;
	void *at;

	fz_unmap(s);
	/* Most that are asked for are right in alignment, some are the whole. */
	if (op->how & 24)
		p.off &= ~4095ull;
	if (op->how >= 24 && p.w)
		p.off = 0, len = p.w->length & ~4095ull;
	p.pos = (off_t)(t->d->vfio.region[p.region].offset + p.off);
	if ((op->how & 7) == 6 && len <= FZ_BUF)
		flags |= MAP_POPULATE;
	at = mmap(NULL, len, prot, flags, t->d->vfio.fd, p.pos);
	if (t->m && p.w && p.off < 1ull << 40) {
		most = p.w->length & ~4095ull;
		right = flags & MAP_SHARED && len && p.off % 4096 == 0 && p.off < most &&
			len <= most - p.off && (!p.w->registers || len == p.w->length);
		if (!right || !p.w->picky)
			EQ(at != MAP_FAILED, right, "mmap of 0x%llx at region %d + 0x%llx",
			   (unsigned long long)len, p.region, (unsigned long long)p.off);
	}
	if (at == MAP_FAILED)
		return;
	*s = (struct fz_slot){.at = at, .off = p.off, .len = len, .w = p.w, .prot = prot};
	t->served[op->kind]++;
}

static int fz_touch(volatile uint64_t *at, uint64_t *value, bool store)
{
	int sig = sigsetjmp(fz_jump, 0);

	if (!sig) {
		fz_touching = true;
		if (store)
			*at = *value;
		else
			*value = *at;
	}
	fz_touching = false;
	return sig;
}

static uint64_t fz_touch_at(const struct fz_op *op, const struct fz_slot *s)
{
	uint64_t at = op->base % 4 == 1 ? s->len : op->value * 0x9e3779b97f4a7c15 >> 8;

	at = (op->base % 4 ? at : 0) + op->delta;
	if (op->base % 4 >= 2)
		at %= s->len;
	if (s->w && !fz_there(s, at))
		at %= FZ_BUF;
	if (at > s->len - 8)
		at = s->len - 8;
	return s->w && s->w->registers ? at & ~7ull : at;
}

static void fz_access(struct fz_thread *t, const struct fz_op *op, bool store)
{
	struct fz_slot *s = fz_slot(t, op->target);
	uint64_t value = op->value, at;
	int sig, want = 0;

	if (!s || (store && !s->w))
		return;
	at = fz_touch_at(op, s);
	if (s->w && !fz_there(s, at))
		return;
	sig = fz_touch((volatile uint64_t *)(s->at + at), &value, store);
	t->served[op->kind] += !sig;
	if (!t->m || !s->w)
		return;
	if (store ? !(s->prot & PROT_WRITE) : s->prot == PROT_NONE)
		want = SIGSEGV;
	else if (!fz_model_answers(t->m, s->w) || (fz_model_is_asleep(t->m) && !s->w->registers))
		want = SIGBUS;
	EQ(sig, want, "%s at region %d + 0x%llx: signal", store ? "store" : "load", s->w->region,
	   (unsigned long long)(s->off + at));
	if (!sig && store)
		fz_model_put(t->m, s->w, s->off + at, &value, 8);
	else if (!sig)
		fz_model_got(t->m, s->w, s->off + at, &value, 8);
}

/* All of it, a half, or the middle, the rest after a look at both sides. */
static void fz_unmap_some(struct fz_thread *t, const struct fz_op *op)
{
	struct fz_slot *s = fz_slot(t, op->target);
	uint64_t half, value;

	if (!s)
		return;
	half = s->len / 2 & ~4095ull;
	t->served[op->kind]++;
	switch (half ? op->how % 4 : 0) {
	case 1:
		munmap(s->at + half, s->len - half);
		s->len = half;
		break;
	case 2:
		munmap(s->at, half);
		s->at += half;
		s->off += half;
		s->len -= half;
		break;
	case 3:
		munmap(s->at + half, 4096);
		fz_touch((volatile uint64_t *)s->at, &value, false);
		if (half + 4096 < s->len) {
			if (fz_there(s, half + 4096))
				fz_touch((volatile uint64_t *)(s->at + half + 4096), &value, false);
			munmap(s->at + half + 4096, s->len - half - 4096);
		}
		s->len = half;
		break;
	default:
		fz_unmap(s);
	}
}

static void fz_change(struct fz_thread *t, const struct fz_op *op)
{
	static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
	static const int advice[] = {MADV_WILLNEED,
				     MADV_DONTNEED,
				     MADV_HUGEPAGE,
				     MADV_FREE,
				     MADV_DONTFORK,
				     MADV_DOFORK,
				     MADV_COLD,
				     22, /* MADV_POPULATE_READ */
				     23,
				     25 /* MADV_COLLAPSE */};
	struct fz_slot *s = fz_slot(t, op->target);
	uint64_t len;
	int prot = prots[op->value % ARRAY_LEN(prots)];
	void *at, *room;

	if (!s)
		return;
	len = s->len < FZ_BUF ? s->len : FZ_BUF;
	if (op->kind == FZ_MADVISE) {
		t->served[op->kind] += !madvise(s->at, len, advice[op->value % ARRAY_LEN(advice)]);
	} else if (op->kind == FZ_MPROTECT) {
		EQ(mprotect(s->at, s->len, prot), 0, "mprotect");
		s->prot = prot;
		t->served[op->kind]++;
	} else if (op->how & 1) {
		at = mremap(s->at, s->len, s->len + 4096, MREMAP_MAYMOVE);
		OK(at == MAP_FAILED || !s->w, "mremap: a window's mapping grows");
		s->len += at == MAP_FAILED ? 0 : 4096;
		s->at = at == MAP_FAILED ? s->at : at;
	} else {
		room = mmap(NULL, s->len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);
		at = mremap(s->at, s->len, s->len, MREMAP_MAYMOVE | MREMAP_FIXED, room);
		s->at = at == MAP_FAILED ? s->at : at;
		t->served[op->kind] += at != MAP_FAILED;
	}
}

/* A child that has the mappings, too. */
static void fz_fork(struct fz_thread *t, const struct fz_op *op)
{
	uint64_t value;
	pid_t pid = fork();

	if (pid == 0) {
		for (int i = 0; i < FZ_SLOTS; i++)
			if (t->slot[i].at)
				fz_touch((volatile uint64_t *)t->slot[i].at, &value, false);
		_exit(0);
	}
	t->served[op->kind] += pid > 0 && waitpid(pid, NULL, 0) == pid;
}

static void fz_one(struct fz_thread *t, const struct fz_op *op)
{
	struct fz_place p;

	switch (op->kind) {
	case FZ_READ:
	case FZ_WRITE:
		fz_transfer(t, op, op->kind == FZ_WRITE);
		break;
	case FZ_READV:
	case FZ_WRITEV:
		fz_vector(t, op, op->kind == FZ_WRITEV);
		break;
	case FZ_MMAP:
		fz_map(t, op);
		break;
	case FZ_LOAD:
	case FZ_STORE:
		fz_access(t, op, op->kind == FZ_STORE);
		break;
	case FZ_MUNMAP:
		fz_unmap_some(t, op);
		break;
	case FZ_MPROTECT:
	case FZ_MREMAP:
	case FZ_MADVISE:
		fz_change(t, op);
		break;
	case FZ_FORK:
		fz_fork(t, op);
		break;
	case FZ_ENABLE:
	case FZ_POWER:
	case FZ_FLR:
	case FZ_RESET:
	case FZ_HOT_RESET:
	case FZ_LOW_POWER:
		t->served[op->kind] += fz_state(t->d, op, t->m);
		fz_look(t);
		break;
	default:
		p = fz_find(t->d, op);
		t->served[op->kind] += !fz_ioctl(t->d, op, (uint64_t)p.pos, &t->exported);
		fz_look(t);
	}
}

void fz_run(struct fz_thread *t, const struct fz_program *p, unsigned int thread,
	    struct fz_model *m)
{
	t->m = m;
	fz_look(t);
	for (uint32_t i = 0; i < p->n; i++)
		if (p->op[i].thread == thread)
			fz_one(t, &p->op[i]);
}

void fz_tidy(struct fz_thread *t)
{
	for (int i = 0; i < FZ_SLOTS; i++)
		fz_unmap(&t->slot[i]);
	if (t->exported >= 0)
		close(t->exported);
	t->exported = -1;
	if (t->m)
		fz_model_asleep(t->m, false);
}
