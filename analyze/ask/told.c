/*
 * --type WHAT=TYPE, into claims. What stands before "=" is a member if it begins with the name of a type that
 * has it; else an address or a variable (as "conn.c:pool" is). Of several types of a name, the one that
 * fits the object is meant.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyze/ask/resolve.h"
#include "analyze/ask/told.h"
#include "analyze/types/layout.h"
#include "analyze/types/type_names.h"

enum { MAX_NAMESAKES = 16, MAX_TEXT = 512 };

/* Types of one name, each once. */
struct named {
	type_id v[MAX_NAMESAKES];
	size_t n;
};

static bool is_known(const struct session *s, type_id id)
{
	uint64_t size;

	return type_table_size(&s->types.table, id, &size) && size;
}

static void find_named(const struct session *s, const char *name, struct named *out)
{
	const struct type_table *t = &s->types.table;
	type_id all[MAX_NAMESAKES];
	size_t n = type_names_find(t, name, all, MAX_NAMESAKES);

	out->n = 0;
	for (size_t i = 0; i < n && i < MAX_NAMESAKES; i++) {
		type_id id = type_table_peel(t, all[i]);
		size_t k = 0;

		while (k < out->n && out->v[k] != id)
			k++;
		if (k == out->n && is_known(s, id))
			out->v[out->n++] = id;
	}
}

/* The pointer type to each; those that no pointer is to fall away. */
static void point_to(const struct session *s, struct named *named)
{
	const struct type_table *t = &s->types.table;
	size_t n = 0;

	for (size_t i = 0; i < named->n; i++)
		for (type_id id = 0; id < type_table_count(t); id++) {
			const struct type *x = type_table_get(t, id);

			if (x->kind != TYPE_POINTER || type_table_peel(t, x->target) != named->v[i])
				continue;
			named->v[n++] = id;
			break;
		}
	named->n = n;
}

/* "struct x", "struct x **". */
static int find_type(const struct session *s, const char *text, struct named *out, struct err *err)
{
	char name[MAX_TEXT];
	size_t n, stars = 0;

	text += strspn(text, " ");
	n = strlen(text);
	while (n && (text[n - 1] == ' ' || text[n - 1] == '*'))
		stars += text[--n] == '*';
	if (!n || n >= sizeof(name))
		return err_set(err, ERR_USAGE, "--type needs a type behind \"=\"");
	memcpy(name, text, n);
	name[n] = 0;
	find_named(s, name, out);
	if (!out->n)
		return err_set(err, ERR_ABSENT,
			       "--type: the debug information has no type \"%.80s\" of known size",
			       name);
	for (; stars && out->n; stars--)
		point_to(s, out);
	return out->n ? 0
		      : err_set(err, ERR_ABSENT,
				"--type: the debug information has no pointer to \"%.80s\"", name);
}

/* The one of the types that fits the object. */
static int choose(const struct session *s, const struct named *named, obj_id o, type_id *type,
		  struct err *err)
{
	uint64_t size = objects_size(&s->heap.objects, o), least = UINT64_MAX, one;
	bool is_mapped = objects_kind(&s->heap.objects, o) == OBJECT_MMAPPED;
	char name[TYPE_NAME_MAX];
	size_t n = 0;

	for (size_t i = 0; i < named->n; i++) {
		if (type_table_size(&s->types.table, named->v[i], &one) && one < least)
			least = one;
		if (inference_fit_of(&s->types.table, named->v[i], size, is_mapped) == FIT_NONE)
			continue;
		n++;
		*type = named->v[i];
	}
	if (n == 1)
		return 0;
	type_names_spell(&s->types.table, named->v[0], name);
	if (!n)
		return err_set(err, ERR_ABSENT,
			       "--type: %.80s has %" PRIu64 " bytes, the object at 0x%" PRIx64
			       " only %" PRIu64,
			       name, least, objects_addr(&s->heap.objects, o), size);
	return err_set(err, ERR_ABSENT, "--type: %zu types that fit are called %.80s", n, name);
}

/* The object at the address, or the one that the variable points to. */
static int find_object(struct session *s, const char *text, obj_id *out, struct err *err)
{
	const struct objects *objects = &s->heap.objects;
	struct target t;
	addr_t at;
	int rc = resolve_base(s, text, &t, err);

	if (rc < 0)
		return rc;
	at = t.addr;
	if (t.kind == TARGET_VARIABLE && !space_u64(&s->space, t.addr, &at))
		return err_set(err, ERR_ABSENT, "--type: what %.80s holds is not in the dump",
			       text);
	*out = objects_find(objects, at);
	if (*out == OBJ_NONE || at - objects_addr(objects, *out) >= objects_size(objects, *out))
		return err_set(err, ERR_ABSENT, "--type: there is no object at 0x%" PRIx64, at);
	if (objects_addr(objects, *out) != at)
		return err_set(err, ERR_ABSENT,
			       "--type: 0x%" PRIx64 " is inside of the object at 0x%" PRIx64
			       ", whose type can be told",
			       at, objects_addr(objects, *out));
	return 0;
}

static int tell_object(struct session *s, struct told *told, const char *what,
		       const struct named *named, struct err *err)
{
	struct inference_claim c = {
		.from = OBJ_NONE, .reason = INFERRED_TOLD, .confidence = CONFIDENCE_CERTAIN};
	int rc = find_object(s, what, &c.object, err);

	if (rc == 0)
		rc = choose(s, named, c.object, &c.type, err);
	if (rc == 0 && vec_push(&told->claims->list, c) < 0)
		rc = err_nomem(err);
	return rc;
}

/* The pointers at that member of all types of the name; how many. */
static int tell_members(struct session *s, struct told *told, const struct named *of,
			const char *path, type_id target, struct err *err)
{
	const struct type_table *t = &s->types.table;
	int n = 0;

	for (size_t i = 0; i < of->n; i++) {
		struct inference_told m = {.type = of->v[i], .target = target};
		struct layout_hit hit;

		if (!layout_member(t, of->v[i], path, &hit))
			continue;
		if (type_table_get(t, type_table_peel(t, hit.type))->kind != TYPE_POINTER)
			return err_set(err, ERR_ABSENT, "--type: .%.80s is no pointer", path);
		m.off = hit.off;
		if (vec_push(&told->members, m) < 0)
			return err_nomem(err);
		n++;
	}
	return n;
}

/* "TYPE.member": how many; 0: it is none. */
static int tell_member(struct session *s, struct told *told, const char *what,
		       const struct named *named, struct err *err)
{
	char name[MAX_TEXT];
	int n = 0;

	for (const char *dot = strchr(what, '.'); dot && !n; dot = strchr(dot + 1, '.')) {
		struct named of;

		memcpy(name, what, (size_t)(dot - what));
		name[dot - what] = 0;
		find_named(s, name, &of);
		n = tell_members(s, told, &of, dot + 1, named->v[0], err);
	}
	if (n > 0 && named->n > 1)
		return err_set(err, ERR_ABSENT, "--type: %zu types have the name behind \"%.80s=\"",
			       named->n, what);
	return n;
}

static int tell(struct session *s, struct told *told, const char *text, struct err *err)
{
	const char *is = strchr(text, '=');
	char what[MAX_TEXT];
	struct named named;
	int rc;

	if (!is || is == text || (size_t)(is - text) >= sizeof(what))
		return err_set(err, ERR_USAGE,
			       "--type needs WHAT=TYPE (0x…=struct x, g_x=struct x, "
			       "struct y.member=struct x), not \"%.60s\"",
			       text);
	memcpy(what, text, (size_t)(is - text));
	what[is - text] = 0;
	rc = find_type(s, is + 1, &named, err);
	if (rc < 0)
		return rc;
	rc = *what >= '0' && *what <= '9' ? 0 : tell_member(s, told, what, &named, err);
	if (rc)
		return rc < 0 ? rc : 0;
	return tell_object(s, told, what, &named, err);
}

int told_read(struct session *s, struct told *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->options.n_told && rc == 0; i++)
		rc = tell(s, out, s->options.told[i], err);
	return rc;
}
