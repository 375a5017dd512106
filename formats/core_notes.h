/*
 * The notes of a core: threads, registers, files, auxiliary vector, signal.
 */
#ifndef HEAPDUMP_FORMATS_CORE_NOTES_H
#define HEAPDUMP_FORMATS_CORE_NOTES_H

#include "base/err.h"
#include "formats/core_machine.h"

/* A PT_NOTE's place in the file; size is what the file really has of it. */
struct note_segment {
	uint64_t off, size;
	uint64_t align; /* of the notes in it: 4 or 8 */
	bool cut;	/* the header promises more than the file has */
};

/*
 * Adds what the segment's notes say to parts; unknown notes are skipped, notes that overrun end the
 * segment with a warning. *is_image: a note of owner HEAPDUMP was seen. Fails out of memory, and as
 * image_read_note() does.
 */
WARN_UNUSED int core_notes_read(struct parts *parts, const struct core_machine *machine,
				const void *bytes, const struct note_segment *at, bool *is_image,
				struct warnings *warnings, struct err *err);

#endif
