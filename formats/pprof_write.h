/*
 * Writes profile.proto, the format of pprof (github.com/google/pprof, proto/profile.proto), message by
 * message. Strings are indexes into the string table, whose first is ""; ids are not 0. The order of
 * messages is free, but strings are numbered in the order in which they are written.
 */
#ifndef HEAPDUMP_FORMATS_PPROF_WRITE_H
#define HEAPDUMP_FORMATS_PPROF_WRITE_H

#include "formats/unpack.h"

struct pprof_writer {
	const struct sink *to;
	struct err *err;
	int rc; /* the first failure of the sink; nothing is written after it */
};

/* Numbers of a Profile that stand alone. */
enum pprof_field {
	PPROF_TIME_NANOS = 9,
	PPROF_PERIOD = 12,
	PPROF_COMMENT = 13,
	PPROF_DEFAULT_SAMPLE_TYPE = 14,
};
void pprof_number(struct pprof_writer *w, enum pprof_field field, uint64_t value);

/* A sample type, in the order of samples' values; or the type of the period. */
void pprof_sample_type(struct pprof_writer *w, uint64_t type, uint64_t unit);
void pprof_period_type(struct pprof_writer *w, uint64_t type, uint64_t unit);

/* A sample; locations leaf first. label_key 0: it has no numeric label. */
struct pprof_sample {
	const uint64_t *locations, *values;
	size_t n_locations, n_values;
	uint64_t label_key, label, label_unit;
};
void pprof_sample(struct pprof_writer *w, const struct pprof_sample *s);

struct pprof_mapping {
	uint64_t id, start, limit, offset, filename, build_id;
	bool has_functions, has_filenames, has_lines, has_inlines;
};
void pprof_mapping(struct pprof_writer *w, const struct pprof_mapping *m);

/* Lines: inlined functions first, the one they are in last. */
struct pprof_line {
	uint64_t function, line;
};
void pprof_location(struct pprof_writer *w, uint64_t id, uint64_t mapping, uint64_t address,
		    const struct pprof_line *lines, size_t n_lines);

void pprof_function(struct pprof_writer *w, uint64_t id, uint64_t name, uint64_t system_name,
		    uint64_t filename);

void pprof_string(struct pprof_writer *w, const char *text);

#endif
