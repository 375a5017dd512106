/*
 * A hash table with open addressing; FNV-1a (Fowler, Noll, Vo).
 */
#include <string.h>

#include "analyze/ask/interner.h"

enum { FIRST_SLOTS = 1024 };

static uint64_t hash_of(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3ull;
	return h;
}

/* The slot of the text, or the free one where it belongs. */
static uint32_t *slot_of(const struct interner *in, const char *text)
{
	size_t i = hash_of(text) & (in->n_slots - 1);

	while (in->slots[i] && strcmp(in->list.v[in->slots[i] - 1], text))
		i = (i + 1) & (in->n_slots - 1);
	return &in->slots[i];
}

static bool grow(struct interner *in)
{
	size_t n = in->n_slots ? in->n_slots * 2 : FIRST_SLOTS;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return false;
	free(in->slots);
	in->slots = slots;
	in->n_slots = n;
	for (size_t i = 0; i < in->list.n; i++)
		*slot_of(in, in->list.v[i]) = (uint32_t)i + 1;
	return true;
}

uint32_t interner_number(struct interner *in, const char *text)
{
	uint32_t *slot;
	char *copy;

	text = text ? text : "";
	if (in->n_slots <= 2 * (in->list.n + 1) && !grow(in)) {
		in->nomem = true;
		return 0;
	}
	slot = slot_of(in, text);
	if (*slot)
		return *slot - 1;
	copy = strdup(text);
	if (!copy || vec_push(&in->list, copy) < 0) {
		free(copy);
		in->nomem = true;
		return 0;
	}
	*slot = (uint32_t)in->list.n;
	return *slot - 1;
}

void interner_deinit(struct interner *in)
{
	for (size_t i = 0; i < in->list.n; i++)
		free(in->list.v[i]);
	vec_deinit(&in->list);
	free(in->slots);
	*in = (struct interner){0};
}
