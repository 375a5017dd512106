/*
 * What the inference concluded of each object, for tests that compare it with what else is known.
 *
 *	list_types CORE [WHAT=TYPE]...
 *
 * WHAT=TYPE: as heapdump's --type. One line an object, mappings left out, tabs between:
 *
 *	address  usable size  type  count  fit  confidence  reason  from  at  flags
 *
 * Type is that of the whole or of one element, as in the source; "-" where nothing is known. From: the address of
 * the object that has the pointer, the variable's name, or "-"; at: the pointer's offset there. Flags: as
 * in enum inference_flags. Exit 1: the core cannot be read.
 */
#include <inttypes.h>
#include <stdio.h>

#include "analyze/ask/typed.h"

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void print_from(const struct session *s, const struct inference_line *l)
{
	const struct variables *v = &s->types.variables;

	/* those that go back to another object come first */
	if (l->reason != INFERRED_NOT && l->reason <= INFERRED_FIELD && l->from < s->inference.n)
		printf("\t%#" PRIx64, objects_addr(&s->heap.objects, l->from));
	else if (l->reason == INFERRED_VARIABLE && l->from < v->list.n)
		printf("\t%s", type_table_text(&s->types.table, v->list.v[l->from].name));
	else
		printf("\t-");
	printf("\t+%#x\t%#x\n", l->off, l->flags);
}

static void print_object(const struct session *s, obj_id o)
{
	const struct inference_line none = {.type = TYPE_NONE};
	const struct inference_line *l = s->inference.n ? &s->inference.v[o] : &none;
	uint64_t size = objects_size(&s->heap.objects, o);
	struct fact *facts = fact_object();
	char name[TYPE_NAME_MAX] = "-";

	typed_set(s, facts, o);
	if (l->confidence)
		type_names_spell(&s->types.table, l->type, name);
	printf("%#" PRIx64 "\t%" PRIu64 "\t%s\t%" PRIu64 "\t%s\t%s\t%s",
	       objects_addr(&s->heap.objects, o), size, name,
	       l->confidence ? inference_count(l, &s->types.table, size) : 0,
	       or_none(fact_str(facts, "type_fit")), or_none(fact_str(facts, "type_confidence")),
	       or_none(fact_str(facts, "type_reason")));
	fact_free(facts);
	print_from(s, l);
}

int main(int argc, char **argv)
{
	struct session_options options = {.search = {.no_debuginfod = true}};
	struct session s;
	struct err err = {0};

	if (argc < 2) {
		fprintf(stderr, "usage: list_types CORE [WHAT=TYPE]...\n");
		return 2;
	}
	for (int i = 2; i < argc && options.n_told < MAX_TOLD; i++)
		options.told[options.n_told++] = argv[i];
	if (session_open(&s, argv[1], &options, &err) < 0 || session_need_types(&s, &err) < 0) {
		fprintf(stderr, "list_types: %s\n", err.text);
		return 1;
	}
	for (obj_id o = 0; o < objects_count(&s.heap.objects); o++)
		if (objects_kind(&s.heap.objects, o) != OBJECT_MAPPING)
			print_object(&s, o);
	session_close(&s);
	return 0;
}
