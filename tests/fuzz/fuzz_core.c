/*
 * The core reader alone. What it says is in the file must be in the file, and what it made must be
 * in proportion to it.
 */
#include <stdlib.h>
#include <string.h>

#include "formats/core_read.h"
#include "tests/fuzz/fuzz.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t touch(const uint8_t *p, uint64_t n)
{
	uint8_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum ^= p[i];
	return sum;
}

static void check_segments(const struct parts *p, size_t size)
{
	addr_t end = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < p->segments.n; i++) {
		const struct segment *s = &p->segments.v[i];

		must(s->addr >= end && s->memsz && s->addr + s->memsz > s->addr);
		must(s->filesz <= s->memsz && s->lost <= s->memsz - s->filesz);
		end = s->addr + s->memsz;
		sum += s->filesz;
		if (s->filesz)
			touch(s->data, s->filesz);
	}
	must(sum <= size && p->segments.n <= size / 56);
}

static void check_notes(const struct parts *p, size_t size)
{
	must(p->threads.n <= size / 300 && p->auxv.n <= size / 16 && p->files.n <= size / 24);
	must(memchr(p->comm, 0, sizeof(p->comm)) && memchr(p->args, 0, sizeof(p->args)));
	for (size_t i = 0; i < p->threads.n; i++)
		touch(p->threads.v[i].vec, p->threads.v[i].vec_size);
	for (size_t i = 0; i < p->files.n; i++)
		must(p->files.v[i].start < p->files.v[i].end && strlen(p->files.v[i].path) <= size);
}

/* The lists may share bytes, but none has more entries than the file has room for. */
static void check_image(const struct image *i, const uint8_t *bytes, size_t size)
{
	must(i->threads.n <= size / sizeof(struct heapimage_thread) &&
	     i->modules.n <= size / sizeof(struct heapimage_module) &&
	     i->words.n <= size / sizeof(struct heapimage_kernel_word) &&
	     i->ranges.n <= size / sizeof(struct heapimage_range));
	for (size_t k = 0; k < i->threads.n; k++)
		must(memchr(i->threads.v[k].name, 0, sizeof(i->threads.v[k].name)) &&
		     (!k || i->threads.v[k - 1].tid <= i->threads.v[k].tid));
	for (size_t k = 0; k < i->modules.n; k++)
		must(memchr(i->modules.v[k].path, 0, sizeof(i->modules.v[k].path)) &&
		     i->modules.v[k].n_build_id <= sizeof(i->modules.v[k].build_id) &&
		     i->modules.v[k].lo < i->modules.v[k].hi);
	for (size_t k = 0; k < i->words.n; k++)
		must(i->words.v[k].bytes >= bytes && i->words.v[k].bytes + 8 <= bytes + size);
	for (size_t k = 0; k < i->ranges.n; k++)
		must(i->ranges.v[k].lo < i->ranges.v[k].hi);
	must(i->info.major <= HEAPIMAGE_MAJOR && (!i->why || strlen(i->why) <= size));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct warnings warnings = {0};
	struct parts parts;
	struct err err = {0};

	if (core_read(&parts, bytes, size, &warnings, &err) == 0) {
		check_segments(&parts, size);
		check_notes(&parts, size);
		check_image(&parts.image, bytes, size);
	} else {
		must(err.text[0] && !parts.segments.v && !parts.threads.v);
	}
	parts_deinit(&parts);
	warnings_deinit(&warnings);
	return 0;
}
