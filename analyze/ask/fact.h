/*
 * Fact trees: every answer as data, from which both text and JSON are made, so
 * that they cannot disagree. Objects keep the order in which keys were set.
 * Owner of the JSON library (jansson): a fact is a json value behind this face.
 *
 * Building never fails visibly: out of memory leaves values out. Answers are small beside the
 * graphs they come from, whose allocations are all checked.
 */
#ifndef HEAPDUMP_ASK_FACT_H
#define HEAPDUMP_ASK_FACT_H

#include "base/ids.h"

struct fact;

struct fact *fact_object(void);
struct fact *fact_array(void);
void fact_free(struct fact *f);

/* Setters replace an equal key. Addresses become "0x…" strings, as they are typed. */
void fact_set_u64(struct fact *object, const char *key, uint64_t value);
void fact_set_i64(struct fact *object, const char *key, int64_t value);
void fact_set_real(struct fact *object, const char *key, double value);
void fact_set_bool(struct fact *object, const char *key, bool value);
void fact_set_addr(struct fact *object, const char *key, addr_t value);
/* Bytes that are not UTF-8 are escaped as \xNN; NULL becomes null. */
void fact_set_str(struct fact *object, const char *key, const char *value);
void fact_set_strf(struct fact *object, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Makes an empty object or array below the key and returns it (owned by the tree). */
struct fact *fact_set_object(struct fact *object, const char *key);
struct fact *fact_set_array(struct fact *object, const char *key);
struct fact *fact_add_object(struct fact *array);
void fact_add_str(struct fact *array, const char *value);

/* Readers for the text screens. key may be a dotted path; absent: 0, NULL, false. */
uint64_t fact_u64(const struct fact *f, const char *key);
int64_t fact_i64(const struct fact *f, const char *key);
double fact_real(const struct fact *f, const char *key);
bool fact_bool(const struct fact *f, const char *key);
const char *fact_str(const struct fact *f, const char *key);
bool fact_has(const struct fact *f, const char *key);
const struct fact *fact_get(const struct fact *f, const char *key);
size_t fact_count(const struct fact *array);
const struct fact *fact_at(const struct fact *array, size_t i);
const char *fact_str_at(const struct fact *array, size_t i);

/*
 * Replaces every string of the tree by what map returns for it (malloc'd; NULL leaves it as it is).
 * Recursive: the depth of a tree is that of its answer, at most tree's --depth.
 */
void fact_map_strings(struct fact *f, char *(*map)(void *arg, const char *text), void *arg);

/* The whole tree as JSON text, in ASCII (no character of a name acts on a terminal), with a newline at the end, malloc'd; NULL out of memory. */
char *fact_to_json(const struct fact *f);

#endif
