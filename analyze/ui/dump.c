/*
 * dump: options, then attach_write(), then what it cost and what to ask next. The words go to standard error
 * where the image goes to standard output.
 */
#include "analyze/ui/dump.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/ui/commands.h"
#include "analyze/ui/printable.h"
#include "base/cleanup.h"
#include "dump/attach/attach.h"

enum { OPT_STOP = 256, OPT_FILTER, OPT_JSON, OPT_NO_SYNC };

struct order {
	uint32_t pid;
	const char *operand, *out;
	bool json;
	char usual[40];
	struct attach_options attach;
};

void dump_help(void)
{
	puts("Usage: heapdump dump [OPTIONS] PID\n"
	     "Writes the image of a running process, a core file with more in it. The process "
	     "stands still\n"
	     "while it forks a snapshot of itself (about 27 ms for each GB), and is not changed by "
	     "it.\n\n"
	     "  -o, --output FILE      where to (heapdump.PID.core); -: standard output\n"
	     "  --stop                 no snapshot: it stands still until it is copied\n"
	     "  --filter MASK          what is stored, as /proc/PID/coredump_filter has it "
	     "(hexadecimal): 1 private\n"
	     "                         memory, 2 shared, 4 private pages of files, 8 shared ones, "
	     "10 ELF headers,\n"
	     "                         20 huge pages, 40 shared ones (73)\n"
	     "  --no-sync              do not wait for the disk before the file gets its name\n"
	     "  --json                 what it cost, as JSON\n\n"
	     "Every question takes a PID in place of FILE too, and leaves no file: heapdump who "
	     "PID X.\n"
	     "Exit status: 0 written, 1 there is no such process, 2 usage, not permitted, or it "
	     "failed.");
}

static int complain(const char *what, const char *why)
{
	_cleanup_free_ char *safe = printable(why, printable_utf8());

	fprintf(stderr, "heapdump: dump%s%s: %s\n", what ? ": " : "", what ? what : "",
		safe ? safe : why);
	return EXIT_BAD;
}

bool dump_is_process(const char *operand, uint32_t *pid)
{
	size_t n = strspn(operand, "0123456789");
	uint64_t value;

	if (!n || operand[n] || n > 10 || access(operand, F_OK) == 0)
		return false;
	value = strtoull(operand, NULL, 10);
	*pid = (uint32_t)value;
	return value && value <= INT32_MAX;
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
	uint64_t whole = done > total ? done : total;

	fprintf(stderr, "\r\033[K%s of about %s …", screen_bytes(done).s, screen_bytes(whole).s);
	fflush(stderr);
}

static void end_progress(const struct attach_options *o)
{
	if (o->progress)
		fputs("\r\033[K", stderr);
}

static int parse_filter(struct attach_options *o, const char *text)
{
	char *end;
	unsigned long mask = strtoul(text, &end, 16);

	if (!*text || *end || mask > 0x1ff)
		return complain("--filter",
				"is a mask in hexadecimal, as in /proc/PID/coredump_filter");
	o->has_filter = true;
	o->filter = (uint32_t)mask;
	return 0;
}

static int parse(struct order *o, int argc, char **argv)
{
	static const struct option table[] = {
		{"output", required_argument, NULL, 'o'},
		{"stop", no_argument, NULL, OPT_STOP},
		{"filter", required_argument, NULL, OPT_FILTER},
		{"no-sync", no_argument, NULL, OPT_NO_SYNC},
		{"json", no_argument, NULL, OPT_JSON},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "ho:", table, NULL)) != -1) {
		if (opt == 'h') {
			dump_help();
			exit(EXIT_ANSWERED);
		}
		if (opt == 'o')
			o->out = optarg;
		else if (opt == OPT_STOP)
			o->attach.stop = true;
		else if (opt == OPT_NO_SYNC)
			o->attach.no_sync = true;
		else if (opt == OPT_JSON)
			o->json = true;
		else if (opt != OPT_FILTER || parse_filter(&o->attach, optarg))
			return EXIT_BAD; /* somebody has said why */
	}
	if (optind + 1 != argc)
		return complain("PID", optind < argc
					       ? "is one process"
					       : "is missing; heapdump dump --help tells more");
	o->operand = argv[optind];
	return 0;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void print_text(const struct order *o, const struct attach_result *r, FILE *out)
{
	const char *file = o->attach.path ? o->attach.path : "standard output";
	_cleanup_free_ char *name = printable(r->name, printable_utf8());
	double seconds = (double)r->total_ns / 1e9;
	char root[32];

	fprintf(out, "%s: process %u (%s), %s, %s of data\n", file, o->pid, name ? name : "?",
		screen_counted(r->n_threads, "thread").s, screen_bytes(r->data_bytes).s);
	if (r->stopped)
		fprintf(out, "it stood still for %.1f ms, until it was copied\n", ms(r->pause_ns));
	else
		fprintf(out,
			"it stood still for %.1f ms (%.1f until all threads had stopped, %.1f for "
			"the fork); at the "
			"end one thread for %.1f ms\n",
			ms(r->pause_ns), ms(r->stop_ns), ms(r->fork_ns), ms(r->second_ns));
	fprintf(out, "written in %.2f s, %s a second\n", seconds,
		screen_bytes(seconds > 0 ? (uint64_t)((double)r->data_bytes / seconds) : 0).s);
	if (r->n_not_stopped)
		fprintf(out, "Caution: %s could not be stopped and ran on\n",
			screen_counted(r->n_not_stopped, "thread").s);
	if (r->left_snapshot)
		fprintf(out, "Caution: the snapshot's entry is still in the process table; it goes "
			     "when the process ends\n");
	dump_root_of(o->pid, root);
	if (o->attach.path)
		fprintf(out, "Next: heapdump info %s%s%s\n", file, *root ? " --sysroot " : "",
			root);
}

static void print_json(const struct order *o, const struct attach_result *r, FILE *out)
{
	struct fact *f = fact_object();
	char *text;

	fact_set_u64(f, "pid", o->pid);
	fact_set_str(f, "program", r->name);
	fact_set_str(f, "file", o->attach.path);
	fact_set_u64(f, "threads", r->n_threads);
	fact_set_u64(f, "threads_not_stopped", r->n_not_stopped);
	fact_set_bool(f, "copied_while_stopped", r->stopped);
	fact_set_u64(f, "pause_ns", r->pause_ns);
	fact_set_u64(f, "stop_ns", r->stop_ns);
	fact_set_u64(f, "fork_ns", r->fork_ns);
	fact_set_u64(f, "second_pause_ns", r->second_ns);
	fact_set_u64(f, "total_ns", r->total_ns);
	fact_set_u64(f, "file_bytes", r->file_bytes);
	fact_set_u64(f, "data_bytes", r->data_bytes);
	fact_set_bool(f, "snapshot_left", r->left_snapshot);
	text = fact_to_json(f);
	if (text)
		fputs(text, out);
	free(text);
	fact_free(f);
}

static int settle_output(struct order *o)
{
	if (!o->out) {
		snprintf(o->usual, sizeof(o->usual), "heapdump.%u.core", o->pid);
		o->out = o->usual;
	}
	if (strcmp(o->out, "-") != 0) {
		o->attach.path = o->out;
		return 0;
	}
	if (isatty(STDOUT_FILENO))
		return complain("-o -",
				"standard output is a terminal; lead it into a file or a pipe");
	o->attach.fd = STDOUT_FILENO;
	return 0;
}

int dump_main(int argc, char **argv)
{
	struct order o = {0};
	struct attach_result r;
	struct err err = {0};
	FILE *out;

	argv[0] = "heapdump: dump";
	optind = 1;
	if (parse(&o, argc, argv))
		return EXIT_BAD;
	if (!*o.operand || o.operand[strspn(o.operand, "0123456789")])
		return complain(o.operand, "is no process id");
	o.pid = (uint32_t)strtoul(o.operand, NULL, 10);
	if (settle_output(&o))
		return EXIT_BAD;
	if (isatty(STDERR_FILENO))
		o.attach.progress = show_progress;
	if (attach_write(o.pid, &o.attach, &r, &err) < 0) {
		end_progress(&o.attach);
		complain(o.operand, err.text);
		return err.code == ERR_ABSENT ? EXIT_ABSENT : EXIT_BAD;
	}
	end_progress(&o.attach);
	out = o.attach.path ? stdout : stderr;
	if (o.json)
		print_json(&o, &r, out);
	else
		print_text(&o, &r, out);
	return fflush(out) || ferror(out) ? EXIT_BAD : EXIT_ANSWERED;
}
