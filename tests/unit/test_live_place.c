/*
 * What control groups leave a process, from folders made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "analyze/ui/live_place.h"

struct bed {
	char root[64], group[128];
};

static int set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	strcpy(b->root, "/tmp/live_place.XXXXXX");
	assert_non_null(mkdtemp(b->root));
	snprintf(b->group, sizeof(b->group), "%s/group", b->root);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", b->root);
	assert_int_equal(system(command), 0);
	free(b);
	return 0;
}

static void put(const char *root, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void the_tightest_group_on_the_way_up_decides(void **state)
{
	struct bed *b = *state;

	put(b->root, "group", "0::/a/b/c\n");
	put(b->root, "a/memory.max", "1000\n");
	put(b->root, "a/memory.current", "900\n");
	put(b->root, "a/b/memory.max", "max\n");
	put(b->root, "a/b/memory.current", "800\n");
	put(b->root, "a/b/c/memory.max", "700\n");
	put(b->root, "a/b/c/memory.current", "500\n");
	assert_int_equal(live_place_left(b->group, b->root), 100);
	put(b->root, "a/memory.current", "100\n");
	assert_int_equal(live_place_left(b->group, b->root), 200);
}

static void a_group_over_its_limit_leaves_nothing(void **state)
{
	struct bed *b = *state;

	put(b->root, "group", "0::/\n");
	put(b->root, "memory.max", "10\n");
	put(b->root, "memory.current", "11\n");
	assert_int_equal(live_place_left(b->group, b->root), 0);
}

static void version_1_is_read_too(void **state)
{
	struct bed *b = *state;

	put(b->root, "group", "5:cpu:/x\n4:memory:/a\n1:name=systemd:/y\n0::/z\n");
	put(b->root, "memory/a/memory.limit_in_bytes", "4096\n");
	put(b->root, "memory/a/memory.usage_in_bytes", "96\n");
	assert_int_equal(live_place_left(b->group, b->root), 4000);
}

static void without_a_limit_there_is_none(void **state)
{
	struct bed *b = *state;

	assert_int_equal(live_place_left(b->group, b->root), UINT64_MAX);
	put(b->root, "group", "0::/a\nnonsense\n::\n");
	assert_int_equal(live_place_left(b->group, b->root), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_tightest_group_on_the_way_up_decides, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_group_over_its_limit_leaves_nothing, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(version_1_is_read_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_limit_there_is_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
