/*
 * Each table has its page: page 1 + its place in the anchor.
 */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "tests/lib/tables_build.h"

static struct heapimage_table *table(struct tables_build *t, size_t i)
{
	return &t->anchor.samples + i;
}

void tables_build_init(struct tables_build *t, struct core_build *core, addr_t at)
{
	static const uint32_t sizes[] = {
		sizeof(struct heapimage_sample), sizeof(struct heapimage_site), sizeof(uint64_t),
		sizeof(struct heapimage_module), sizeof(struct heapimage_region)};

	*t = (struct tables_build){.core = core, .at = at};
	core_build_map(core, at, TABLES_PAGES * TABLES_PAGE, PROT_R | PROT_W);
	memcpy(t->anchor.magic, HEAPIMAGE_MAGIC, sizeof(t->anchor.magic));
	t->anchor.self = at;
	t->anchor.major = HEAPIMAGE_MAJOR;
	t->anchor.minor = HEAPIMAGE_MINOR;
	t->anchor.size = sizeof(t->anchor);
	t->anchor.machine = EM_X86_64;
	t->anchor.start_ns = 1000000000;
	t->anchor.start_realtime_ns = 1700000000000000000;
	t->anchor.interval = 1;
	t->anchor.own_size = TABLES_PAGES * TABLES_PAGE;
	strcpy(t->anchor.library, "0.2.0");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		*table(t, i) = (struct heapimage_table){.addr = at + (i + 1) * TABLES_PAGE,
							.capacity = TABLES_PAGE / sizes[i],
							.entry_size = sizes[i]};
}

/* The place of the next entry. */
static void *next(struct tables_build *t, struct heapimage_table *table)
{
	if (table->n == table->capacity)
		abort();
	return core_build_at(t->core, table->addr + table->n++ * table->entry_size,
			     table->entry_size);
}

uint32_t tables_build_sample(struct tables_build *t, const struct heapimage_sample *sample)
{
	struct heapimage_sample s = *sample;

	s.state = s.state ? s.state : HEAPIMAGE_LIVE;
	s.interval = s.interval ? s.interval : 1;
	s.serial = s.serial ? s.serial : ++t->anchor.serial;
	memcpy(next(t, &t->anchor.samples), &s, sizeof(s));
	return (uint32_t)t->anchor.samples.n - 1;
}

uint32_t tables_build_site(struct tables_build *t, const addr_t *pcs, uint32_t n)
{
	struct heapimage_site s = {
		.first_frame = t->anchor.frames.n, .n_frames = n, .state = HEAPIMAGE_LIVE};

	for (uint32_t i = 0; i < n; i++)
		memcpy(next(t, &t->anchor.frames), &pcs[i], sizeof(pcs[i]));
	memcpy(next(t, &t->anchor.sites), &s, sizeof(s));
	return (uint32_t)t->anchor.sites.n - 1;
}

void tables_build_module(struct tables_build *t, const struct heapimage_module *module)
{
	struct heapimage_module m = *module;

	m.state = m.state ? m.state : HEAPIMAGE_LIVE;
	memcpy(next(t, &t->anchor.modules), &m, sizeof(m));
}

void tables_build_region(struct tables_build *t, addr_t addr, uint64_t size, uint32_t kind,
			 const char *name)
{
	struct heapimage_region r = {.addr = addr,
				     .size = size,
				     .kind = kind,
				     .state = HEAPIMAGE_LIVE,
				     .site = UINT32_MAX};

	strncpy(r.name, name, sizeof(r.name) - 1);
	memcpy(next(t, &t->anchor.regions), &r, sizeof(r));
}

struct heapimage_site *tables_build_site_at(struct tables_build *t, uint32_t number)
{
	return (void *)core_build_at(t->core, t->anchor.sites.addr + number * 64, 64);
}

struct heapimage_sample *tables_build_sample_at(struct tables_build *t, uint32_t slot)
{
	return (void *)core_build_at(t->core, t->anchor.samples.addr + slot * 64, 64);
}

void tables_build_finish(struct tables_build *t)
{
	t->anchor.crc = 0;
	t->anchor.crc = (uint32_t)crc32(0, (const void *)&t->anchor, 64);
	memcpy(core_build_at(t->core, t->at, sizeof(t->anchor)), &t->anchor, sizeof(t->anchor));
}

uint8_t *tables_build_append(uint8_t *core, size_t *size, const void *list, size_t n)
{
	uint64_t mark = TABLES_LIST_AT, off = *size;
	uint8_t *bytes = realloc(core, *size + n), *at;

	if (!bytes)
		abort();
	memcpy(bytes + *size, list, n);
	while ((at = memmem(bytes, *size, &mark, sizeof(mark))))
		memcpy(at, &off, sizeof(off));
	*size += n;
	return bytes;
}
