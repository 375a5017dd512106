/*
 * Reads what heapdump's own writers add to a core: notes of owner HEAPDUMP, and the lists that they
 * point to (heapimage.h, docs/format-image.md).
 */
#ifndef HEAPDUMP_FORMATS_IMAGE_READ_H
#define HEAPDUMP_FORMATS_IMAGE_READ_H

#include "base/err.h"
#include "formats/parts.h"

/*
 * Takes one note into parts->image; off: of its desc in the file. Types that are not known are
 * skipped. ERR_UNSUPPORTED: the image is of a later major version. ERR_NOMEM.
 */
WARN_UNUSED int image_read_note(struct parts *parts, uint32_t type, const uint8_t *desc,
				uint32_t size, uint64_t off, struct warnings *warnings,
				struct err *err);

/*
 * When all notes are read: the lists, from the whole file's bytes, which must outlive parts. What
 * does not fit into the file is left out with a warning. Fails only out of memory. O(lists).
 */
WARN_UNUSED int image_read_lists(struct parts *parts, const uint8_t *bytes, uint64_t size,
				 struct warnings *warnings, struct err *err);

#endif
