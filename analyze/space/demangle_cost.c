/*
 * How much work it is to print a C++ name, told before the library begins.
 *
 * The library makes a tree of a name, in which a substitution is the same node once more. With
 *
 *	St4pair I S_ I S_ I i i E S0_ E S1_ E		pair<pair<pair<int, int>, ·>, ·>
 *
 * n nodes stand for 2ⁿ. The printer walks them all, even where nothing comes of it (it looks for packs),
 * so a bound on the text is none on the time. This counts nodes as often as they would be walked:
 *
 *	cost(node)   = 1 + Σ cost(children)
 *	cost(T_)     = 1 + the most that a list of template arguments costs in the scope around
 *	cost(X...)   = (1 + cost(X)) × (1 + how many template arguments there are)
 *
 * from the outermost scope inwards; each function's encoding opens one. Children need not come before
 * parents, so a scope's sums are repeated until nothing changes, without recursion. All of it is an upper
 * bound, and sticks at TOO_MUCH.
 */
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/space/demangle_cost.h"
#include "base/cleanup.h"

enum { TOO_MUCH = 1 << 20, MOST_SCOPES = 16 };

struct node {
	const struct demangle_component *c;
	uint32_t child[2]; /* in nodes, 0: none */
	uint32_t cost;
};

struct tree {
	const struct demangle_component *block; /* as the library has it */
	size_t n_block;
	uint32_t *number;   /* of a component of the block, in nodes; 0: not met yet */
	struct node *nodes; /* from 1 on: those that the root leads to, the root first */
	uint32_t n;
	uint32_t n_arguments, n_scopes;
};

static bool is_leaf(enum demangle_component_type type)
{
	switch (type) {
	case DEMANGLE_COMPONENT_NAME:
	case DEMANGLE_COMPONENT_SUB_STD:
	case DEMANGLE_COMPONENT_OPERATOR:
	case DEMANGLE_COMPONENT_CHARACTER:
	case DEMANGLE_COMPONENT_NUMBER:
	case DEMANGLE_COMPONENT_TEMPLATE_PARAM:
	case DEMANGLE_COMPONENT_FUNCTION_PARAM:
	case DEMANGLE_COMPONENT_UNNAMED_TYPE:
	case DEMANGLE_COMPONENT_BUILTIN_TYPE:
	case DEMANGLE_COMPONENT_EXTENDED_BUILTIN_TYPE:
		return true;
	default:
		return false;
	}
}

static void children_of(const struct demangle_component *c, const struct demangle_component *out[2])
{
	out[0] = out[1] = NULL;
	if (is_leaf(c->type))
		return;
	switch (c->type) {
	case DEMANGLE_COMPONENT_EXTENDED_OPERATOR:
		out[0] = c->u.s_extended_operator.name;
		return;
	case DEMANGLE_COMPONENT_FIXED_TYPE:
		out[0] = c->u.s_fixed.length;
		return;
	case DEMANGLE_COMPONENT_CTOR:
		out[0] = c->u.s_ctor.name;
		return;
	case DEMANGLE_COMPONENT_DTOR:
		out[0] = c->u.s_dtor.name;
		return;
	case DEMANGLE_COMPONENT_LAMBDA:
	case DEMANGLE_COMPONENT_DEFAULT_ARG:
		out[0] = c->u.s_unary_num.sub;
		return;
	default:
		out[0] = c->u.s_binary.left;
		out[1] = c->u.s_binary.right;
	}
}

/* The component's number, a new one if it was not met yet; 0: it is none of the block's. */
static uint32_t meet(struct tree *t, const struct demangle_component *c)
{
	size_t i = ((uintptr_t)c - (uintptr_t)t->block) / sizeof(*c);

	if (!c || i >= t->n_block)
		return 0;
	if (!t->number[i]) {
		t->number[i] = ++t->n;
		t->nodes[t->n].c = c;
	}
	return t->number[i];
}

/* Lists what the root leads to. */
static void survey(struct tree *t, const struct demangle_component *root)
{
	meet(t, root);
	for (uint32_t i = 1; i <= t->n; i++) {
		struct node *x = &t->nodes[i];
		const struct demangle_component *child[2];

		children_of(x->c, child);
		x->child[0] = meet(t, child[0]);
		x->child[1] = meet(t, child[1]);
		t->n_arguments += x->c->type == DEMANGLE_COMPONENT_TEMPLATE_ARGLIST;
		t->n_scopes += x->c->type == DEMANGLE_COMPONENT_TYPED_NAME ||
			       x->c->type == DEMANGLE_COMPONENT_LOCAL_NAME ||
			       x->c->type == DEMANGLE_COMPONENT_CONVERSION;
	}
}

static uint32_t cost_of(const struct tree *t, const struct node *x, uint32_t argument)
{
	uint64_t cost = 1ull + t->nodes[x->child[0]].cost + t->nodes[x->child[1]].cost;

	if (x->c->type == DEMANGLE_COMPONENT_TEMPLATE_PARAM)
		cost += argument;
	if (x->c->type == DEMANGLE_COMPONENT_PACK_EXPANSION)
		cost *= 1ull + t->n_arguments;
	return cost < TOO_MUCH ? (uint32_t)cost : TOO_MUCH;
}

/* The costs where T_ costs that much; returns what an argument costs then, at most. */
static uint32_t settle(struct tree *t, uint32_t argument)
{
	uint32_t most = 0;

	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = t->n; i; i--) {
			uint32_t cost = cost_of(t, &t->nodes[i], argument);

			changed = changed || cost != t->nodes[i].cost;
			t->nodes[i].cost = cost;
		}
	}
	for (uint32_t i = 1; i <= t->n; i++)
		if (t->nodes[i].c->type == DEMANGLE_COMPONENT_TEMPLATE_ARGLIST &&
		    t->nodes[i].cost > most)
			most = t->nodes[i].cost;
	return most;
}

static bool is_small(struct tree *t, const struct demangle_component *root)
{
	uint32_t argument = 0;

	survey(t, root);
	for (uint32_t i = 0; i <= t->n_scopes; i++) {
		argument = settle(t, argument);
		if (i == MOST_SCOPES || t->nodes[1].cost == TOO_MUCH)
			return false;
	}
	return true;
}

bool demangle_cost_is_small(const char *name, int options)
{
	_cleanup_free_ void *block = NULL;
	_cleanup_free_ uint32_t *number = NULL;
	_cleanup_free_ struct node *nodes = NULL;
	size_t n = 2 * strlen(name); /* components, as the library reckons */
	struct demangle_component *root = cplus_demangle_v3_components(name, options, &block);

	if (!root)
		return false;
	number = calloc(n, sizeof(*number));
	nodes = calloc(n + 1, sizeof(*nodes));
	return number && nodes &&
	       is_small(
		       &(struct tree){
			       .block = block, .n_block = n, .number = number, .nodes = nodes},
		       root);
}
