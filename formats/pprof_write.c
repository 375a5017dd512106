/*
 * Protocol buffers, as far as a profile needs them: a message is a row of fields, a field is
 *
 *	key = number << 3 | kind        kind 0: a varint, kind 2: a length and so many bytes
 *
 * The length of an inner message stands before it, so it is counted first and written then: each
 * message below is one list of fields, gone through twice. Fields that are 0 are left out.
 *
 * Readers refuse a profile whole for one string that is not UTF-8, so a byte that is none becomes '?'.
 */
#include <string.h>

#include "base/utf8.h"
#include "formats/pprof_write.h"

/* The field numbers of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_PERIOD_TYPE = 11,
};

enum { VARINT = 0, BYTES = 2 };

struct field {
	unsigned number;
	uint64_t value;
};

static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static void put(struct pprof_writer *w, const void *bytes, size_t n)
{
	if (w->rc == 0 && n)
		w->rc = w->to->write(w->to->arg, bytes, n, w->err);
}

static void put_varint(struct pprof_writer *w, uint64_t v)
{
	uint8_t out[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	put(w, out, n);
}

static uint64_t key_of(unsigned number, unsigned kind)
{
	return (uint64_t)number << 3 | kind;
}

static void put_bytes_key(struct pprof_writer *w, unsigned number, uint64_t size)
{
	put_varint(w, key_of(number, BYTES));
	put_varint(w, size);
}

static size_t fields_size(const struct field *f, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		if (f[i].value)
			size += varint_size(key_of(f[i].number, VARINT)) + varint_size(f[i].value);
	return size;
}

static void put_fields(struct pprof_writer *w, const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (f[i].value) {
			put_varint(w, key_of(f[i].number, VARINT));
			put_varint(w, f[i].value);
		}
}

/* A message of numbers alone. */
static void put_message(struct pprof_writer *w, unsigned number, const struct field *f, size_t n)
{
	put_bytes_key(w, number, fields_size(f, n));
	put_fields(w, f, n);
}

static size_t packed_size(const uint64_t *v, size_t n)
{
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += varint_size(v[i]);
	return size;
}

/* Repeated numbers, packed; zeros stay. */
static void put_packed(struct pprof_writer *w, unsigned number, const uint64_t *v, size_t n)
{
	put_bytes_key(w, number, packed_size(v, n));
	for (size_t i = 0; i < n; i++)
		put_varint(w, v[i]);
}

/* How much a field of so many bytes takes with its key and length. */
static size_t framed(size_t size)
{
	return 1 + varint_size(size) + size;
}

void pprof_number(struct pprof_writer *w, enum pprof_field field, uint64_t value)
{
	put_fields(w, &(struct field){field, value}, 1);
}

void pprof_sample_type(struct pprof_writer *w, uint64_t type, uint64_t unit)
{
	put_message(w, PROFILE_SAMPLE_TYPE, (struct field[]){{1, type}, {2, unit}}, 2);
}

void pprof_period_type(struct pprof_writer *w, uint64_t type, uint64_t unit)
{
	put_message(w, PROFILE_PERIOD_TYPE, (struct field[]){{1, type}, {2, unit}}, 2);
}

void pprof_sample(struct pprof_writer *w, const struct pprof_sample *s)
{
	const struct field label[] = {{1, s->label_key}, {3, s->label}, {4, s->label_unit}};
	size_t size = framed(packed_size(s->locations, s->n_locations)) +
		      framed(packed_size(s->values, s->n_values));

	if (s->label_key)
		size += framed(fields_size(label, ARRAY_LEN(label)));
	put_bytes_key(w, PROFILE_SAMPLE, size);
	put_packed(w, 1, s->locations, s->n_locations);
	put_packed(w, 2, s->values, s->n_values);
	if (s->label_key)
		put_message(w, 3, label, ARRAY_LEN(label));
}

void pprof_mapping(struct pprof_writer *w, const struct pprof_mapping *m)
{
	const struct field fields[] = {{1, m->id},
				       {2, m->start},
				       {3, m->limit},
				       {4, m->offset},
				       {5, m->filename},
				       {6, m->build_id},
				       {7, m->has_functions},
				       {8, m->has_filenames},
				       {9, m->has_lines},
				       {10, m->has_inlines}};

	put_message(w, PROFILE_MAPPING, fields, ARRAY_LEN(fields));
}

void pprof_location(struct pprof_writer *w, uint64_t id, uint64_t mapping, uint64_t address,
		    const struct pprof_line *lines, size_t n_lines)
{
	const struct field fields[] = {{1, id}, {2, mapping}, {3, address}};
	size_t size = fields_size(fields, ARRAY_LEN(fields));

	for (size_t i = 0; i < n_lines; i++)
		size += framed(fields_size(
			(struct field[]){{1, lines[i].function}, {2, lines[i].line}}, 2));
	put_bytes_key(w, PROFILE_LOCATION, size);
	put_fields(w, fields, ARRAY_LEN(fields));
	for (size_t i = 0; i < n_lines; i++)
		put_message(w, 4, (struct field[]){{1, lines[i].function}, {2, lines[i].line}}, 2);
}

void pprof_function(struct pprof_writer *w, uint64_t id, uint64_t name, uint64_t system_name,
		    uint64_t filename)
{
	put_message(w, PROFILE_FUNCTION,
		    (struct field[]){{1, id}, {2, name}, {3, system_name}, {4, filename}}, 4);
}

void pprof_string(struct pprof_writer *w, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t len, n;

	put_bytes_key(w, PROFILE_STRING, strlen(text));
	while (*s) {
		for (n = 0; s[n] && utf8_decode(s + n, &len) != UTF8_NONE;)
			n += len;
		put(w, s, n);
		s += n;
		if (*s)
			put(w, "?", 1);
		s += *s != 0;
	}
}
