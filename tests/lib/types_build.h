/*
 * Types by hand, straight into a table. Everything asserts instead of failing.
 */
#ifndef HEAPDUMP_TESTS_TYPES_BUILD_H
#define HEAPDUMP_TESTS_TYPES_BUILD_H

#include "analyze/types/type_table.h"

uint32_t types_build_name(struct type_table *t, const char *name);
type_id types_build_base(struct type_table *t, const char *name, uint64_t size);

/* Of any kind that has only a target: pointer, typedef (with a name), const, ... */
type_id types_build_over(struct type_table *t, enum type_kind kind, const char *name,
			 type_id target);

/* count UINT64_MAX: an array without a count. */
type_id types_build_array(struct type_table *t, type_id element, uint64_t count);

struct types_build_member {
	const char *name; /* NULL: none */
	type_id type;
	uint64_t off;
	uint16_t bit_size;
	uint8_t bit_off, flags;
};

/* A struct or union; ascending is worked out. */
type_id types_build_record(struct type_table *t, enum type_kind kind, const char *name,
			   uint64_t size, const struct types_build_member *v, size_t n);

#endif
