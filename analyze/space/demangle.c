/*
 * Names come from symbol tables of files that lie beside the dump, so they may be anybody's. Three
 * things go wrong with demanglers then, and each has its bound here:
 *
 *	depth     the library nests calls as the name nests: it refuses names above about 1,000 bytes
 *		  itself (DEMANGLE_RECURSION_LIMIT), and makes arrays on the stack by that
 *	length    a substitution names all that was before it, and each may double the text: the
 *		  library has no bound for that, so the sink leaves it with longjmp() when there is
 *		  enough. It keeps nothing but its stack then (a punycode identifier of Rust apart)
 *	time      it walks a name's tree also where nothing comes of it: demangle_cost.c
 *
 *	_ZN2ns1tE   _R…   _ZN…17h0123456789abcdefE      C++, Rust, Rust before 2021 (its hash is left out)
 *
 * Sources: Itanium C++ ABI §5.1; Rust RFC 2603; libiberty's demangle.h.
 */
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/demangle.h"
#include "analyze/space/demangle_cost.h"

enum { LONGEST_NAME = 1024, LONGEST_TEXT = 16384, FIRST_SLOTS = 256 };

enum { CXX_OPTIONS = DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP };

struct sink {
	jmp_buf full;
	size_t n;
	char text[LONGEST_TEXT];
};

struct demangled_name {
	char *plain; /* NULL: the name is its own */
	char name[];
};

static void take(const char *text, size_t n, void *arg)
{
	struct sink *sink = arg;

	if (n >= sizeof(sink->text) - sink->n)
		longjmp(sink->full, 1);
	/* an empty piece may be NULL */
	if (n)
		memcpy(sink->text + sink->n, text, n);
	sink->n += n;
}

/* Fills the sink; false: not mangled, or more than fits. */
static bool tell(struct sink *sink, const char *name)
{
	if (setjmp(sink->full))
		return false;
	if (rust_demangle_callback(name, DMGL_RUST, take, sink))
		return true;
	sink->n = 0;
	return demangle_cost_is_small(name, CXX_OPTIONS) &&
	       cplus_demangle_v3_callback(name, CXX_OPTIONS, take, sink);
}

bool demangle_may_be(const char *name)
{
	return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

char *demangle(const char *name)
{
	struct sink *sink;
	char *out = NULL;

	if (!demangle_may_be(name) || strnlen(name, LONGEST_NAME) == LONGEST_NAME)
		return NULL;
	sink = malloc(sizeof(*sink));
	if (!sink)
		return NULL;
	sink->n = 0;
	if (tell(sink, name))
		out = strndup(sink->text, sink->n);
	free(sink);
	return out;
}

static struct demangled_name **entry_of(const struct demangled *d, const char *name)
{
	uint64_t h = 14695981039346656037ull; /* FNV-1a */
	size_t i;

	for (const char *c = name; *c; c++)
		h = (h ^ (unsigned char)*c) * 1099511628211ull;
	i = (h ^ h >> 32) & (d->n_slots - 1);
	while (d->slots[i] && strcmp(d->slots[i]->name, name))
		i = (i + 1) & (d->n_slots - 1);
	return &d->slots[i];
}

/* Makes room for one more; false: out of memory, and nothing changed. */
static bool make_room(struct demangled *d)
{
	struct demangled larger = {.n_slots = d->n_slots ? d->n_slots * 2 : FIRST_SLOTS, .n = d->n};

	if (d->n_slots > 2 * (d->n + 1))
		return true;
	larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < d->n_slots; i++)
		if (d->slots[i])
			*entry_of(&larger, d->slots[i]->name) = d->slots[i];
	free(d->slots);
	*d = larger;
	return true;
}

const char *demangled_name(struct demangled *d, const char *name)
{
	struct demangled_name **entry, *e;

	if (!name || !demangle_may_be(name) || !make_room(d))
		return name;
	entry = entry_of(d, name);
	if (!*entry) {
		e = malloc(sizeof(*e) + strlen(name) + 1);
		if (!e)
			return name;
		strcpy(e->name, name);
		e->plain = demangle(name);
		*entry = e;
		d->n++;
	}
	return (*entry)->plain ? (*entry)->plain : name;
}

void demangled_deinit(struct demangled *d)
{
	for (size_t i = 0; i < d->n_slots; i++)
		if (d->slots[i]) {
			free(d->slots[i]->plain);
			free(d->slots[i]);
		}
	free(d->slots);
	*d = (struct demangled){0};
}
