/*
 * Names in a dump are an attacker's: a symbol, a path, an argument, a string in the heap may hold
 * ESC sequences that retitle a terminal, hide lines or make it type. This is the one place that all
 * text from outside passes before it is printed: main.c maps every string of an answer through it,
 * and every sentence on stderr.
 */
#include <langinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ui/printable.h"
#include "base/ids.h"
#include "base/utf8.h"

enum { MAX_ESCAPE = 4 };

/* What our own sentences are written with, where the terminal has only ASCII. */
static const struct {
	const char *sign, *ascii;
} stand_ins[] = {{"…", "..."}, {"–", "-"}, {"×", "x"}, {"→", "->"}};

bool printable_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

/* Control characters, and what cannot be seen or turns the direction of writing (UAX #9). */
static bool acts(int32_t c)
{
	static const int32_t ranges[][2] = {
		{0, 0x1f},	  {0x7f, 0x9f},	      {0xad, 0xad},	{0x61c, 0x61c},
		{0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfeff, 0xfeff},
		{0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
	};

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

static char *escape(char *out, const unsigned char *s, size_t len)
{
	if (len == 1 && (*s == '\n' || *s == '\t'))
		return out + sprintf(out, "\\%c", *s == '\n' ? 'n' : 't');
	for (size_t i = 0; i < len; i++)
		out += sprintf(out, "\\x%02x", s[i]);
	return out;
}

static char *spell(char *out, const unsigned char *s, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(stand_ins); i++)
		if (!strncmp(stand_ins[i].sign, (const char *)s, len) && !stand_ins[i].sign[len])
			return stpcpy(out, stand_ins[i].ascii);
	return escape(out, s, len);
}

char *printable(const char *text, bool utf8)
{
	char *copy = malloc(MAX_ESCAPE * strlen(text) + 1), *out = copy;
	const unsigned char *s = (const unsigned char *)text;
	size_t len;

	if (!copy)
		return NULL;
	for (; *s; s += len) {
		int32_t c = utf8_decode(s, &len);

		if (c == UTF8_NONE || acts(c))
			out = escape(out, s, len);
		else if (c >= 0x80 && !utf8)
			out = spell(out, s, len);
		else
			out = mempcpy(out, s, len);
	}
	*out = 0;
	return copy;
}
