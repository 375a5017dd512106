/*
 * A name of the malloc family, with the usual prefixes and endings, is a way to malloc. That is a guess
 * about names:
 *
 *	g_malloc0   xrealloc.part.0   std::allocator<int>::allocate(unsigned long)   Conn::operator new(…)
 *
 * Only the last part of a qualified name counts, without template arguments and parameters.
 */
#include <ctype.h>
#include <string.h>

#include "analyze/ask/wrappers.h"
#include "base/ids.h"

/* Behind what opens at s: past what closes it, or the end. */
static const char *closed(const char *s, char open, char close)
{
	size_t depth = 0;

	for (; *s; s++) {
		depth += *s == open;
		depth -= *s == close;
		if (!depth)
			return s + 1;
	}
	return s;
}

/* The last part and its length; 0 for an operator. */
static const char *last_part(const char *name, size_t *n)
{
	static const char unnamed[] = "(anonymous namespace)";
	const char *part = name, *s = name, *end = NULL;

	while (*s && *s != '.' && !(s == part && !strncmp(s, "operator", 8))) {
		if (s[0] == ':' && s[1] == ':') {
			s = part = s + 2;
			end = NULL;
		} else if (*s == '<') {
			end = end ? end : s;
			s = closed(s, '<', '>');
		} else if (*s != '(') {
			s++;
		} else if (!strncmp(s, unnamed, sizeof(unnamed) - 1)) {
			s = closed(s, '(', ')');
		} else {
			break;
		}
	}
	*n = (size_t)((end ? end : s) - part);
	return part;
}

static bool ends_with(const char *s, size_t n, const char *end)
{
	size_t k = strlen(end);

	return n >= k && !strncasecmp(s + n - k, end, k);
}

bool wrappers_match(const char *function)
{
	static const char *const ends[] = {"malloc",   "calloc",   "realloc",	    "reallocarray",
					   "memalign", "valloc",   "aligned_alloc", "strdup",
					   "strndup",  "allocate", "m_allocate"};
	size_t n;
	const char *name = last_part(function, &n);

	if (!strncmp(name, "operator new", 12) || !strncmp(function, "_Znw", 4) ||
	    !strncmp(function, "_Zna", 4))
		return true;
	/* malloc0, malloc_n, realloc_array and the like; a clone's name goes on behind a dot */
	while (n && (isdigit((unsigned char)name[n - 1]) || name[n - 1] == '_'))
		n--;
	if (ends_with(name, n, "_n") || ends_with(name, n, "_array"))
		n -= ends_with(name, n, "_n") ? 2 : 6;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (ends_with(name, n, ends[i]))
			return true;
	return false;
}
