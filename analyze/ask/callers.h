/*
 * The call stack of an allocation site, by names.
 */
#ifndef HEAPDUMP_ASK_CALLERS_H
#define HEAPDUMP_ASK_CALLERS_H

#include "analyze/ask/fact.h"
#include "analyze/ask/session.h"

/* One function on the stack. Strings live as long as the session. */
struct caller {
	addr_t pc;	      /* the return address; inlined functions share the one they are in */
	const char *function; /* as the source names it, else its symbol; NULL: not known */
	const char *symbol;   /* of the code; NULL: none */
	const char *path;     /* of the source; NULL: not known */
	const char *folder;   /* that a relative path is relative to; NULL: not known */
	uint32_t line;
	uint32_t module; /* INDEX_NONE: none, or unmapped */
	bool inlined;	 /* into the next one, which is in the list too */
	const struct heapimage_module
		*unmapped; /* the module that was there then and was unmapped since; else NULL */
};

/*
 * The stack of a site, the allocating function first, up to max; the number. Frames of heapdump's own
 * library are left out. O(frames × DIEs of their compile units).
 */
size_t callers_of(struct session *s, const struct site_ref *site, struct caller *out, size_t max);

/*
 * The functions at a return address, in the module that is there now; at least one, of no name.
 * O(DIEs of its compile unit) the first time.
 */
size_t callers_here(struct session *s, addr_t pc, struct caller *out, size_t max);

/* What callers_here() remembers, a return address once; in the session. NULL is fine. */
void callers_cache_free(struct callers_cache *c);

/* How many of the return addresses, from the first on, are in heapdump's own library. */
size_t callers_own(const struct session *s, const addr_t *pcs, size_t n);

/* The last component of a path. */
const char *callers_base_name(const char *path);

/* The one by which a site is known: the first that does not merely pass an allocation on. */
size_t callers_label(const struct caller *list, size_t n);

/* That one alone, without naming the frames behind it; false: the site has no frames. */
bool callers_label_of(struct session *s, const struct site_ref *site, struct caller *out);

/* function, file, line, module, pc, inlined, unmapped. */
void callers_describe(struct session *s, struct fact *into, const struct caller *c);

#endif
