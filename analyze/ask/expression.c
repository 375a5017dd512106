/*
 * From hop to hop: what the text so far stands for, and what the next word adds to it.
 *
 *	form        the text is …                    a word of it adds
 *	VALUE       a variable                       .member
 *	POINTER     a pointer to the object          ->member, [i].member
 *	INSIDE      a container that the object      nothing, where the word leads on inside of the
 *	            is a node or a buffer of         container; else [key].member, [i].member
 *	CONTROL     a smart pointer that the object  ->member, or nothing: the pointer itself
 *	            is the control block of
 *
 * From a thing's start down to the word, members are named until a class of the library comes: how it is made
 * is nobody's business, but which of its words it is says what the next object will be.
 *
 * A piece that comes again is counted: ->next×749.
 *
 * Limits: EXPRESSION_MAX_TEXT bytes, then there is no expression; a list's index is counted for at most LIST_STEPS nodes.
 */
#include <stdio.h>
#include <string.h>

#include "analyze/ask/describe.h"
#include "analyze/ask/expression_run.h"
#include "analyze/ask/typed.h"
#include "analyze/types/layout.h"

enum { LIST_STEPS = 1 << 20 };

bool expression_add(struct expression *e, const char *text)
{
	size_t n = strlen(e->piece);

	return snprintf(e->piece + n, EXPRESSION_MAX_PIECE - n, "%s", text) <
	       (int)(EXPRESSION_MAX_PIECE - n);
}

bool expression_add_index(struct expression *e, int64_t index)
{
	char text[32];

	snprintf(text, sizeof(text), "[%lld]", (long long)index);
	return expression_add(e, text);
}

static bool append(struct expression *e, const char *text)
{
	size_t n = strlen(e->text);

	return n + strlen(text) <= EXPRESSION_MAX_TEXT && strcpy(e->text + n, text);
}

/* What was held back of a run. */
static bool end_run(struct expression *e)
{
	char times[32];
	uint64_t n = e->times;

	e->times = 0;
	if (n == 2)
		return append(e, e->last);
	snprintf(times, sizeof(times), "×%llu", (unsigned long long)n);
	return n < 2 || append(e, times);
}

bool expression_take_piece(struct expression *e)
{
	bool ok = true;

	if (!*e->piece)
		return true;
	if (e->times && !strcmp(e->piece, e->last)) {
		e->times++;
	} else {
		ok = end_run(e) && append(e, e->piece);
		memcpy(e->last, e->piece, sizeof(e->last));
		e->times = 1;
	}
	e->piece[0] = 0;
	return ok;
}

/* "&" before all of it, "std::get<1>(" … ")". */
bool expression_wrap(struct expression *e, const char *before, const char *behind)
{
	size_t n = strlen(before);

	if (!end_run(e) || strlen(e->text) + n + strlen(behind) > EXPRESSION_MAX_TEXT)
		return false;
	memmove(e->text + n, e->text, strlen(e->text) + 1);
	memcpy(e->text, before, n);
	return append(e, behind);
}

/* Whether the word only leads on inside of the container. */
static bool is_link(const struct expression *e, type_id type, addr_t object, uint64_t off)
{
	const struct container_node *n = containers_node(&e->s->types.containers, type);
	const struct container_class *k = e->view.class;
	uint64_t buckets;

	if (n)
		return off == n->next || off == n->left || off == n->right || off == n->parent;
	if (k->kind == CONTAINER_DEQUE)
		return object == e->view.map;
	return k->kind == CONTAINER_HASH &&
	       space_u64(&e->s->space, e->view.at + k->at[WORD_BUCKETS], &buckets) &&
	       buckets == object;
}

/* ["alice"], [17]: the element that has the byte. */
static bool name_inside(struct expression *e, addr_t object, addr_t at, struct container_element *x)
{
	char key[EXPRESSION_KEY_MAX];

	if (!container_element_at(&e->view, object, at, LIST_STEPS, x))
		return false;
	if (x->key_type == TYPE_NONE)
		return expression_add_index(e, x->index);
	expression_key(e->s, x->key_type, x->key, key);
	return expression_add(e, "[") && expression_add(e, key) && expression_add(e, "]");
}

static bool hop_inside(struct expression *e, const struct typed *t, addr_t object, uint64_t off)
{
	struct container_element x;
	struct expression_place p = {.access = "."};

	if (is_link(e, type_table_peel(&e->s->types.table, t->type), object, off))
		return true;
	if (!name_inside(e, object, object + off, &x))
		return false;
	p.type = type_table_peel(&e->s->types.table, x.type);
	p.at = x.at;
	p.off = object + off - x.at;
	return expression_descend(e, p);
}

/* The thing that make_shared has put into the control block; else the block's pointer to it. */
static bool hop_control(struct expression *e, const struct typed *t, addr_t object, uint64_t off)
{
	static const char *const storage[] = {"_M_impl._M_storage._M_storage",
					      "__storage_.__blob_"};
	struct layout_hit hit;
	uint64_t size;

	for (size_t i = 0; i < ARRAY_LEN(storage); i++)
		if (layout_member(&e->s->types.table, t->type, storage[i], &hit) &&
		    type_table_size(&e->s->types.table, hit.type, &size) && off >= hit.off &&
		    off - hit.off < size)
			return expression_descend(
				e, (struct expression_place){hit.type, object + hit.off,
							     off - hit.off, "->"});
	e->form = POINTER;
	e->is_smart = true;
	return true;
}

/* C: container_of(pointer, struct whole, member)->other. */
static bool hop_container_of(struct expression *e, const struct typed *t, addr_t object,
			     uint64_t off, uint64_t delta)
{
	struct layout_hit hit;
	char type[TYPE_NAME_MAX], behind[TYPE_NAME_MAX + LAYOUT_PATH + 8];

	if (layout_at(&e->s->types.table, t->type, t->size, delta, &hit, 1) != 1 || !*hit.path)
		return false;
	/* the pointer is to the member that holds the scalar, if it is to none itself */
	for (char *end = hit.path + strlen(hit.path); end > hit.path && end;
	     end = strrchr(hit.path, '.')) {
		struct layout_hit member;

		*end = 0;
		if (layout_member(&e->s->types.table, t->type, hit.path, &member) &&
		    type_table_peel(&e->s->types.table, member.type) == e->target)
			break;
		if (!strchr(hit.path, '.'))
			return false;
	}
	type_names_spell(&e->s->types.table, t->type, type);
	snprintf(behind, sizeof(behind), ", %s, %s)", type, hit.path);
	if (!expression_wrap(e, "container_of(", behind))
		return false;
	return expression_descend(e, (struct expression_place){t->type, object, off, "->"});
}

/* An array, counted from where the pointer points to. */
static bool hop_array(struct expression *e, const struct typed *t, addr_t object, uint64_t off)
{
	uint64_t size, delta = e->word - object;
	char index[32];

	if (!type_table_size(&e->s->types.table, t->type, &size) || !size || delta >= t->size ||
	    delta % size)
		return false;
	snprintf(index, sizeof(index), "[%lld]",
		 (long long)(off / size) - (long long)(delta / size));
	return expression_add(e, index) &&
	       expression_descend(e, (struct expression_place){t->type, object + off / size * size,
							       off % size, "."});
}

/*
 * A pointer into the middle is one to a member, or to a base that is not the first; what lies outside of
 * that is named as if it were the whole.
 */
static bool hop_object(struct expression *e, const struct typed *t, addr_t object, uint64_t off)
{
	uint64_t size, delta = e->word - object;

	if (t->is_array)
		return hop_array(e, t, object, off);
	if (delta && delta <= off && type_table_size(&e->s->types.table, e->target, &size) &&
	    off - delta < size)
		return expression_descend(
			e, (struct expression_place){e->target, object + delta, off - delta, "->"});
	if (delta && !(type_table_get(&e->s->types.table, t->type)->flags & TYPE_SCOPED))
		return hop_container_of(e, t, object, off, delta);
	return expression_descend(e, (struct expression_place){t->type, object, off, "->"});
}

/* One hop: the word at off of a vertex. */
static bool hop(struct expression *e, vertex_id v, uint64_t off)
{
	obj_id o = graph_obj(&e->s->graph, v);
	struct variable variable;
	struct typed t;
	addr_t object;

	e->piece[0] = 0;
	if (o == OBJ_NONE) {
		if (!typed_variable(e->s, v - 1, &off, &variable))
			return false;
		snprintf(e->text, sizeof(e->text), "%.*s", EXPRESSION_MAX_TEXT,
			 type_table_text(&e->s->types.table, variable.name));
		return *e->text &&
		       expression_descend(e, (struct expression_place){variable.type, variable.at,
								       off, "."}) &&
		       expression_take_piece(e);
	}
	object = objects_addr(&e->s->heap.objects, o);
	if (!typed_object(e->s, o, &t))
		return false;
	e->is_guess |= e->s->inference.v[o].confidence <= CONFIDENCE_GUESS;
	if (e->form == INSIDE)
		return hop_inside(e, &t, object, off) && expression_take_piece(e);
	if (e->form == CONTROL)
		return hop_control(e, &t, object, off) && expression_take_piece(e);
	return hop_object(e, &t, object, off) && expression_take_piece(e);
}

/* The last object is a piece of a container itself. */
static bool end_inside(struct expression *e, addr_t object)
{
	const struct container_view *v = &e->view;
	struct container_element x;
	bool has_node = v->class->node != TYPE_NONE;
	addr_t at = object + v->class->value;

	e->piece[0] = 0;
	if (!has_node && v->class->kind != CONTAINER_DEQUE)
		return expression_add(e, ".data()") && expression_take_piece(e);
	if (v->class->kind == CONTAINER_DEQUE && v->chunks < v->chunks_end) {
		uint64_t first;

		at = object;
		if (space_u64(v->space, v->chunks, &first) && first == object)
			at += v->skipped * v->class->element_size;
	}
	if (name_inside(e, object, at, &x) &&
	    !(v->class->kind == CONTAINER_DEQUE && object == v->map))
		return expression_take_piece(e) && expression_wrap(e, "&", "");
	return false;
}

void expression_set(struct session *s, struct fact *into, const struct path *p)
{
	struct expression e = {.s = s, .form = VALUE};
	obj_id last = p->at.n ? graph_obj(&s->graph, p->at.v[p->at.n - 1]) : OBJ_NONE;
	bool ok = last != OBJ_NONE && s->inference.n && graph_is_root(&s->graph, p->at.v[0]);

	for (size_t i = 0; ok && i + 1 < p->at.n; i++) {
		uint64_t off;

		ok = scan_words_to(&s->space, &s->heap.objects, &s->roots, &s->graph, p->at.v[i],
				   p->at.v[i + 1], &s->options.scan, &off, 1) &&
		     hop(&e, p->at.v[i], off);
	}
	if (ok && e.form == INSIDE)
		ok = end_inside(&e, objects_addr(&s->heap.objects, last));
	if (ok && e.form == POINTER && e.is_smart)
		ok = end_run(&e) && append(&e, ".get()");
	if (!ok || e.form == CONTROL || !end_run(&e))
		return;
	fact_set_str(into, "expression", e.text);
	if (e.is_guess)
		fact_set_bool(into, "expression_guess", true);
}
