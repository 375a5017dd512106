/*
 * heapdump: reads the command line, asks one question, shows the answer.
 * Output goes through one buffer and is checked at the end: a full disk or a
 * closed pipe is an error, not a short answer.
 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyze/ui/commands.h"
#include "analyze/ui/dump.h"
#include "analyze/ui/record.h"
#include "analyze/ui/printable.h"
#include "base/cleanup.h"
#include "heapdump.h"

/* Names of files and sentences about the dump pass printable() on their way out. */
static void say(const char *text, const char *behind)
{
	_cleanup_free_ char *safe = printable(text, printable_utf8());

	fprintf(stderr, "%s%s", safe ? safe : "?", behind);
}

static int complain(const char *file, const struct err *e)
{
	fputs("heapdump: ", stderr);
	if (file)
		say(file, ": ");
	if (e->place == ERR_FILE_OFFSET)
		fprintf(stderr, "at offset 0x%" PRIx64 ": ", e->where);
	else if (e->place == ERR_ADDRESS)
		fprintf(stderr, "0x%" PRIx64 ": ", e->where);
	say(e->text, "\n");
	return e->code == ERR_ABSENT ? EXIT_ABSENT : EXIT_BAD;
}

static void show_progress(void *arg, const char *what)
{
	fprintf(stderr, "\r\033[K%s …", what);
	fflush(stderr);
}

static void end_progress(const struct options *o)
{
	if (o->session.progress)
		fputs("\r\033[K", stderr);
}

static bool wants_color(const struct options *o)
{
	const char *no = getenv("NO_COLOR");

	if (o->color != COLOR_AUTO)
		return o->color == COLOR_ALWAYS;
	return isatty(STDOUT_FILENO) && !(no && *no);
}

/* The answer as JSON: who answered what comes first. */
static int print_json(const struct fact *answer)
{
	char *text = fact_to_json(answer);

	if (!text)
		return complain(NULL, &(struct err){.code = ERR_NOMEM, .text = "out of memory"});
	fputs(text, stdout);
	free(text);
	return EXIT_ANSWERED;
}

static void begin_answer(struct fact *out, const struct command *c, const char *file)
{
	struct fact *f = fact_set_object(out, "heapdump");

	fact_set_strf(f, "version", "%d.%d.%d", HEAPDUMP_VERSION_MAJOR, HEAPDUMP_VERSION_MINOR,
		      HEAPDUMP_VERSION_PATCH);
	fact_set_str(f, "command", c->name);
	fact_set_str(f, "file", file);
}

static void show_warnings(const struct screen *screen, const struct session *s,
			  const struct command *c)
{
	size_t n = s->warnings.lines.n + s->warnings.n_dropped;

	if (n && strcmp(c->name, "info"))
		fprintf(screen->out, "\n%s%zu warning%s; heapdump info lists them%s\n",
			screen_dim(screen), n, n == 1 ? "" : "s", screen_plain(screen));
}

/* What the screen left to be explained: the mark of a guess, and why types may be missing. */
static void show_foot(const struct screen *screen, const struct fact *answer)
{
	const struct fact *first = fact_at(fact_get(answer, "types_missing"), 0);

	if (*screen->has_guess)
		fprintf(screen->out, "\n%s?: a type that fits but is not certain%s\n",
			screen_dim(screen), screen_plain(screen));
	if (!first || !fact_bool(first, "executable"))
		return;
	fprintf(screen->out,
		"\n%sTypes are not known: %s has no debug information here (built without -g, or "
		"its\n"
		"-dbg or -dbgsym package or DEBUGINFOD_URLS would bring it; build-id %s).%s\n",
		screen_dim(screen), fact_str(first, "module"),
		fact_has(first, "build_id") ? fact_str(first, "build_id") : "unknown",
		screen_plain(screen));
}

static char *safe_string(void *arg, const char *text)
{
	return printable(text, *(bool *)arg);
}

/* As text, the answer's strings are made safe in place. */
static int show(const struct options *o, const struct command *c, const struct session *s,
		struct fact *answer)
{
	bool has_guess = false;
	struct screen screen = {.out = stdout,
				.color = wants_color(o),
				.utf8 = printable_utf8(),
				.has_guess = &has_guess};

	if (fact_get(answer, "output") && !fact_str(answer, "output"))
		return EXIT_ANSWERED;
	if (o->json)
		return print_json(answer);
	fact_map_strings(answer, safe_string, &screen.utf8);
	c->show(&screen, answer);
	show_foot(&screen, answer);
	show_warnings(&screen, s, c);
	return EXIT_ANSWERED;
}

/* Asks, shows, and settles the exit status. */
static int answer(struct session *s, const struct options *o, const struct command *c)
{
	struct fact *out = fact_object();
	struct err err = {0};
	int rc, code;

	begin_answer(out, c, o->operands[1]);
	rc = c->ask(s, o, out, &err);
	end_progress(o);
	if (rc < 0 && (rc != ERR_ABSENT || !fact_has(out, "addr"))) {
		fact_free(out);
		return complain(rc == ERR_USAGE ? NULL : o->operands[1], &err);
	}
	code = show(o, c, s, out);
	/* the answer first, also where both go into one file */
	fflush(stdout);
	if (rc == ERR_ABSENT && code == EXIT_ANSWERED)
		code = complain(o->operands[1], &err);
	if (o->has_fail_over && fact_u64(out, "leaked_bytes") > o->fail_over)
		code = code == EXIT_ANSWERED ? EXIT_OVER : code;
	fact_free(out);
	return code;
}

static int ask_file(struct options *o, const struct command *c, const char *path)
{
	struct session *s = calloc(1, sizeof(*s));
	struct err err = {0};
	int code;

	if (!s)
		return complain(NULL, &(struct err){.code = ERR_NOMEM, .text = "out of memory"});
	if (session_open(s, path, &o->session, &err) < 0) {
		end_progress(o);
		code = complain(o->operands[1], &err);
	} else {
		code = answer(s, o, c);
		session_close(s);
	}
	free(s);
	return code;
}

/* A process in place of a file: its modules are the files that it has mapped, wherever they are. */
static int ask_process(struct options *o, const struct command *c, uint32_t pid)
{
	struct live live;
	struct err err = {0};
	int code;

	if (live_open(&live, pid, o->session.progress != NULL, o->stop, &err) < 0)
		return complain(o->operands[1], &err);
	if (!o->session.search.sysroot && live.root[0])
		o->session.search.sysroot = live.root;
	if (!o->session.search.exe)
		o->session.search.exe = live.exe;
	o->session.search.mapped = live.mapped;
	code = ask_file(o, c, live.path);
	live_close(&live);
	return code;
}

static int run(struct options *o, const struct command *c)
{
	uint32_t pid;

	if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO))
		o->session.progress = show_progress;
	if (dump_is_process(o->operands[1], &pid))
		return ask_process(o, c, pid);
	return ask_file(o, c, o->operands[1]);
}

static int usage(const char *sentence, const struct command *c)
{
	fputs("heapdump: ", stderr);
	say(sentence, "\n");
	if (c)
		fprintf(stderr, "Usage: heapdump %s %s [OPTIONS]; heapdump %s --help tells more\n",
			c->name, c->operands, c->name);
	else
		fputs("heapdump help lists the commands\n", stderr);
	return EXIT_BAD;
}

static int dispatch(struct options *o)
{
	bool help = o->n_operands && !strcmp(o->operands[0], "help");
	const char *name = help ? o->operands[1] : o->operands[0];
	const struct command *c = name ? commands_find(name) : NULL;
	char text[128];

	if (help && name && (!strcmp(name, "record") || !strcmp(name, "dump"))) {
		*name == 'r' ? record_help() : dump_help();
		return EXIT_ANSWERED;
	}
	if (o->version) {
		printf("heapdump %d.%d.%d\n", HEAPDUMP_VERSION_MAJOR, HEAPDUMP_VERSION_MINOR,
		       HEAPDUMP_VERSION_PATCH);
		return EXIT_ANSWERED;
	}
	if (name && !c) {
		snprintf(text, sizeof(text), "there is no command \"%.60s\"", name);
		return usage(text, NULL);
	}
	if (help || o->help) {
		commands_help(stdout, c);
		return EXIT_ANSWERED;
	}
	if (!c)
		return usage("what is the question?", NULL);
	if (o->n_operands < c->min_operands)
		return usage(o->n_operands < 2	       ? "which FILE?"
			     : !strcmp(c->name, "map") ? "which ADDR?"
						       : "which X?",
			     c);
	if (o->n_operands > c->max_operands)
		return usage("too many operands", c);
	if (o->given & ~c->options) {
		snprintf(text, sizeof(text), "%s has no option %s", c->name,
			 options_name(o->given & ~c->options));
		return usage(text, c);
	}
	return run(o, c);
}

int main(int argc, char **argv)
{
	struct options o;
	struct err err = {0};
	int code;

	setlocale(LC_CTYPE, "");
	if (argc > 1 && !strcmp(argv[1], "record"))
		return record_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "dump"))
		return dump_main(argc - 1, argv + 1);
	if (options_parse(&o, argc, argv, &err) < 0)
		return usage(err.text, NULL);
	code = dispatch(&o);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "heapdump: cannot write the answer: %s\n", strerror(errno));
		code = EXIT_BAD;
	}
	return code;
}
