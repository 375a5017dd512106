/*
 * How things are named in every answer: objects, roots, addresses, edges.
 * Each function sets keys in a fact object; the keys are listed in docs/json.md.
 */
#ifndef HEAPDUMP_ASK_DESCRIBE_H
#define HEAPDUMP_ASK_DESCRIBE_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

#define NO_WORD UINT64_MAX

/*
 * addr, size, kind, and where they are known: state, retained, points_to (the symbol its first word
 * points to), text (its beginning, where that is printable). Needs the heap.
 */
void describe_object(struct session *s, struct fact *into, obj_id o);

/*
 * class, name, module, section, file, line, thread, frame, function, and for the word at byte offset
 * off (or NO_WORD) offset or register. retained where dominators are done. Needs the graph.
 */
void describe_root(struct session *s, struct fact *into, uint32_t root, uint64_t off);

/* Either of the two, as {"root": …} or {"object": …}. */
void describe_vertex(struct session *s, struct fact *into, vertex_id v, uint64_t off);

/* The key with the name that the source has; symbol too, if that is another. NULL becomes null. */
void describe_name(struct session *s, struct fact *into, const char *key, const char *symbol);

/* What a stack frame is called: depth, function, file, line, pc. Needs frames. */
void describe_frame(struct session *s, struct fact *into, uint32_t frame);

/* What is at an address that is in no object: "module", "not mapped", …; heapdump-map(1) lists them. */
const char *describe_place(const struct session *s, addr_t at);

/* module, path, build_id, executable. */
void describe_module(const struct session *s, struct fact *into, uint32_t module);

/* "reachable", "leaked directly", …  */
const char *describe_verdict(enum verdict v);

/* "aligned", "interior", … */
const char *describe_edge(enum edge_class c);

#endif
