/*
 * Who else hands out memory in this process. The evidence is a name: the
 * module's, or a data symbol that only this allocator has. A name proves that
 * it is loaded, not that it owns a given mapping; hence the wording.
 *
 * glibc may serve the same process (libraries bound before, dlmopen): both are
 * then reported.
 */
#include "analyze/heap/foreign.h"
#include "analyze/heap/heap.h"

static const struct foreign_kind {
	const char *name;
	const char *modules[5]; /* how the file's name begins ('$': and ends), NULL-ended */
	const char *symbols[6]; /* data symbols, NULL-ended */
	uint64_t least_bytes;	/* of unknown memory: below that it is linked in but idle */
} kinds[] = {
	{.name = "jemalloc",
	 .modules = {"libjemalloc"},
	 .symbols = {"je_malloc_conf", "je_opt_narenas", "je_arenas_lock", "je_sz_size2index_tab",
		     "_rjem_malloc_conf"}},
	{.name = "tcmalloc",
	 .modules = {"libtcmalloc"},
	 .symbols = {"_ZN8tcmalloc6Static9pageheap_E", "_ZN8tcmalloc6Static12inited_E",
		     "_ZN8tcmalloc17tcmalloc_internal6Static7inited_E"}},
	{.name = "mimalloc",
	 .modules = {"libmimalloc"},
	 .symbols = {"_mi_heap_main", "_mi_heap_empty", "_mi_theap_empty"}},
	{.name = "musl",
	 .modules = {"ld-musl-", "libc.musl-", "libc.so$"},
	 .symbols = {"__malloc_context", "__malloc_replaced", "__bump_lockptr"}},
	{.name = "snmalloc", .modules = {"libsnmalloc"}},
	{.name = "Hoard", .modules = {"libhoard"}},
	{.name = "Scudo", .modules = {"libscudo", "libclang_rt.scudo"}},
	{.name = "AddressSanitizer's allocator",
	 .modules = {"libasan", "libclang_rt.asan"},
	 .symbols = {"__asan_option_detect_stack_use_after_return"}},
	{.name = "Go's heap", .symbols = {"runtime.mheap_"}},
	{.name = "the JVM's heap", .modules = {"libjvm.so"}},
	{.name = "V8's heap", .modules = {"libv8.so", "libnode.so"}},
	{.name = "CPython's arenas", .symbols = {"usedpools"}, .least_bytes = 256 << 10},
};

static int add_kind(struct walk *w, const char *name, const char *evidence, const char *where,
		    struct err *err)
{
	struct heap_unknown u = {.name = name};

	if (asprintf(&u.evidence, evidence, where) < 0)
		return err_nomem(err);
	if (vec_push(&w->heap->unknown, u) < 0) {
		free(u.evidence);
		return err_nomem(err);
	}
	return 0;
}

static bool name_matches(const char *name, const char *pattern)
{
	size_t n = strcspn(pattern, "$");

	return !strncmp(name, pattern, n) && (!pattern[n] || !name[n]);
}

static const char *module_of(const struct walk *w, const struct foreign_kind *k)
{
	for (size_t i = 0; i < w->modules->list.n; i++) {
		const char *name = w->modules->list.v[i].name;

		for (size_t n = 0; name && n < ARRAY_LEN(k->modules) && k->modules[n]; n++)
			if (name_matches(name, k->modules[n]))
				return name;
	}
	return NULL;
}

static const char *symbol_of(const struct walk *w, const struct foreign_kind *k)
{
	struct symbol s;

	for (size_t n = 0; w->symbols && n < ARRAY_LEN(k->symbols) && k->symbols[n]; n++)
		if (symbols_by_name(w->symbols, k->symbols[n], &s, 1))
			return k->symbols[n];
	return NULL;
}

int foreign_find(struct walk *w, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const char *name = module_of(w, &kinds[i]);
		int rc = 0;

		if (w->heap->unknown_bytes < kinds[i].least_bytes)
			continue;
		if (name)
			rc = add_kind(w, kinds[i].name, "module %s", name, err);
		else if ((name = symbol_of(w, &kinds[i])))
			rc = add_kind(w, kinds[i].name, "symbol %s", name, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void foreign_warn(struct walk *w)
{
	const struct heap *heap = w->heap;

	for (size_t i = 0; i < heap->unknown.n; i++)
		warnings_add(w->warnings,
			     "%s seen (%s): it is not parsed; %lu bytes in %lu unknown mappings "
			     "may be its own",
			     heap->unknown.v[i].name, heap->unknown.v[i].evidence,
			     heap->unknown_bytes, heap->objects.n_mappings);
}
