/*
 * record: options become the library's environment variables (heapdump(3)), the library goes in front of LD_PRELOAD, the
 * program takes this process's place. What the loader would ignore silently (a static program, a set-user-ID one) is said
 * beforehand: nothing is worse in an outage than a recording that recorded nothing.
 *
 * The library is looked for beside this program (a build folder), in the lib folder beside its bin folder (an
 * installation), and where it was configured to be installed.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analyze/ui/record.h"
#include "base/cleanup.h"
#include "base/ids.h"

#ifndef HEAPDUMP_LIBDIR
#define HEAPDUMP_LIBDIR "/usr/local/lib"
#endif

enum { FAILED = 2, CANNOT_RUN = 126, NOT_FOUND = 127, OPT_VALUE = 256 };

/* Each option is a variable of the library's. */
static const struct setting {
	const char *option, *value, *variable, *meaning;
} settings[] = {
	{"rate", "BYTES", "HEAPDUMP_RATE", "mean bytes between samples: 512k; all; off"},
	{"unwind", "HOW", "HEAPDUMP_UNWIND", "stacks by auto, libunwind or frames"},
	{"out", "PATTERN", "HEAPDUMP_OUT", "images go there (heapdump.%p.%n.core)"},
	{"signal", "SIGNAL", "HEAPDUMP_SIGNAL", "an image when the signal comes"},
	{"at-exit", NULL, "HEAPDUMP_AT_EXIT", "an image when the program ends"},
	{"on-malloc-failure", NULL, "HEAPDUMP_ON_MALLOC_FAILURE",
	 "an image when an allocation fails"},
	{"growth", "N|N%", "HEAPDUMP_GROWTH", "an image after that much growth"},
	{"max-dumps", "N", "HEAPDUMP_MAX_DUMPS", "images at most (5)"},
	{"max-bytes", "BYTES", "HEAPDUMP_MAX_BYTES", "bytes of all images at most"},
	{"min-seconds", "N", "HEAPDUMP_MIN_SECONDS", "between two for growth or failures (60)"},
};

void record_help(void)
{
	puts("Usage: heapdump record [OPTIONS] [--] PROGRAM [ARGUMENTS]\n"
	     "Runs the program with the heap sampler preloaded. A core of it, or an image that it "
	     "writes,\n"
	     "then tells where its objects were allocated. Child processes are recorded too.\n");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s%s%s", settings[i].option,
			 settings[i].value ? " " : "", settings[i].value ? settings[i].value : "");
		printf("  %-22s %s\n", left, settings[i].meaning);
	}
	puts("\nIn a pattern %p is the process, %n the number of the image, %e the program.");
}

static int complain(int status, const char *what, const char *why)
{
	fprintf(stderr, "heapdump: record: %s: %s\n", what, why);
	return status;
}

static bool is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The library's path, for LD_PRELOAD; false: it is nowhere. */
static bool find_library(char *path, size_t size)
{
	static const char *const beside[] = {"libheapdump.so", "../lib/libheapdump.so",
					     "../lib64/libheapdump.so"};
	const char *told = getenv("HEAPDUMP_LIBRARY");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (told && *told)
		return snprintf(path, size, "%s", told) < (int)size && is_file(path);
	self[n < 0 ? 0 : n] = 0;
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < ARRAY_LEN(beside); i++)
		if (snprintf(path, size, "%.*s/%s", (int)(slash - self), self, beside[i]) <
			    (int)size &&
		    is_file(path))
			return true;
	return snprintf(path, size, "%s/libheapdump.so", HEAPDUMP_LIBDIR) < (int)size &&
	       is_file(path);
}

/* Where execvp would find the program; NULL: nowhere. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char *found = NULL;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? strdup(name) : NULL;
	for (const char *p = path ? path : "/bin:/usr/bin"; *p;) {
		size_t n = strcspn(p, ":");

		if (asprintf(&found, "%.*s/%s", (int)n, p, name) < 0)
			return NULL;
		if (access(found, X_OK) == 0 && is_file(found))
			return found;
		free(found);
		p += n + (p[n] == ':');
	}
	return NULL;
}

/* Why the loader would not preload anything into it; NULL: it would, as far as can be seen. */
static const char *refusal(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	Elf64_Ehdr eh;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_gid != getegid()))
		return "is set-user-ID or set-group-ID: the loader preloads nothing into it";
	if (pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return NULL; /* a script: its interpreter is what counts */
	if (eh.e_ident[EI_CLASS] != ELFCLASS64)
		return "is not a 64-bit program, and the library is";
	for (int i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		if (pread(fd, &ph, sizeof(ph), (off_t)(eh.e_phoff + (uint64_t)i * sizeof(ph))) !=
		    sizeof(ph))
			return NULL;
		if (ph.p_type == PT_INTERP)
			return NULL;
	}
	return "is statically linked: nothing can be preloaded into it";
}

/* In front of what is preloaded already: another allocator then is beneath us. */
static int set_preload(const char *library)
{
	_cleanup_free_ char *all = NULL;
	const char *old = getenv("LD_PRELOAD");

	if (!old || !*old)
		return setenv("LD_PRELOAD", library, 1);
	if (asprintf(&all, "%s:%s", library, old) < 0)
		return -1;
	return setenv("LD_PRELOAD", all, 1);
}

static int parse(int argc, char **argv, int *first)
{
	struct option table[ARRAY_LEN(settings) + 2] = {0};
	int opt;

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		table[i] = (struct option){settings[i].option,
					   settings[i].value ? required_argument : no_argument,
					   NULL, OPT_VALUE + (int)i};
	table[ARRAY_LEN(settings)] = (struct option){"help", no_argument, NULL, 'h'};
	/* "+": options end at the program's name; its own are none of ours */
	while ((opt = getopt_long(argc, argv, "+ho:", table, NULL)) != -1) {
		const struct setting *s = &settings[opt == 'o' ? 2 : opt - OPT_VALUE];

		if (opt == 'h') {
			record_help();
			exit(0);
		}
		if (opt != 'o' && opt < OPT_VALUE)
			return FAILED; /* getopt has said why */
		if (setenv(s->variable, s->value ? optarg : "1", 1))
			return complain(FAILED, s->option, strerror(errno));
	}
	*first = optind;
	return 0;
}

int record_main(int argc, char **argv)
{
	_cleanup_free_ char *program = NULL;
	char library[PATH_MAX];
	const char *why;
	int first = argc, status;

	argv[0] = "heapdump: record";
	optind = 1;
	status = parse(argc, argv, &first);
	if (status)
		return status;
	if (first >= argc)
		return complain(FAILED, "PROGRAM", "is missing; heapdump record --help tells more");
	if (!find_library(library, sizeof(library)))
		return complain(FAILED, "libheapdump.so",
				"is neither beside this program nor installed "
				"(HEAPDUMP_LIBRARY tells where it is)");
	program = find_program(argv[first]);
	if (!program)
		return complain(NOT_FOUND, argv[first], "there is no such program");
	why = refusal(program);
	if (why)
		return complain(FAILED, program, why);
	if (set_preload(library))
		return complain(FAILED, "LD_PRELOAD", strerror(errno));
	execv(program, argv + first);
	return complain(errno == ENOENT ? NOT_FOUND : CANNOT_RUN, program, strerror(errno));
}
