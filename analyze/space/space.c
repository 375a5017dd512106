/*
 * The address space as two sorted lists: runs (bytes we have) and mappings
 * (what was mapped, whether or not we have its bytes).
 *
 *	mappings   [ libc r-x ][ libc rw- ]      [ heap rw- ]      [ guard --- ]
 *	runs       [file bytes][ dumped   ]      [ dumped ]
 *
 * Adjacent runs are not joined: their bytes come from different places.
 *
 * Invariants: runs, zeros and mappings are sorted by address and disjoint, runs also from zeros; none
 * is empty.
 */
#include <string.h>

#include "analyze/space/space.h"
#include "base/cleanup.h"

#define PAGE_MASK 4095ull

/* What space_at() shows of a hole. */
static const uint8_t zero_bytes[65536];

static int add_mapping(struct space *s, const struct segment *seg, struct range at,
		       const struct mapped_file *file, struct err *err)
{
	struct mapping m = {.at = at, .prot = seg->prot};
	uint64_t skip = at.lo - seg->addr, size = range_size(at);
	uint64_t dumped = seg->filesz > skip ? seg->filesz - skip : 0;

	m.n_dumped = dumped < size ? dumped : size;
	if (file) {
		m.path = file->path;
		m.file_off = file->file_off + (at.lo - file->start);
	}
	return vec_push(&s->mappings, m) < 0 ? err_nomem(err) : 0;
}

/* Cuts one segment at the edges of the files mapped there; *next is the first file not yet passed. */
static int add_segment_mappings(struct space *s, const struct segment *seg, size_t *next,
				struct err *err)
{
	const struct parts *p = s->parts;
	addr_t at = seg->addr, end = seg->addr + seg->memsz;
	int rc = 0;

	while (*next < p->files.n && p->files.v[*next].end <= at)
		(*next)++;
	for (size_t i = *next; rc == 0 && at < end; i++) {
		const struct mapped_file *f = i < p->files.n ? &p->files.v[i] : NULL;
		addr_t lo = f && f->start < end ? f->start : end, hi;

		if (lo > at) {
			rc = add_mapping(s, seg, (struct range){at, lo}, NULL, err);
			at = lo;
		}
		if (rc < 0 || at >= end)
			break;
		hi = f->end < end ? f->end : end;
		if (hi > at)
			rc = add_mapping(s, seg, (struct range){at, hi}, f, err);
		at = hi > at ? hi : at;
	}
	return rc;
}

int space_init(struct space *s, const struct parts *parts, struct err *err)
{
	size_t next_file = 0;
	int rc = 0;

	*s = (struct space){.parts = parts};
	for (size_t i = 0; rc == 0 && i < parts->segments.n; i++) {
		const struct segment *seg = &parts->segments.v[i];
		struct space_run run = {seg->addr, seg->filesz, seg->data, RUN_DUMPED};

		if (run.size && vec_push(&s->runs, run) < 0)
			rc = err_nomem(err);
		if (rc == 0)
			rc = add_segment_mappings(s, seg, &next_file, err);
	}
	if (rc < 0)
		space_deinit(s);
	return rc;
}

void space_deinit(struct space *s)
{
	vec_deinit(&s->runs);
	vec_deinit(&s->mappings);
	vec_deinit(&s->zeros);
}

/*
 * Cuts one run, whose first byte is at off in the file, at the holes. A hole loses its ends up to the
 * next page of the target, so that no word lies in it by half.
 */
static int cut_run(struct space *to, struct space_run run, uint64_t off, const struct range *holes,
		   size_t n, struct err *err)
{
	addr_t first = run.addr, end = run.addr + run.size;
	const uint8_t *data = run.data;

	for (size_t i = 0; i < n && holes[i].lo < off + (end - first); i++) {
		addr_t lo = holes[i].lo > off ? first + (holes[i].lo - off) : first;
		addr_t hi = holes[i].hi - off < end - first ? first + (holes[i].hi - off) : end;

		lo = (lo + PAGE_MASK) & ~PAGE_MASK;
		hi &= ~PAGE_MASK;
		if (lo >= hi)
			continue;
		run.size = lo - run.addr;
		if (vec_push(&to->zeros, ((struct range){lo, hi})) < 0 ||
		    (run.size && vec_push(&to->runs, run) < 0))
			return err_nomem(err);
		run.addr = hi;
		run.data = data + (hi - first);
	}
	run.size = end - run.addr;
	return run.size && vec_push(&to->runs, run) < 0 ? err_nomem(err) : 0;
}

/* The first hole that ends above off. */
static size_t holes_from(const struct range *holes, size_t n, uint64_t off)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (holes[mid].hi <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int space_take_holes(struct space *s, const struct range *holes, size_t n, struct err *err)
{
	struct space cut = {.parts = s->parts};
	const struct segment *seg = s->parts->segments.v;
	int rc = 0;

	/* each run is a segment's here, in the same order */
	for (size_t i = 0; n && rc == 0 && i < s->runs.n; i++) {
		size_t first;

		while (seg->addr != s->runs.v[i].addr)
			seg++;
		first = holes_from(holes, n, seg->file_off);
		rc = cut_run(&cut, s->runs.v[i], seg->file_off, holes + first, n - first, err);
	}
	if (rc < 0) {
		space_deinit(&cut);
	} else if (n) {
		cut.mappings.v = STEAL(s->mappings.v);
		cut.mappings.n = s->mappings.n;
		cut.mappings.cap = s->mappings.cap;
		space_deinit(s);
		*s = cut;
	}
	return rc;
}

/* The number of runs that start at or below addr. */
static size_t runs_upto(const struct space *s, addr_t addr)
{
	size_t lo = vec_bisect(&s->runs, e, e->addr <= addr);

	return lo;
}

static int insert_run(struct space *s, size_t at, struct space_run run, struct err *err)
{
	if (vec_reserve(&s->runs, s->runs.n + 1) < 0)
		return err_nomem(err);
	memmove(&s->runs.v[at + 1], &s->runs.v[at], (s->runs.n - at) * sizeof(run));
	s->runs.v[at] = run;
	s->runs.n++;
	return 0;
}

int space_add_file(struct space *s, addr_t addr, uint64_t size, const uint8_t *data,
		   struct err *err)
{
	addr_t end, at = addr;

	if (__builtin_add_overflow(addr, size, &end))
		return 0;
	while (at < end) {
		size_t i = runs_upto(s, at);
		const struct space_run *below = i ? &s->runs.v[i - 1] : NULL;
		addr_t next = i < s->runs.n && s->runs.v[i].addr < end ? s->runs.v[i].addr : end;
		int rc;

		if (below && at - below->addr < below->size) {
			at = below->addr + below->size;
			continue;
		}
		rc = insert_run(
			s, i,
			(struct space_run){at, next - at, data + (at - addr), RUN_MODULE_FILE},
			err);
		if (rc < 0)
			return rc;
		at = next;
	}
	return 0;
}

/* The zeros that hold addr or are the first above it; zeros.n: none. */
static size_t zeros_from(const struct space *s, addr_t addr)
{
	return holes_from(s->zeros.v, s->zeros.n, addr);
}

const uint8_t *space_at(const struct space *s, addr_t addr, uint64_t *avail)
{
	size_t i = runs_upto(s, addr);
	const struct space_run *r = i ? &s->runs.v[i - 1] : NULL;

	if (r && addr - r->addr < r->size) {
		*avail = r->size - (addr - r->addr);
		return r->data + (addr - r->addr);
	}
	i = zeros_from(s, addr);
	if (i == s->zeros.n || !range_has(s->zeros.v[i], addr))
		return NULL;
	*avail = s->zeros.v[i].hi - addr;
	if (*avail > sizeof(zero_bytes))
		*avail = sizeof(zero_bytes);
	return zero_bytes;
}

addr_t space_next(const struct space *s, addr_t addr)
{
	size_t i = runs_upto(s, addr);

	if (i && addr - s->runs.v[i - 1].addr < s->runs.v[i - 1].size)
		return addr;
	return i < s->runs.n ? s->runs.v[i].addr : UINT64_MAX;
}

uint64_t space_zero_bytes(const struct space *s, struct range at)
{
	uint64_t sum = 0;

	for (size_t i = zeros_from(s, at.lo); i < s->zeros.n && s->zeros.v[i].lo < at.hi; i++) {
		addr_t lo = s->zeros.v[i].lo > at.lo ? s->zeros.v[i].lo : at.lo;

		sum += (s->zeros.v[i].hi < at.hi ? s->zeros.v[i].hi : at.hi) - lo;
	}
	return sum;
}

size_t space_read(const struct space *s, addr_t addr, void *dst, size_t n)
{
	size_t done = 0;

	while (done < n) {
		uint64_t avail;
		const uint8_t *p = space_at(s, addr + done, &avail);

		if (!p)
			break;
		if (avail > n - done)
			avail = n - done;
		memcpy((uint8_t *)dst + done, p, avail);
		done += avail;
	}
	return done;
}

bool space_u64(const struct space *s, addr_t addr, uint64_t *out)
{
	uint64_t v;

	if (space_read(s, addr, &v, sizeof(v)) < sizeof(v))
		return false;
	*out = v;
	return true;
}

bool space_u32(const struct space *s, addr_t addr, uint32_t *out)
{
	uint32_t v;

	if (space_read(s, addr, &v, sizeof(v)) < sizeof(v))
		return false;
	*out = v;
	return true;
}

bool space_str(const struct space *s, addr_t addr, char *dst, size_t n)
{
	size_t got = space_read(s, addr, dst, n - 1);

	dst[got] = 0;
	return got > 0;
}

uint64_t space_dumped_bytes(const struct space *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->runs.n; i++)
		sum += s->runs.v[i].source == RUN_DUMPED ? s->runs.v[i].size : 0;
	return sum;
}

const struct mapping *space_mapping(const struct space *s, addr_t addr)
{
	size_t lo = vec_bisect(&s->mappings, e, e->at.hi <= addr);

	if (lo == s->mappings.n || !range_has(s->mappings.v[lo].at, addr))
		return NULL;
	return &s->mappings.v[lo];
}
