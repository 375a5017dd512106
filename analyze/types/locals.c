/*
 * Questions to the list of live variables. A frame has few of them, so they are looked through.
 */
#include <string.h>

#include "analyze/types/locals.h"

void locals_deinit(struct locals *l)
{
	vec_deinit(&l->names);
	vec_deinit(&l->list);
	vec_deinit(&l->first);
	vec_deinit(&l->pieces);
	vec_deinit(&l->values);
	*l = (struct locals){0};
}

bool locals_read(const struct locals *l, uint32_t local, const struct space *space, uint64_t off,
		 void *out, size_t n)
{
	const struct local *x = &l->list.v[local];

	for (uint32_t i = 0; i < x->n_pieces; i++) {
		const struct local_piece *p = &l->pieces.v[x->pieces + i];
		uint64_t in = off - p->off;

		if (off < p->off || in > p->size || p->size - in < n)
			continue;
		if (p->place == LOCAL_MEMORY)
			return space_read(space, p->at + in, out, n) == n;
		memcpy(out, l->values.v + p->at + in, n);
		return true;
	}
	return false;
}

bool locals_is_set(const struct locals *l, uint32_t local)
{
	const struct local *x = &l->list.v[local];
	uint32_t flags = l->names.v[x->name].flags;

	if (x->doubt || x->n_pieces != 1 || flags & LOCAL_FIXED)
		return false;
	if (flags & LOCAL_PARAMETER)
		return flags & (LOCAL_LISTED | LOCAL_AFTER_PROLOGUE);
	return flags & LOCAL_LISTED && l->pieces.v[x->pieces].place != LOCAL_MEMORY;
}

/* The last of the frame's that has it, or a smaller one before it. */
static bool find(const struct locals *l, uint32_t frame, addr_t addr, struct local_hit *out)
{
	uint32_t size = UINT32_MAX;

	if (frame + 1 >= l->first.n)
		return false;
	for (uint32_t i = l->first.v[frame]; i < l->first.v[frame + 1]; i++)
		for (uint32_t k = 0; k < l->list.v[i].n_pieces; k++) {
			const struct local_piece *p = &l->pieces.v[l->list.v[i].pieces + k];
			uint32_t its = p->size ? p->size : 1;

			if (p->place != LOCAL_MEMORY || addr < p->at || addr - p->at >= its ||
			    its > size)
				continue;
			size = its;
			*out = (struct local_hit){i, p->off + (addr - p->at)};
		}
	return size != UINT32_MAX;
}

bool locals_at(const struct locals *l, const struct frames *f, uint32_t frame, addr_t addr,
	       struct local_hit *out)
{
	struct local_hit hit;

	if (!find(l, frame, addr, &hit) &&
	    (!frame || f->list.v[frame - 1].thread != f->list.v[frame].thread ||
	     !find(l, frame - 1, addr, &hit)))
		return false;
	*out = hit;
	return true;
}

bool locals_in_register(const struct locals *l, uint32_t frame, uint32_t reg, struct local_hit *out)
{
	bool found = false;

	if (frame + 1 >= l->first.n)
		return false;
	for (uint32_t i = l->first.v[frame]; i < l->first.v[frame + 1]; i++)
		for (uint32_t k = 0; k < l->list.v[i].n_pieces; k++) {
			const struct local_piece *p = &l->pieces.v[l->list.v[i].pieces + k];

			if (p->place != LOCAL_REGISTER || p->reg != reg)
				continue;
			*out = (struct local_hit){i, p->off};
			found = true;
		}
	return found;
}
