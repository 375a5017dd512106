/*
 * One class has several names: c++filt's, gcc's and clang's debug information.
 *
 *	Box<long, 3u, char const*, std::allocator<void> >
 *	Box<long int, 3, const char*, std::allocator<void> >
 *	Box<long, 3, const char *, std::allocator<void>>
 *
 * What they agree on is what remains without white space, without const, without the suffixes of numbers,
 * and with integers spelled one way. Classes that differ in const alone get the same key.
 */
#include <string.h>

#include "analyze/types/vtables.h"

struct key {
	uint64_t hash;
	unsigned n_long, n_short, n_unsigned, n_int;
};

static void put(struct key *k, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		k->hash = (k->hash ^ (uint8_t)text[i]) * 0x100000001b3;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c < 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(text, word, n);
}

/* The words of an integer's type that came together, in one order: "unsigned", "long", "int". */
static void end_integer(struct key *k)
{
	if (k->n_unsigned)
		put(k, "unsigned", 8);
	for (unsigned i = 0; i < k->n_long && i < 2; i++)
		put(k, "long", 4);
	if (k->n_short)
		put(k, "short", 5);
	else if (!k->n_long && (k->n_int || k->n_unsigned))
		put(k, "int", 3);
	k->n_long = k->n_short = k->n_unsigned = k->n_int = 0;
}

static void take_word(struct key *k, const char *text, size_t n)
{
	if (is(text, n, "const"))
		return;
	if (is(text, n, "long"))
		k->n_long++;
	else if (is(text, n, "short"))
		k->n_short++;
	else if (is(text, n, "unsigned"))
		k->n_unsigned++;
	else if (is(text, n, "int"))
		k->n_int++;
	else if (is(text, n, "char") && k->n_unsigned) {
		k->n_unsigned = 0;
		put(k, "unsignedchar", 12);
	} else {
		end_integer(k);
		put(k, text, n);
		/* a word behind a word */
		put(k, " ", 1);
	}
}

/* A number without its suffix. */
static size_t take_number(struct key *k, const char *text)
{
	size_t n = 0, end;

	while (is_digit(text[n]) || text[n] == '.')
		n++;
	put(k, text, n);
	for (end = n; strchr("uUlL", text[end]) && text[end]; end++)
		;
	return end;
}

/*
 * Values of enums are "(E)2" or "E's scope::name": only of the one that every shared_ptr has is known that
 * these are the same.
 */
static size_t lock_policy(const char *name)
{
	static const char *const same[] = {
		"(__gnu_cxx::_Lock_policy)0", "(__gnu_cxx::_Lock_policy)1",
		"(__gnu_cxx::_Lock_policy)2", "__gnu_cxx::_S_single",
		"__gnu_cxx::_S_mutex",	      "__gnu_cxx::_S_atomic",
	};

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (!strncmp(name, same[i], strlen(same[i])))
			return strlen(same[i]);
	return 0;
}

uint64_t class_names_key(const char *name)
{
	struct key k = {.hash = 0xcbf29ce484222325};

	while (*name) {
		size_t n = *name == '(' || *name == '_' ? lock_policy(name) : 0;

		if (n) {
			end_integer(&k);
		} else if (is_letter(*name)) {
			while (is_letter(name[n]) || is_digit(name[n]))
				n++;
			take_word(&k, name, n);
		} else if (is_digit(*name)) {
			end_integer(&k);
			n = take_number(&k, name);
		} else {
			if (*name != ' ') {
				end_integer(&k);
				put(&k, name, 1);
			}
			n = 1;
		}
		name += n;
	}
	end_integer(&k);
	return k.hash ? k.hash : 1;
}
