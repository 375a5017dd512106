/*
 * heapdump info: the verdict first, then what it rests on.
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/commands.h"

enum { SHOWN_THREADS = 16, SHOWN_FRAMES = 12, SHOWN_MODULES = 12 };

static void put_head(const struct screen *s, const struct fact *a)
{
	const struct fact *h = fact_get(a, "heap");
	uint64_t in_use = fact_u64(h, "in_use_bytes"), leaked = fact_u64(h, "leaked_bytes");

	if (!fact_u64(h, "in_use_objects")) {
		screen_no_objects(s, a);
		return;
	}
	fprintf(s->out, "%s%s%s in %s in use", screen_bold(s), screen_bytes(in_use).s,
		screen_plain(s), screen_counted(fact_u64(h, "in_use_objects"), "object").s);
	fprintf(s->out, ": %s reachable", screen_bytes(fact_u64(h, "reachable_bytes")).s);
	fprintf(s->out, ", %s%s %s%s (%s)", screen_bold(s), screen_bytes(leaked).s,
		fact_bool(a, "leaks_doubtful") ? "seem leaked" : "leaked", screen_plain(s),
		screen_share(leaked, in_use).s);
	if (fact_u64(h, "mapping_held_objects"))
		fprintf(s->out, ", %s held only by unreached mappings",
			screen_bytes(fact_u64(h, "mapping_held_bytes")).s);
}

static void put_process(const struct screen *s, const struct fact *a)
{
	const struct fact *p = fact_get(a, "process"), *d = fact_get(a, "dump");

	fprintf(s->out, "\nprogram     %s", fact_str(p, "program"));
	fprintf(s->out, "\n            pid %" PRIu64 ": %s", fact_u64(p, "pid"),
		fact_str(p, "args"));
	if (fact_has(p, "signal_name"))
		fprintf(s->out, "\ndied of     %s", fact_str(p, "signal_name"));
	if (fact_has(p, "fault_addr"))
		fprintf(s->out, " at %s", fact_str(p, "fault_addr"));
	if (fact_has(p, "fault_symbol"))
		fprintf(s->out, " (%s)", fact_str(p, "fault_symbol"));
	fprintf(s->out, "\ndump        %s, %s, %s", fact_str(d, "format"), fact_str(d, "machine"),
		screen_bytes(fact_u64(d, "bytes")).s);
	if (fact_has(d, "packing"))
		fprintf(s->out, " (unpacked from %s)", fact_str(d, "packing"));
	if (fact_bool(d, "truncated"))
		fprintf(s->out, ", TRUNCATED: %s missing",
			screen_bytes(fact_u64(d, "lost_bytes")).s);
	fputc('\n', s->out);
}

static void put_row(const struct screen *s, const char *what, const struct fact *h, const char *key,
		    const char *note)
{
	uint64_t whole = fact_u64(h, "in_use_bytes");
	char objects[64], bytes[64];

	snprintf(objects, sizeof(objects), "%s_objects", key);
	snprintf(bytes, sizeof(bytes), "%s_bytes", key);
	fprintf(s->out, "  %-22s %13s %11s %8s%s\n", what, screen_count(fact_u64(h, objects)).s,
		screen_bytes(fact_u64(h, bytes)).s, screen_share(fact_u64(h, bytes), whole).s,
		note);
}

static void put_sums(const struct screen *s, const struct fact *h)
{
	fprintf(s->out, "  %-22s %13s %11s\n", "", "objects", "bytes");
	put_row(s, "in use", h, "in_use", "");
	put_row(s, "reachable", h, "reachable", "");
	put_row(s, "leaked directly", h, "directly_leaked", "");
	put_row(s, "leaked indirectly", h, "indirectly_leaked", "");
	if (fact_u64(h, "mapping_held_objects"))
		put_row(s, "held by unreached maps", h, "mapping_held",
			"  neither reachable nor leaked");
	fprintf(s->out, "  %-22s %13s %11s\n", "free", screen_count(fact_u64(h, "free_chunks")).s,
		screen_bytes(fact_u64(h, "free_chunk_bytes")).s);
	fprintf(s->out, "  %-22s %13s %11s\n", "cached by threads",
		screen_count(fact_u64(h, "cached_chunks")).s,
		screen_bytes(fact_u64(h, "cached_chunk_bytes")).s);
	fprintf(s->out, "  %s, %s (%s)\n",
		screen_counted(fact_count(fact_get(h, "arenas")), "arena").s,
		screen_counted(fact_u64(h, "mmapped_chunks"), "mapped chunk").s,
		screen_bytes(fact_u64(h, "mmapped_bytes")).s);
}

static void put_heap(const struct screen *s, const struct fact *a)
{
	const struct fact *h = fact_get(a, "heap"), *unknown;

	fprintf(s->out, "\nheap        %s",
		fact_has(h, "allocator")      ? fact_str(h, "allocator")
		: fact_bool(a, "heap_absent") ? "not in this dump"
					      : "no allocator recognised");
	if (fact_str(h, "allocator_note") && *fact_str(h, "allocator_note"))
		fprintf(s->out, " (%s)", fact_str(h, "allocator_note"));
	fputc('\n', s->out);
	if (!fact_bool(a, "heap_absent"))
		put_sums(s, h);
	if (fact_u64(h, "lost_bytes"))
		fprintf(s->out, "  %s could not be walked\n",
			screen_bytes(fact_u64(h, "lost_bytes")).s);
	if (fact_u64(h, "mappings"))
		fprintf(s->out, "  %s (%s), %s of them unreached\n",
			screen_counted(fact_u64(h, "mappings"), "unknown mapping").s,
			screen_bytes(fact_u64(h, "mapping_bytes")).s,
			screen_count(fact_u64(h, "unreached_mappings")).s);
	unknown = fact_get(h, "unknown_allocators");
	for (size_t i = 0; i < fact_count(unknown); i++)
		fprintf(s->out, "  NOT PARSED: %s (%s); its objects are not in these sums\n",
			fact_str(fact_at(unknown, i), "name"),
			fact_str(fact_at(unknown, i), "evidence"));
}

static void put_frames(const struct screen *s, const struct fact *frames)
{
	for (size_t i = 0; i < fact_count(frames); i++) {
		const struct fact *f = fact_at(frames, i);

		if (i == SHOWN_FRAMES) {
			fprintf(s->out, "    %s %s\n", screen_glyph(s, GLYPH_MORE),
				screen_counted(fact_count(frames) - i, "more frame").s);
			return;
		}
		fprintf(s->out, "    #%-2zu ", i);
		screen_function(s, f);
		if (fact_has(f, "file"))
			fprintf(s->out, "  %s:%" PRIu64, fact_str(f, "file"), fact_u64(f, "line"));
		else if (fact_has(f, "module"))
			fprintf(s->out, "  (%s)", fact_str(f, "module"));
		fputc('\n', s->out);
	}
}

static void put_threads(const struct screen *s, const struct fact *a)
{
	const struct fact *list = fact_get(a, "threads");

	fprintf(s->out, "\nthreads     %zu", fact_count(list));
	if (fact_u64(a, "exited_threads"))
		fprintf(s->out, ", and %" PRIu64 " exited whose stacks libc keeps",
			fact_u64(a, "exited_threads"));
	fputc('\n', s->out);
	for (size_t i = 0; i < fact_count(list) && i < SHOWN_THREADS; i++) {
		fprintf(s->out, "  thread %" PRIu64 "%s\n", fact_u64(fact_at(list, i), "tid"),
			!i && fact_has(a, "process.signal_name") ? ", the one that died first"
								 : "");
		put_frames(s, fact_get(fact_at(list, i), "frames"));
	}
	if (fact_count(list) > SHOWN_THREADS)
		fprintf(s->out, "  %s %s (--json has all)\n", screen_glyph(s, GLYPH_MORE),
			screen_counted(fact_count(list) - SHOWN_THREADS, "more thread").s);
}

static void put_modules(const struct screen *s, const struct fact *list)
{
	size_t n = fact_count(list), shown = 0, with = 0;

	for (size_t i = 0; i < n; i++)
		with += fact_bool(fact_at(list, i), "debug_information");
	fprintf(s->out, "\nmodules     %zu, %zu of them with debug information\n", n, with);
	for (size_t i = 0; i < n; i++) {
		const struct fact *m = fact_at(list, i);
		bool found = !strcmp(fact_str(m, "state"), "found");

		/* what is missing is always worth a line */
		if (found && shown++ >= SHOWN_MODULES)
			continue;
		fprintf(s->out, "  %-14s %s%s%s", fact_str(m, "addr"), fact_str(m, "path"),
			fact_bool(m, "executable") ? " (the executable)" : "",
			fact_has(m, "debug_file") ? " + debug file" : "");
		if (!found)
			fprintf(s->out, "   %s%s%s", screen_bold(s), fact_str(m, "state"),
				screen_plain(s));
		fputc('\n', s->out);
	}
	if (shown > SHOWN_MODULES)
		fprintf(s->out, "  %s %zu more, all found (--json has all)\n",
			screen_glyph(s, GLYPH_MORE), shown - SHOWN_MODULES);
}

static void put_coverage(const struct screen *s, const struct fact *a)
{
	static const char *const rows[][2] = {{"modules", "modules"},
					      {"heap", "heap"},
					      {"stacks", "stacks"},
					      {"dead_stacks", "stacks of exited threads"},
					      {"thread_descriptors", "thread descriptors, TLS"},
					      {"files", "files, read-only"},
					      {"unreadable", "inaccessible"},
					      {"sampler", "heapdump's own tables"},
					      {"unknown", "unexplained"}};
	const struct fact *c = fact_get(a, "coverage"), *scan = fact_get(a, "scan");
	uint64_t mapped = fact_u64(c, "mapped_bytes");

	fprintf(s->out, "\naddress space  %s mapped, %s in the dump\n", screen_bytes(mapped).s,
		screen_bytes(fact_u64(c, "dumped_bytes")).s);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (fact_u64(c, rows[i][0]))
			fprintf(s->out, "  %-26s %11s %8s\n", rows[i][1],
				screen_bytes(fact_u64(c, rows[i][0])).s,
				screen_share(fact_u64(c, rows[i][0]), mapped).s);
	fprintf(s->out, "\nscan        %s words of %s roots and the objects:",
		screen_count(fact_u64(scan, "words")).s, screen_count(fact_u64(scan, "roots")).s);
	fprintf(s->out, " %s dismissed,", screen_count(fact_u64(scan, "dismissed")).s);
	fprintf(s->out, " %s missed,", screen_count(fact_u64(scan, "missed")).s);
	fprintf(s->out, " %s repeated,", screen_count(fact_u64(scan, "duplicate")).s);
	fprintf(s->out, " %s followed\n", screen_count(fact_u64(scan, "followed")).s);
}

void text_info(const struct screen *s, const struct fact *a)
{
	const struct fact *warnings = fact_get(a, "warnings");

	put_head(s, a);
	fputc('\n', s->out);
	screen_cautions(s, a);
	put_process(s, a);
	put_heap(s, a);
	text_image(s, a);
	put_threads(s, a);
	put_modules(s, fact_get(a, "modules"));
	put_coverage(s, a);
	for (size_t i = 0; i < fact_count(warnings); i++) {
		fprintf(s->out, "%swarning: %s\n", i ? "" : "\n", fact_str_at(warnings, i));
	}
	if (fact_u64(a, "warnings_dropped"))
		fprintf(s->out, "warning: %" PRIu64 " more\n", fact_u64(a, "warnings_dropped"));
}
