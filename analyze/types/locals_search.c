/*
 * The search from its beginning, the addresses that frames stand at, to its end: for every frame each
 * variable of its address, placed by the frame's registers.
 *
 *	frames ─► addresses, sorted, each once ─► function, scopes, variables   (locals_scopes.c)
 *	frame × variable ─► expression (locals_expression.c) ─► pieces
 *
 * A thousand frames of one recursion share what is known of their address.
 *
 * Limits: LOCALS_MAX variables in all, MAX_PARTS pieces of one; a budget for what is visited, and one of
 * STEPS for each variable.
 */
#include <string.h>

#include "analyze/types/locals_search.h"
#include "analyze/types/site_types.h"

enum { MAX_PARTS = 64, STEPS = 4096, MAX_DIES = 64 << 20 };

/* Registers of vectors: DWARF numbers, and where the vector state of a dump has them. */
static const struct vectors {
	uint32_t first, n;
	uint64_t off; /* Intel SDM vol. 1 §10.5.1; Linux struct user_fpsimd_state */
} vectors[] = {[MACHINE_X86_64] = {17, 16, 160}, [MACHINE_AARCH64] = {64, 32, 0}};

enum { VECTOR_SIZE = 16 };

static addr_t address_of(const struct frame *f)
{
	return f->pc - !f->is_activation;
}

static int compare(const void *a, const void *b)
{
	const struct locals_pc *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void add_calls(struct locals_search *s)
{
	const struct site_types *sites = s->in.sites;

	for (size_t i = 0; sites && i < sites->calls.n; i++)
		s->pcs.v[s->pcs.n++] = (struct locals_pc){.at = sites->calls.v[i].back - 1,
							  .call = (uint32_t)i,
							  .function = UINT32_MAX};
}

/* Sorted, each address once. */
static void settle(struct locals_search *s)
{
	size_t n = 0;

	if (s->pcs.n)
		qsort(s->pcs.v, s->pcs.n, sizeof(*s->pcs.v), compare);
	for (size_t i = 0; i < s->pcs.n; i++) {
		struct locals_pc *last = n ? &s->pcs.v[n - 1] : NULL;

		if (!last || last->at != s->pcs.v[i].at) {
			s->pcs.v[n++] = s->pcs.v[i];
			continue;
		}
		last->is_frame |= s->pcs.v[i].is_frame;
		if (last->call == UINT32_MAX)
			last->call = s->pcs.v[i].call;
	}
	s->pcs.n = n;
}

static int collect(struct locals_search *s, struct err *err)
{
	const struct frames *f = s->in.frames;

	s->pc_of = malloc((f->list.n + 1) * sizeof(*s->pc_of));
	if (!s->pc_of ||
	    vec_reserve(&s->pcs, f->list.n + (s->in.sites ? s->in.sites->calls.n : 0)) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < f->list.n; i++)
		s->pcs.v[s->pcs.n++] = (struct locals_pc){.at = address_of(&f->list.v[i]),
							  .call = UINT32_MAX,
							  .is_frame = true,
							  .function = UINT32_MAX};
	add_calls(s);
	settle(s);
	for (size_t i = 0; i < f->list.n; i++) {
		addr_t at = address_of(&f->list.v[i]);

		s->pc_of[i] = (uint32_t)vec_bisect(&s->pcs, e, e->at < at);
	}
	return 0;
}

int locals_search_new(struct locals_search **out, const struct locals_input *in,
		      struct locals *locals, struct err *err)
{
	struct locals_search *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_nomem(err);
	s->in = *in;
	s->out = locals;
	s->steps_left = MAX_DIES;
	*locals = (struct locals){0};
	rc = collect(s, err);
	if (rc < 0)
		locals_search_free(s);
	else
		*out = s;
	return rc;
}

void locals_search_free(struct locals_search *s)
{
	if (!s)
		return;
	vec_deinit(&s->pcs);
	vec_deinit(&s->functions);
	vec_deinit(&s->sources);
	free(s->pc_of);
	free(s);
}

/* The variable that is being placed. */
struct placing {
	const struct locals_context *c;
	struct locals *out;
	uint64_t size; /* of the variable; 0: not known */
	uint64_t off;  /* of the next piece in it */
};

static bool add_bytes(struct locals *l, struct local_piece *p, const void *bytes, uint64_t n)
{
	p->at = l->values.n;
	p->size = (uint32_t)n;
	if (vec_reserve(&l->values, l->values.n + n) < 0)
		return false;
	memcpy(l->values.v + l->values.n, bytes, n);
	l->values.n += n;
	return true;
}

/* The bytes of a vector register of the innermost frame; in others it is not kept. */
static const uint8_t *vector_of(const struct locals_context *c, uint64_t number)
{
	const struct locals_input *in = &c->search->in;
	const struct vectors *v = &vectors[in->space->parts->machine];
	const struct frame *f = &in->frames->list.v[c->frame];
	const struct thread_regs *r = in->threads ? in->threads->list.v[f->thread].regs : NULL;
	uint64_t off = v->off + (number - v->first) * VECTOR_SIZE;

	if (f->depth || !r || !r->vec || number - v->first >= v->n ||
	    off + VECTOR_SIZE > r->vec_size)
		return NULL;
	return r->vec + off;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A register's bytes, low ones first. False: out of memory. */
static bool add_register(const struct placing *x, struct local_piece *p, uint64_t number,
			 uint64_t size)
{
	const uint8_t *vector = vector_of(x->c, number);
	uint64_t word;

	p->place = LOCAL_REGISTER;
	p->reg = (uint8_t)number;
	if (vector)
		return add_bytes(x->out, p, vector, lesser(size, VECTOR_SIZE));
	if (number > 31 ||
	    !frames_register(x->c->search->in.frames, x->c->frame, (uint32_t)number, &word))
		return true;
	return add_bytes(x->out, p, &word, lesser(size, sizeof(word)));
}

static bool add_piece(struct placing *x, const struct locals_part *part)
{
	uint64_t left = x->size > x->off ? x->size - x->off : 0;
	uint64_t size = part->size ? lesser(part->size, left) : left;
	struct local_piece p = {.off = (uint32_t)x->off, .place = LOCAL_VALUE};
	bool ok = true;

	if (size > UINT32_MAX || x->off > UINT32_MAX)
		return true;
	if (part->kind == PART_MEMORY) {
		p.place = LOCAL_MEMORY;
		p.at = part->number;
		p.size = (uint32_t)size;
	} else if (part->kind == PART_REGISTER) {
		ok = add_register(x, &p, part->number, size);
	} else if (part->kind == PART_VALUE) {
		ok = add_bytes(x->out, &p, &part->number, lesser(size, sizeof(part->number)));
	} else if (part->kind == PART_BYTES) {
		ok = add_bytes(x->out, &p, part->bytes, lesser(size, part->n_bytes));
	}
	x->off += part->size ? part->size : size;
	/* what is at the end of the address space is nowhere */
	if (p.place == LOCAL_MEMORY ? part->kind != PART_MEMORY || p.at > UINT64_MAX - p.size
				    : !p.size)
		return ok;
	return ok && vec_push(&x->out->pieces, p) == 0;
}

/* The parts as pieces. False: out of memory. */
static bool place(struct locals_context *c, const struct locals_source *source, uint64_t size)
{
	struct placing x = {.c = c, .out = c->search->out, .size = size};
	struct locals_part parts[MAX_PARTS];
	size_t n;

	if (source->n_constant) {
		struct local_piece p = {.at = source->constant, .place = LOCAL_VALUE};

		p.size = (uint32_t)lesser(size, source->n_constant);
		return !p.size || vec_push(&x.out->pieces, p) == 0;
	}
	n = locals_expression_place(c, &source->where, parts, MAX_PARTS);
	for (size_t i = 0; i < n; i++) {
		uint64_t off;

		if (__builtin_add_overflow(x.off, parts[i].size, &off))
			break;
		if (!add_piece(&x, &parts[i]))
			return false;
	}
	return true;
}

static int place_one(struct locals_search *s, struct locals_context *c,
		     const struct locals_source *source, struct err *err)
{
	struct locals *l = s->out;
	struct local x = {.frame = c->frame, .name = source->name};
	unsigned steps_left = STEPS;
	size_t first = l->pieces.n;
	uint64_t size;

	if (l->list.n >= LOCALS_MAX || first > UINT32_MAX - MAX_PARTS) {
		l->is_cut = true;
		return 0;
	}
	if (!type_table_size(s->in.table, l->names.v[source->name].type, &size))
		size = 0;
	c->steps_left = &steps_left;
	c->doubt = &x.doubt;
	if (!place(c, source, size))
		return err_nomem(err);
	if (l->pieces.n == first)
		return 0;
	x.pieces = (uint32_t)first;
	x.n_pieces = (uint16_t)(l->pieces.n - first);
	return vec_push(&l->list, x) < 0 ? err_nomem(err) : 0;
}

static int place_frame(struct locals_search *s, uint32_t frame, struct err *err)
{
	const struct locals_pc *pc = &s->pcs.v[s->pc_of[frame]];
	struct locals_context c = {.search = s, .frame = frame, .pc = pc};
	int rc = 0;

	if (vec_push(&s->out->first, (uint32_t)s->out->list.n) < 0)
		return err_nomem(err);
	if (pc->function == UINT32_MAX)
		return 0;
	c.function = &s->functions.v[pc->function];
	for (uint32_t i = 0; i < pc->n && rc == 0; i++)
		rc = place_one(s, &c, &s->sources.v[pc->sources + i], err);
	return rc;
}

int locals_search_finish(struct locals_search *s, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < s->in.frames->list.n && rc == 0; i++)
		rc = place_frame(s, i, err);
	if (rc == 0 && vec_push(&s->out->first, (uint32_t)s->out->list.n) < 0)
		rc = err_nomem(err);
	return rc;
}
