/*
 * What a thread owns beside its stack:
 *
 *	TLS blocks    named by the modules' TLS symbols
 *	descriptor    struct pthread, as one root, but for the values of pthread_setspecific,
 *	              which are roots of their own, named by key
 *	dtv           the array of TLS blocks: holds the blocks of libraries loaded later
 *
 * The specific values are found by glibc's own arrangement (nptl/descr.h): the
 * first block of 32 { seq, data } pairs is followed by the table of blocks,
 * whose first entry points back at it.
 *
 *	descriptor + k:  { seq, data } × 32 │ &first block, block 1, … block 31
 */
#include "analyze/space/roots_build.h"

enum { KEYS_PER_BLOCK = 32, KEY_PAIR = 16, FIRST_BLOCK = KEYS_PER_BLOCK * KEY_PAIR };

/* Where the descriptor's first block of specific values is; 0: not found. */
static addr_t find_specific(const struct space *s, struct range descriptor)
{
	for (addr_t at = descriptor.lo + FIRST_BLOCK; at + 8 <= descriptor.hi; at += 8) {
		uint64_t w;

		if (space_u64(s, at, &w) && w == at - FIRST_BLOCK)
			return w;
	}
	return 0;
}

static int add_key(struct roots_builder *b, struct root r, addr_t at, const char *name,
		   struct err *err)
{
	r.name = name;
	r.is_internal = false;
	return name ? roots_add_range(b, r, (struct range){at, at + 8}, err) : err_nomem(err);
}

/* Adds each value that is set, by name, and the rest of the descriptor around them. */
static int add_descriptor(struct roots_builder *b, struct root r, struct range at, struct err *err)
{
	addr_t block = find_specific(b->space, at), from = at.lo;
	int rc = 0;

	r.name = "thread descriptor";
	r.is_internal = true;
	for (uint32_t i = 0; rc == 0 && block && i < 2 * KEYS_PER_BLOCK - 1; i++) {
		bool first = i < KEYS_PER_BLOCK;
		addr_t word = first ? block + i * KEY_PAIR + 8
				    : block + FIRST_BLOCK + 8 * (i - KEYS_PER_BLOCK + 1);
		uint64_t value;

		if (word + 8 > at.hi || !space_u64(b->space, word, &value) || !value)
			continue;
		rc = roots_add_range(b, r, (struct range){from, word}, err);
		if (rc == 0 && first)
			rc = add_key(b, r, word, roots_make_name(b, "pthread key %u", i), err);
		else if (rc == 0)
			rc = add_key(b, r, word,
				     roots_make_name(b, "pthread keys %u–%u",
						     (i - KEYS_PER_BLOCK + 1) * KEYS_PER_BLOCK,
						     (i - KEYS_PER_BLOCK + 2) * KEYS_PER_BLOCK - 1),
				     err);
		from = word + 8;
	}
	return rc < 0 ? rc : roots_add_range(b, r, (struct range){from, at.hi}, err);
}

static int add_block(struct roots_builder *b, struct root r, const struct tls_block *block,
		     struct err *err)
{
	size_t n;
	const struct symbol *symbols = symbols_of(b->symbols, block->module, SYMBOL_TLS, &n);

	r.module = block->module;
	return roots_add_symbols(b, r, block->at, symbols, n, block->at.lo, err);
}

int roots_add_tls(struct roots_builder *b, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < b->threads->list.n; i++) {
		const struct thread *t = &b->threads->list.v[i];
		struct root r = root_of(ROOT_TLS);

		r.thread = i;
		for (size_t k = 0; rc == 0 && k < t->tls.n; k++)
			rc = add_block(b, r, &t->tls.v[k], err);
		if (rc == 0)
			rc = add_descriptor(b, r, t->descriptor, err);
		r.name = "dtv";
		r.is_internal = true;
		if (rc == 0)
			rc = roots_add_range(b, r, t->dtv, err);
	}
	return rc;
}
