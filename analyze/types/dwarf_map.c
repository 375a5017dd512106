/*
 * An open hash table with linear probing, at most three quarters full.
 */
#include <stdlib.h>

#include "analyze/types/dwarf_map.h"

enum { FIRST_SLOTS = 1 << 10 };

void dwarf_map_deinit(struct dwarf_map *m)
{
	free(m->v);
	*m = (struct dwarf_map){0};
}

/* The entry of that DIE, or the free one where it would be. */
static struct dwarf_map_entry *slot_of(const struct dwarf_map *m, const void *die)
{
	size_t i =
		(size_t)(((uint64_t)(uintptr_t)die * 0x9e3779b97f4a7c15) >> 20) & (m->n_slots - 1);

	while (m->v[i].kind != MAP_FREE && m->v[i].die != die)
		i = (i + 1) & (m->n_slots - 1);
	return &m->v[i];
}

struct dwarf_map_entry *dwarf_map_find(const struct dwarf_map *m, const void *die)
{
	struct dwarf_map_entry *e = m->n_slots ? slot_of(m, die) : NULL;

	return e && e->kind != MAP_FREE ? e : NULL;
}

static int grow(struct dwarf_map *m, struct err *err)
{
	struct dwarf_map bigger = {.n = m->n, .n_slots = m->n_slots ? m->n_slots * 2 : FIRST_SLOTS};

	bigger.v = calloc(bigger.n_slots, sizeof(*bigger.v));
	if (!bigger.v)
		return err_nomem(err);
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->v[i].kind != MAP_FREE)
			*slot_of(&bigger, m->v[i].die) = m->v[i];
	free(m->v);
	*m = bigger;
	return 0;
}

int dwarf_map_add(struct dwarf_map *m, const void *die, enum dwarf_map_kind kind, uint32_t value,
		  struct err *err)
{
	int rc = m->n + 1 > m->n_slots / 4 * 3 ? grow(m, err) : 0;

	if (rc < 0)
		return rc;
	*slot_of(m, die) = (struct dwarf_map_entry){die, kind, value};
	m->n++;
	return 0;
}
