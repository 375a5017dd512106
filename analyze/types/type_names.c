/*
 * C's declarators read inside out: from the type outward, what is to the left
 * of where the name would stand (stars, const) and what is to the right
 * (brackets, parameters) grow separately.
 *
 *	pointer to array of 3 int:   left "(*", right ")[3]", base "int"   →  int (*)[3]
 *
 * At most MAX_LAYERS layers are followed; deeper ones, and parameters of
 * parameters beyond MAX_NESTED, become "...".
 */
#include <stdio.h>
#include <string.h>

#include "analyze/types/type_names.h"

enum { MAX_LAYERS = 32, MAX_NESTED = 2, MAX_PARAMETERS = 12 };

struct text {
	char v[TYPE_NAME_MAX];
	size_t n;
	bool is_cut;
};

struct declarator {
	const char *layers[MAX_LAYERS * 3]; /* what stands to the left, the outermost first */
	struct text right;
	size_t n_layers;
};

static void put(struct text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->n + n > sizeof(t->v) - 1) {
		t->is_cut = true;
		n = sizeof(t->v) - 1 - t->n;
	}
	memcpy(t->v + t->n, s, n);
	t->n += n;
	t->v[t->n] = 0;
}

static void spell(const struct type_table *t, type_id id, struct text *out, int nested);

static const char *keyword_of(const struct type *x)
{
	if (x->flags & TYPE_SCOPED && x->name)
		return "";
	switch (x->kind) {
	case TYPE_STRUCT:
		return x->flags & TYPE_CLASS ? "class " : "struct ";
	case TYPE_UNION:
		return "union ";
	case TYPE_ENUM:
		return "enum ";
	default:
		return "";
	}
}

static bool is_suffixed(const struct type_table *t, type_id id)
{
	const struct type *x = type_table_get(t, id);

	return x->kind == TYPE_ARRAY || x->kind == TYPE_FUNCTION;
}

static void put_array(struct text *right, const struct type *x)
{
	char text[32];

	snprintf(text, sizeof(text), "[%llu]", (unsigned long long)x->count);
	put(right, x->flags & TYPE_UNBOUNDED ? "[]" : text);
}

static void put_parameters(const struct type_table *t, type_id id, struct text *right, int nested)
{
	const struct type *x = type_table_get(t, id);
	uint32_t n, n_put = 0;
	const struct type_member *v = type_table_members(t, id, &n);

	put(right, "(");
	for (uint32_t i = 0; i < n; i++) {
		/* `this` is in no source */
		if (v[i].flags & TYPE_MEMBER_ARTIFICIAL)
			continue;
		put(right, n_put ? ", " : "");
		if (nested >= MAX_NESTED || n_put++ >= MAX_PARAMETERS) {
			put(right, "...");
			break;
		}
		spell(t, v[i].type, right, nested + 1);
	}
	if (x->flags & TYPE_VARIADIC)
		put(right, n_put ? ", ..." : "...");
	else if (!n_put && !(x->flags & TYPE_SCOPED))
		put(right, "void");
	put(right, ")");
}

/* What a layer puts before the name's place. */
static const char *mark_of(const struct type *x)
{
	switch (x->kind) {
	case TYPE_POINTER:
		return "*";
	case TYPE_REFERENCE:
		return "&";
	case TYPE_RVALUE_REFERENCE:
		return "&&";
	case TYPE_MEMBER_POINTER:
		return "::*";
	case TYPE_CONST:
		return "const";
	case TYPE_VOLATILE:
		return "volatile";
	case TYPE_RESTRICT:
		return "restrict";
	default:
		return "_Atomic";
	}
}

static void push(struct declarator *d, const char *s)
{
	if (d->n_layers < ARRAY_LEN(d->layers))
		d->layers[d->n_layers++] = s;
}

static bool is_qualifier(const struct type *x)
{
	return x->kind >= TYPE_CONST && x->kind <= TYPE_ATOMIC;
}

static void push_pointer(const struct type_table *t, struct declarator *d, const struct type *x)
{
	if (x->kind == TYPE_MEMBER_POINTER && x->n) {
		const struct type *class = type_table_get(t, t->members.v[x->first].type);

		push(d, "::*");
		push(d, type_table_text(t, class->name));
	} else {
		push(d, mark_of(x));
	}
	if (is_suffixed(t, x->target)) {
		push(d, "(");
		put(&d->right, ")");
	}
}

/* Follows the layers to what has a name; its id. */
static type_id unwrap(const struct type_table *t, type_id id, struct declarator *d, int nested)
{
	for (int i = 0; i < MAX_LAYERS; i++) {
		const struct type *x = type_table_get(t, id);

		if (x->kind == TYPE_ARRAY)
			put_array(&d->right, x);
		else if (x->kind == TYPE_FUNCTION)
			put_parameters(t, id, &d->right, nested);
		else if (x->kind >= TYPE_POINTER && x->kind <= TYPE_MEMBER_POINTER)
			push_pointer(t, d, x);
		else if (is_qualifier(x))
			push(d, mark_of(x));
		else
			return id;
		id = x->target;
	}
	return TYPE_NONE;
}

static bool is_qualifier_text(const char *s)
{
	return !strcmp(s, "const") || !strcmp(s, "volatile") || !strcmp(s, "_Atomic");
}

/* Qualifiers next to the base stand before it, as people write them. */
static size_t put_base(const struct type_table *t, type_id id, const struct declarator *d,
		       struct text *out)
{
	const struct type *x = type_table_get(t, id);
	uint32_t called = type_table_called(t, id);
	size_t left = d->n_layers;

	while (left && is_qualifier_text(d->layers[left - 1])) {
		put(out, d->layers[--left]);
		put(out, " ");
	}
	if (id == TYPE_NONE) {
		put(out, "...");
		return left;
	}
	/* a typedef of what has no name needs no "struct" */
	put(out, called == x->name ? keyword_of(x) : "");
	if (called)
		put(out, type_table_text(t, called));
	else if (x->kind >= TYPE_STRUCT && x->kind <= TYPE_ENUM)
		put(out, "{...}");
	else
		put(out, x->kind == TYPE_KIND_VOID ? "void" : "?");
	return left;
}

static void spell(const struct type_table *t, type_id id, struct text *out, int nested)
{
	struct declarator d = {.n_layers = 0, .right.n = 0};
	type_id base = unwrap(t, id, &d, nested);
	size_t left = put_base(t, base, &d, out);
	bool is_word = true;

	while (left--) {
		const char *s = d.layers[left];

		if (is_word && s[0] != ':')
			put(out, " ");
		put(out, s);
		is_word = !strchr("*&(:", s[0]);
	}
	put(out, d.right.v);
	out->is_cut |= d.right.is_cut;
}

void type_names_spell(const struct type_table *t, type_id id, char out[static TYPE_NAME_MAX])
{
	struct text text = {.n = 0};

	spell(t, id, &text, 0);
	if (text.is_cut && text.n >= 3)
		memcpy(text.v + text.n - 3, "...", 3);
	memcpy(out, text.v, text.n + 1);
}

/* Takes "struct " and its like from the name; the kind it asks for, N_TYPE_KINDS: any. */
static enum type_kind take_keyword(const char **name)
{
	static const struct {
		const char *word;
		enum type_kind kind;
	} words[] = {{"struct ", TYPE_STRUCT},
		     {"class ", TYPE_STRUCT},
		     {"union ", TYPE_UNION},
		     {"enum ", TYPE_ENUM}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i].word);

		if (strncmp(*name, words[i].word, n))
			continue;
		*name += n + strspn(*name + n, " ");
		return words[i].kind;
	}
	return N_TYPE_KINDS;
}

/* Definitions first, then what is no typedef. */
static int rank_of(const struct type *x)
{
	return (x->flags & TYPE_DECLARED ? 2 : 0) + (x->kind == TYPE_TYPEDEF);
}

struct finds {
	type_id *v;
	size_t n, max;
};

static void collect(const struct type_table *t, uint32_t name, enum type_kind kind, struct finds *f)
{
	size_t at = vec_bisect(&t->index, e, t->types.v[*e].name < name);

	for (int rank = 0; rank <= 3; rank++)
		for (size_t i = at; i < t->index.n; i++) {
			const struct type *x = type_table_get(t, t->index.v[i]);

			if (x->name != name)
				break;
			if (rank_of(x) != rank || (kind != N_TYPE_KINDS && x->kind != kind))
				continue;
			if (f->n < f->max)
				f->v[f->n] = t->index.v[i];
			f->n++;
		}
}

static bool ends_in(const char *text, const char *name)
{
	size_t n = strlen(text), m = strlen(name);

	return n > m + 2 && !strcmp(text + n - m, name) && !strncmp(text + n - m - 2, "::", 2);
}

size_t type_names_find(const struct type_table *t, const char *name, type_id *out, size_t max)
{
	enum type_kind kind = take_keyword(&name);
	struct finds f = {out, 0, max};
	uint32_t at;

	if (!*name)
		return 0;
	if (type_table_name(t, name, strlen(name), &at))
		collect(t, at, kind, &f);
	for (size_t i = 0; i < t->index.n && !f.n; i++) {
		uint32_t whole = type_table_get(t, t->index.v[i])->name;
		const char *text = type_table_text(t, whole);
		bool first = !i || type_table_get(t, t->index.v[i - 1])->name != whole;

		if (first && ends_in(text, name))
			collect(t, whole, kind, &f);
	}
	return f.n;
}
