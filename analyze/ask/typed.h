/*
 * What answers say of types: the one place where an object gets its type's name and a pointer's
 * offset its member path. Without debug information, or before session_need_types(), nothing is said.
 */
#ifndef HEAPDUMP_ASK_TYPED_H
#define HEAPDUMP_ASK_TYPED_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"
#include "analyze/types/type_names.h"

/* What some memory is: an object's, or a variable's. */
struct typed {
	type_id type;	/* of the whole, or of one element */
	uint64_t count; /* elements */
	uint64_t size;	/* bytes that are there in all */
	bool is_array;	/* of elements, though the type does not say so */
};

/* False: not known. The object's line says how sure it is (session.inference). */
bool typed_object(const struct session *s, obj_id o, struct typed *out);

/* The same of the variable that a root's first word belongs to, and where this begins. */
bool typed_root(const struct session *s, uint32_t root, struct typed *out, addr_t *at);

/* Adds "type" of the variable that begins a root; nothing where it is not known. */
void typed_set_root(const struct session *s, struct fact *into, uint32_t root);

/*
 * The variable that has the word at off of a root; off becomes the offset in it, and out->at is where it
 * lies, of a thread-local in the root's thread.
 */
bool typed_variable(const struct session *s, uint32_t root, uint64_t *off, struct variable *out);

/* Room for a type's name with its count. */
enum { TYPED_NAME_MAX = TYPE_NAME_MAX + 32 };

/* "struct conn", "struct conn[40]", "char[4096]", of an array of count 0 "char[]"; always terminated. */
void typed_spell(const struct session *s, const struct typed *t, char out[static TYPED_NAME_MAX]);

/* Adds "type", "type_fit", "type_reason", "type_confidence" where the object's type is known. */
void typed_set(const struct session *s, struct fact *into, obj_id o);

/*
 * Adds "path", the member that has the word at off of the vertex: ".conn.rbuf", "[8811]"; with
 * "path_shared" where other members of a union have it, too. Nothing where it is not known, or where there
 * is no member to name: a variable that is a pointer.
 */
void typed_set_path(const struct session *s, struct fact *into, vertex_id v, uint64_t off);

/*
 * Sets "types_missing" and "types_missing_count": the modules without debug information, the executable
 * first. Nothing if types were not asked for.
 */
void typed_set_missing(const struct session *s, struct fact *out);

/* The same, but for the outermost member of that type that begins there, if one does: not ".nodes[0].next". */
void typed_set_path_as(const struct session *s, struct fact *into, vertex_id v, uint64_t off,
		       type_id wanted);

/* Whether the base type is one of characters. */
bool typed_is_character(const struct type *x);

/* "certain", "likely", "guess". */
const char *typed_confidence(uint8_t confidence);

#endif
