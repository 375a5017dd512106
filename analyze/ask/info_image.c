/*
 * The part of info that only a program with libheapdump has: how the image was made and what it is
 * not sure of, how sampling went, and what the program told of its pools.
 */
#include <string.h>

#include "analyze/ask/allocated.h"
#include "analyze/ask/info_image.h"

enum { SHOWN_RANGES = 100 };

static const char *word_of(const char *const *words, size_t n, uint32_t i)
{
	return i < n && words[i] ? words[i] : "unknown";
}

static void set_consistency(struct fact *f, uint16_t bits)
{
	static const char *const words[] = {"threads ran on", "memory skipped",
					    "shared memory of a later moment", "registers lost"};
	struct fact *list = fact_set_array(f, "consistency");

	for (size_t i = 0; i < 16; i++)
		if (bits >> i & 1)
			fact_add_str(list, word_of(words, ARRAY_LEN(words), (uint32_t)i));
}

static void set_ranges(const struct image *image, struct fact *f)
{
	static const char *const why[] = {
		NULL,	  "unreadable", "not copied",	    "not to be dumped",
		"device", "filtered",	"of a later moment"};
	struct fact *list = fact_set_array(f, "ranges");
	uint64_t bytes = 0;

	for (size_t i = 0; i < image->ranges.n; i++) {
		const struct heapimage_range *r = &image->ranges.v[i];
		struct fact *row = i < SHOWN_RANGES ? fact_add_object(list) : NULL;

		if (__builtin_add_overflow(bytes, r->hi - r->lo, &bytes))
			bytes = UINT64_MAX;
		if (!row)
			continue;
		fact_set_addr(row, "addr", r->lo);
		fact_set_addr(row, "end", r->hi);
		fact_set_str(row, "why", word_of(why, ARRAY_LEN(why), r->why));
		fact_set_u64(row, "error", r->error);
	}
	fact_set_u64(f, "ranges_count", image->ranges.n);
	fact_set_u64(f, "ranges_bytes", bytes);
}

static void set_image(const struct image *image, struct fact *f)
{
	static const char *const methods[] = {NULL, "fork", "in place"};
	static const char *const freezes[] = {NULL, "ptrace", "signal", "single thread"};
	static const char *const triggers[] = {
		NULL, "call", "signal", "exit", "malloc failure", "growth", "heapdump dump"};
	const struct heapimage_info *i = &image->info;

	fact_set_strf(f, "format", "%u.%u", i->major, i->minor);
	allocated_set_time(f, "time", i->time_ns);
	fact_set_str(f, "method", word_of(methods, ARRAY_LEN(methods), i->method));
	fact_set_str(f, "freeze", word_of(freezes, ARRAY_LEN(freezes), i->freeze));
	fact_set_str(f, "trigger", word_of(triggers, ARRAY_LEN(triggers), i->trigger));
	fact_set_str(f, "why", image->why);
	fact_set_u64(f, "thread", i->tid);
	fact_set_u64(f, "pause_ns", i->pause_ns);
	fact_set_u64(f, "stop_ns", i->stop_ns);
	fact_set_u64(f, "fork_ns", i->fork_ns);
	fact_set_u64(f, "threads", i->n_threads);
	fact_set_u64(f, "threads_not_stopped", i->n_not_stopped);
	fact_set_u64(f, "rss_bytes", i->rss_bytes);
	set_consistency(f, i->consistency);
	set_ranges(image, f);
	fact_set_u64(f, "kernel_words", image->words.n);
	fact_set_u64(f, "list_entries_cut", image->n_cut);
}

static void set_sampler(const struct session *s, struct fact *f)
{
	const struct sampled *t = &s->sampled;
	const struct heapimage_anchor *a = &t->anchor;
	char library[sizeof(a->library) + 1] = "";
	uint64_t named = 0;

	memcpy(library, a->library, sizeof(a->library));
	for (size_t i = 0; i < t->regions.n; i++)
		named += t->regions.v[i].kind == 1;
	fact_set_str(f, "library", library);
	fact_set_addr(f, "anchor", a->self);
	fact_set_str(f, "found_by", anchor_source_name(t->source));
	fact_set_u64(f, "interval", a->interval);
	fact_set_u64(f, "births", a->serial);
	fact_set_u64(f, "samples", t->samples.n);
	fact_set_u64(f, "sites", t->sites.n);
	fact_set_u64(f, "modules", t->modules.n);
	fact_set_u64(f, "named_roots", named);
	fact_set_u64(f, "stale", s->sites.n_stale);
	fact_set_u64(f, "reused", s->sites.n_reused);
	fact_set_u64(f, "unparsed", s->sites.n_unwalked);
	fact_set_u64(f, "siteless", t->n_siteless);
	fact_set_u64(f, "torn", t->n_torn);
	fact_set_u64(f, "absent", t->n_absent);
	fact_set_u64(f, "dropped", a->n_dropped);
	fact_set_u64(f, "dropped_bytes", a->n_dropped_bytes);
	fact_set_u64(f, "foreign_frees", a->n_foreign_frees);
	fact_set_u64(f, "cut_stacks", a->n_cut_stacks);
	allocated_set_estimate(fact_set_object(f, "estimated"), &s->sites.all);
}

static void set_announced(const struct announced *a, struct fact *f)
{
	fact_set_u64(f, "objects", a->n);
	fact_set_u64(f, "bytes", a->bytes);
	fact_set_u64(f, "in_mappings_objects", a->mapped_n);
	fact_set_u64(f, "in_mappings_bytes", a->mapped_bytes);
	fact_set_u64(f, "blocks", a->blocks);
	fact_set_u64(f, "block_bytes", a->block_bytes);
	fact_set_u64(f, "rest_bytes", a->rest_bytes);
	fact_set_u64(f, "stray", a->n_stray);
	fact_set_u64(f, "overlapping", a->n_overlap);
}

void info_image(struct session *s, struct fact *out)
{
	if (s->parts.image.info.major)
		set_image(&s->parts.image, fact_set_object(out, "image"));
	if (s->sampled.source)
		set_sampler(s, fact_set_object(out, "sampler"));
	if (s->announced.n || s->announced.n_stray || s->announced.n_overlap)
		set_announced(&s->announced, fact_set_object(out, "announced"));
}
