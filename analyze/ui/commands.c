/*
 * One row per command. To add one: a row here, its answer in ask/, its screen
 * in text_<name>.c, its page in docs/man/.
 */
#include <string.h>

#include "analyze/ui/commands.h"

static size_t limit_or(const struct options *o, size_t usual)
{
	return o->limit ? o->limit : usual;
}

static int ask_info(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return info_answer(s, out, err);
}

static int ask_top(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return top_answer(s, o->by, limit_or(o, 20), out, err);
}

static int ask_leaks(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return leaks_answer(s, limit_or(o, 20), out, err);
}

static int ask_who(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return who_answer(s, o->operands[2], out, err);
}

static int ask_map(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return map_answer(s, o->operands[2], out, err);
}

static int ask_tree(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return tree_answer(s, o->operands[2], o->depth ? o->depth : 3, limit_or(o, 5), out, err);
}

static int ask_show(struct session *s, const struct options *o, struct fact *out, struct err *err)
{
	return show_answer(s, o->operands[2], o->as, o->depth ? o->depth : 1, limit_or(o, 20), out,
			   err);
}

static const struct command commands[] = {
	{"info", "FILE", "what this dump is, what is in the heap, what could not be known", "", 2,
	 2, 0, ask_info, text_info},
	{"top", "FILE", "the heap grouped, the largest first",
	 "  --by WHAT              size: by size class (default); module: that an object's first\n"
	 "                         pointer into a module leads to; root: that retains it;\n"
	 "                         site, thread: who allocated it, if libheapdump was there;\n"
	 "                         type: what it is; type,site: both\n"
	 "  --limit N              rows shown (20); 0: all\n",
	 2, 2, OPTION_BY | OPTION_LIMIT, ask_top, text_top},
	{"leaks", "FILE", "what nothing holds any more",
	 "  --fail-over BYTES      exit with 3 if more than that is leaked (k, m, g allowed)\n"
	 "  --limit N              rows shown (20); 0: all\n",
	 2, 2, OPTION_LIMIT | OPTION_FAIL_OVER, ask_leaks, text_leaks},
	{"who", "FILE X", "who retains X: the path from a root, the dominators, other ways in",
	 "  X                      an address (0x...) or a variable: name, file.c:name, "
	 "lib.so:name;\n"
	 "                         members of these, for what they lead to: g_table.first->next;\n"
	 "                         or a type, for all objects of it: 'struct session'\n",
	 3, 3, 0, ask_who, text_who},
	{"map", "FILE ADDR", "what is at an address", "", 3, 3, 0, ask_map, text_map},
	{"show", "FILE X", "what is in X: the fields of its type, with their values",
	 "  X                      as of who, but no type; the whole object, or the member\n"
	 "  --as TYPE              read it as that: struct conn, int[8], char *\n"
	 "  --depth N              levels of pointers followed (1: none)\n"
	 "  --limit N              elements of an array shown, or words (20); 0: all\n",
	 3, 3, OPTION_AS | OPTION_DEPTH | OPTION_LIMIT, ask_show, text_show},
	{"tree", "FILE [X]", "the dominator tree below X, or of the whole heap",
	 "  --depth N              levels shown (3)\n"
	 "  --limit N              children shown of each (5); 0: all\n",
	 2, 3, OPTION_DEPTH | OPTION_LIMIT, ask_tree, text_tree},
	{"export", "FILE", "the allocation profile, for other tools",
	 "  --to pprof             the format: pprof's profile.proto, packed\n"
	 "  -o, --output OUT       the file to write; else standard output\n",
	 2, 2, OPTION_TO | OPTION_OUT, export_ask, export_show},
};

static const char common[] =
	"Options of every command:\n"
	"  --json                 the answer as JSON\n"
	"  --exe FILE             the executable, where the dump's own path does not lead to it\n"
	"  --sysroot DIR          look for the dump's files under DIR first\n"
	"  --debug-dir DIR        separate debug files (default /usr/lib/debug)\n"
	"  --no-debuginfod        never ask the servers in DEBUGINFOD_URLS\n"
	"  --pointer-mask HEX     bits the program sets in its pointers\n"
	"  --without-roots LIST   leave root classes out: global, tls, registered, kernel, stack,\n"
	"                         register, mapping\n"
	"  --threads N            use so many threads (else one a processor, 8 at most);\n"
	"                         no answer depends on it\n"
	"  --type WHAT=TYPE       what an object is (ADDRESS=struct x), what a variable points to\n"
	"                         (g_x=struct x), or what a member does (struct y.p=struct x)\n"
	"  --no-types             read no debug information to tell what objects are\n"
	"  --no-cache             do not use or write a saved index\n"
	"  --stop                 of a PID: it stands still until it is copied; no snapshot is "
	"made\n"
	"  --color[=WHEN]         auto, always, never\n"
	"\n"
	"FILE is a core file, an image, or the PID of a running process, of which an image is made "
	"first.\n"
	"Sizes are usable sizes; KB, MB, GB are powers of 1024.\n"
	"Exit status: 0 answered, 1 the thing asked for is not there, 2 usage or unreadable "
	"input,\n"
	"3 leaks --fail-over.\n";

const struct command *commands_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

void commands_help(FILE *out, const struct command *c)
{
	if (c) {
		fprintf(out, "Usage: heapdump %s %s [OPTIONS]\n%s.\n\n%s%s%s", c->name, c->operands,
			c->summary, c->details, *c->details ? "\n" : "", common);
		return;
	}
	fputs("Usage: heapdump COMMAND FILE [X] [OPTIONS]\n"
	      "Says what is in the heap of a core dump, what is leaked, and who retains an "
	      "object.\n\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(out, "  %-6s %-10s %s\n", commands[i].name, commands[i].operands,
			commands[i].summary);
	fputs("  dump   PID        write the image of a running process\n", out);
	fputs("  record [--] PROG  run a program with the heap sampler preloaded\n", out);
	fprintf(out, "  help   [COMMAND]  this, or a command's own options\n\n%s", common);
}
