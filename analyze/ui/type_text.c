/*
 * One pass over the name, with a stack of where the template argument lists began in the output:
 *
 *	std::map<int, A, std::less<int>, std::allocator<…> >
 *	        ^open     ^an argument ends: if it begins like a default, the output goes back to its comma
 *
 * Lists deeper than MAX_DEPTH are copied as they stand.
 */
#include <stdbool.h>
#include <string.h>

#include "analyze/ui/type_text.h"

enum { MAX_DEPTH = 64 };

struct text {
	char *out;
	size_t n, len;
	size_t comma[MAX_DEPTH]; /* per open list: where the comma before its current argument is */
	size_t depth;
};

static bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* Namespaces that only versions of the library need. */
static size_t skipped(const char *name)
{
	static const char *const inner[] = {"__cxx11::", "__1::", "__detail::", "__ndk1::"};

	for (size_t i = 0; i < sizeof(inner) / sizeof(*inner); i++)
		if (begins(name, inner[i]))
			return strlen(inner[i]);
	return 0;
}

/* Arguments behind the first that are what they are if nobody says anything. */
static bool is_default(const char *argument)
{
	static const char *const defaults[] = {"std::allocator<",
					       "std::less<",
					       "std::hash<",
					       "std::equal_to<",
					       "std::char_traits<",
					       "std::default_delete<",
					       "(__gnu_cxx::_Lock_policy)",
					       "alloc::alloc::Global"};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (begins(argument, defaults[i]))
			return true;
	return false;
}

static void put(struct text *t, char c)
{
	if (t->len + 1 < t->n)
		t->out[t->len++] = c;
}

/* The innermost list's current argument is complete. */
static void end_argument(struct text *t)
{
	size_t comma = t->comma[t->depth - 1];

	t->out[t->len] = 0;
	if (comma && comma + 2 <= t->len && is_default(t->out + comma + 2))
		t->len = comma;
}

/* A list was closed: whether what stands before it has a name of its own. */
static void name_list(struct text *t)
{
	static const struct {
		const char *text, *name;
	} known[] = {{"std::basic_string<char>", "std::string"},
		     {"std::basic_string<wchar_t>", "std::wstring"},
		     {"std::basic_string_view<char>", "std::string_view"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		size_t n = strlen(known[i].text);

		if (t->len >= n && !memcmp(t->out + t->len - n, known[i].text, n)) {
			memcpy(t->out + t->len - n, known[i].name, strlen(known[i].name));
			t->len -= n - strlen(known[i].name);
		}
	}
}

static void close_list(struct text *t)
{
	end_argument(t);
	t->depth--;
	while (t->len && t->out[t->len - 1] == ' ')
		t->len--;
	put(t, '>');
	name_list(t);
}

void type_text_shorten(const char *name, char *out, size_t n)
{
	struct text t = {.out = out, .n = n};

	if (!n)
		return;
	while (*name) {
		size_t skip = t.len >= 2 && t.out[t.len - 1] == ':' ? skipped(name) : 0;

		if (skip) {
			name += skip;
			continue;
		}
		if (*name == '<' && t.depth < MAX_DEPTH) {
			put(&t, *name);
			t.comma[t.depth++] = 0;
		} else if (*name == '>' && t.depth) {
			close_list(&t);
		} else if (*name == ',' && t.depth) {
			end_argument(&t);
			t.comma[t.depth - 1] = t.len;
			put(&t, *name);
		} else {
			put(&t, *name);
		}
		name++;
	}
	t.out[t.len] = 0;
}
