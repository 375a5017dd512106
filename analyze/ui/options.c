/*
 * Options by getopt_long, which lets operands stand anywhere. Numbers are
 * checked here; what an option means is the command's business.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/ui/options.h"

enum {
	OPT_JSON = 256,
	OPT_NO_CACHE,
	OPT_NO_TYPES,
	OPT_STOP,
	OPT_EXE,
	OPT_SYSROOT,
	OPT_DEBUG_DIR,
	OPT_NO_DEBUGINFOD,
	OPT_POINTER_MASK,
	OPT_TYPE,
	OPT_WITHOUT_ROOTS,
	OPT_THREADS,
	OPT_COLOR,
	OPT_BY,
	OPT_LIMIT,
	OPT_DEPTH,
	OPT_FAIL_OVER,
	OPT_TO,
	OPT_AS,
	OPT_VERSION,
};

/* More are not told to the session; it may use fewer. */
enum { MAX_THREADS = 1000 };

static const struct option table[] = {
	{"json", no_argument, NULL, OPT_JSON},
	{"no-cache", no_argument, NULL, OPT_NO_CACHE},
	{"no-types", no_argument, NULL, OPT_NO_TYPES},
	{"stop", no_argument, NULL, OPT_STOP},
	{"exe", required_argument, NULL, OPT_EXE},
	{"sysroot", required_argument, NULL, OPT_SYSROOT},
	{"debug-dir", required_argument, NULL, OPT_DEBUG_DIR},
	{"no-debuginfod", no_argument, NULL, OPT_NO_DEBUGINFOD},
	{"type", required_argument, NULL, OPT_TYPE},
	{"pointer-mask", required_argument, NULL, OPT_POINTER_MASK},
	{"without-roots", required_argument, NULL, OPT_WITHOUT_ROOTS},
	{"threads", required_argument, NULL, OPT_THREADS},
	{"color", optional_argument, NULL, OPT_COLOR},
	{"by", required_argument, NULL, OPT_BY},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"depth", required_argument, NULL, OPT_DEPTH},
	{"fail-over", required_argument, NULL, OPT_FAIL_OVER},
	{"to", required_argument, NULL, OPT_TO},
	{"as", required_argument, NULL, OPT_AS},
	{"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

static int parse_number(const char *text, int base, const char *what, uint64_t *out,
			struct err *err)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, base);
	if (!isalnum((unsigned char)*text) || *end || errno)
		return err_set(err, ERR_USAGE, "%s needs a number, not \"%.40s\"", what, text);
	*out = v;
	return 0;
}

/* A number of bytes with an optional k, m or g (powers of 1024). */
static int parse_bytes(const char *text, const char *what, uint64_t *out, struct err *err)
{
	static const char units[] = "kmg";
	size_t n = strlen(text);
	const char *unit = n ? strchr(units, tolower((unsigned char)text[n - 1])) : NULL;
	char digits[32];
	int rc;

	if (n >= sizeof(digits) || !n)
		return err_set(err, ERR_USAGE, "%s needs a number of bytes, not \"%.40s\"", what,
			       text);
	memcpy(digits, text, n + 1);
	if (unit)
		digits[n - 1] = 0;
	rc = parse_number(digits, 10, what, out, err);
	if (rc == 0 && unit && __builtin_mul_overflow(*out, 1024ull << (10 * (unit - units)), out))
		rc = err_set(err, ERR_USAGE, "%s: \"%s\" is too large", what, text);
	return rc;
}

/* "stack,tls" as bits; "mapping" is not a class of roots but takes part in the option. */
static int parse_classes(struct options *o, const char *text, struct err *err)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		unsigned c = 0;

		while (c < N_ROOT_CLASSES &&
		       (strlen(roots_class_name(c)) != n || strncmp(roots_class_name(c), text, n)))
			c++;
		if (c < N_ROOT_CLASSES)
			o->session.without_roots |= 1u << c;
		else if (n == 7 && !strncmp(text, "mapping", n))
			o->session.scan.without_mappings = true;
		else
			return err_set(err, ERR_USAGE,
				       "--without-roots: \"%.*s\" is no class (global, tls, "
				       "registered, kernel, stack, register, mapping)",
				       (int)(n < 40 ? n : 40), text);
		text += n + (text[n] == ',');
	}
	return 0;
}

static int parse_word(const char *text, const char *what, const char *const *words, size_t n,
		      unsigned *out, struct err *err)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(text, words[i])) {
			*out = i;
			return 0;
		}
	return err_set(err, ERR_USAGE, "%s cannot be \"%.40s\"; heapdump help tells what it can be",
		       what, text);
}

static int parse_valued(struct options *o, int opt, const char *value, struct err *err)
{
	static const char *const by[] = {"size",   "module", "root",	 "site",
					 "thread", "type",   "type,site"};
	static const char *const formats[] = {"pprof"};
	static const char *const colors[] = {"auto", "always", "never"};
	uint64_t number = 0;
	unsigned word = 0;
	int rc = 0;

	switch (opt) {
	case OPT_TYPE:
		if (o->session.n_told == MAX_TOLD)
			return err_set(err, ERR_USAGE, "--type can be given %d times", MAX_TOLD);
		o->session.told[o->session.n_told++] = value;
		return 0;
	case OPT_POINTER_MASK:
		return parse_number(value, 16, "--pointer-mask", &o->session.scan.pointer_mask,
				    err);
	case OPT_WITHOUT_ROOTS:
		return parse_classes(o, value, err);
	case OPT_THREADS:
		rc = parse_number(value, 10, "--threads", &number, err);
		if (rc == 0 && !number)
			return err_set(err, ERR_USAGE, "--threads: it takes one at least");
		o->session.threads = number < MAX_THREADS ? (unsigned)number : MAX_THREADS;
		return rc;
	case OPT_FAIL_OVER:
		o->has_fail_over = true;
		return parse_bytes(value, "--fail-over", &o->fail_over, err);
	case OPT_COLOR:
		rc = parse_word(value ? value : "always", "--color", colors, 3, &word, err);
		o->color = (enum color)word;
		return rc;
	case OPT_BY:
		rc = parse_word(value, "--by", by, ARRAY_LEN(by), &word, err);
		o->by = (enum top_by)word;
		return rc;
	case OPT_TO:
		rc = parse_word(value, "--to", formats, ARRAY_LEN(formats), &word, err);
		o->to = (enum export_format)word;
		return rc;
	case 'o':
		o->out = value;
		return 0;
	case OPT_AS:
		o->as = value;
		return 0;
	case OPT_LIMIT:
		rc = parse_number(value, 10, "--limit", &number, err);
		o->limit = number && number < 1000000 ? number : 1000000;
		return rc;
	case OPT_DEPTH:
		rc = parse_number(value, 10, "--depth", &number, err);
		o->depth = number < 64 ? (unsigned)number : 64;
		return rc;
	}
	return 0;
}

static int parse_one(struct options *o, int opt, const char *value, struct err *err)
{
	switch (opt) {
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_NO_CACHE:
		o->session.no_cache = true;
		return 0;
	case OPT_NO_TYPES:
		o->session.no_types = true;
		return 0;
	case OPT_STOP:
		o->stop = true;
		return 0;
	case OPT_EXE:
		o->session.search.exe = value;
		return 0;
	case OPT_SYSROOT:
		o->session.search.sysroot = value;
		return 0;
	case OPT_DEBUG_DIR:
		o->session.search.debug_dir = value;
		return 0;
	case OPT_NO_DEBUGINFOD:
		o->session.search.no_debuginfod = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	case OPT_VERSION:
		o->version = true;
		return 0;
	}
	return parse_valued(o, opt, value, err);
}

/* Which of the options that are not of every command this is; 0: none. */
static unsigned bit_of(int opt)
{
	switch (opt) {
	case OPT_BY:
		return OPTION_BY;
	case OPT_LIMIT:
		return OPTION_LIMIT;
	case OPT_DEPTH:
		return OPTION_DEPTH;
	case OPT_FAIL_OVER:
		return OPTION_FAIL_OVER;
	case OPT_TO:
		return OPTION_TO;
	case 'o':
		return OPTION_OUT;
	case OPT_AS:
		return OPTION_AS;
	}
	return 0;
}

const char *options_name(unsigned bits)
{
	static const char *const names[] = {"--by", "--limit",	"--depth", "--fail-over",
					    "--to", "--output", "--as"};

	return bits ? names[__builtin_ctz(bits)] : "";
}

/* optopt: 0 for a long option, a known one's value if it takes none; word: what was parsed last. */
static int unknown_option(int letter, const char *word, struct err *err)
{
	if (letter >= OPT_JSON)
		return err_set(err, ERR_USAGE, "\"%.60s\": this option has no value", word);
	if (letter)
		return err_set(err, ERR_USAGE, "unknown option \"-%c\"", letter);
	return err_set(err, ERR_USAGE, "unknown option \"%.60s\"", word);
}

int options_parse(struct options *o, int argc, char **argv, struct err *err)
{
	int opt;

	*o = (struct options){0};
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":ho:", table, NULL)) != -1) {
		int rc;

		if (opt == '?')
			return unknown_option(optopt, argv[optind - 1], err);
		if (opt == ':')
			return err_set(err, ERR_USAGE, "%.60s needs a value", argv[optind - 1]);
		o->given |= bit_of(opt);
		rc = parse_one(o, opt, optarg, err);
		if (rc < 0)
			return rc;
	}
	for (; optind < argc; optind++) {
		if (o->n_operands == MAX_OPERANDS)
			return err_set(err, ERR_USAGE, "too many operands: \"%.60s\"",
				       argv[optind]);
		o->operands[o->n_operands++] = argv[optind];
	}
	return 0;
}
