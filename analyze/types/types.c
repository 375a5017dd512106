/*
 * The order of reading, and what was missing, as warnings. An id or a variable
 * of a module means something only after types_need() for it.
 */
#include "analyze/types/types.h"

int types_init(struct types *t, struct debuginfo *debuginfo, const struct modules *modules,
	       struct warnings *warnings, struct err *err)
{
	int rc;

	*t = (struct types){.debuginfo = debuginfo, .modules = modules, .warnings = warnings};
	t->accounts = calloc(modules->list.n + 1, sizeof(*t->accounts));
	t->read = calloc(modules->list.n + 1, sizeof(*t->read));
	rc = t->accounts && t->read ? type_table_init(&t->table, err) : err_nomem(err);
	if (rc < 0)
		types_deinit(t);
	return rc;
}

void types_deinit(struct types *t)
{
	type_table_deinit(&t->table);
	variables_deinit(&t->variables);
	containers_deinit(&t->containers);
	locals_search_free(t->search);
	locals_deinit(&t->locals);
	site_types_deinit(&t->sites);
	free(t->accounts);
	free(t->read);
	*t = (struct types){0};
}

static void warn(struct types *t, uint32_t module)
{
	const struct dwarf_account *a = &t->accounts[module];
	const char *name = t->modules->list.v[module].name;

	if (a->n_without_split)
		warnings_add(t->warnings,
			     "%s: %llu units have their types in .dwo files that are not here, or "
			     "not readable",
			     name, (unsigned long long)a->n_without_split);
	if (a->n_cut)
		warnings_add(t->warnings,
			     "%s: its debug information is damaged, or nested deeper than is read: "
			     "%llu entries were left out",
			     name, (unsigned long long)a->n_cut);
}

/* Half a table may refer to what is not there: back to an empty one. */
static void give_up(struct types *t)
{
	type_table_clear(&t->table);
	variables_deinit(&t->variables);
	containers_deinit(&t->containers);
	locals_search_free(t->search);
	locals_deinit(&t->locals);
	site_types_deinit(&t->sites);
	t->search = NULL;
	t->broken = true;
}

int types_watch(struct types *t, const struct frames *frames, const struct threads *threads,
		const struct space *space, struct err *err)
{
	struct locals_input in = {frames, threads, space, &t->table, &t->sites};

	return locals_search_new(&t->search, &in, &t->locals, err);
}

/* Every module is read: the variables get their places. */
static int finish_search(struct types *t, struct err *err)
{
	int rc = locals_search_finish(t->search, err);

	if (rc < 0)
		give_up(t);
	locals_search_free(t->search);
	t->search = NULL;
	return rc;
}

int types_need(struct types *t, uint32_t module, struct err *err)
{
	int rc;

	if (t->broken)
		return err_set(err, ERR_NOMEM, "the types did not fit into memory");
	if (module >= t->modules->list.n || t->read[module])
		return 0;
	t->read[module] = true;
	rc = dwarf_types_read(&t->table, &t->variables, t->search, t->debuginfo, t->modules, module,
			      &t->accounts[module], err);
	if (rc < 0)
		give_up(t);
	else if (t->warnings)
		warn(t, module);
	return rc;
}

int types_need_all(struct types *t, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < t->modules->list.n && rc == 0; i++)
		rc = types_need(t, i, err);
	if (rc == 0)
		rc = containers_init(&t->containers, &t->table, err);
	return rc == 0 && t->search ? finish_search(t, err) : rc;
}
