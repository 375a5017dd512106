/*
 * Three ways to learn of pages, the quickest first:
 *
 *	PAGEMAP_SCAN    3 ms per GB, and skips what is not there      Linux ≥ 6.7
 *	pagemap        15 ms per GB, 8 bytes for each page            else
 *	mincore                                                       shared mappings: a snapshot has no page tables of them
 *
 * A page is the process's own when bit 63 (present) or 62 (swapped) is set and bit 61 (of a file, or shared) is
 * not (Linux Documentation/admin-guide/mm/pagemap.rst; these bits need no privilege). The shared zero page
 * is not told by these bits; its content is zero all the same, and the writer finds that out.
 *
 * "Swapped" is every entry that is not present and not empty: also a guard page of MADV_GUARD_INSTALL (Linux 6.13; newer
 * kernels tell it apart) and a page with a memory error. A load from one of these kills, so runs of the two kinds are kept apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#include "dump/pages.h"
#include "dump/proc_text.h"
#include "dump/sys.h"

enum { PAGE = 4096, PROC_PATH = 64 };

/* Linux include/uapi/linux/fs.h. */
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_IOCTL 0xc0606610ul /* _IOWR('f', 16, struct scan_arg) */
_Static_assert(sizeof(struct scan_arg) == 96, "struct pm_scan_arg");

enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
	SCAN_ZERO = 1 << 5,
	SCAN_GUARD = 1 << 8, /* Linux 6.15 */
};

#define ENTRY_PRESENT (1ull << 63)
#define ENTRY_SWAPPED (1ull << 62)
#define ENTRY_FILE    (1ull << 61)
#define ENTRY_GUARD   (1ull << 58) /* Linux 6.15 */

void hd_pages_open(struct hd_pages *p, const char *proc, uint32_t pid)
{
	char path[PROC_PATH];

	p->pid = pid;
	p->of_all = p->of_fork = p->no_scan = p->no_guard = false;
	p->seen_lo = p->seen_hi = 0;
	hd_path(path, sizeof(path), proc, "/pagemap", NULL);
	p->pagemap = hd_sys_open(path, O_RDONLY, 0);
	hd_path(path, sizeof(path), proc, "/mem", NULL);
	p->mem = hd_sys_open(path, O_RDONLY, 0);
}

void hd_pages_close(struct hd_pages *p)
{
	hd_sys_close(p->pagemap);
	hd_sys_close(p->mem);
	p->pagemap = p->mem = -1;
}

/* Adds the page at lo to what was found in order; false: there is no room for another run. */
static bool add_page(struct hd_pages *p, uint64_t lo, uint64_t categories)
{
	struct hd_page_run *last = p->n_runs ? &p->runs[p->n_runs - 1] : NULL;

	if (last && last->hi == lo && last->categories == categories)
		last->hi += PAGE;
	else if (p->n_runs < HD_PAGE_RUNS)
		p->runs[p->n_runs++] = (struct hd_page_run){lo, lo + PAGE, categories};
	else
		return false;
	return true;
}

/* Fills runs from lo on by one ioctl; false: this kernel cannot. */
static bool scan(struct hd_pages *p, uint64_t lo, uint64_t hi)
{
	uint64_t files = p->of_all ? 0 : SCAN_FILE | SCAN_ZERO;
	uint64_t unwanted = files | (p->no_guard ? 0 : SCAN_GUARD);
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = lo,
		.end = hi,
		.vec = (uint64_t)(uintptr_t)p->runs,
		.vec_len = HD_PAGE_RUNS,
		.category_inverted = unwanted,
		.category_mask = unwanted,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
		.return_mask = SCAN_PRESENT,
	};
	long n = hd_sys3(SYS_ioctl, p->pagemap, SCAN_IOCTL, &arg);

	if (n == -EINVAL && !p->no_guard) {
		p->no_guard = true;
		return scan(p, lo, hi);
	}
	if (n < 0)
		return false;
	p->n_runs = (uint32_t)n;
	p->seen_lo = lo;
	p->seen_hi = arg.walk_end > lo && n == HD_PAGE_RUNS ? arg.walk_end : hi;
	return true;
}

static bool is_wanted(const struct hd_pages *p, uint64_t entry)
{
	uint64_t unwanted = ENTRY_GUARD | (p->of_all ? 0 : ENTRY_FILE);

	return (entry & (ENTRY_PRESENT | ENTRY_SWAPPED)) && !(entry & unwanted);
}

/* The same by reading entries. */
static bool read_entries(struct hd_pages *p, uint64_t lo, uint64_t hi)
{
	uint64_t n = (hi - lo) / PAGE;
	int64_t got;

	if (n > HD_PAGE_ENTRIES)
		n = HD_PAGE_ENTRIES;
	got = hd_sys_pread(p->pagemap, p->entries, n * 8, lo / PAGE * 8);
	if (got < 8)
		return false;
	n = (uint64_t)got / 8;
	p->n_runs = 0;
	p->seen_lo = p->seen_hi = lo;
	for (uint64_t i = 0; i < n; i++, p->seen_hi += PAGE)
		if (is_wanted(p, p->entries[i]) &&
		    !add_page(p, p->seen_hi, p->entries[i] & ENTRY_PRESENT ? SCAN_PRESENT : 0))
			break;
	return true;
}

static bool read_mincore(struct hd_pages *p, uint64_t lo, uint64_t hi)
{
	uint64_t n = (hi - lo) / PAGE;
	uint8_t *there = (uint8_t *)p->entries;

	if (n > HD_PAGE_ENTRIES)
		n = HD_PAGE_ENTRIES;
	if (hd_sys3(SYS_mincore, lo, n * PAGE, there) < 0)
		return false;
	p->n_runs = 0;
	p->seen_lo = p->seen_hi = lo;
	for (uint64_t i = 0; i < n; i++, p->seen_hi += PAGE)
		if ((there[i] & 1) && !add_page(p, p->seen_hi, 0))
			break;
	return true;
}

static bool look(struct hd_pages *p, uint64_t lo, uint64_t hi, bool shared)
{
	if (shared)
		return read_mincore(p, lo, hi);
	if (p->pagemap < 0)
		return false;
	if (!p->no_scan && scan(p, lo, hi))
		return true;
	p->no_scan = true;
	return read_entries(p, lo, hi);
}

static bool next(struct hd_pages *p, uint64_t lo, uint64_t hi, bool shared, uint64_t *run_lo,
		 uint64_t *run_hi)
{
	p->present = false;
	while (lo < hi) {
		if (lo < p->seen_lo || lo >= p->seen_hi) {
			if (!look(p, lo, hi, shared)) {
				*run_lo = lo;
				*run_hi = hi;
				return true;
			}
		}
		for (uint32_t i = 0; i < p->n_runs; i++) {
			if (p->runs[i].hi <= lo)
				continue;
			if (p->runs[i].lo >= hi)
				return false;
			*run_lo = p->runs[i].lo > lo ? p->runs[i].lo : lo;
			*run_hi = p->runs[i].hi < hi ? p->runs[i].hi : hi;
			p->present = p->runs[i].categories & SCAN_PRESENT;
			return true;
		}
		lo = p->seen_hi;
	}
	return false;
}

bool hd_pages_next(struct hd_pages *p, uint64_t lo, uint64_t hi, uint64_t *run_lo, uint64_t *run_hi)
{
	return next(p, lo, hi, false, run_lo, run_hi);
}

bool hd_pages_next_shared(struct hd_pages *p, uint64_t lo, uint64_t hi, uint64_t *run_lo,
			  uint64_t *run_hi)
{
	return next(p, lo, hi, true, run_lo, run_hi);
}

/*
 * process_vm_readv is the quicker way (0.15 s for each GB, /proc/PID/mem takes 0.2), but it pins pages, and one that a fork
 * shares is copied before it is pinned (Linux mm/gup.c, gup_must_unshare): 0.42 s, and a snapshot grows to its full
 * size by being read.
 */
int64_t hd_pages_read(struct hd_pages *p, uint64_t addr, void *buf, uint64_t n)
{
	struct iovec to = {buf, n}, from = {(void *)(uintptr_t)addr, n};
	int64_t got = -EPERM;

	if (!p->of_fork || p->mem < 0)
		got = hd_sys6(SYS_process_vm_readv, p->pid, (long)&to, 1, (long)&from, 1, 0);
	if ((got != -EPERM && got != -ENOSYS) || p->mem < 0)
		return got;
	got = hd_sys_pread(p->mem, buf, n, addr);
	return got == -EIO ? -EFAULT : got;
}
