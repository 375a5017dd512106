/*
 * The ordered walk: allocators that we parse, the writable memory that is left,
 * and the allocators that we can only name, which may own it. The table below is where a new walker
 * goes (checklist: walker.h).
 *
 *	Σ bytes of objects (mappings apart) + headers + internal = in_use_chunk_bytes
 */
#include "analyze/heap/foreign.h"
#include "analyze/heap/heap.h"
#include "analyze/heap/mappings.h"

static const struct walker *const walkers[] = {&glibc_walker};

static int run_walker(struct walk *w, const struct walker *walker, struct err *err)
{
	void *state = NULL;
	bool found = false;
	int rc = walker->find(w, &found, &state, err);

	if (!rc && found) {
		if (!w->heap->allocator)
			w->heap->allocator = walker->name;
		rc = walker->walk(w, state, err);
	}
	walker->release(state);
	return rc;
}

/* An allocator that is linked in but was never asked for memory does not serve the process. */
static void drop_idle_allocator(struct heap *heap)
{
	uint64_t bytes = heap->mmapped_bytes;

	for (size_t i = 0; i < heap->arenas.n; i++)
		bytes += heap->arenas.v[i].system_bytes;
	if (bytes || !heap->unknown.n)
		return;
	heap->allocator = NULL;
	heap->allocator_note[0] = 0;
	heap->arenas.n = 0;
}

/* What heaps are made of: writable memory without a file. Whether the dump left out all that there is. */
static bool is_absent(const struct space *s)
{
	bool mapped = false;

	for (size_t i = 0; i < s->mappings.n; i++) {
		const struct mapping *m = &s->mappings.v[i];

		if (!(m->prot & PROT_W) || m->path)
			continue;
		if (m->n_dumped)
			return false;
		mapped = true;
	}
	return mapped && !s->parts->truncated;
}

/* As many as there could be: no allocator gives out less than this, its own bytes included. */
enum { SMALLEST_OBJECT = 32 };

static uint64_t most_objects(const struct space *space)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < space->runs.n; i++)
		bytes += space->runs.v[i].size;
	return bytes / SMALLEST_OBJECT;
}

static int walk_all(struct walk *w, struct err *err)
{
	uint64_t n_dropped = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_LEN(walkers); i++)
		rc = run_walker(w, walkers[i], err);
	if (!rc)
		rc = mappings_add(w, err);
	if (!rc)
		rc = foreign_find(w, err);
	if (!rc)
		rc = objects_seal(w->objects, &n_dropped, err);
	if (rc < 0)
		return rc;
	if (n_dropped)
		warnings_add(w->warnings,
			     "%lu objects overlap others and are left out: the heap is damaged",
			     n_dropped);
	w->heap->is_absent = !w->heap->allocator && is_absent(w->space);
	if (!w->heap->allocator && !w->heap->unknown.n && !w->heap->is_absent)
		warnings_add(w->warnings,
			     "no known allocator was recognised; %lu bytes of unknown writable "
			     "memory are not parsed",
			     w->heap->unknown_bytes);
	drop_idle_allocator(w->heap);
	foreign_warn(w);
	return 0;
}

int heap_init(struct heap *heap, const struct space *space, const struct modules *modules,
	      struct symbols *symbols, struct debuginfo *debuginfo, const struct threads *threads,
	      struct claims *claims, struct warnings *warnings, struct err *err)
{
	struct walk w = {
		.space = space,
		.modules = modules,
		.symbols = symbols,
		.debuginfo = debuginfo,
		.threads = threads,
		.claims = claims,
		.objects = &heap->objects,
		.heap = heap,
		.warnings = warnings,
	};
	int rc;

	*heap = (struct heap){0};
	objects_expect(w.objects, most_objects(space));
	rc = walk_all(&w, err);
	if (rc < 0)
		heap_deinit(heap);
	return rc;
}

void heap_deinit(struct heap *heap)
{
	for (size_t i = 0; i < heap->unknown.n; i++)
		free(heap->unknown.v[i].evidence);
	vec_deinit(&heap->unknown);
	vec_deinit(&heap->arenas);
	objects_deinit(&heap->objects);
	*heap = (struct heap){0};
}
