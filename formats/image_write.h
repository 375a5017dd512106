/*
 * What an image has beyond a core: the notes of owner HEAPDUMP and the lists they point to (heapimage.h,
 * docs/format-image.md). Pure, as core_write.h: no allocation, no system call.
 */
#ifndef HEAPDUMP_FORMATS_IMAGE_WRITE_H
#define HEAPDUMP_FORMATS_IMAGE_WRITE_H

#include <stddef.h>

#include "formats/core_write.h"
#include "heapimage.h"

enum image_list { IMAGE_THREADS, IMAGE_MODULES, IMAGE_KERNEL, IMAGE_RANGES, IMAGE_N_LISTS };

struct image_notes {
	struct heapimage_info info;
	struct heapimage_anchor_note anchor; /* addr 0: there is none */
	struct heapimage_list lists[IMAGE_N_LISTS];
	const char *why; /* may be NULL */
};

/* The notes, the info first. Their size does not depend on the values of info and lists. */
void image_put_notes(struct core_sink *s, const struct image_notes *notes);

/* Gives every list (n and entry_size are set) its place from off on; the end of the last one. */
uint64_t image_place_lists(struct image_notes *notes, uint64_t off);

/* The i-th PT_NOTE of an ELF file whose first n bytes are at head: where its bytes are, relative to the file's lowest
 * address, and how many. false: no such note, or no ELF file. */
bool image_elf_notes(const uint8_t *head, uint64_t n, unsigned i, uint64_t *addr, uint64_t *size);

/* Copies the GNU build-id out of n bytes of notes: its length, 0 without one (or one beyond 31 bytes). */
uint8_t image_build_id(const uint8_t *notes, uint64_t n, uint8_t id[31]);

/* The last 63 bytes of a path, and its whole length. */
void image_module_path(struct heapimage_module *m, const char *path);

#endif
