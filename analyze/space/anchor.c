/*
 * Three ways to the anchor, the cheapest first:
 *
 *	note      an image says its address
 *	symbol    the pointer heapdump_anchor of a module; NULL there: sampling never began
 *	scan      writable anonymous memory, the magic at the start of a page
 *
 * An anchor counts only if it lies where it says that it lies (a copy of the page in some buffer
 * does not), and its checksum holds. What follows from it is still not trusted: sampled.c.
 */
#include <elf.h>
#include <string.h>

#include "analyze/space/anchor.h"

#define PAGE	   4096ull
#define CRC_BYTES  64u
#define MAX_REPORT 8

const char *anchor_source_name(enum anchor_source source)
{
	static const char *const names[] = {"none", "note", "symbol", "scan"};

	return names[source];
}

/* CRC-32 of IEEE 802.3, bit by bit: it is asked for a few times 64 bytes. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static bool crc_fits(const struct heapimage_anchor *a)
{
	struct heapimage_anchor copy = *a;

	copy.crc = 0;
	return crc32_of((const uint8_t *)&copy, CRC_BYTES) == a->crc;
}

/* Whether there is an anchor at that address that can be used; counts those that cannot. */
static bool anchor_at(struct heapimage_anchor *out, const struct space *space, addr_t at,
		      uint32_t *n_refused, struct warnings *warnings)
{
	uint32_t machine = space->parts->machine == MACHINE_X86_64 ? EM_X86_64 : EM_AARCH64;
	struct heapimage_anchor a;

	if (space_read(space, at, &a, sizeof(a)) < sizeof(a) ||
	    memcmp(a.magic, HEAPIMAGE_MAGIC, sizeof(a.magic)) || a.self != at)
		return false;
	if (!crc_fits(&a) || a.size < sizeof(a) || a.machine != machine) {
		++*n_refused;
		warnings_add(warnings,
			     "0x%llx: the sampler's anchor there is damaged (its %s does not fit): "
			     "not used",
			     (unsigned long long)at,
			     !crc_fits(&a)	  ? "checksum"
			     : a.size < sizeof(a) ? "size"
						  : "machine");
		return false;
	}
	if (a.major != HEAPIMAGE_MAJOR) {
		++*n_refused;
		warnings_add(warnings,
			     "0x%llx: the sampler's tables are of format %u.%u; this release reads "
			     "%u.x: allocation sites are not known",
			     (unsigned long long)at, a.major, a.minor, HEAPIMAGE_MAJOR);
		return false;
	}
	*out = a;
	return true;
}

/* A module's pointer to the anchor; false: it has none. *at: 0 where sampling never began. */
static bool pointer_in(const struct space *space, const struct modules *modules,
		       struct symbols *symbols, uint32_t module, addr_t *at)
{
	struct symbol sym;

	return module != INDEX_NONE && modules->list.v[module].writable.n &&
	       symbols_in(symbols, module, "heapdump_anchor", SYMBOL_DATA, &sym) &&
	       space_u64(space, sym.addr, at);
}

/* By the library's own module, then the executable that has it inside. */
static bool find_pointer(const struct space *space, const struct modules *modules,
			 struct symbols *symbols, addr_t *at)
{
	for (uint32_t i = 0; i < modules->list.n; i++)
		if (strstr(modules->list.v[i].name, "heapdump") &&
		    pointer_in(space, modules, symbols, i, at))
			return true;
	return pointer_in(space, modules, symbols, modules->exe, at);
}

/* Takes the anchor of a page into *best if it began later; counts it. */
static void try_page(struct heapimage_anchor *best, size_t *n, const struct space *space, addr_t at,
		     uint32_t *n_refused, struct warnings *warnings)
{
	struct heapimage_anchor a;

	if (!anchor_at(&a, space, at, n_refused, warnings))
		return;
	if (++*n <= MAX_REPORT && *n > 1)
		warnings_add(warnings,
			     "the process had several samplers: their tables are at 0x%llx and "
			     "0x%llx; those that began last are used",
			     (unsigned long long)best->self, (unsigned long long)at);
	if (*n == 1 || a.start_ns > best->start_ns)
		*best = a;
}

static size_t scan(struct heapimage_anchor *best, const struct space *space, uint32_t *n_refused,
		   struct warnings *warnings)
{
	size_t n = 0;

	for (size_t i = 0; i < space->mappings.n; i++) {
		const struct mapping *m = &space->mappings.v[i];
		addr_t at = (m->at.lo + PAGE - 1) & ~(PAGE - 1);

		if (!(m->prot & PROT_W) || m->path)
			continue;
		for (; at >= m->at.lo && at < m->at.hi; at += PAGE) {
			addr_t next = space_next(space, at);
			uint64_t avail;
			const uint8_t *p;

			if (next > at)
				next = next > UINT64_MAX - PAGE ? UINT64_MAX & ~(PAGE - 1)
								: (next + PAGE - 1) & ~(PAGE - 1);
			if (next > at)
				at = next;
			p = at < m->at.hi ? space_at(space, at, &avail) : NULL;
			if (p && avail >= sizeof(best->magic) &&
			    !memcmp(p, HEAPIMAGE_MAGIC, sizeof(best->magic)))
				try_page(best, &n, space, at, n_refused, warnings);
			if (at > UINT64_MAX - PAGE)
				break;
		}
	}
	return n;
}

enum anchor_source anchor_find(struct heapimage_anchor *out, const struct space *space,
			       const struct modules *modules, struct symbols *symbols,
			       uint32_t *n_refused, struct warnings *warnings)
{
	addr_t at = space->parts->image.anchor;

	if (at && anchor_at(out, space, at, n_refused, warnings))
		return ANCHOR_BY_NOTE;
	if (at)
		warnings_add(warnings,
			     "0x%llx: the image says that the sampler's tables begin "
			     "there, but they do not",
			     (unsigned long long)at);
	at = 0;
	if (find_pointer(space, modules, symbols, &at)) {
		if (!at)
			return ANCHOR_NONE;
		if (anchor_at(out, space, at, n_refused, warnings))
			return ANCHOR_BY_SYMBOL;
	}
	return scan(out, space, n_refused, warnings) ? ANCHOR_BY_SCAN : ANCHOR_NONE;
}
