/*
 * Everything behind `heapdump FILE`: a session over the bytes, all passes, all questions.
 *
 * A dump names files of the machine. The target is linked with --wrap=open, so that nothing is
 * opened but the dump itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/answers.h"
#include "analyze/ask/export.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/built_session.h"

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	const char *fd = "/proc/self/fd/";
	size_t n = strlen(fd);

	if (!strncmp(path, fd, n) && path[n] && strspn(path + n, "0123456789") == strlen(path + n))
		return __real_open(path, flags);
	errno = ENOENT;
	return -1;
}

/* An answer is made and written; that there is none is an answer too. */
static void finish(struct fact *f, int rc)
{
	char *json = fact_to_json(f);

	if (!json || (rc < 0 && rc != ERR_ABSENT && rc != ERR_USAGE))
		abort();
	free(json);
	fact_free(f);
}

static void ask_of(struct session *s, addr_t a)
{
	struct fact *f = fact_object();
	struct err e = {0};
	char x[32];

	snprintf(x, sizeof(x), "0x%lx", a);
	finish(f, who_answer(s, x, f, &e));
	f = fact_object();
	finish(f, map_answer(s, x, f, &e));
	f = fact_object();
	finish(f, tree_answer(s, x, 3, 3, f, &e));
	f = fact_object();
	finish(f, show_answer(s, x, NULL, 2, 20, f, &e));
}

static int forget(void *arg, const void *bytes, size_t n, struct err *err)
{
	return 0;
}

static void export_all(struct session *s)
{
	struct export_account account;
	struct err e = {0};
	int rc = export_pprof(s, &(struct sink){forget, NULL}, &account, &e);

	if (rc < 0 && rc != ERR_ABSENT)
		abort();
}

static void ask_all(struct session *s)
{
	uint32_t n = objects_count(&s->heap.objects);
	struct fact *f = fact_object();
	struct err e = {0};

	finish(f, info_answer(s, f, &e));
	for (enum top_by by = TOP_BY_SIZE; by <= TOP_BY_TYPE_SITE; by++) {
		f = fact_object();
		finish(f, top_answer(s, by, 5, f, &e));
	}
	export_all(s);
	f = fact_object();
	finish(f, leaks_answer(s, 5, f, &e));
	f = fact_object();
	finish(f, tree_answer(s, NULL, 4, 4, f, &e));
	for (uint32_t i = 0; n && i < 3; i++)
		ask_of(s, objects_addr(&s->heap.objects, i * (n - 1) / 2));
	for (size_t i = 0; i < 2 && i < s->space.mappings.n; i++)
		ask_of(s, s->space.mappings.v[i].at.hi - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct err e = {0};
	struct session *s = built_session_open(bytes, size, &e);

	if (!s) {
		if (!e.text[0])
			abort();
		return 0;
	}
	if (session_need_dominators(s, &e) < 0 || session_need_reverse(s, &e) < 0)
		abort();
	objects_check(&s->heap.objects);
	graph_check(&s->graph);
	ask_all(s);
	built_session_close(s);
	return 0;
}
