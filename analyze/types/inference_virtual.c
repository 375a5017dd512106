/*
 * Virtual bases: where they are is the same in all objects of one class, and in no other (Itanium C++ ABI §2.5).
 * It is read from the vtables of one object, of which is known that it is of just this class:
 *
 *	Diamond   0  ──► vtable of Diamond: … the place of Top …
 *	  Left    0
 *	  Right  16  ──► vtable of Right in Diamond: … the place of Top, from here …; top is 16 before
 *	  Top    40
 *
 * Their pointers are then the class's own, with its vtable as the guard: in what is derived from it, or is
 * being made or destroyed, they are elsewhere.
 */
#include "analyze/types/inference_run.h"

enum { MAX_BASES = 64, TO_TOP = 16, TYPEINFO = 8 };

struct base {
	type_id type;
	uint64_t off;
};

struct bases {
	struct base v[MAX_BASES];
	size_t n;
	uint64_t size; /* of the whole */
};

static void add_base(struct bases *b, type_id type, uint64_t off)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].type == type && b->v[i].off == off)
			return;
	if (b->n < MAX_BASES && off < b->size)
		b->v[b->n++] = (struct base){type, off};
}

/* The vtable of the base there: one of the whole's, which says where the whole begins. */
static bool vtable_of(const struct inference_run *r, const struct inference_whole *whole,
		      uint64_t off, addr_t *vtable)
{
	uint64_t to_top, typeinfo, of_whole;

	if (!off) {
		*vtable = whole->vtable;
		return true;
	}
	return space_u64(r->in->space, whole->object + off, vtable) &&
	       space_u64(r->in->space, *vtable - TO_TOP, &to_top) && to_top == -off &&
	       space_u64(r->in->space, *vtable - TYPEINFO, &typeinfo) &&
	       space_u64(r->in->space, whole->vtable - TYPEINFO, &of_whole) && typeinfo == of_whole;
}

/* Adds the bases of one; those that are virtual are noted, too. */
static void find_bases(const struct inference_run *r, const struct inference_whole *whole,
		       struct bases *all, struct base at, struct bases *virtuals)
{
	const struct type_table *t = r->in->table;
	uint32_t n;
	const struct type_member *v = type_table_members(t, at.type, &n);

	for (uint32_t i = 0; i < n; i++) {
		type_id type = type_table_peel(t, v[i].type);
		uint64_t place;
		addr_t vtable;

		if (!(v[i].flags & TYPE_MEMBER_BASE))
			continue;
		if (!(v[i].flags & TYPE_MEMBER_VIRTUAL)) {
			add_base(all, type, at.off + v[i].off);
			continue;
		}
		if (!v[i].off || !vtable_of(r, whole, at.off, &vtable) ||
		    !space_u64(r->in->space, vtable - v[i].off, &place))
			continue;
		add_base(all, type, at.off + place);
		add_base(virtuals, type, at.off + place);
	}
}

/* The base's own pointers, of which each word lies in the whole. */
static int add_pointers(struct inference_run *r, const struct base *b, uint64_t size,
			struct layout_pointers *list, struct err *err)
{
	struct layout_pointers own = {0};
	int rc = layout_pointers_by_rules(r->in->table,
					  r->in->containers ? &r->in->containers->rules : NULL,
					  b->type, &own, err);

	for (size_t i = 0; i < own.list.n && rc == 0; i++) {
		struct layout_pointer p = own.list.v[i];
		uint64_t room;

		if (p.guard || p.is_open || __builtin_add_overflow(p.off, b->off, &p.off) ||
		    p.off >= size || size - p.off < sizeof(addr_t))
			continue;
		room = size - p.off - sizeof(addr_t);
		if (p.stride && p.count > room / p.stride + 1)
			continue;
		p.guard = (uint32_t)list->guards.n;
		if (list->list.n < LAYOUT_POINTERS_MAX && vec_push(&list->list, p) < 0)
			rc = err_nomem(err);
	}
	layout_pointers_deinit(&own);
	return rc;
}

int inference_add_virtual(struct inference_run *r, type_id id, struct layout_pointers *list,
			  struct err *err)
{
	const struct {
		const struct inference_whole *v;
		size_t n;
	} wholes = {r->in->wholes, r->in->n_wholes};
	size_t at = vec_bisect(&wholes, e, e->type < id);
	struct bases all = {.n = 0}, virtuals = {.n = 0};
	struct layout_guard guard = {.size = sizeof(addr_t)};
	int rc = 0;

	if (at == wholes.n || wholes.v[at].type != id ||
	    !type_table_size(r->in->table, id, &all.size))
		return 0;
	virtuals.size = all.size;
	add_base(&all, id, 0);
	for (size_t i = 0; i < all.n; i++)
		find_bases(r, &wholes.v[at], &all, all.v[i], &virtuals);
	guard.value = wholes.v[at].vtable;
	if (virtuals.n && vec_push(&list->guards, guard) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < virtuals.n && rc == 0; i++)
		rc = add_pointers(r, &virtuals.v[i], all.size, list, err);
	layout_pointers_sort(list);
	return rc;
}
