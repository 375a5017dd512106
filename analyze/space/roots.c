/*
 * The root list. Every range is cut to whole words at 8-byte boundaries of the
 * target address; a word that two symbols share belongs to the first of them.
 *
 *	.data/.bss   │ a ··│ b │ (unnamed) │ c │ malloc_state: left out │ d ··│
 *
 * One root is one thing that could let go: a variable, a frame, a thread's
 * registers. A module without symbols is one unnamed root per writable segment.
 *
 * Behind .bss, up to the end of its page, the loader keeps what it allocates
 * before there is a malloc (glibc elf/dl-minimal-malloc.c): the rest of that
 * page is a root too, but for the executable's, where brk memory may begin.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/space/roots_build.h"

#define PAGE_MASK 4095ull

static const char *const x86_64_names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi",
					   "rbp", "rsp", "r8",	"r9",  "r10", "r11",
					   "r12", "r13", "r14", "r15", "rip"};
static const char *const aarch64_names[] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",	 "x7",	"x8",  "x9",  "x10",
	"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
	"x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc"};

const char *roots_register_name(enum machine m, uint32_t index)
{
	if (m == MACHINE_X86_64)
		return index < ARRAY_LEN(x86_64_names) ? x86_64_names[index] : "?";
	return index < ARRAY_LEN(aarch64_names) ? aarch64_names[index] : "?";
}

const char *roots_class_name(enum root_class c)
{
	static const char *const names[] = {"global", "tls",   "registered",
					    "kernel", "stack", "register"};

	return names[c];
}

int roots_add(struct roots_builder *b, const struct root *r, struct err *err)
{
	b->roots->n_bytes[r->class] += r->size;
	return vec_push(&b->roots->list, *r) < 0 ? err_nomem(err) : 0;
}

const char *roots_make_name(struct roots_builder *b, const char *fmt, ...)
{
	va_list ap;
	char *name;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&name, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	if (vec_push(&b->roots->strings, name) < 0) {
		free(name);
		return NULL;
	}
	return name;
}

/* The first word at or above a; the last word of the address space counts as its end. */
static addr_t word_up(addr_t a)
{
	return a > UINT64_MAX - 7 ? UINT64_MAX & ~7ull : (a + 7) & ~7ull;
}

/* Adds what the dump has of an aligned range. */
static int add_dumped(struct roots_builder *b, struct root r, struct range at, struct err *err)
{
	while ((at.lo = word_up(space_next(b->space, at.lo))) < at.hi) {
		uint64_t avail;
		int rc;

		r.bytes = space_at(b->space, at.lo, &avail);
		if (!r.bytes || avail < 8) {
			at.lo += 8;
			continue;
		}
		r.addr = at.lo;
		r.size = (avail < range_size(at) ? avail : range_size(at)) & ~7ull;
		rc = roots_add(b, &r, err);
		if (rc < 0)
			return rc;
		at.lo += r.size;
	}
	return 0;
}

/* The first piece of the allocator's state in the range; an empty range at its end: none. */
static struct range next_state(const struct claims *c, struct range at)
{
	struct range found = {at.hi, at.hi};

	for (size_t i = 0; i < c->state.n; i++) {
		struct range s = c->state.v[i];

		if (s.hi > at.lo && s.lo < at.hi && s.lo < found.lo)
			found = s;
	}
	return found;
}

int roots_add_range(struct roots_builder *b, struct root r, struct range at, struct err *err)
{
	at.lo = word_up(at.lo);
	at.hi &= ~7ull;
	while (at.lo < at.hi) {
		struct range state = next_state(b->claims, at);
		addr_t end = state.lo > at.lo ? state.lo & ~7ull : at.lo;
		int rc = add_dumped(b, r, (struct range){at.lo, end}, err);

		if (rc < 0 || state.lo >= at.hi)
			return rc;
		at.lo = word_up(state.hi);
	}
	return 0;
}

int roots_add_symbols(struct roots_builder *b, struct root r, struct range at,
		      const struct symbol *symbols, size_t n, uint64_t base, struct err *err)
{
	addr_t done = word_up(at.lo);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		addr_t lo = (symbols[i].addr + base) & ~7ull, hi;

		hi = (symbols[i].addr + base + symbols[i].size + 7) & ~7ull;
		if (hi <= done || lo >= at.hi)
			continue;
		r.name = NULL;
		if (lo > done)
			rc = roots_add_range(b, r, (struct range){done, lo}, err);
		r.name = symbols[i].name;
		lo = lo > done ? lo : done;
		done = hi < at.hi ? hi : at.hi;
		if (rc == 0)
			rc = roots_add_range(b, r, (struct range){lo, done}, err);
	}
	r.name = NULL;
	return rc < 0 ? rc : roots_add_range(b, r, (struct range){done, at.hi}, err);
}

/* The rest of the page in which a segment ends. */
static int add_page_rest(struct roots_builder *b, struct root r, addr_t end, struct err *err)
{
	if (r.module == b->modules->exe)
		return 0;
	return roots_add_range(b, r, (struct range){end, (end + PAGE_MASK) & ~PAGE_MASK}, err);
}

static int add_globals(struct roots_builder *b, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < b->modules->list.n; i++) {
		const struct module *m = &b->modules->list.v[i];
		struct root r = root_of(ROOT_GLOBAL);
		size_t n = 0;
		const struct symbol *symbols =
			m->writable.n ? symbols_of(b->symbols, i, SYMBOL_DATA, &n) : NULL;

		r.module = i;
		r.is_internal = m->is_interp;
		for (size_t k = 0; rc == 0 && k < m->writable.n; k++) {
			rc = roots_add_symbols(b, r, m->writable.v[k], symbols, n, 0, err);
			if (rc == 0)
				rc = add_page_rest(b, r, m->writable.v[k].hi, err);
		}
	}
	return rc;
}

static int add_stacks(struct roots_builder *b, struct err *err)
{
	struct root r = root_of(ROOT_STACK);
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < b->frames->list.n; i++) {
		r.thread = b->frames->list.v[i].thread;
		r.frame = i;
		rc = roots_add_range(b, r, b->frames->list.v[i].words, err);
	}
	r.frame = INDEX_NONE;
	for (uint32_t i = 0; rc == 0 && i < b->frames->rest.n; i++) {
		r.thread = i;
		rc = roots_add_range(b, r, b->frames->rest.v[i], err);
	}
	return rc;
}

static int add_registers(struct roots_builder *b, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < b->threads->list.n; i++) {
		const struct thread_regs *regs = b->threads->list.v[i].regs;
		struct root r = root_of(ROOT_REGISTER);

		if (!regs)
			continue;
		r.thread = i;
		r.bytes = (const uint8_t *)regs->gpr;
		r.size = regs->n_gpr * sizeof(regs->gpr[0]);
		rc = roots_add(b, &r, err);
		r.bytes = regs->vec;
		r.size = regs->vec_size & ~7ull;
		r.is_vector = true;
		if (rc == 0 && r.size)
			rc = roots_add(b, &r, err);
	}
	return rc;
}

static int by_class(const void *a, const void *b)
{
	const struct root *x = a, *y = b;

	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	if (x->is_vector != y->is_vector)
		return x->is_vector - y->is_vector;
	return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

int roots_init(struct roots *r, const struct space *space, const struct modules *modules,
	       struct symbols *symbols, const struct threads *threads, const struct frames *frames,
	       const struct claims *claims, const struct sampled *sampled, unsigned without,
	       struct err *err)
{
	static const struct {
		enum root_class class;
		int (*add)(struct roots_builder *b, struct err *err);
	} parts[] = {{ROOT_GLOBAL, add_globals},
		     {ROOT_TLS, roots_add_tls},
		     {ROOT_REGISTERED, roots_add_registered},
		     {ROOT_KERNEL, roots_add_kernel},
		     {ROOT_STACK, add_stacks},
		     {ROOT_REGISTER, add_registers}};
	struct roots_builder b = {r, space, modules, symbols, threads, frames, claims, sampled};
	int rc = 0;

	*r = (struct roots){0};
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(parts); i++)
		if (!(without & (1u << parts[i].class)))
			rc = parts[i].add(&b, err);
	if (rc == 0 && r->list.n)
		qsort(r->list.v, r->list.n, sizeof(*r->list.v), by_class);
	if (rc < 0)
		roots_deinit(r);
	return rc;
}

void roots_deinit(struct roots *r)
{
	for (size_t i = 0; i < r->strings.n; i++)
		free(r->strings.v[i]);
	vec_deinit(&r->strings);
	vec_deinit(&r->list);
}
