/*
 * The bytes of the segments, in one forward pass. What is not written is skipped: a hole in a file, zeros in a pipe.
 *
 *	own pages       looked at where they are, for zero pages, and written from there
 *	the rest        read by the kernel into a buffer (it says EFAULT where a load of ours would be a signal)
 *
 * In the snapshot, own pages that have been written are given back at once: a page that only the program has left costs
 * it no copy when it writes to it. Not the pages of the stack's guard value, which sits at the thread pointer.
 *
 * A page that cannot be read is skipped and listed; it never ends the dump.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "dump/image_build.h"
#include "dump/sys.h"

enum {
	PAGE = CORE_PAGE,
	CHUNK = HD_COPY_BYTES,
	AHEAD = 32 * PAGE, /* nearly every page shows in its first line that it is not zero */
};
#define GIVE_BACK (2ull << 20) /* by whole huge pages */

/* Memory of the program: no redzone of a sanitizer is our business. */
__attribute__((no_sanitize("address", "undefined"))) static bool is_zero(const uint8_t *page)
{
	const uint64_t *w = (const uint64_t *)(const void *)page;

	for (unsigned i = 0; i < PAGE / 8; i += 8)
		if (w[i] | w[i + 1] | w[i + 2] | w[i + 3] | w[i + 4] | w[i + 5] | w[i + 6] |
		    w[i + 7])
			return false;
	return true;
}

static void lost(struct hd_image *im, uint64_t lo, uint64_t hi, int error)
{
	im->consistency |= HEAPIMAGE_MEMORY_SKIPPED;
	hd_image_range(im, lo, hi, HEAPIMAGE_UNREADABLE, (uint32_t)-error);
}

/* [lo, lo + n) is at p; a page of it may still turn out to be unreadable. */
static int write_readable(struct hd_image *im, uint64_t lo, const uint8_t *p, uint64_t n)
{
	struct hd_output *o = &im->dump->out;
	uint64_t end = o->at + n;

	while (o->at < end) {
		uint64_t done = n - (end - o->at), page;
		int rc = hd_output_write(o, p + done, n - done);

		if (rc != -EFAULT)
			return rc;
		done = n - (end - o->at);
		page = PAGE - done % PAGE;
		lost(im, lo + done, lo + done + page, rc);
		rc = hd_output_skip(o, page);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Zero pages become holes; what is between them is written in one piece. */
static int write_pages(struct hd_image *im, uint64_t lo, const uint8_t *p, uint64_t n)
{
	for (uint64_t at = 0, to; at < n; at = to) {
		bool zero = is_zero(p + at);
		int rc;

		for (to = at + PAGE; to < n && is_zero(p + to) == zero; to += PAGE)
			__builtin_prefetch(p + to + AHEAD);
		rc = zero ? hd_output_skip(&im->dump->out, to - at)
			  : write_readable(im, lo + at, p + at, to - at);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void give_back(struct hd_image *im, uint64_t lo, uint64_t hi)
{
	uint64_t tp = (uint64_t)(uintptr_t)__builtin_thread_pointer();

	lo = (lo + GIVE_BACK - 1) & ~(GIVE_BACK - 1);
	hi &= ~(GIVE_BACK - 1);
	if (im->dump->in_place || lo >= hi || (tp + PAGE >= lo && tp <= hi + PAGE))
		return;
	hd_sys3(SYS_madvise, lo, hi - lo, MADV_DONTNEED);
}

static int write_own(struct hd_image *im, uint64_t lo, uint64_t hi)
{
	uint64_t kept = lo;

	for (uint64_t at = lo, n; at < hi; at += n) {
		int rc;

		n = hi - at < CHUNK ? hi - at : CHUNK;
		rc = write_pages(im, at, (const uint8_t *)(uintptr_t)at, n);
		if (rc < 0)
			return rc;
		if (at + n - kept >= 4 * GIVE_BACK) {
			give_back(im, kept, at + n);
			kept = (at + n) & ~(GIVE_BACK - 1);
			rc = hd_image_wanted(im->dump);
			if (rc < 0)
				return rc;
		}
	}
	give_back(im, kept, hi);
	return 0;
}

/* Where the kernel could read nothing, a page is given up. */
static int write_copy(struct hd_image *im, uint64_t lo, uint64_t hi)
{
	for (uint64_t at = lo; at < hi;) {
		uint64_t n = hi - at < CHUNK ? hi - at : CHUNK;
		int64_t got = hd_pages_read(&im->pages, at, im->copy, n);
		int rc;

		if (got < PAGE) {
			lost(im, at, at + PAGE, got < 0 ? (int)got : -EFAULT);
			rc = hd_output_skip(&im->dump->out, PAGE);
			at += PAGE;
		} else {
			got -= got % PAGE;
			rc = write_pages(im, at, im->copy, (uint64_t)got);
			at += (uint64_t)got;
		}
		if (rc == 0)
			rc = hd_image_wanted(im->dump);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool next_run(struct hd_image *im, enum hd_source source, uint64_t lo, uint64_t hi,
		     uint64_t *a, uint64_t *b)
{
	if (source == HD_FROM_SHARED)
		return hd_image_next_shared(im, lo, hi, a, b);
	if (source != HD_FROM_FILE)
		return hd_pages_next(&im->pages, lo, hi, a, b);
	*a = lo;
	*b = hi;
	return true;
}

static int write_segment(struct hd_image *im, const struct core_segment *g, enum hd_source source)
{
	struct hd_output *o = &im->dump->out;
	uint64_t hi = g->addr + g->filesz, a, b;
	int rc = hd_output_skip(o, g->off - o->at);

	for (uint64_t at = g->addr; rc == 0 && at < hi && next_run(im, source, at, hi, &a, &b);
	     at = b) {
		rc = hd_output_skip(o, g->off + (a - g->addr) - o->at);
		if (rc == 0)
			rc = source == HD_FROM_OWN && im->pages.present ? write_own(im, a, b)
									: write_copy(im, a, b);
	}
	if (rc < 0)
		return rc;
	return hd_output_skip(o, g->off + g->filesz - o->at);
}

int hd_image_body(struct hd_image *im)
{
	for (uint32_t i = 0; i < im->n_segments; i++) {
		int rc;

		if (im->sources[i] == HD_FROM_NOWHERE)
			continue;
		rc = write_segment(im, &im->segments[i], im->sources[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}
