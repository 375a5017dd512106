#include <string.h>

#include "tests/lib/types_build.h"

static void must(int rc)
{
	if (rc < 0)
		abort();
}

uint32_t types_build_name(struct type_table *t, const char *name)
{
	uint32_t at = 0;

	if (name)
		must(type_table_intern(t, name, strlen(name), &at, NULL));
	return at;
}

static type_id add(struct type_table *t, struct type x)
{
	type_id id;

	must(type_table_add(t, &x, (uint32_t)t->types.n + 1, &id, NULL));
	return id;
}

type_id types_build_base(struct type_table *t, const char *name, uint64_t size)
{
	return add(t, (struct type){.kind = TYPE_BASE,
				    .name = types_build_name(t, name),
				    .size = size,
				    .target = TYPE_NONE});
}

type_id types_build_over(struct type_table *t, enum type_kind kind, const char *name,
			 type_id target)
{
	return add(t, (struct type){.kind = (uint8_t)kind,
				    .name = types_build_name(t, name),
				    .size = kind == TYPE_POINTER ? 8 : 0,
				    .target = target});
}

type_id types_build_array(struct type_table *t, type_id element, uint64_t count)
{
	struct type x = {.kind = TYPE_ARRAY, .target = element};

	if (count == UINT64_MAX)
		x.flags = TYPE_UNBOUNDED;
	else
		x.count = count;
	return add(t, x);
}

type_id types_build_record(struct type_table *t, enum type_kind kind, const char *name,
			   uint64_t size, const struct types_build_member *v, size_t n)
{
	struct type x = {.kind = (uint8_t)kind,
			 .flags = TYPE_ASCENDING,
			 .name = types_build_name(t, name),
			 .size = size,
			 .first = (uint32_t)t->members.n,
			 .n = (uint32_t)n,
			 .target = TYPE_NONE};

	for (size_t i = 0; i < n; i++) {
		struct type_member m = {.name = types_build_name(t, v[i].name),
					.type = v[i].type,
					.off = v[i].off,
					.bit_size = v[i].bit_size,
					.bit_off = v[i].bit_off,
					.flags = v[i].flags};

		if ((i && v[i].off <= v[i - 1].off) || v[i].flags & TYPE_MEMBER_VIRTUAL)
			x.flags &= ~TYPE_ASCENDING;
		must(vec_push(&t->members, m));
	}
	return add(t, x);
}
