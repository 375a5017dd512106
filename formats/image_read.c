/*
 * An image's notes. A note is a struct of heapimage.h, or points to a list of such structs in the
 * segment PT_HEAPDUMP; the file is little-endian like every machine that this is built for.
 *
 *	note INFO ─► image.info        note THREADS … RANGES ─► struct heapimage_list ─► entries
 *
 * Entries are stepped over by the size that the list states. A later minor version has longer ones,
 * whose ends are not known here; shorter ones than version 1.0 had are refused with their list.
 *
 * Threads come out by their ids, of one id those with a name first.
 *
 * Limits: the first note of a type counts.
 */
#include <stddef.h>
#include <string.h>

#include "formats/image_read.h"

enum { WHY_MAX = 1000 };

static int read_info(struct parts *parts, const uint8_t *desc, uint32_t size, uint64_t off,
		     struct warnings *warnings, struct err *err)
{
	struct heapimage_info info = {0};

	if (parts->image.info.major)
		return 0;
	memcpy(&info, desc, size < sizeof(info) ? size : sizeof(info));
	if (size < offsetof(struct heapimage_info, size) || !info.major) {
		warnings_add(warnings, "the image's own note at offset 0x%llx is damaged",
			     (unsigned long long)off);
		return 0;
	}
	if (info.major > HEAPIMAGE_MAJOR)
		return err_at_offset(err, ERR_UNSUPPORTED, off,
				     "is a heapdump image of format %u.%u; this release reads "
				     "formats up to %u.x",
				     info.major, info.minor, HEAPIMAGE_MAJOR);
	if (size < sizeof(info))
		warnings_add(warnings,
			     "the image's own note at offset 0x%llx is cut short (%u of %zu bytes)",
			     (unsigned long long)off, size, sizeof(info));
	parts->image.info = info;
	return 0;
}

static void read_anchor(struct parts *parts, const uint8_t *desc, uint32_t size)
{
	struct heapimage_anchor_note a;

	if (size < sizeof(a) || parts->image.anchor)
		return;
	memcpy(&a, desc, sizeof(a));
	parts->image.anchor = a.addr;
}

static int read_why(struct parts *parts, const uint8_t *desc, uint32_t size, struct err *err)
{
	if (parts->image.why || !size)
		return 0;
	parts->image.why = strndup((const char *)desc, size < WHY_MAX ? size : WHY_MAX);
	return parts->image.why ? 0 : err_nomem(err);
}

static void read_list(struct parts *parts, uint32_t type, const uint8_t *desc, uint32_t size,
		      uint64_t off, struct warnings *warnings)
{
	struct heapimage_list *l = &parts->image.lists[type - HEAPIMAGE_NOTE_THREADS];

	if (size < sizeof(*l))
		warnings_add(warnings, "the note of an image's list at offset 0x%llx is cut short",
			     (unsigned long long)off);
	else if (!l->entry_size)
		memcpy(l, desc, sizeof(*l));
}

int image_read_note(struct parts *parts, uint32_t type, const uint8_t *desc, uint32_t size,
		    uint64_t off, struct warnings *warnings, struct err *err)
{
	switch (type) {
	case HEAPIMAGE_NOTE_INFO:
		return read_info(parts, desc, size, off, warnings, err);
	case HEAPIMAGE_NOTE_ANCHOR:
		read_anchor(parts, desc, size);
		return 0;
	case HEAPIMAGE_NOTE_WHY:
		return read_why(parts, desc, size, err);
	case HEAPIMAGE_NOTE_THREADS:
	case HEAPIMAGE_NOTE_MODULES:
	case HEAPIMAGE_NOTE_KERNEL:
	case HEAPIMAGE_NOTE_RANGES:
		read_list(parts, type, desc, size, off, warnings);
		return 0;
	}
	return 0;
}

static int add_thread(struct image *image, const uint8_t *entry)
{
	struct heapimage_thread t;
	struct named_thread out;

	memcpy(&t, entry, sizeof(t));
	out = (struct named_thread){.tid = t.tid, .state = t.state};
	memcpy(out.name, t.name, sizeof(t.name));
	return vec_push(&image->threads, out);
}

static int add_module(struct image *image, const uint8_t *entry)
{
	struct heapimage_module m;

	memcpy(&m, entry, sizeof(m));
	if (m.state != HEAPIMAGE_LIVE || m.lo >= m.hi)
		return 0;
	if (m.n_build_id > sizeof(m.build_id))
		m.n_build_id = 0;
	m.path[sizeof(m.path) - 1] = 0;
	return vec_push(&image->modules, m);
}

static int add_word(struct image *image, const uint8_t *entry)
{
	struct heapimage_kernel_word w;

	memcpy(&w, entry, sizeof(w));
	return vec_push(&image->words, ((struct kernel_word){.bytes = entry,
							     .kind = w.kind,
							     .fd = w.fd,
							     .target_fd = w.target_fd,
							     .events = w.events}));
}

static int add_range(struct image *image, const uint8_t *entry)
{
	struct heapimage_range r;

	memcpy(&r, entry, sizeof(r));
	return r.lo < r.hi ? vec_push(&image->ranges, r) : 0;
}

static const struct list_kind {
	const char *name;
	uint32_t entry_size; /* of version 1.0 */
	int (*add)(struct image *image, const uint8_t *entry);
} kinds[IMAGE_LISTS] = {
	{"threads", sizeof(struct heapimage_thread), add_thread},
	{"modules", sizeof(struct heapimage_module), add_module},
	{"words held by the kernel", sizeof(struct heapimage_kernel_word), add_word},
	{"ranges", sizeof(struct heapimage_range), add_range},
};

/* How many of the list's entries the file has; 0 where it cannot be read at all. */
static uint64_t entries_of(const struct heapimage_list *l, const struct list_kind *k,
			   uint64_t file_size, struct warnings *warnings)
{
	uint64_t left = l->file_off < file_size ? file_size - l->file_off : 0, fits;

	if (l->entry_size < k->entry_size) {
		if (l->n)
			warnings_add(warnings,
				     "the image's list of %s has entries of %u bytes, %u are "
				     "needed: left out",
				     k->name, l->entry_size, k->entry_size);
		return 0;
	}
	fits = (l->size < left ? l->size : left) / l->entry_size;
	if (fits < l->n)
		warnings_add(warnings,
			     "the image's list of %s at offset 0x%llx is cut off: %llu of %u "
			     "entries are there",
			     k->name, (unsigned long long)l->file_off, (unsigned long long)fits,
			     l->n);
	return fits < l->n ? fits : l->n;
}

static int by_tid(const void *a, const void *b)
{
	const struct named_thread *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	if (!*x->name != !*y->name)
		return *x->name ? -1 : 1;
	return strcmp(x->name, y->name);
}

int image_read_lists(struct parts *parts, const uint8_t *bytes, uint64_t size,
		     struct warnings *warnings, struct err *err)
{
	struct image *image = &parts->image;

	for (size_t i = 0; i < IMAGE_LISTS; i++) {
		const struct heapimage_list *l = &image->lists[i];
		uint64_t n = entries_of(l, &kinds[i], size, warnings);

		for (uint64_t k = 0; k < n; k++)
			if (kinds[i].add(image, bytes + l->file_off + k * l->entry_size) < 0)
				return err_nomem(err);
		image->n_cut += l->n_cut + (l->n - n);
		if (l->n_cut)
			warnings_add(warnings,
				     "the image's list of %s is not whole: the writer had no room "
				     "for %u more",
				     kinds[i].name, l->n_cut);
	}
	if (image->threads.n)
		qsort(image->threads.v, image->threads.n, sizeof(*image->threads.v), by_tid);
	return 0;
}
