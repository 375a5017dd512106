/*
 * Where an object was allocated, in who and map:
 *
 *	allocated by  buf_grow util/buf.c:41
 *	              conn_read net/conn.c:188
 *	site          #14: 18,204 objects in use, 71.1 MB (± 2.1 MB: 142 samples)
 *	birth         4,182 of 90,211, 62.1 s before the dump, in thread 1207 worker-3; asked for 4,000 B
 */
#include <inttypes.h>
#include <string.h>

#include "analyze/ui/commands.h"

enum { SHOWN_FRAMES = 8 };

/* "one sample per 512.0 KB", "every object", "off". */
static struct text rate(uint64_t interval)
{
	struct text t;

	if (interval == 1)
		snprintf(t.s, sizeof(t.s), "every object");
	else if (!interval)
		snprintf(t.s, sizeof(t.s), "off in the end");
	else
		snprintf(t.s, sizeof(t.s), "one sample per %.40s", screen_bytes(interval).s);
	return t;
}

static void put_frames(const struct screen *s, const struct fact *site)
{
	const struct fact *frames = fact_get(site, "frames");
	size_t n = fact_count(frames);

	for (size_t i = 0; i < n && i < SHOWN_FRAMES; i++) {
		fprintf(s->out, "%-13s ", i ? "" : "allocated by");
		screen_caller(s, fact_at(frames, i));
		fputc('\n', s->out);
	}
	if (n > SHOWN_FRAMES)
		fprintf(s->out, "%-13s %s %s (--json has them)\n", "", screen_glyph(s, GLYPH_MORE),
			screen_counted(n - SHOWN_FRAMES, "more frame").s);
	if (!n)
		fprintf(s->out, "%-13s nothing is known of its stack\n", "allocated by");
}

static void put_site(const struct screen *s, const struct fact *site)
{
	put_frames(s, site);
	if (!fact_u64(site, "samples"))
		return;
	fprintf(s->out, "%-13s #%" PRIu64 ": %s in use, %s", "site", fact_u64(site, "number"),
		screen_counted(fact_u64(site, "objects"), "object").s,
		screen_bytes(fact_u64(site, "bytes")).s);
	if (fact_u64(site, "bytes_error"))
		fprintf(s->out, ", give or take %s: estimated from %s",
			screen_bytes(fact_u64(site, "bytes_error")).s,
			screen_counted(fact_u64(site, "samples"), "sample").s);
	fputc('\n', s->out);
}

static void put_birth(const struct screen *s, const struct fact *f)
{
	if (!fact_has(f, "serial"))
		return;
	fprintf(s->out, "%-13s sample %s of %s", "birth", screen_count(fact_u64(f, "serial")).s,
		screen_count(fact_u64(f, "births")).s);
	if (fact_has(f, "age_ns"))
		fprintf(s->out, ", %.3f s before the dump", (double)fact_u64(f, "age_ns") / 1e9);
	else if (fact_has(f, "born"))
		fprintf(s->out, ", %s", fact_str(f, "born"));
	fprintf(s->out, ", by thread %" PRIu64 "%s%s; %s asked for\n", fact_u64(f, "thread"),
		fact_str(f, "thread_name") ? " " : "",
		fact_str(f, "thread_name") ? fact_str(f, "thread_name") : "",
		screen_bytes(fact_u64(f, "requested")).s);
}

void text_allocation(const struct screen *s, const struct fact *a)
{
	const struct fact *f = fact_get(a, "allocation");

	if (fact_has(a, "sampling_interval") && fact_u64(a, "sampling_interval") == 1)
		fprintf(s->out, "%-13s not recorded: older than the sampler, or not by malloc\n",
			"allocated by");
	else if (fact_has(a, "sampling_interval"))
		fprintf(s->out, "%-13s not sampled (%s)\n", "allocated by",
			rate(fact_u64(a, "sampling_interval")).s);
	if (!f)
		return;
	if (fact_has(f, "site"))
		put_site(s, fact_get(f, "site"));
	else
		fprintf(s->out, "%-13s a stack that is not known\n", "allocated by");
	put_birth(s, f);
}

static void put_sampler(const struct screen *s, const struct fact *f)
{
	uint64_t stale = fact_u64(f, "stale") + fact_u64(f, "reused");

	fprintf(s->out, "\nsampler     libheapdump %s, %s: %s live of %s taken, %s\n",
		fact_str(f, "library"), rate(fact_u64(f, "interval")).s,
		screen_counted(fact_u64(f, "samples"), "sample").s,
		screen_count(fact_u64(f, "births")).s,
		screen_counted(fact_u64(f, "sites"), "site").s);
	fprintf(s->out, "  they stand for %s in %s, give or take %s\n",
		screen_bytes(fact_u64(f, "estimated.bytes")).s,
		screen_counted(fact_u64(f, "estimated.objects"), "object").s,
		screen_bytes(fact_u64(f, "estimated.bytes_error")).s);
	if (stale)
		fprintf(s->out, "  %s stale: the allocator has their memory free, or reused\n",
			screen_counted(stale, "sample").s);
	if (fact_u64(f, "dropped"))
		fprintf(s->out, "  %s lost, which stand for about %s\n",
			screen_counted(fact_u64(f, "dropped"), "sample").s,
			screen_bytes(fact_u64(f, "dropped_bytes")).s);
	if (fact_u64(f, "named_roots"))
		fprintf(s->out, "  %s named by the program\n",
			screen_counted(fact_u64(f, "named_roots"), "root").s);
}

static void put_notes(const struct screen *s, const struct fact *f)
{
	const struct fact *list = fact_get(f, "consistency");

	fprintf(s->out, "\nimage       format %s, by %s, %s: the program stood still for %.1f ms",
		fact_str(f, "format"), fact_str(f, "trigger"), fact_str(f, "method"),
		(double)fact_u64(f, "pause_ns") / 1e6);
	if (fact_has(f, "time"))
		fprintf(s->out, "\n  taken at %s", fact_str(f, "time"));
	if (fact_str(f, "why"))
		fprintf(s->out, "\n  because: %s", fact_str(f, "why"));
	for (size_t i = 0; i < fact_count(list); i++)
		fprintf(s->out, "\n  %sNOT CONSISTENT: %s%s", screen_bold(s), fact_str_at(list, i),
			screen_plain(s));
	if (fact_u64(f, "threads_not_stopped"))
		fprintf(s->out, "\n  %s could not be stopped",
			screen_counted(fact_u64(f, "threads_not_stopped"), "thread").s);
	if (fact_u64(f, "ranges_count"))
		fprintf(s->out, "\n  %s not written or of a later moment, %s (--json has them)",
			screen_counted(fact_u64(f, "ranges_count"), "range").s,
			screen_bytes(fact_u64(f, "ranges_bytes")).s);
	if (fact_u64(f, "kernel_words"))
		fprintf(s->out, "\n  %s held by the kernel",
			screen_counted(fact_u64(f, "kernel_words"), "word").s);
	fputc('\n', s->out);
}

static void put_announced(const struct screen *s, const struct fact *f)
{
	fprintf(s->out, "\npools       %s announced by the program, %s, in %s (%s)\n",
		screen_counted(fact_u64(f, "objects"), "object").s,
		screen_bytes(fact_u64(f, "bytes")).s,
		screen_counted(fact_u64(f, "blocks"), "block").s,
		screen_bytes(fact_u64(f, "block_bytes")).s);
	if (fact_u64(f, "rest_bytes"))
		fprintf(s->out, "  %s of these blocks are in no object\n",
			screen_bytes(fact_u64(f, "rest_bytes")).s);
	if (fact_u64(f, "stray"))
		fprintf(s->out, "  %s more in memory that is not in use\n",
			screen_counted(fact_u64(f, "stray"), "announcement").s);
}

void text_image(const struct screen *s, const struct fact *a)
{
	if (fact_has(a, "image"))
		put_notes(s, fact_get(a, "image"));
	if (fact_has(a, "sampler"))
		put_sampler(s, fact_get(a, "sampler"));
	if (fact_has(a, "announced"))
		put_announced(s, fact_get(a, "announced"));
}
