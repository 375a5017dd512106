/*
 * struct pthread has no stable layout, so it is recognised by what any release must keep:
 *
 *	x86-64     tp: { tcb == tp, dtv, self == tp, … }       the compiler's %fs:0 and %fs:0x10
 *	aarch64    tp: { dtv, private }                        the descriptor ends at tp
 *	both       stackblock, stackblock_size: two page-aligned words in a row whose range holds tp
 *	           tid: the 32-bit word that equals the thread's id in every living thread
 *
 * libc tells sizeof(struct pthread) to its debugging library in _thread_db_sizeof_pthread; without
 * that symbol the end of the stack block tells it, since the descriptor is the last thing there.
 *
 * Sources: glibc sysdeps/x86_64/nptl/tls.h, sysdeps/aarch64/nptl/tls.h, nptl/descr.h, nptl_db.
 */
#include "analyze/space/descriptors.h"

enum {
	DEFAULT_SIZE = 2304, /* glibc 2.31 on x86-64; later ones are within 10 % */
	MAX_SIZE = 8192,
	MAX_DTV = 65536,
	MAX_WITNESSES = 256, /* threads that are asked where the id is */
	PAGE = 4096,
};

static bool is_x86(const struct space *s)
{
	return s->parts->machine == MACHINE_X86_64;
}

bool descriptors_at(const struct space *s, addr_t tp)
{
	uint64_t word[3];

	if (!tp || tp % 8 || space_read(s, tp, word, sizeof(word)) < sizeof(word))
		return false;
	if (is_x86(s))
		return word[0] == tp && word[2] == tp;
	return word[0] && word[0] % 8 == 0 && space_mapping(s, word[0]);
}

struct range descriptors_range(const struct descriptors *d, addr_t tp)
{
	const struct mapping *m = space_mapping(d->space, tp);
	struct range r = is_x86(d->space) ? (struct range){tp, tp + d->size}
					  : (struct range){tp - d->size, tp + 16};

	if (!m)
		return (struct range){0};
	if (r.hi > m->at.hi)
		r.hi = m->at.hi;
	if (r.lo < m->at.lo)
		r.lo = m->at.lo;
	return r;
}

bool descriptors_stack(const struct space *s, addr_t tp, struct range *block)
{
	addr_t from = is_x86(s) ? tp : tp - DEFAULT_SIZE;
	uint64_t word[DEFAULT_SIZE / 8];
	size_t n = space_read(s, from, word, sizeof(word)) / 8;

	for (size_t i = 0; i + 1 < n; i++) {
		addr_t lo = word[i], end;

		if (!lo || lo % PAGE || !word[i + 1] || word[i + 1] % PAGE ||
		    __builtin_add_overflow(lo, word[i + 1], &end) || tp <= lo || tp >= end ||
		    end - tp > MAX_SIZE + (uint64_t)PAGE)
			continue;
		*block = (struct range){lo, end};
		return true;
	}
	return false;
}

struct range descriptors_dtv(const struct space *s, addr_t tp)
{
	uint64_t dtv, n;

	if (!space_u64(s, tp + (is_x86(s) ? 8 : 0), &dtv) || dtv % 8 || dtv < 16 ||
	    !space_u64(s, dtv - 16, &n) || n > MAX_DTV)
		return (struct range){0};
	return (struct range){dtv - 16, dtv + 16 * (n + 1)};
}

bool descriptors_tid(const struct descriptors *d, addr_t tp, uint32_t *tid)
{
	if (d->tid_off == UINT64_MAX)
		return false;
	return space_u32(d->space, descriptors_range(d, tp).lo + d->tid_off, tid);
}

static bool size_by_symbol(struct descriptors *d, const struct modules *modules,
			   struct symbols *symbols)
{
	static const char *const owners[] = {"libc", "libpthread"};
	struct symbol sym;
	uint32_t size;

	for (size_t i = 0; i <= ARRAY_LEN(owners); i++) {
		uint32_t m =
			i < ARRAY_LEN(owners) ? modules_by_name(modules, owners[i]) : modules->exe;

		if (m != INDEX_NONE &&
		    symbols_in(symbols, m, "_thread_db_sizeof_pthread", SYMBOL_DATA, &sym) &&
		    space_u32(d->space, sym.addr, &size) && size >= 256 && size <= MAX_SIZE) {
			d->size = size;
			return true;
		}
	}
	return false;
}

static void size_by_stack(struct descriptors *d)
{
	const struct parts *p = d->space->parts;
	struct range block;

	for (size_t i = 0; is_x86(d->space) && i < p->threads.n; i++) {
		addr_t tp = p->threads.v[i].tp;

		if (descriptors_at(d->space, tp) && descriptors_stack(d->space, tp, &block) &&
		    block.hi - tp >= 256 && block.hi - tp <= MAX_SIZE) {
			d->size = block.hi - tp;
			return;
		}
	}
}

/* Whether the word at off is the thread's id in the living threads: enough of them to be sure. */
static bool is_tid_off(const struct descriptors *d, uint64_t off)
{
	const struct parts *p = d->space->parts;
	size_t seen = 0;

	for (size_t i = 0; i < p->threads.n && seen < MAX_WITNESSES; i++) {
		const struct thread_regs *t = &p->threads.v[i];
		uint32_t tid;

		if (!descriptors_at(d->space, t->tp))
			continue;
		if (!space_u32(d->space, descriptors_range(d, t->tp).lo + off, &tid) ||
		    tid != t->tid)
			return false;
		seen++;
	}
	return seen > 0;
}

void descriptors_learn(struct descriptors *d, const struct space *s, const struct modules *modules,
		       struct symbols *symbols)
{
	*d = (struct descriptors){s, DEFAULT_SIZE, UINT64_MAX};
	if (!size_by_symbol(d, modules, symbols))
		size_by_stack(d);
	for (uint64_t off = 0; off < d->size && d->tid_off == UINT64_MAX; off += 4)
		if (is_tid_off(d, off))
			d->tid_off = off;
}
