/*
 * Threads, from two witnesses: the dump's register notes name the living ones,
 * and the memory of stacks that libc keeps for reuse still holds the
 * descriptors of exited ones. Their stack words are dead, but their
 * descriptors, dtv and thread-locals are still the process's own.
 *
 *	guard │ dead ⋯ sp−128 │ live stack │ static TLS │ descriptor │    living, x86-64
 *	guard │ dead ⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯⋯ │ static TLS │ descriptor │    exited
 *
 * 128: the red zone of the x86-64 psABI; a leaf function may use it below sp.
 *
 * A thread whose stack pointer is not in its own stack runs on an alternate
 * signal stack or a coroutine's; its own stack counts as live as a whole, until
 * frames.c has found where it was left.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/descriptors.h"
#include "analyze/space/disjoint.h"
#include "base/cleanup.h"
#include "analyze/space/threads.h"
#include "analyze/space/tls.h"

enum { RED_ZONE = 128, DESCRIPTOR_ALIGN = 64, MAX_EXITED = 16384, TLS_COST = 64 };

/* For small dumps, in which most of a thread is not there. */
#define TLS_BUDGET_MIN 65536

struct survey {
	const struct space *space;
	const struct modules *modules;
	struct claims *claims;
	struct warnings *warnings;
	struct descriptors descriptors;
	struct tls_layout tls;
	struct threads *threads;
	VEC(addr_t) living;  /* thread pointers of the living threads, sorted */
	size_t n_unknown;    /* living threads without a descriptor */
	uint64_t tls_budget; /* bytes that may still be thread-local: no two threads share any */
	size_t n_cut;	     /* blocks that were left out because of that */
};

static bool is_x86(const struct survey *s)
{
	return s->space->parts->machine == MACHINE_X86_64;
}

/* The block of one module in this thread; false: not allocated there. */
static bool tls_block(const struct survey *s, const struct thread *t, const struct tls_module *m,
		      struct tls_block *out)
{
	addr_t at = t->tp + (uint64_t)m->off;

	*out = (struct tls_block){.module = m->module, .is_static = m->has_static};
	if (!m->has_static) {
		addr_t slot = t->dtv.lo + 16 + 16 * m->modid;

		if (!m->modid || slot + 16 > t->dtv.hi || !space_u64(s->space, slot, &at) || !at ||
		    at == UINT64_MAX || !space_mapping(s->space, at))
			return false;
	}
	out->at = (struct range){at, at + m->size};
	return out->at.hi > out->at.lo;
}

/* Whether there is room for n bytes more; each costs TLS_COST at least. */
static bool spend(struct survey *s, uint64_t n)
{
	n = n < TLS_COST ? TLS_COST : n;
	if (n > s->tls_budget) {
		s->n_cut++;
		return false;
	}
	s->tls_budget -= n;
	return true;
}

static int find_tls(struct survey *s, struct thread *t, struct err *err)
{
	addr_t lo = t->descriptor.lo, hi = is_x86(s) ? t->tp : t->tp + 16;

	t->static_tls = (struct range){is_x86(s) ? t->tp : hi, hi};
	for (size_t i = 0; i < s->tls.list.n; i++) {
		struct tls_block b;

		if (!tls_block(s, t, &s->tls.list.v[i], &b) || !spend(s, range_size(b.at)))
			continue;
		if (vec_push(&t->tls, b) < 0)
			return err_nomem(err);
		if (b.is_static && is_x86(s) && b.at.lo < lo)
			lo = b.at.lo;
		if (b.is_static && !is_x86(s) && b.at.hi > hi)
			hi = b.at.hi;
	}
	if (is_x86(s))
		t->static_tls.lo = lo & ~7ull;
	else
		t->static_tls.hi = hi;
	return 0;
}

/* Descriptor, dtv, TLS of the thread whose thread pointer is set. */
static int find_descriptor(struct survey *s, struct thread *t, struct err *err)
{
	t->descriptor = descriptors_range(&s->descriptors, t->tp);
	t->dtv = descriptors_dtv(s->space, t->tp);
	if (!spend(s, range_size(t->descriptor)))
		t->descriptor = (struct range){0};
	if (!spend(s, range_size(t->dtv)))
		t->dtv = (struct range){0};
	return find_tls(s, t, err);
}

static const struct mapping *main_stack(const struct survey *s)
{
	const struct parts *p = s->space->parts;
	addr_t inside = parts_auxv(p, AT_EXECFN);

	if (!inside)
		inside = parts_auxv(p, AT_RANDOM);
	return inside ? space_mapping(s->space, inside) : NULL;
}

/* The thread's own stack: where it is mapped and where the usable part ends. */
static void find_stack(struct survey *s, struct thread *t)
{
	const struct mapping *home = main_stack(s), *at = space_mapping(s->space, t->regs->sp);
	bool has_descriptor = range_size(t->descriptor) > 0;
	addr_t end;

	if (!home || t->regs->tid != s->space->parts->pid) {
		struct range block;

		home = at;
		if (has_descriptor && descriptors_stack(s->space, t->tp, &block))
			t->stack_mapping = block;
	}
	if (!range_size(t->stack_mapping) && home)
		t->stack_mapping = home->at;
	end = t->stack_mapping.hi;
	if (has_descriptor && range_has(t->stack_mapping, t->tp))
		end = is_x86(s) ? t->static_tls.lo : t->descriptor.lo;
	t->stack_mapping.hi = end;
	t->stack = t->stack_mapping;
	if (range_has(t->stack_mapping, t->regs->sp)) {
		addr_t lo = t->regs->sp - (is_x86(s) ? RED_ZONE : 0);

		t->stack.lo = lo > t->stack_mapping.lo ? lo : t->stack_mapping.lo;
	}
}

static int claim_thread(struct survey *s, const struct thread *t, struct err *err)
{
	enum claim_kind kind = t->regs ? CLAIM_STACK : CLAIM_DEAD_STACK;
	int rc = claims_add(s->claims, t->descriptor, CLAIM_THREAD, err);

	if (rc == 0 && range_size(t->descriptor))
		rc = claims_add(s->claims, t->static_tls, CLAIM_THREAD, err);
	return rc < 0 ? rc : claims_add(s->claims, t->stack_mapping, kind, err);
}

static int add_living(struct survey *s, const struct thread_regs *regs, struct err *err)
{
	struct thread t = {.tid = regs->tid, .regs = regs};
	int rc = 0;

	if (descriptors_at(s->space, regs->tp)) {
		t.tp = regs->tp;
		rc = find_descriptor(s, &t, err);
	} else {
		s->n_unknown++;
	}
	if (rc == 0) {
		find_stack(s, &t);
		rc = claim_thread(s, &t, err);
	}
	if (rc == 0 && vec_push(&s->threads->list, t) < 0)
		rc = err_nomem(err);
	if (rc < 0)
		vec_deinit(&t.tls);
	return rc;
}

/* No two threads' live stacks share a word. */
static int separate_stacks(struct survey *s, struct err *err)
{
	size_t n = s->threads->list.n;
	_cleanup_free_ struct range **v = malloc((n + 1) * sizeof(*v));

	if (!v)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		v[i] = &s->threads->list.v[i].stack;
	disjoint_cut(v, n);
	return 0;
}

static int by_address(const void *a, const void *b)
{
	addr_t x = *(const addr_t *)a, y = *(const addr_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts the thread pointers of the living, which the search for exited threads asks often. */
static int learn_living(struct survey *s, struct err *err)
{
	for (size_t i = 0; i < s->threads->list.n; i++)
		if (vec_push(&s->living, s->threads->list.v[i].tp) < 0)
			return err_nomem(err);
	if (s->living.n)
		qsort(s->living.v, s->living.n, sizeof(*s->living.v), by_address);
	return 0;
}

static bool is_living(const struct survey *s, addr_t tp)
{
	return s->living.n &&
	       bsearch(&tp, s->living.v, s->living.n, sizeof(*s->living.v), by_address);
}

/*
 * Whether an exited thread's descriptor is at tp, inside a stack block of its own. The kernel clears
 * the id of a thread that ends; pthread_join() then sets it to −1.
 */
static bool is_exited(const struct survey *s, addr_t tp, struct range *block)
{
	uint32_t tid;

	return s->threads->list.n - s->threads->n_live < MAX_EXITED &&
	       descriptors_at(s->space, tp) && descriptors_tid(&s->descriptors, tp, &tid) &&
	       (!tid || tid == UINT32_MAX) && descriptors_stack(s->space, tp, block) &&
	       !is_living(s, tp);
}

static int add_exited(struct survey *s, addr_t tp, struct range block, struct err *err)
{
	struct thread t = {.tp = tp};
	int rc = find_descriptor(s, &t, err);

	t.stack_mapping = (struct range){block.lo, t.static_tls.lo};
	if (rc == 0)
		rc = claim_thread(s, &t, err);
	if (rc == 0 && vec_push(&s->threads->list, t) < 0)
		rc = err_nomem(err);
	if (rc < 0)
		vec_deinit(&t.tls);
	return rc;
}

/* To where a descriptor may begin; the end of the address space stays. */
static addr_t align_up(addr_t a)
{
	addr_t up = (a + DESCRIPTOR_ALIGN - 1) & ~(addr_t)(DESCRIPTOR_ALIGN - 1);

	return up < a ? UINT64_MAX : up;
}

/* The next place for a descriptor, or the end, which the end of the address space may be near. */
static addr_t step(addr_t a, addr_t end)
{
	return end - a > DESCRIPTOR_ALIGN ? a + DESCRIPTOR_ALIGN : end;
}

/* Looks for descriptors of exited threads in one unclaimed piece of anonymous memory. */
static int search_exited(struct survey *s, struct range at, struct err *err)
{
	addr_t a = at.lo;

	while ((a = align_up(space_next(s->space, a))) < at.hi) {
		uint64_t avail, self;
		const uint8_t *p = space_at(s->space, a, &avail);
		addr_t end, first = a;
		struct range block;

		if (!p) {
			a = step(a, at.hi);
			continue;
		}
		end = avail < at.hi - a ? a + avail : at.hi;
		for (; a < end; a = step(a, end)) {
			int rc = 0;

			if (end - a < sizeof(self))
				continue;
			memcpy(&self, p + (a - first), sizeof(self));
			if (self == a && is_exited(s, a, &block))
				rc = add_exited(s, a, block, err);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* Whether libc's stacks have a guard mapping below them here (since 2.42 the guard is no mapping). */
static bool has_guard(const struct survey *s, addr_t lo)
{
	const struct mapping *below = lo ? space_mapping(s->space, lo - 1) : NULL;

	return below && !(below->prot & (PROT_R | PROT_W | PROT_X));
}

/* Only a living thread's stack tells; with the main thread alone it is not known. */
static bool guards_are_mappings(const struct survey *s)
{
	bool any = false;

	for (size_t i = 0; i < s->threads->n_live; i++) {
		const struct thread *t = &s->threads->list.v[i];
		const struct mapping *m = space_mapping(s->space, t->stack.lo);

		if (!m || t->regs->tid == s->space->parts->pid)
			continue;
		if (!has_guard(s, m->at.lo))
			return false;
		any = true;
	}
	return any;
}

static int add_all_exited(struct survey *s, struct err *err)
{
	bool guarded = guards_are_mappings(s);

	if (!is_x86(s))
		return 0;
	for (size_t i = 0; i < s->space->mappings.n; i++) {
		const struct mapping *m = &s->space->mappings.v[i];
		int rc;

		if (m->path || !(m->prot & PROT_W) || !m->n_dumped ||
		    (guarded && !has_guard(s, m->at.lo)))
			continue;
		rc = search_exited(s, (struct range){m->at.lo, m->at.lo + m->n_dumped}, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int threads_init(struct threads *t, const struct space *space, const struct modules *modules,
		 struct symbols *symbols, struct debuginfo *debuginfo, struct claims *claims,
		 struct warnings *warnings, struct err *err)
{
	struct survey s = {.space = space,
			   .modules = modules,
			   .claims = claims,
			   .warnings = warnings,
			   .threads = t};
	int rc = tls_layout_init(&s.tls, space, modules, err);

	*t = (struct threads){0};
	if (rc < 0)
		return rc;
	s.tls_budget = space_dumped_bytes(space) + TLS_BUDGET_MIN;
	descriptors_learn(&s.descriptors, space, modules, symbols);
	for (size_t i = 0; rc == 0 && i < space->parts->threads.n; i++)
		rc = add_living(&s, &space->parts->threads.v[i], err);
	t->n_live = t->list.n;
	if (rc == 0)
		rc = separate_stacks(&s, err);
	if (rc == 0)
		rc = learn_living(&s, err);
	if (rc == 0)
		rc = add_all_exited(&s, err);
	vec_deinit(&s.living);
	if (s.n_unknown)
		warnings_add(warnings,
			     "the thread descriptors of %zu of %zu threads were not found: their "
			     "thread-local variables are not roots",
			     s.n_unknown, t->n_live);
	if (s.n_cut)
		warnings_add(warnings,
			     "the threads' thread-local storage is larger than the dump: %zu "
			     "pieces are left out",
			     s.n_cut);
	tls_layout_deinit(&s.tls);
	if (rc < 0)
		threads_deinit(t);
	return rc;
}

void threads_deinit(struct threads *t)
{
	for (size_t i = 0; i < t->list.n; i++)
		vec_deinit(&t->list.v[i].tls);
	vec_deinit(&t->list);
}
