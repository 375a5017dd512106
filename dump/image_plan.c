/*
 * Which mappings are stored, and how much of each (facts of the kernel's own cores: Linux fs/coredump.c,
 * vma_dump_size):
 *
 *	private, no file (heap, stacks, [vdso])           all; pages that are not there are holes
 *	private, of a file, writable or with own pages    all: RELRO, .data, GOT; debuggers find the libraries there
 *	the same beyond 16 MiB                            runs of own pages
 *	of a file, else                                   the first page where it is the file's (its ELF headers)
 *	shared memory                                     pages that exist
 *	shared, of a file on disk                         as "of a file, else": the bytes are on the disk
 *	devices, PROT_NONE, MADV_DONTDUMP                 nothing
 *
 * and what is left out or taken in beyond that, by kind of memory (enum hd_memory_kind).
 *
 * A gap of 1 GiB and more in which no page ever was cuts a segment in two, with a part in between that has no bytes: a
 * sparse reservation of terabytes is not to make a file, or a pipe's zeros, of that size.
 *
 * What exists of shared memory, its file tells (backing.c); where that cannot be opened, mincore does, which does not see
 * what is swapped out; and from 64 GiB on the program's page tables, which do not see what only others have touched.
 *
 * Every mapping becomes segments that cover it, in address order:  Σ memsz = Σ (hi − lo) of what is not ours
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "dump/image_build.h"
#include "heapdump.h"

#define BIG_FILE    (16ull << 20)
#define BIG_GAP	    (1ull << 30)
#define HUGE_SHARED (64ull << 30) /* mincore takes 10 s per TiB */

void hd_image_range(struct hd_image *im, uint64_t lo, uint64_t hi, uint32_t why, uint32_t error)
{
	struct heapimage_range *last = im->n_ranges ? &im->ranges[im->n_ranges - 1] : NULL;

	if (last && last->hi == lo && last->why == why && last->error == error)
		last->hi = hi;
	else if (im->n_ranges < im->ranges_capacity)
		im->ranges[im->n_ranges++] = (struct heapimage_range){lo, hi, why, error};
	else
		im->n_ranges_cut++;
}

static void add_segment(struct hd_image *im, const struct hd_mapping *m, uint64_t lo, uint64_t hi,
			uint64_t stored, enum hd_source source)
{
	if (lo == hi)
		return;
	im->segments[im->n_segments] = (struct core_segment){
		.type = PT_LOAD,
		.flags = m->flags & (HD_MAP_R | HD_MAP_W | HD_MAP_X),
		.addr = lo,
		.memsz = hi - lo,
		.filesz = stored,
	};
	im->sources[im->n_segments++] = stored ? source : HD_FROM_NOWHERE;
}

static bool wants(const struct hd_image *im, enum hd_memory_kind kind)
{
	return ((HD_BY_DEFAULT & ~im->dump->leave_out) | im->dump->take_in) & kind;
}

/* Memory of the program that is in no file, and is not wanted. */
static void leave_out(struct hd_image *im, const struct hd_mapping *m, uint64_t stored)
{
	hd_image_range(im, m->lo + stored, m->hi, HEAPIMAGE_FILTERED, 0);
	add_segment(im, m, m->lo, m->hi, stored, HD_FROM_FILE);
}

static bool has_room(const struct hd_image *im)
{
	/* every mapping still to come needs one */
	return im->n_segments + im->map.n + 4 < im->capacity;
}

/* Of another process's memory, whose file cannot be asked, nothing is known then but that it is mapped. */
static bool next_unknown(struct hd_image *im, uint64_t lo, uint64_t hi, uint64_t *a, uint64_t *b)
{
	if (!im->dump->beside)
		return hd_pages_next_shared(&im->pages, lo, hi, a, b);
	*a = lo;
	*b = hi;
	return lo < hi;
}

/* Shared memory of this size, whose file cannot be asked, is asked about by the program's own page tables. */
static bool next_of_others(struct hd_image *im, uint64_t lo, uint64_t hi, uint64_t *a, uint64_t *b)
{
	if (!im->others) {
		im->others = hd_room_take(im->room, sizeof(*im->others));
		if (!im->others)
			return next_unknown(im, lo, hi, a, b);
		hd_pages_open(im->others, im->dump->proc, im->dump->pid);
		im->others->of_all = true;
	}
	return im->others->pagemap >= 0 ? hd_pages_next(im->others, lo, hi, a, b)
					: next_unknown(im, lo, hi, a, b);
}

bool hd_image_next_shared(struct hd_image *im, uint64_t lo, uint64_t hi, uint64_t *a, uint64_t *b)
{
	struct hd_backing *file = &im->backing;

	if (lo < file->lo || lo >= file->hi)
		hd_backing_open(file, im->dump, hd_memory_map_find(&im->map, lo));
	if (file->fd >= 0)
		return hd_backing_next(file, lo, hi, a, b);
	if (file->hi - file->lo >= HUGE_SHARED || im->dump->beside)
		return next_of_others(im, lo, hi, a, b);
	return hd_pages_next_shared(&im->pages, lo, hi, a, b);
}

static bool next_run(struct hd_image *im, enum hd_source source, uint64_t lo, uint64_t hi,
		     uint64_t *a, uint64_t *b)
{
	return source == HD_FROM_SHARED ? hd_image_next_shared(im, lo, hi, a, b)
					: hd_pages_next(&im->pages, lo, hi, a, b);
}

/*
 * Splits [lo, hi) where gap bytes and more in a row have no page of their own: stored runs, and between them parts
 * that are not. source: of the runs.
 */
static void add_runs(struct hd_image *im, const struct hd_mapping *m, uint64_t lo, uint64_t gap,
		     enum hd_source source)
{
	uint64_t from = lo, to = lo, a, b;
	bool open = false;

	for (uint64_t at = lo; next_run(im, source, at, m->hi, &a, &b); at = b) {
		if (open && a - to < gap) {
			to = b;
			continue;
		}
		if (!has_room(im)) {
			/* the rest in one */
			open = true;
			to = m->hi;
			break;
		}
		add_segment(im, m, from, to, open ? to - from : 0, source);
		if (open || a - to >= gap) {
			add_segment(im, m, to, a, 0, source);
			from = a;
		}
		to = b;
		open = true;
	}
	if (m->hi - to < gap || !open) {
		add_segment(im, m, from, m->hi, open ? m->hi - from : 0, source);
	} else {
		add_segment(im, m, from, to, to - from, source);
		add_segment(im, m, to, m->hi, 0, source);
	}
}

static void plan_anonymous(struct hd_image *im, const struct hd_mapping *m)
{
	bool direct = !im->dump->in_place && !im->dump->beside && !(m->flags & HD_MAP_HUGETLB);
	enum hd_source source = direct ? HD_FROM_OWN : HD_FROM_COPY;
	bool huge = m->flags & HD_MAP_HUGETLB;

	/* the vdso has no file, and its pages count as a file's */
	if (!strcmp(m->path, "[vdso]"))
		add_segment(im, m, m->lo, m->hi, m->hi - m->lo, HD_FROM_FILE);
	else if (!wants(im, huge ? HD_HUGETLB_PRIVATE : HD_ANON_PRIVATE))
		leave_out(im, m, 0);
	else if (m->hi - m->lo >= BIG_GAP && has_room(im))
		add_runs(im, m, m->lo, BIG_GAP, source);
	else
		add_segment(im, m, m->lo, m->hi, m->hi - m->lo, source);
}

static uint64_t head_of_file(const struct hd_image *im, const struct hd_mapping *m)
{
	return wants(im, HD_ELF_HEADERS) && m->off == 0 && (m->flags & HD_MAP_R) ? CORE_PAGE : 0;
}

static void plan_file(struct hd_image *im, const struct hd_mapping *m)
{
	uint64_t head = head_of_file(im, m), a, b;
	bool small = m->hi - m->lo <= BIG_FILE, writable = m->flags & HD_MAP_W;

	if (wants(im, HD_FILE_PRIVATE)) {
		add_segment(im, m, m->lo, m->hi, m->hi - m->lo, HD_FROM_FILE);
	} else if (!wants(im, HD_ANON_PRIVATE)) {
		if (writable)
			leave_out(im, m, head);
		else
			add_segment(im, m, m->lo, m->hi, head, HD_FROM_FILE);
	} else if (small && (writable || hd_pages_next(&im->pages, m->lo, m->hi, &a, &b))) {
		add_segment(im, m, m->lo, m->hi, m->hi - m->lo, HD_FROM_FILE);
	} else if (small || im->pages.pagemap < 0 || !has_room(im)) {
		add_segment(im, m, m->lo, m->hi, head, HD_FROM_FILE);
	} else {
		add_segment(im, m, m->lo, m->lo + head, head, HD_FROM_FILE);
		add_runs(im, m, m->lo + head, CORE_PAGE, HD_FROM_FILE);
	}
}

/* Shared memory, which has no file that outlives it, as opposed to a file that several share. */
static bool is_memory(const char *path)
{
	static const char *const prefixes[] = {
		"/dev/zero", "/dev/shm/", "/memfd:", "/SYSV", "/dev/hugepages/", "/anon_hugepage"};
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i])))
			return true;
	return path[0] != '/' || (n > 10 && !strcmp(path + n - 10, " (deleted)"));
}

static void plan_shared(struct hd_image *im, const struct hd_mapping *m)
{
	bool huge = m->flags & HD_MAP_HUGETLB, memory = is_memory(m->path);
	enum hd_memory_kind kind = huge ? HD_HUGETLB_SHARED : HD_ANON_SHARED;

	if (!memory && !huge && wants(im, HD_FILE_SHARED)) {
		add_segment(im, m, m->lo, m->hi, m->hi - m->lo, HD_FROM_FILE);
		return;
	}
	if ((im->dump->flags & HEAPDUMP_NO_SHARED) || ((memory || huge) && !wants(im, kind))) {
		leave_out(im, m, 0);
		return;
	}
	if (!memory && !huge) {
		if (m->flags & HD_MAP_W)
			hd_image_range(im, m->lo, m->hi, HEAPIMAGE_FILTERED, 0);
		add_segment(im, m, m->lo, m->hi, head_of_file(im, m), HD_FROM_FILE);
		return;
	}
	if (m->hi - m->lo >= BIG_GAP && has_room(im))
		add_runs(im, m, m->lo, BIG_GAP, HD_FROM_SHARED);
	else
		add_segment(im, m, m->lo, m->hi, m->hi - m->lo, HD_FROM_SHARED);
	if (!im->dump->in_place) {
		im->consistency |= HEAPIMAGE_SHARED_MEMORY;
		hd_image_range(im, m->lo, m->hi, HEAPIMAGE_TORN, 0);
	}
}

enum { NOT_COPIED = 1u << 31 }; /* of hd_mapping.flags: the snapshot has no such mapping */

/* Where it is told which pages are there, no other is touched: its handler stands still, and we would wait for it. */
static bool shows_own_pages(const struct hd_image *im, const struct hd_mapping *m)
{
	return !(m->flags & HD_MAP_SHARED) && m->inode == 0 && im->pages.pagemap >= 0;
}

static void plan_mapping(struct hd_image *im, const struct hd_mapping *m)
{
	uint32_t why = 0;

	if ((m->flags & NOT_COPIED) || ((m->flags & HD_MAP_WIPED) && !im->dump->in_place))
		why = HEAPIMAGE_NOT_COPIED;
	else if (m->flags & HD_MAP_DEVICE)
		why = HEAPIMAGE_DEVICE;
	else if (m->flags & HD_MAP_DONTDUMP)
		why = HEAPIMAGE_DONTDUMP;
	else if ((m->flags & HD_MAP_USERFAULT) && !shows_own_pages(im, m))
		why = HEAPIMAGE_UNREADABLE;
	if (why || !(m->flags & HD_MAP_R)) {
		/* nobody misses the kernel's [vvar] */
		if (why && (m->flags & HD_MAP_R) && m->path[0] != '[')
			hd_image_range(im, m->lo, m->hi, why, 0);
		add_segment(im, m, m->lo, m->hi, 0, HD_FROM_NOWHERE);
	} else if (m->flags & HD_MAP_SHARED) {
		plan_shared(im, m);
	} else if (m->inode == 0 && m->path[0] != '/') {
		plan_anonymous(im, m);
	} else {
		plan_file(im, m);
	}
}

static bool covers(const struct hd_memory_map *map, const struct hd_mapping *m)
{
	const struct hd_mapping *found = hd_memory_map_find(map, m->lo);

	return found || hd_memory_map_find(map, m->hi - 1);
}

/*
 * MADV_DONTFORK: what the program had before and still has, and the snapshot has not. Merged into the map, in the
 * order of addresses.
 */
static int add_not_copied(struct hd_image *im)
{
	const struct hd_memory_map *before = &im->dump->before;
	struct hd_memory_map after = {0}, merged = {.has_flags = im->map.has_flags};
	uint32_t n_missing = 0, k = 0;
	int rc;

	for (uint32_t i = 0; i < before->n; i++)
		n_missing += !covers(&im->map, &before->v[i]);
	if (!n_missing)
		return 0;
	rc = hd_memory_map_read_running(&after, im->dump->proc, im->room);
	if (rc < 0)
		return rc;
	merged.v = hd_room_take(im->room, (im->map.n + n_missing) * sizeof(*merged.v));
	if (!merged.v)
		return -ENOMEM;
	for (uint32_t i = 0; i < before->n; i++) {
		const struct hd_mapping *m = &before->v[i];
		const struct hd_mapping *now = hd_memory_map_find(&after, m->lo);

		if (covers(&im->map, m) || !now || now->lo > m->lo || now->hi < m->hi)
			continue;
		while (k < im->map.n && im->map.v[k].lo < m->lo)
			merged.v[merged.n++] = im->map.v[k++];
		merged.v[merged.n] = *m;
		merged.v[merged.n++].flags |= NOT_COPIED;
	}
	while (k < im->map.n)
		merged.v[merged.n++] = im->map.v[k++];
	im->map = merged;
	return 0;
}

static bool is_ours(const struct hd_dump *d, const struct hd_mapping *m)
{
	uint64_t shared = (uint64_t)(uintptr_t)d->shared;

	if (d->beside)
		return false;
	for (int i = 0; i < 2; i++)
		if (m->lo >= d->own_lo[i] && m->hi <= d->own_hi[i])
			return true;
	return m->lo <= shared && shared < m->hi;
}

/* Without the memory of the dump itself. */
static void drop_ours(struct hd_image *im)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < im->map.n; i++)
		if (!is_ours(im->dump, &im->map.v[i]))
			im->map.v[n++] = im->map.v[i];
	im->map.n = n;
}

int hd_image_plan(struct hd_image *im)
{
	int rc = hd_memory_map_read(&im->map, hd_memory_of(im->dump), true, im->room);

	if (rc == 0 && !im->dump->in_place)
		rc = add_not_copied(im);
	if (rc < 0)
		return rc;
	drop_ours(im);
	im->capacity = 2 * im->map.n + 64;
	im->segments = hd_room_take(im->room, im->capacity * sizeof(*im->segments));
	im->sources = hd_room_take(im->room, im->capacity);
	im->ranges_capacity = im->map.n + 256;
	im->ranges = hd_room_take(im->room, im->ranges_capacity * sizeof(*im->ranges));
	if (!im->segments || !im->sources || !im->ranges)
		return -ENOMEM;
	for (uint32_t i = 0; i < im->map.n; i++)
		plan_mapping(im, &im->map.v[i]);
	return 0;
}

uint64_t hd_image_plan_bytes(struct hd_image *im)
{
	uint64_t sum = 0, a, b;

	for (uint32_t i = 0; i < im->n_segments; i++) {
		const struct core_segment *g = &im->segments[i];
		uint64_t hi = g->addr + g->filesz;

		if (im->sources[i] == HD_FROM_FILE)
			sum += g->filesz;
		if (im->sources[i] == HD_FROM_NOWHERE || im->sources[i] == HD_FROM_FILE)
			continue;
		for (uint64_t at = g->addr; at < hi; at = b) {
			if (!next_run(im, im->sources[i], at, hi, &a, &b))
				break;
			sum += b - a;
		}
	}
	return sum;
}
