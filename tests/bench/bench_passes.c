/*
 * Times the passes over one core, each beside a raw sequential read of the same bytes in the same run.
 *
 *	bench_passes CORE [TRUTH [THREADS]]
 *
 * Columns in ns per object: wall time; CPU time; the CPU time of the busier of two threads, which is what the pass
 * would take on two free processors (THREADS is 1 if not said). Wall as a multiple of the raw read; and in bytes per
 * object the memory resident beside the mapped core: at most during the pass (0: the kernel does not
 * tell), and when it ended. Below the sum stand passes that are part
 * of another (the index) or that only some questions need (the reverse edges, types).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "analyze/ask/session.h"
#include "analyze/ask/totals.h"

enum { MAX_PASSES = 24 };

/* What stands in the list of passes for the raw reads. */
static const char RAW[] = "raw read";

struct clocks {
	double wall, cpu, main; /* main: CPU time of this thread */
	double path;		/* Σ over passes of the busier thread's CPU time */
};

/* One pass as the session announced it. */
struct pass {
	const char *name;
	struct clocks at;
	double anonymous; /* bytes resident when it began */
	double peak;	  /* bytes resident at most in the pass before it */
};

struct record {
	struct pass passes[MAX_PASSES];
	int n, n_summed; /* passes from n_summed on are no part of the sum */
};

static double read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct clocks now(void)
{
	return (struct clocks){.wall = read_clock(CLOCK_MONOTONIC),
			       .cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID),
			       .main = read_clock(CLOCK_THREAD_CPUTIME_ID)};
}

/* The same, with the path: what came since last is one pass. */
static struct clocks now_after(const struct clocks *last)
{
	struct clocks c = now();
	double here = c.main - last->main, elsewhere = c.cpu - last->cpu - here;

	c.path = last->path + (here > elsewhere ? here : elsewhere);
	return c;
}

/* A line of /proc/self/status in bytes. */
static double status_bytes(const char *key)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	double kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = strtod(line + strlen(key), NULL);
	if (f)
		fclose(f);
	return kb * 1024;
}

/* The most that was resident beside the mapped core since the last call. proc(5), clear_refs. */
static double take_peak(void)
{
	double peak = status_bytes("VmHWM:") - status_bytes("RssFile:");
	FILE *f = fopen("/proc/self/clear_refs", "w");
	bool reset = f && fputs("5", f) >= 0;

	reset = f && fclose(f) == 0 && reset;
	return reset ? peak : 0;
}

static void on_pass(void *arg, const char *what)
{
	struct record *r = arg;
	double anonymous = status_bytes("RssAnon:"), peak = take_peak();
	struct clocks at = r->n ? now_after(&r->passes[r->n - 1].at) : now();

	if (r->n < MAX_PASSES)
		r->passes[r->n++] = (struct pass){what, at, anonymous, peak};
}

static uint64_t raw_read(const struct session *s)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i + 8 <= s->input.size; i += 8) {
		uint64_t w;

		memcpy(&w, s->input.bytes + i, sizeof(w));
		sum += w;
	}
	return sum;
}

static void row(const char *what, const struct pass *from, const struct pass *to, double raw,
		double n)
{
	double wall = to->at.wall - from->at.wall, cpu = to->at.cpu - from->at.cpu;
	double path = to->at.path - from->at.path;

	printf("%-40s %9.1f %9.1f %9.1f %9.2f %9.1f %9.1f\n", what, wall / n, cpu / n, path / n,
	       wall / raw, to->peak / n, to->anonymous / n);
}

static void check(int rc, const struct err *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "bench_passes: %s\n", err->text);
	exit(1);
}

static void compare(const struct session *s, const char *path)
{
	struct totals t = totals_of(s);
	struct tally leaked = totals_leaked(&t);
	uint64_t objects, bytes;
	FILE *f = fopen(path, "r");

	if (!f || fscanf(f, "%" SCNu64 " %" SCNu64, &objects, &bytes) != 2)
		exit(1);
	fclose(f);
	printf("leaked: %" PRIu64 " objects, %" PRIu64 " bytes; planted: %" PRIu64 ", %" PRIu64
	       "%s\n",
	       leaked.objects, leaked.bytes, objects, bytes,
	       leaked.objects == objects && leaked.bytes == bytes ? "" : "   DIFFERENT");
}

/* What the session does not announce by itself. */
static void run_extras(struct session *s, struct record *r)
{
	struct index *index;
	struct err err;

	r->n_summed = r->n;
	on_pass(r, "(index alone)");
	check(index_new(&index, &s->heap.objects, &err), &err);
	on_pass(r, "(reversing edges)");
	index_free(index);
	check(graph_make_reverse(&s->graph, s->options.threads, &err), &err);
	/* announces itself: "reading types", which is not a matter of objects, and "concluding types" */
	check(session_need_types(s, &err), &err);
	on_pass(r, "end");
}

/* The reads stood between two passes: takes them out of the sum. */
static void forget_raw(struct record *r)
{
	for (int i = 0; i + 1 < r->n_summed; i++)
		if (!strcmp(r->passes[i].name, RAW)) {
			r->passes[0].at.wall += r->passes[i + 1].at.wall - r->passes[i].at.wall;
			r->passes[0].at.cpu += r->passes[i + 1].at.cpu - r->passes[i].at.cpu;
			r->passes[0].at.path += r->passes[i + 1].at.path - r->passes[i].at.path;
		}
}

/* Of the passes that are in the sum. */
static double highest_peak(const struct record *r)
{
	double peak = 0;

	for (int i = 1; i <= r->n_summed && i < r->n; i++)
		if (r->passes[i].peak > peak)
			peak = r->passes[i].peak;
	return peak;
}

/* How much of the heap has a type, by how sure that is. */
static void print_types(const struct session *s)
{
	const struct inference_sum *v = s->inference.sums;
	double bytes = (double)s->heap.objects.bytes / 100;

	printf("bytes typed: %.1f %% certain, %.1f %% likely, %.1f %% guessed, %.1f %% unknown\n",
	       (double)v[CONFIDENCE_CERTAIN].bytes / bytes,
	       (double)v[CONFIDENCE_LIKELY].bytes / bytes,
	       (double)v[CONFIDENCE_GUESS].bytes / bytes, (double)v[CONFIDENCE_NONE].bytes / bytes);
}

static void print_table(const struct session *s, struct record *r, const struct pass *raw)
{
	double n = objects_count(&s->heap.objects), raw_wall = raw[1].at.wall - raw[0].at.wall;
	const struct pass *p = r->passes;
	struct pass sum;

	printf("%.0f objects, %" PRIu64 " edges, %.0f bytes of core an object\n", n,
	       s->graph.n_edges, (double)s->input.size / n);
	printf("%-40s %9s %9s %9s %9s %9s %9s\n", "per object", "wall ns", "cpu ns", "path ns",
	       "x raw", "peak B", "left B");
	row("raw read", &raw[0], &raw[1], raw_wall, n);
	for (int i = 0; i + 1 < r->n; i++) {
		if (i == r->n_summed) {
			forget_raw(r);
			sum = (struct pass){p[i].name, p[i].at, p[i].anonymous, highest_peak(r)};
			row("end to end", &p[0], &sum, raw_wall, n);
		}
		if (strcmp(p[i].name, RAW) && strcmp(p[i].name, "end"))
			row(p[i].name, &p[i], &p[i + 1], raw_wall, n);
	}
}

int main(int argc, char **argv)
{
	struct session *s = calloc(1, sizeof(*s));
	struct record r = {0};
	struct session_options options = {
		.search.no_debuginfod = true, .progress = on_pass, .progress_arg = &r};
	struct pass raw[2];
	volatile uint64_t sink;
	struct err err;

	if (argc < 2 || !s)
		return 2;
	options.threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	check(session_open(s, argv[1], &options, &err), &err);
	on_pass(&r, RAW);
	/* once to bring the pages in, once to time */
	sink = raw_read(s);
	raw[0] = (struct pass){.at = now()};
	sink = raw_read(s);
	raw[1] = (struct pass){.at = now_after(&raw[0].at)};
	(void)sink;
	check(session_need_dominators(s, &err), &err);
	run_extras(s, &r);
	print_table(s, &r, raw);
	print_types(s);
	if (argc > 2)
		compare(s, argv[2]);
	session_close(s);
	free(s);
	return 0;
}
