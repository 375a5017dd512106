/*
 * Facts are jansson values; this file alone knows it. A value that could not be
 * allocated is left out: building an answer needs no error path, and a setter
 * below a missing object does nothing (jansson ignores NULL).
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analyze/ask/fact.h"
#include "base/cleanup.h"

static json_t *json_of(const struct fact *f)
{
	return (json_t *)f;
}

struct fact *fact_object(void)
{
	return (struct fact *)json_object();
}

struct fact *fact_array(void)
{
	return (struct fact *)json_array();
}

void fact_free(struct fact *f)
{
	json_decref(json_of(f));
}

void fact_set_u64(struct fact *object, const char *key, uint64_t value)
{
	json_object_set_new(json_of(object), key, json_integer((json_int_t)value));
}

void fact_set_i64(struct fact *object, const char *key, int64_t value)
{
	json_object_set_new(json_of(object), key, json_integer(value));
}

void fact_set_real(struct fact *object, const char *key, double value)
{
	json_object_set_new(json_of(object), key, json_real(value));
}

void fact_set_bool(struct fact *object, const char *key, bool value)
{
	json_object_set_new(json_of(object), key, json_boolean(value));
}

void fact_set_addr(struct fact *object, const char *key, addr_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_object_set_new(json_of(object), key, json_string(text));
}

/* A JSON string; what is not UTF-8 is written as \xNN. */
static json_t *string_of(const char *s)
{
	json_t *j = s ? json_string(s) : json_null();
	_cleanup_free_ char *escaped = NULL;
	char *out;

	if (j || !s)
		return j;
	escaped = out = malloc(4 * strlen(s) + 1);
	if (!escaped)
		return NULL;
	for (; *s; s++)
		out += sprintf(out, (unsigned char)*s < 0x80 ? "%c" : "\\x%02x", (unsigned char)*s);
	*out = 0;
	return json_string(escaped);
}

void fact_set_str(struct fact *object, const char *key, const char *value)
{
	json_object_set_new(json_of(object), key, string_of(value));
}

void fact_set_strf(struct fact *object, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		fact_set_str(object, key, text);
}

struct fact *fact_set_object(struct fact *object, const char *key)
{
	json_t *j = json_object();

	json_object_set_new(json_of(object), key, j);
	return (struct fact *)j;
}

struct fact *fact_set_array(struct fact *object, const char *key)
{
	json_t *j = json_array();

	json_object_set_new(json_of(object), key, j);
	return (struct fact *)j;
}

struct fact *fact_add_object(struct fact *array)
{
	json_t *j = json_object();

	json_array_append_new(json_of(array), j);
	return (struct fact *)j;
}

void fact_add_str(struct fact *array, const char *value)
{
	json_array_append_new(json_of(array), string_of(value));
}

const struct fact *fact_get(const struct fact *f, const char *key)
{
	char part[64];

	while (f && *key) {
		size_t n = strcspn(key, ".");

		if (n >= sizeof(part))
			return NULL;
		memcpy(part, key, n);
		part[n] = 0;
		f = (const struct fact *)json_object_get(json_of(f), part);
		key += n + (key[n] == '.');
	}
	return f;
}

bool fact_has(const struct fact *f, const char *key)
{
	const json_t *j = json_of(fact_get(f, key));

	return j && !json_is_null(j);
}

uint64_t fact_u64(const struct fact *f, const char *key)
{
	return (uint64_t)json_integer_value(json_of(fact_get(f, key)));
}

int64_t fact_i64(const struct fact *f, const char *key)
{
	return json_integer_value(json_of(fact_get(f, key)));
}

double fact_real(const struct fact *f, const char *key)
{
	return json_number_value(json_of(fact_get(f, key)));
}

bool fact_bool(const struct fact *f, const char *key)
{
	return json_is_true(json_of(fact_get(f, key)));
}

const char *fact_str(const struct fact *f, const char *key)
{
	return json_string_value(json_of(fact_get(f, key)));
}

size_t fact_count(const struct fact *array)
{
	return json_array_size(json_of(array));
}

const struct fact *fact_at(const struct fact *array, size_t i)
{
	return (const struct fact *)json_array_get(json_of(array), i);
}

const char *fact_str_at(const struct fact *array, size_t i)
{
	return json_string_value(json_array_get(json_of(array), i));
}

void fact_map_strings(struct fact *f, char *(*map)(void *arg, const char *text), void *arg)
{
	json_t *j = json_of(f), *value;
	const char *key;
	size_t i;

	if (json_is_string(j)) {
		_cleanup_free_ char *text = map(arg, json_string_value(j));

		if (text)
			json_string_set(j, text);
	}
	json_object_foreach(j, key, value) fact_map_strings((struct fact *)value, map, arg);
	json_array_foreach(j, i, value) fact_map_strings((struct fact *)value, map, arg);
}

char *fact_to_json(const struct fact *f)
{
	_cleanup_free_ char *text = json_dumps(json_of(f), JSON_INDENT(2) | JSON_ENSURE_ASCII);
	char *line;

	return text && asprintf(&line, "%s\n", text) > 0 ? line : NULL;
}
