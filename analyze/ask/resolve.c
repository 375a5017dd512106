/*
 * Names to things. An ambiguous name is never settled silently: the error
 * lists what it could mean, in the form that tells them apart.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ask/member_path.h"
#include "analyze/ask/resolve.h"
#include "analyze/types/type_names.h"

enum { MAX_MATCHES = 8 };

int resolve_address(const char *text, addr_t *out, struct err *err)
{
	char *end;
	addr_t a;

	errno = 0;
	a = strtoull(text, &end, 16);
	if (!isxdigit((unsigned char)*text) || *end || errno)
		return err_set(err, ERR_USAGE,
			       "\"%.80s\" is not an address (0x followed by hex digits)", text);
	*out = a;
	return 0;
}

static int ambiguous(const struct session *s, const char *text, const struct symbol *v, size_t n,
		     struct err *err)
{
	char list[160] = "";
	size_t used = 0;

	for (size_t i = 0; i < n && i < MAX_MATCHES && used + 40 < sizeof(list); i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s0x%llx in %.40s",
					 i ? ", " : "", (unsigned long long)v[i].addr,
					 s->modules.list.v[v[i].module].name);
	return err_set(err, ERR_ABSENT, "\"%.40s\" names %zu variables: %s", text, n, list);
}

bool resolve_is_root(const struct session *s, const struct target *t, uint32_t root)
{
	const struct root *r = &s->roots.list.v[root];

	if (t->kind != TARGET_VARIABLE)
		return t->kind == TARGET_ROOT && t->root == root;
	if (t->symbol.kind == SYMBOL_TLS)
		return r->class == ROOT_TLS && r->name && r->module == t->symbol.module &&
		       !strcmp(r->name, t->symbol.name);
	return r->class == ROOT_GLOBAL && r->addr < t->addr + (t->size ? t->size : 1) &&
	       r->addr + r->size > t->addr;
}

uint32_t resolve_root_at(const struct session *s, addr_t at)
{
	for (uint32_t i = 0; i < s->roots.list.n; i++) {
		const struct root *r = &s->roots.list.v[i];

		if (r->class != ROOT_REGISTER && at - r->addr < r->size)
			return i;
	}
	return INDEX_NONE;
}

static int resolve_variable(struct session *s, const char *text, struct target *out,
			    struct err *err)
{
	struct symbol match[MAX_MATCHES];
	size_t n = symbols_by_name(s->symbols, text, match, MAX_MATCHES);
	struct target t = {.kind = TARGET_VARIABLE, .object = OBJ_NONE};

	if (!n)
		n = symbols_by_source_name(s->symbols, text, match, MAX_MATCHES);
	if (!n)
		return err_set(err, ERR_ABSENT,
			       "no variable or type is named \"%.80s\" in what was found of "
			       "symbol tables and debug information",
			       text);
	/* a global of the executable, or the only global, is what was meant */
	if (n > 1 && match[1].local == match[0].local &&
	    !(match[0].module == s->modules.exe && match[1].module != s->modules.exe))
		return ambiguous(s, text, match, n, err);
	t.symbol = match[0];
	t.addr = match[0].kind == SYMBOL_TLS ? 0 : match[0].addr;
	t.size = match[0].size;
	*out = t;
	return 0;
}

/* Whose the address is: an object's, else a root's. */
static int settle(struct session *s, struct target *t, struct err *err)
{
	int rc;

	t->kind = TARGET_ADDRESS;
	t->object = objects_find(&s->heap.objects, t->addr);
	if (t->object != OBJ_NONE)
		return 0;
	rc = session_need_graph(s, err);
	if (rc < 0)
		return rc;
	t->root = resolve_root_at(s, t->addr);
	t->kind = t->root == INDEX_NONE ? TARGET_ADDRESS : TARGET_ROOT;
	return 0;
}

int resolve_base(struct session *s, const char *text, struct target *out, struct err *err)
{
	struct target t = {.kind = TARGET_ADDRESS};
	int rc;

	if (!isdigit((unsigned char)*text))
		return resolve_variable(s, text, out, err);
	rc = resolve_address(text, &t.addr, err);
	if (rc == 0)
		rc = settle(s, &t, err);
	if (rc == 0)
		*out = t;
	return rc;
}

static int resolve_path(struct session *s, const char *text, struct target *out, struct err *err)
{
	struct member_place p;
	struct target t = {.kind = TARGET_ADDRESS};
	int rc = member_path_find(s, text, &p, err);

	if (rc < 0)
		return rc;
	t.addr = member_path_target(s, &p);
	rc = settle(s, &t, err);
	if (rc == 0)
		*out = t;
	return rc;
}

static bool is_path(const char *text)
{
	return strpbrk(text, ".[") || strstr(text, "->");
}

int resolve(struct session *s, const char *text, struct target *out, struct err *err)
{
	struct err other;
	int rc = resolve_base(s, text, out, err);

	if (rc == 0 || rc == ERR_NOMEM)
		return rc;
	if (is_path(text))
		return resolve_path(s, text, out, err);
	if (session_need_types(s, &other) < 0 || s->options.no_types ||
	    !type_names_find(&s->types.table, text, &out->type, 1))
		return rc;
	out->kind = TARGET_TYPE;
	out->object = OBJ_NONE;
	return 0;
}
