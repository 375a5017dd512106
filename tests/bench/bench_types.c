/*
 * What reading a file's types costs.
 *
 *	bench_types FILE...
 *
 * Per file: units, types as they stand in them, types once merged; wall time, and that per type
 * read; bytes of the tables per merged type (32 of which are the type itself, the rest members,
 * names and hash slots); and the peak of what is resident beside the mapped file.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "analyze/types/types.h"

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* MB of anonymous memory; the kernel keeps no peak of it, so this is after reading. */
static double resident(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	double kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "RssAnon:", 8))
			kb = strtod(line + 8, NULL);
	if (f)
		fclose(f);
	return kb / 1024;
}

static uint64_t table_bytes(const struct type_table *t)
{
	return t->types.n * sizeof(*t->types.v) + t->members.n * sizeof(*t->members.v) +
	       t->names.n + t->index.n * sizeof(*t->index.v) +
	       ((uint64_t)t->n_name_slots + t->n_hash_slots) * sizeof(struct type_slot);
}

static int measure(char *path)
{
	struct module m = {.path = path, .name = path, .file = path, .at = {0, UINT64_MAX}};
	struct modules modules = {0};
	struct warnings warnings = {0};
	struct debuginfo *debuginfo;
	struct types types;
	const struct dwarf_account *a;
	struct err err;
	double start, ms, n;

	if (vec_push(&modules.list, m) < 0 || debuginfo_new(&debuginfo, NULL, &modules, &err) ||
	    types_init(&types, debuginfo, &modules, &warnings, &err))
		return 1;
	start = now();
	if (types_need(&types, 0, &err)) {
		fprintf(stderr, "bench_types: %s\n", err.text);
		return 1;
	}
	ms = now() - start;
	a = &types.accounts[0];
	n = type_table_count(&types.table);
	printf("%6" PRIu64 " units %8" PRIu64 " types read %7.0f merged %7zu variables %8.1f ms "
	       "%6.0f ns/type read %5.0f B/type %6.1f MB  %s\n",
	       a->n_units, a->n_read, n, types.variables.list.n, ms,
	       a->n_read ? ms * 1e6 / (double)a->n_read : 0, (double)table_bytes(&types.table) / n,
	       resident(), path);
	types_deinit(&types);
	debuginfo_free(debuginfo);
	warnings_deinit(&warnings);
	vec_deinit(&modules.list);
	return 0;
}

int main(int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++)
		rc = measure(argv[i]);
	return rc;
}
