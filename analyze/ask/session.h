/*
 * A session: one opened dump and everything derived from it, in passes that
 * run once, in order, when first needed. All state is here; two sessions live
 * side by side.
 *
 *	open         input → parts → space → modules
 *	heap         claims → the sampler's tables → threads → walkers → objects → sites
 *	frames       stacks unwound
 *	graph        roots → index → scan → reach
 *	dominators   SEMI-NCA → retained
 *	types        debug information of all modules → what each object is
 *	reverse      who points here
 */
#ifndef HEAPDUMP_ASK_SESSION_H
#define HEAPDUMP_ASK_SESSION_H

#include "analyze/graph/dominators.h"
#include "analyze/graph/paths.h"
#include "analyze/graph/reach.h"
#include "analyze/graph/scan.h"
#include "analyze/heap/sites.h"
#include "analyze/types/inference.h"
#include "analyze/types/types.h"
#include "formats/input.h"

enum { MAX_TOLD = 64 };

struct session_options {
	struct module_search search;
	struct scan_options scan;
	unsigned without_roots; /* bit (1 << root class) */
	unsigned threads; /* that passes may use; 0: parallel_default(). No result depends on it */
	const char *told[MAX_TOLD]; /* WHAT=TYPE (told.h); not owned */
	size_t n_told;
	bool no_types; /* no debug information is read for types */
	bool no_cache; /* accepted; there is no saved index yet */
	/* Called at the start of each pass, for progress; may be NULL. */
	void (*progress)(void *arg, const char *what);
	void *progress_arg;
};

struct callers_cache;

struct session {
	struct session_options options;
	struct warnings warnings;
	struct input input;
	struct parts parts;
	struct space space;
	struct modules modules;
	struct symbols *symbols;
	struct debuginfo *debuginfo;
	struct lines *lines;
	struct claims claims;
	struct sampled sampled; /* with the threads */
	struct threads threads;
	struct frames frames;
	struct heap heap;
	struct announced announced; /* with the heap */
	struct sites sites;	    /* with the heap */
	struct roots roots;
	struct index *index;
	struct graph graph;
	struct scan_account account;
	struct reach reach;
	struct dominators dominators;
	struct types types;
	struct inference inference;    /* empty before it is needed, and without types */
	struct callers_cache *callers; /* made when first needed */
	unsigned done;		       /* passes done, by bit */
};

/* Opens the file and finds the modules. */
WARN_UNUSED int session_open(struct session *s, const char *path,
			     const struct session_options *options, struct err *err);
void session_close(struct session *s);

/* Each makes sure that its pass, and those before it, have run. */
WARN_UNUSED int session_need_sampled(struct session *s, struct err *err); /* and the threads */
WARN_UNUSED int session_need_heap(struct session *s, struct err *err);
WARN_UNUSED int session_need_frames(struct session *s, struct err *err);
WARN_UNUSED int session_need_graph(struct session *s, struct err *err);
WARN_UNUSED int session_need_reverse(struct session *s, struct err *err);
WARN_UNUSED int session_need_dominators(struct session *s, struct err *err);
WARN_UNUSED int session_need_types(struct session *s, struct err *err);

#endif
