/*
 * The pass list. Each pass has a bit in session.done; a pass is run by the
 * first question that needs it and leaves its result in the session. What was
 * initialised is released in the opposite order, whether or not all passes ran.
 */
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/assigned.h"
#include "analyze/ask/callers.h"
#include "analyze/ask/session.h"
#include "analyze/ask/told.h"
#include "analyze/graph/parallel.h"
#include "analyze/types/vtables.h"
#include "analyze/space/claim_known.h"
#include "base/cleanup.h"
#include "formats/core_read.h"

enum {
	DONE_INPUT = 1 << 0,
	DONE_PARTS = 1 << 1,
	DONE_SPACE = 1 << 2,
	DONE_MODULES = 1 << 3,
	DONE_THREADS = 1 << 4,
	DONE_HEAP = 1 << 5,
	DONE_FRAMES = 1 << 6,
	DONE_ROOTS = 1 << 7,
	DONE_SCAN = 1 << 8,
	DONE_REACH = 1 << 9,
	DONE_DOMINATORS = 1 << 10,
	DONE_TYPES = 1 << 11,
	DONE_INFERENCE = 1 << 12,
};

static void begin(const struct session *s, const char *what)
{
	if (s->options.progress)
		s->options.progress(s->options.progress_arg, what);
}

/* Marks the pass done when rc says so, and hands rc on. */
static int finish(struct session *s, unsigned bit, int rc)
{
	if (rc == 0)
		s->done |= bit;
	return rc;
}

/* The folder of a path, so that files beside the dump are found. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

static int open_modules(struct session *s, struct err *err)
{
	_cleanup_free_ char *beside = folder_of(s->input.path);
	struct module_search search = s->options.search;
	int rc;

	search.beside = beside;
	rc = finish(s, DONE_MODULES,
		    modules_init(&s->modules, &s->space, &search, &s->warnings, err));
	if (rc == 0)
		rc = symbols_new(&s->symbols, &s->modules, err);
	if (rc == 0)
		rc = debuginfo_new(&s->debuginfo, &s->space, &s->modules, err);
	return rc < 0 ? rc : lines_new(&s->lines, s->debuginfo, &s->modules, err);
}

int session_open(struct session *s, const char *path, const struct session_options *options,
		 struct err *err)
{
	int rc;

	*s = (struct session){.options = *options};
	if (!s->options.threads)
		s->options.threads = parallel_default();
	begin(s, "opening");
	rc = finish(s, DONE_INPUT, input_open(&s->input, path, NULL, err));
	if (rc == 0 && s->input.truncated)
		warnings_add(&s->warnings,
			     "the %s data end early or are damaged: only the first %llu "
			     "bytes could be unpacked",
			     s->input.packing, (unsigned long long)s->input.size);
	if (rc == 0)
		rc = finish(s, DONE_PARTS,
			    core_read(&s->parts, s->input.bytes, s->input.size, &s->warnings, err));
	if (rc == 0)
		rc = finish(s, DONE_SPACE, space_init(&s->space, &s->parts, err));
	if (rc == 0)
		rc = space_take_holes(&s->space, s->input.holes.v, s->input.holes.n, err);
	begin(s, "finding modules");
	if (rc == 0)
		rc = open_modules(s, err);
	if (rc < 0)
		session_close(s);
	return rc;
}

int session_need_sampled(struct session *s, struct err *err)
{
	int rc;

	if (s->done & DONE_THREADS)
		return 0;
	rc = claim_known(&s->claims, &s->space, &s->modules, err);
	if (rc == 0)
		rc = sampled_init(&s->sampled, &s->space, &s->modules, s->symbols, &s->warnings,
				  err);
	if (rc == 0)
		rc = sampled_claim(&s->sampled, &s->space, &s->claims, err);
	if (rc < 0)
		return rc;
	return finish(s, DONE_THREADS,
		      threads_init(&s->threads, &s->space, &s->modules, s->symbols, s->debuginfo,
				   &s->claims, &s->warnings, err));
}

int session_need_heap(struct session *s, struct err *err)
{
	int rc = session_need_sampled(s, err);

	if (rc < 0 || s->done & DONE_HEAP)
		return rc;
	begin(s, "walking the heap");
	rc = finish(s, DONE_HEAP,
		    heap_init(&s->heap, &s->space, &s->modules, s->symbols, s->debuginfo,
			      &s->threads, &s->claims, &s->warnings, err));
	if (rc == 0)
		rc = announced_split(&s->heap.objects, &s->sampled, &s->announced, &s->warnings,
				     err);
	return rc < 0 ? rc
		      : sites_init(&s->sites, &s->sampled, &s->space, &s->heap.objects,
				   &s->announced, s->heap.lost_bytes, &s->warnings, err);
}

int session_need_frames(struct session *s, struct err *err)
{
	int rc = session_need_sampled(s, err);

	if (rc < 0 || s->done & DONE_FRAMES)
		return rc;
	begin(s, "unwinding stacks");
	return finish(
		s, DONE_FRAMES,
		frames_init(&s->frames, s->debuginfo, &s->threads, &s->space, &s->warnings, err));
}

/*
 * Globals first, so that a path names a variable where one holds the object; bookkeeping of the loader
 * and of libc behind all that has a name of the program's.
 */
static uint8_t tier_of(const struct root *r)
{
	if (r->class >= ROOT_STACK)
		return (uint8_t)(r->class + 1);
	return (uint8_t)(r->is_internal ? ROOT_STACK : r->class);
}

/* With no word to the session but its result: dominators may be found at the same time. */
static int find_reach(struct session *s, struct err *err)
{
	_cleanup_free_ uint8_t *tiers = malloc(s->roots.list.n + 1);
	struct bitset mappings;
	int rc;

	if (!tiers || bitset_init(&mappings, objects_count(&s->heap.objects)) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < s->roots.list.n; i++)
		tiers[i] = tier_of(&s->roots.list.v[i]);
	for (obj_id o = 0; o < objects_count(&s->heap.objects); o++)
		if (objects_kind(&s->heap.objects, o) == OBJECT_MAPPING)
			bitset_add(&mappings, o);
	rc = reach_init(&s->reach, &s->graph, tiers, &mappings, NULL, err);
	bitset_deinit(&mappings);
	return rc;
}

static int run_scan(struct session *s, struct err *err)
{
	int rc;

	begin(s, "following pointers");
	s->options.scan.sites = &s->sites;
	s->options.scan.threads = s->options.threads;
	rc = index_new(&s->index, &s->heap.objects, err);
	if (rc == 0)
		rc = scan_graph(&s->graph, &s->account, &s->space, &s->heap.objects, s->index,
				&s->roots, &s->options.scan, err);
	return finish(s, DONE_SCAN, rc);
}

/* All of the graph but what is reached. */
static int need_edges(struct session *s, struct err *err)
{
	int rc = session_need_heap(s, err);

	if (rc == 0)
		rc = session_need_frames(s, err);
	begin(s, "naming roots");
	if (rc == 0 && !(s->done & DONE_ROOTS))
		rc = finish(s, DONE_ROOTS,
			    roots_init(&s->roots, &s->space, &s->modules, s->symbols, &s->threads,
				       &s->frames, &s->claims, &s->sampled,
				       s->options.without_roots, err));
	if (rc == 0 && !(s->done & DONE_SCAN))
		rc = run_scan(s, err);
	return rc;
}

int session_need_graph(struct session *s, struct err *err)
{
	int rc = need_edges(s, err);

	if (rc < 0 || s->done & DONE_REACH)
		return rc;
	begin(s, "finding what is reached");
	return finish(s, DONE_REACH, find_reach(s, err));
}

static int find_dominators(struct session *s, struct err *err)
{
	return dominators_init(&s->dominators, &s->graph, &s->heap.objects, NULL, err);
}

/* Neither needs the other, and each is one long search. */
struct two_searches {
	struct session *s;
	int rc[2];
};

static int run_search(void *arg, unsigned i, struct err *err)
{
	struct two_searches *two = arg;

	two->rc[i] = i ? find_dominators(two->s, err) : find_reach(two->s, err);
	return two->rc[i];
}

static int need_both_searches(struct session *s, struct err *err)
{
	struct two_searches two = {.s = s};
	int rc;

	begin(s, "finding what is reached, and dominators");
	rc = parallel_run(2, run_search, &two, err);
	finish(s, DONE_REACH, two.rc[0]);
	finish(s, DONE_DOMINATORS, two.rc[1]);
	return rc;
}

int session_need_dominators(struct session *s, struct err *err)
{
	int rc = need_edges(s, err);

	if (rc < 0 || s->done & DONE_DOMINATORS)
		return rc;
	if (s->options.threads > 1 && !(s->done & DONE_REACH))
		return need_both_searches(s, err);
	rc = session_need_graph(s, err);
	if (rc < 0)
		return rc;
	begin(s, "finding dominators");
	return finish(s, DONE_DOMINATORS, find_dominators(s, err));
}

int session_need_reverse(struct session *s, struct err *err)
{
	int rc = session_need_graph(s, err);

	return rc < 0 || offsets_there(&s->graph.in_off)
		       ? rc
		       : graph_make_reverse(&s->graph, s->options.threads, err);
}

static int run_inference(struct session *s, struct err *err)
{
	const struct vtables_input vtables = {.table = &s->types.table,
					      .space = &s->space,
					      .modules = &s->modules,
					      .symbols = s->symbols,
					      .objects = &s->heap.objects};
	struct inference_claims claims = {0};
	struct told told = {.claims = &claims};
	int rc = vtables_claim(&vtables, &claims, err);
	struct inference_input in = {.table = &s->types.table,
				     .variables = &s->types.variables,
				     .space = &s->space,
				     .objects = &s->heap.objects,
				     .index = s->index,
				     .threads = &s->threads,
				     .sites = &s->sites,
				     .locals = &s->types.locals,
				     .containers = &s->types.containers};

	if (rc == 0)
		rc = erased_new(&in.erased, &s->types.table, s->symbols, err);
	if (rc == 0)
		rc = assigned_claim(s, &claims, err);
	if (rc == 0)
		rc = told_read(s, &told, err);
	in.told = told.members.v;
	in.n_told = told.members.n;
	in.claims = claims.list.v;
	in.n_claims = claims.list.n;
	in.wholes = claims.wholes.v;
	in.n_wholes = claims.wholes.n;
	if (rc == 0)
		rc = finish(s, DONE_INFERENCE, inference_run(&s->inference, &in, err));
	erased_free(in.erased);
	vec_deinit(&claims.list);
	vec_deinit(&claims.wholes);
	vec_deinit(&told.members);
	return rc;
}

int session_need_types(struct session *s, struct err *err)
{
	int rc = session_need_graph(s, err);

	if (rc < 0 || s->done & DONE_INFERENCE || s->options.no_types)
		return rc;
	if (!(s->done & DONE_TYPES)) {
		rc = finish(s, DONE_TYPES,
			    types_init(&s->types, s->debuginfo, &s->modules, &s->warnings, err));
		if (rc == 0)
			rc = assigned_watch(s, err);
		if (rc == 0)
			rc = types_watch(&s->types, &s->frames, &s->threads, &s->space, err);
	}
	begin(s, "reading types");
	if (rc == 0)
		rc = types_need_all(&s->types, err);
	if (rc == 0 && s->types.locals.is_cut)
		warnings_add(&s->warnings,
			     "not all locals of the stacks are named: there are too many, or "
			     "their debug information is damaged");
	begin(s, "concluding types");
	return rc < 0 ? rc : run_inference(s, err);
}

void session_close(struct session *s)
{
	inference_deinit(&s->inference);
	if (s->done & DONE_TYPES)
		types_deinit(&s->types);
	if (s->done & DONE_DOMINATORS)
		dominators_deinit(&s->dominators);
	if (s->done & DONE_REACH)
		reach_deinit(&s->reach);
	if (s->done & DONE_SCAN)
		graph_deinit(&s->graph);
	index_free(s->index);
	if (s->done & DONE_ROOTS)
		roots_deinit(&s->roots);
	if (s->done & DONE_FRAMES)
		frames_deinit(&s->frames);
	callers_cache_free(s->callers);
	sites_deinit(&s->sites);
	announced_deinit(&s->announced);
	if (s->done & DONE_HEAP)
		heap_deinit(&s->heap);
	sampled_deinit(&s->sampled);
	if (s->done & DONE_THREADS)
		threads_deinit(&s->threads);
	claims_deinit(&s->claims);
	lines_free(s->lines);
	debuginfo_free(s->debuginfo);
	symbols_free(s->symbols);
	if (s->done & DONE_MODULES)
		modules_deinit(&s->modules);
	if (s->done & DONE_SPACE)
		space_deinit(&s->space);
	if (s->done & DONE_PARTS)
		parts_deinit(&s->parts);
	if (s->done & DONE_INPUT)
		input_close(&s->input);
	warnings_deinit(&s->warnings);
	*s = (struct session){0};
}
