/*
 * The words of each kind, as equations that a living container obeys:
 *
 *	vector   first ≤ last ≤ end, both a whole number of elements from first
 *	string   length ≤ capacity; libstdc++: first is its own room, or a buffer; libc++: the lowest bit
 *		 of the first byte says which
 *	deque    libstdc++: map ≤ start.node ≤ finish.node < map + capacity, cur in [first, last);
 *		 libc++: first ≤ begin ≤ end, start + length ≤ chunks × elements a chunk
 *	hash     buckets and their number: the array is checked by whoever follows it
 *
 * Deques have one chunk size for one element size: 512 bytes and at least one element in libstdc++
 * (bits/stl_deque.h), 4096 bytes and at least 16 in libc++ (__deque_block_size).
 */
#include "analyze/types/container_view.h"

enum { GNU_CHUNK = 512, STD1_CHUNK = 4096, STD1_LEAST = 16, STD1_SMALL = 256 };

static bool word(const struct container_view *v, enum container_word w, uint64_t *out)
{
	uint32_t off = v->class->at[w];

	return off != NO_CONTAINER_WORD && space_u64(v->space, v->at + off, out);
}

static bool view_buffer(struct container_view *v)
{
	uint64_t size = v->class->element_size, length, capacity;

	if (!word(v, WORD_FIRST, &v->first))
		return false;
	if (word(v, WORD_LENGTH, &length) && word(v, WORD_CAPACITY, &capacity)) {
		if (__builtin_mul_overflow(length, size, &length) ||
		    __builtin_mul_overflow(capacity, size, &capacity) || length > capacity ||
		    capacity > UINT64_MAX - v->first)
			return false;
		v->last = v->first + length;
		v->end = v->first + capacity;
	} else if (!word(v, WORD_LAST, &v->last) || !word(v, WORD_END, &v->end)) {
		return false;
	}
	if (v->first > v->last || v->last > v->end || (v->last - v->first) % size ||
	    (v->end - v->first) % size)
		return false;
	v->n = (v->last - v->first) / size;
	return true;
}

/* A header, then the characters, with a zero behind. */
static bool view_old_string(struct container_view *v)
{
	uint64_t size = v->class->element_size, capacity, last = 0;
	addr_t header;

	if (!word(v, WORD_FIRST, &v->first) || v->first < CONTAINER_REP_SIZE || size > 4)
		return false;
	header = v->first - CONTAINER_REP_SIZE;
	if (!space_u64(v->space, header, &v->n) || !space_u64(v->space, header + 8, &capacity) ||
	    v->n > capacity || capacity > (UINT64_MAX - v->first) / size - 1)
		return false;
	v->last = v->first + v->n * size;
	v->end = v->first + (capacity + 1) * size;
	return space_read(v->space, v->last, &last, size) == size && !last;
}

static bool view_string(struct container_view *v)
{
	uint64_t size = v->class->element_size, capacity;

	if (v->class->rep != TYPE_VOID)
		return view_old_string(v);
	if (!word(v, WORD_FIRST, &v->first) || !word(v, WORD_LENGTH, &v->n) ||
	    !word(v, WORD_CAPACITY, &capacity))
		return false;
	if (v->class->is_std_1) {
		v->is_local = !(capacity & 1);
		/* the terminator is counted in */
		capacity = (capacity & ~1ull) - 1;
		if (v->is_local) {
			/* one byte of length, then the characters */
			v->n = ((capacity + 1) & 0xff) >> 1;
			v->first = v->at + v->class->at[WORD_CAPACITY] + size;
			capacity = v->class->at[WORD_FIRST] + 8 - size;
		}
	} else {
		v->is_local = v->first == v->at + v->class->at[WORD_LOCAL];
		if (v->is_local)
			capacity = 16 / size - 1;
	}
	if (v->n > capacity || capacity > (UINT64_MAX - v->first) / size - 1)
		return false;
	v->last = v->first + v->n * size;
	v->end = v->first + (capacity + 1) * size;
	return true;
}

/* Cur, first, last and node of an iterator into a deque of libstdc++. */
static bool read_iterator(const struct container_view *v, enum container_word w, uint64_t *it)
{
	for (unsigned i = 0; i < 4; i++)
		if (!space_u64(v->space, v->at + v->class->at[w] + i * 8, &it[i]))
			return false;
	return it[0] >= it[1] && it[0] < it[2] && it[2] - it[1] >= v->class->element_size &&
	       !((it[0] - it[1]) % v->class->element_size);
}

static bool view_gnu_deque(struct container_view *v)
{
	uint64_t size = v->class->element_size, start[4], finish[4], capacity;

	v->per_chunk = size < GNU_CHUNK ? GNU_CHUNK / size : 1;
	if (!word(v, WORD_FIRST, &v->map) || !word(v, WORD_CAPACITY, &capacity) ||
	    !read_iterator(v, WORD_START_CUR, start) ||
	    !read_iterator(v, WORD_FINISH_CUR, finish) || capacity > (UINT64_MAX - v->map) / 8)
		return false;
	v->map_end = v->map + capacity * 8;
	v->chunks = start[3];
	v->chunks_end = finish[3] + 8;
	if (v->map > v->chunks || v->chunks > finish[3] || v->chunks_end > v->map_end ||
	    (v->chunks - v->map) % 8 || (finish[3] - v->map) % 8)
		return false;
	v->skipped = (start[0] - start[1]) / size;
	v->n = (finish[3] - v->chunks) / 8 * v->per_chunk + (finish[0] - finish[1]) / size;
	if (v->n < v->skipped)
		return false;
	v->n -= v->skipped;
	return true;
}

static bool view_deque(struct container_view *v)
{
	uint64_t size = v->class->element_size, room;

	if (!v->class->is_std_1)
		return view_gnu_deque(v);
	v->per_chunk = size < STD1_SMALL ? STD1_CHUNK / size : STD1_LEAST;
	if (!word(v, WORD_FIRST, &v->map) || !word(v, WORD_LAST, &v->chunks) ||
	    !word(v, WORD_END, &v->chunks_end) || !word(v, WORD_START, &v->skipped) ||
	    !word(v, WORD_LENGTH, &v->n))
		return false;
	v->map_end = v->chunks_end;
	if (v->map > v->chunks || v->chunks > v->chunks_end || (v->chunks - v->map) % 8 ||
	    (v->chunks_end - v->chunks) % 8)
		return false;
	return !__builtin_mul_overflow((v->chunks_end - v->chunks) / 8, v->per_chunk, &room) &&
	       v->skipped <= room && v->n <= room - v->skipped;
}

static bool view_nodes(struct container_view *v)
{
	const struct container_class *k = v->class;

	if (!word(v, WORD_FIRST, &v->node))
		return false;
	if (!word(v, WORD_LENGTH, &v->n))
		v->n = UINT64_MAX;
	/* the header is a base of the nodes: it begins as far before its word as nodes do before theirs */
	if (k->kind == CONTAINER_LIST)
		v->header = v->at + k->at[WORD_FIRST] - k->next;
	else if (k->kind == CONTAINER_TREE)
		v->header = v->at + k->at[WORD_FIRST] - (k->is_std_1 ? k->left : k->parent);
	return true;
}

bool container_view(struct container_view *v, const struct container_class *k,
		    const struct space *space, addr_t at)
{
	*v = (struct container_view){.class = k, .space = space, .at = at, .n = UINT64_MAX};
	switch (k->kind) {
	case CONTAINER_VECTOR:
		return view_buffer(v);
	case CONTAINER_STRING:
		return view_string(v);
	case CONTAINER_DEQUE:
		return view_deque(v);
	default:
		return view_nodes(v);
	}
}

static bool link_of(const struct container_view *v, addr_t node, uint32_t off, addr_t *out)
{
	return off != NO_CONTAINER_WORD && space_u64(v->space, node + off, out);
}

/* The lowest below a node of a tree. */
static addr_t leftmost(const struct container_view *v, addr_t node, uint64_t *steps_left)
{
	addr_t left;

	while (*steps_left && link_of(v, node, v->class->left, &left) && left) {
		node = left;
		--*steps_left;
	}
	return node;
}

static addr_t next_in_tree(const struct container_view *v, addr_t node, uint64_t *steps_left)
{
	addr_t up, right;

	if (!link_of(v, node, v->class->right, &right))
		return 0;
	if (right)
		return leftmost(v, right, steps_left);
	for (; *steps_left; --*steps_left, node = up) {
		if (!link_of(v, node, v->class->parent, &up) || up == v->header || !up)
			return 0;
		if (!link_of(v, up, v->class->right, &right))
			return 0;
		if (right != node)
			return up;
	}
	return 0;
}

addr_t container_next_node(const struct container_view *v, addr_t node, uint64_t *steps_left)
{
	addr_t next;

	if (v->class->kind == CONTAINER_TREE)
		return next_in_tree(v, node, steps_left);
	return link_of(v, node, v->class->next, &next) && next != v->header ? next : 0;
}

static bool has_nodes(const struct container_view *v)
{
	return v->class->node != TYPE_NONE;
}

static void set_element(const struct container_view *v, addr_t at, uint64_t index,
			struct container_element *out)
{
	const struct container_class *k = v->class;

	*out = (struct container_element){
		.at = at, .type = k->element, .index = index, .key_type = TYPE_NONE};
	if (k->key != TYPE_NONE) {
		out->key = at + k->key_at;
		out->key_type = k->key;
	}
}

/* Which place of a list a node has. */
static bool find_in_list(const struct container_view *v, addr_t node, uint64_t max_steps,
			 uint64_t *index)
{
	addr_t at = v->node;
	uint64_t i = 0;

	for (; at && at != v->header && i < max_steps; i++) {
		if (at == node) {
			*index = i;
			return true;
		}
		at = container_next_node(v, at, &max_steps);
	}
	return false;
}

static bool find_in_deque(const struct container_view *v, addr_t object, uint64_t inner,
			  uint64_t *index)
{
	for (addr_t slot = v->chunks; slot < v->chunks_end; slot += 8) {
		addr_t chunk;

		if (!space_u64(v->space, slot, &chunk))
			return false;
		if (chunk == object) {
			*index = (slot - v->chunks) / 8 * v->per_chunk + inner - v->skipped;
			return *index < v->n;
		}
	}
	return false;
}

bool container_element_at(const struct container_view *v, addr_t object, addr_t at,
			  uint64_t max_steps, struct container_element *out)
{
	const struct container_class *k = v->class;
	uint64_t off = at - object, index = 0;

	if (has_nodes(v)) {
		bool is_list = k->kind == CONTAINER_LIST || k->kind == CONTAINER_CHAIN;

		if (off < k->value || off - k->value >= k->element_size ||
		    (is_list && !find_in_list(v, object, max_steps, &index)))
			return false;
		set_element(v, object + k->value, index, out);
		return true;
	}
	if (k->kind == CONTAINER_DEQUE) {
		if (!find_in_deque(v, object, off / k->element_size, &index))
			return false;
		set_element(v, at - off % k->element_size, index, out);
		return true;
	}
	if (at < v->first || at >= v->last)
		return false;
	index = (at - v->first) / k->element_size;
	set_element(v, v->first + index * k->element_size, index, out);
	return true;
}

struct container_cursor container_begin(const struct container_view *v, uint64_t max_steps)
{
	struct container_cursor c = {.steps_left = max_steps, .node = v->node};

	if (has_nodes(v) && c.node == v->header)
		c.node = 0;
	if (v->class->kind == CONTAINER_TREE && c.node)
		c.node = leftmost(v, c.node, &c.steps_left);
	return c;
}

static bool next_by_index(const struct container_view *v, uint64_t index, addr_t *at)
{
	uint64_t size = v->class->element_size, place;
	addr_t chunk;

	if (index >= v->n)
		return false;
	if (v->class->kind != CONTAINER_DEQUE) {
		*at = v->first + index * size;
		return true;
	}
	place = index + v->skipped;
	if (!space_u64(v->space, v->chunks + place / v->per_chunk * 8, &chunk))
		return false;
	*at = chunk + place % v->per_chunk * size;
	return true;
}

bool container_next(const struct container_view *v, struct container_cursor *c,
		    struct container_element *out)
{
	addr_t at;

	if (!c->steps_left)
		return false;
	c->steps_left--;
	if (!has_nodes(v)) {
		if (!next_by_index(v, c->index, &at))
			return false;
		set_element(v, at, c->index++, out);
		return true;
	}
	if (!c->node)
		return false;
	set_element(v, c->node + v->class->value, c->index++, out);
	c->node = container_next_node(v, c->node, &c->steps_left);
	return true;
}
