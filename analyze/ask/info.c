/*
 * info: what this dump is and how much of it is understood.
 */
#include <signal.h>
#include <string.h>

#include "analyze/ask/answers.h"
#include "analyze/ask/cautions.h"
#include "analyze/ask/describe.h"
#include "analyze/ask/info_image.h"
#include "analyze/ask/totals.h"

static void set_tally(struct fact *f, const char *what, struct tally t)
{
	char key[64];

	snprintf(key, sizeof(key), "%s_objects", what);
	fact_set_u64(f, key, t.objects);
	snprintf(key, sizeof(key), "%s_bytes", what);
	fact_set_u64(f, key, t.bytes);
}

static void describe_dump(struct session *s, struct fact *f)
{
	const struct parts *p = &s->parts;

	fact_set_str(f, "path", s->input.path);
	fact_set_str(f, "format", p->writer);
	fact_set_str(f, "packing", s->input.packing);
	fact_set_u64(f, "bytes", s->input.size);
	fact_set_str(f, "machine", p->machine == MACHINE_X86_64 ? "x86-64" : "aarch64");
	fact_set_u64(f, "segments", p->segments.n);
	fact_set_bool(f, "truncated", p->truncated || s->input.truncated);
	fact_set_u64(f, "lost_bytes", p->lost);
}

static void describe_process(struct session *s, struct fact *f)
{
	const struct parts *p = &s->parts;
	uint32_t exe = s->modules.exe;
	struct symbol sym;

	fact_set_str(f, "program", exe == INDEX_NONE ? p->comm : s->modules.list.v[exe].path);
	fact_set_u64(f, "pid", p->pid);
	fact_set_str(f, "comm", p->comm);
	fact_set_str(f, "args", p->args);
	fact_set_i64(f, "signal", p->signo);
	if (p->signo) {
		const char *name = sigabbrev_np(p->signo);

		fact_set_strf(f, "signal_name", "SIG%s", name ? name : "?");
	}
	if (p->signo == SIGSEGV || p->signo == SIGBUS) {
		fact_set_addr(f, "fault_addr", p->fault_addr);
		if (symbols_at(s->symbols, p->fault_addr, &sym))
			fact_set_str(f, "fault_symbol", symbols_source_name(s->symbols, sym.name));
	}
	fact_set_str(f, "libc", s->modules.libc_name);
}

static void describe_threads(struct session *s, struct fact *list)
{
	for (size_t i = 0; i < s->threads.n_live; i++) {
		const struct thread *t = &s->threads.list.v[i];
		struct fact *f = fact_add_object(list);
		struct fact *frames;

		fact_set_u64(f, "tid", t->tid);
		fact_set_i64(f, "signal", t->regs->signal);
		fact_set_addr(f, "sp", t->regs->sp);
		fact_set_u64(f, "stack_bytes", range_size(t->stack));
		fact_set_u64(f, "tls_blocks", t->tls.n);
		fact_set_bool(f, "descriptor", range_size(t->descriptor) > 0);
		frames = fact_set_array(f, "frames");
		for (uint32_t k = s->frames.first.v[i]; k < s->frames.first.v[i + 1]; k++)
			describe_frame(s, fact_add_object(frames), k);
	}
}

static void describe_modules(struct session *s, struct fact *list)
{
	static const char *const states[] = {"found", "unverified", "missing", "other build"};

	for (size_t i = 0; i < s->modules.list.n; i++) {
		const struct module *m = &s->modules.list.v[i];
		struct fact *f = fact_add_object(list);
		char id[2 * MAX_BUILD_ID + 1] = "";

		for (uint32_t k = 0; k < m->n_build_id; k++)
			sprintf(id + 2 * k, "%02x", m->build_id[k]);
		fact_set_str(f, "path", m->path);
		fact_set_addr(f, "addr", m->at.lo);
		fact_set_addr(f, "end", m->at.hi);
		fact_set_str(f, "build_id", *id ? id : NULL);
		fact_set_str(f, "state", states[m->state]);
		fact_set_str(f, "file", m->file);
		fact_set_str(f, "debug_file", m->debug_file);
		fact_set_bool(f, "executable", m->is_exe);
		fact_set_bool(f, "debug_information", modules_has_dwarf(m));
	}
}

static void describe_arenas(struct session *s, struct fact *list)
{
	for (size_t i = 0; i < s->heap.arenas.n; i++) {
		const struct heap_arena *a = &s->heap.arenas.v[i];
		struct fact *f = fact_add_object(list);

		fact_set_str(f, "kind", a->kind);
		fact_set_addr(f, "addr", a->addr);
		fact_set_u64(f, "system_bytes", a->system_bytes);
		fact_set_u64(f, "in_use_chunks", a->in_use_chunks);
		fact_set_u64(f, "in_use_chunk_bytes", a->in_use_chunk_bytes);
		fact_set_u64(f, "cached_chunk_bytes", a->cached_chunk_bytes);
		fact_set_u64(f, "fast_chunk_bytes", a->fast_chunk_bytes);
		fact_set_u64(f, "free_chunk_bytes", a->free_chunk_bytes);
		fact_set_u64(f, "lost_bytes", a->lost_bytes);
	}
}

static void describe_heap(struct session *s, struct fact *f)
{
	const struct heap *h = &s->heap;
	struct totals t = totals_of(s);
	struct fact *unknown;

	fact_set_str(f, "allocator", h->allocator);
	fact_set_str(f, "allocator_note", h->allocator_note);
	set_tally(f, "in_use", t.in_use);
	set_tally(f, "reachable", t.by_verdict[REACHABLE]);
	set_tally(f, "leaked", totals_leaked(&t));
	set_tally(f, "directly_leaked", t.by_verdict[LEAKED_DIRECTLY]);
	set_tally(f, "indirectly_leaked", t.by_verdict[LEAKED_INDIRECTLY]);
	set_tally(f, "mapping_held", t.by_verdict[MAPPING_HELD]);
	fact_set_u64(f, "in_use_chunk_bytes", h->in_use_chunk_bytes);
	fact_set_u64(f, "cached_chunks", h->cached_chunks);
	fact_set_u64(f, "cached_chunk_bytes", h->cached_chunk_bytes);
	fact_set_u64(f, "internal_chunks", h->internal_chunks);
	fact_set_u64(f, "internal_chunk_bytes", h->internal_chunk_bytes);
	fact_set_u64(f, "free_chunks", h->free_chunks);
	fact_set_u64(f, "free_chunk_bytes", h->free_chunk_bytes);
	fact_set_u64(f, "mmapped_chunks", h->mmapped_chunks);
	fact_set_u64(f, "mmapped_bytes", h->mmapped_bytes);
	fact_set_u64(f, "lost_bytes", h->lost_bytes);
	fact_set_u64(f, "mappings", t.mappings.objects);
	fact_set_u64(f, "mapping_bytes", t.mappings.bytes);
	fact_set_u64(f, "unreached_mappings", t.unreached_mappings.objects);
	fact_set_u64(f, "unreached_mapping_bytes", t.unreached_mappings.bytes);
	fact_set_u64(f, "unknown_bytes", h->unknown_bytes);
	unknown = fact_set_array(f, "unknown_allocators");
	for (size_t i = 0; i < h->unknown.n; i++) {
		struct fact *u = fact_add_object(unknown);

		fact_set_str(u, "name", h->unknown.v[i].name);
		fact_set_str(u, "evidence", h->unknown.v[i].evidence);
	}
	describe_arenas(s, fact_set_array(f, "arenas"));
}

/* Bytes of mappings with write permission, and how many of them some pass has explained. */
static void describe_coverage(struct session *s, struct fact *f)
{
	static const char *const names[] = {
		"modules", "stacks",	      "dead_stacks", "thread_descriptors",
		"heap",	   "allocator_state", "files",	     "unreadable",
		"sampler"};
	uint64_t mapped = 0, dumped = 0, claimed = 0;

	for (size_t i = 0; i < s->space.mappings.n; i++) {
		mapped += range_size(s->space.mappings.v[i].at);
		dumped += s->space.mappings.v[i].n_dumped;
	}
	fact_set_u64(f, "mapped_bytes", mapped);
	fact_set_u64(f, "dumped_bytes", dumped);
	for (enum claim_kind k = 0; k < N_CLAIM_KINDS; k++) {
		uint64_t n = claims_bytes(&s->claims, k);

		if (k == CLAIM_ALLOCATOR_STATE)
			continue;
		fact_set_u64(f, names[k], n);
		claimed += n;
	}
	fact_set_u64(f, "unknown", mapped > claimed ? mapped - claimed : 0);
}

static void describe_scan(const struct session *s, struct fact *f)
{
	const struct scan_account *a = &s->account;
	struct fact *classes;

	fact_set_u64(f, "roots", s->roots.list.n);
	fact_set_u64(f, "words", a->words);
	fact_set_u64(f, "dismissed", a->dismissed);
	fact_set_u64(f, "missed", a->missed);
	fact_set_u64(f, "duplicate", a->duplicate);
	fact_set_u64(f, "followed", a->followed);
	fact_set_u64(f, "absent_bytes", a->absent_bytes);
	classes = fact_set_object(f, "by_class");
	for (enum edge_class c = 0; c < N_EDGE_CLASSES; c++)
		fact_set_u64(classes, describe_edge(c), a->by_class[c]);
}

int info_answer(struct session *s, struct fact *out, struct err *err)
{
	struct fact *warnings;
	int rc = session_need_graph(s, err);

	if (rc < 0)
		return rc;
	describe_dump(s, fact_set_object(out, "dump"));
	describe_process(s, fact_set_object(out, "process"));
	describe_heap(s, fact_set_object(out, "heap"));
	info_image(s, out);
	describe_scan(s, fact_set_object(out, "scan"));
	describe_coverage(s, fact_set_object(out, "coverage"));
	describe_threads(s, fact_set_array(out, "threads"));
	fact_set_u64(out, "exited_threads", s->threads.list.n - s->threads.n_live);
	describe_modules(s, fact_set_array(out, "modules"));
	cautions_set(s, out);
	warnings = fact_set_array(out, "warnings");
	for (size_t i = 0; i < s->warnings.lines.n; i++)
		fact_add_str(warnings, s->warnings.lines.v[i]);
	fact_set_u64(out, "warnings_dropped", s->warnings.n_dropped);
	return 0;
}
