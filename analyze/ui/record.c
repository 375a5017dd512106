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
#include <sys/xattr.h>
#include <unistd.h>

#include "analyze/ui/record.h"
#include "base/cleanup.h"
#include "base/ids.h"

#ifndef HEAPDUMP_LIBDIR
#define HEAPDUMP_LIBDIR "/usr/local/lib"
#endif

enum { FAILED = 2, CANNOT_RUN = 126, NOT_FOUND = 127, OPT_VALUE = 256, OUT = 2 };

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

	/* whole, as children may run in other folders */
	if (told && *told)
		return size >= PATH_MAX && realpath(told, path) && is_file(path);
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

/* The file that execvp would run: one that is there but may not be run, if there is no other. NULL: nowhere. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char *second = NULL;

	if (strchr(name, '/'))
		return access(name, F_OK) == 0 ? strdup(name) : NULL;
	for (const char *p = path ? path : "/bin:/usr/bin"; *name && *p;) {
		size_t n = strcspn(p, ":");
		char *found;

		/* an empty entry is the current folder */
		if (asprintf(&found, "%.*s%s%s", (int)n, p, n ? "/" : "./", name) < 0)
			return second;
		if (is_file(found) && access(found, X_OK) == 0) {
			free(second);
			return found;
		}
		if (is_file(found) && !second)
			second = found;
		else
			free(found);
		p += n + (p[n] == ':');
	}
	return second;
}

/* The interpreter that a script's first line names; false: it is none. */
static bool interpreter_of(int fd, char *path, size_t size)
{
	ssize_t n = pread(fd, path, size - 1, 0);
	size_t blanks;

	if (n < 3 || memcmp(path, "#!", 2))
		return false;
	path[n] = 0;
	blanks = strspn(path + 2, " \t") + 2;
	memmove(path, path + blanks, (size_t)n + 1 - blanks);
	path[strcspn(path, " \t\n")] = 0;
	return path[0] == '/';
}

/* Why the loader would preload nothing into a file that raises privileges; NULL: it does not. */
static const char *raises_privileges(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return NULL;
	if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
	    (st.st_mode & S_ISGID && st.st_gid != getegid()))
		return "is set-user-ID or set-group-ID: the loader preloads nothing into it";
	/* root gains nothing by them */
	if (geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return "has file capabilities: the loader preloads nothing into it";
	return NULL;
}

/* Why the loader would not preload anything into an ELF file; NULL: it would, as far as can be seen. */
static const char *refusal_of_elf(int fd)
{
	const char *why = raises_privileges(fd);
	Elf64_Ehdr eh;

	if (why || pread(fd, &eh, sizeof(eh), 0) != sizeof(eh) ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return why;
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

/* The same of a program: for a script its interpreter counts, and privileges of its own do not. */
static const char *refusal(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int interpreter = -1;
	char name[256];

	if (fd < 0)
		return NULL;
	if (!interpreter_of(fd, name, sizeof(name)))
		return refusal_of_elf(fd);
	interpreter = open(name, O_RDONLY | O_CLOEXEC);
	return interpreter < 0 ? NULL : refusal_of_elf(interpreter);
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

/*
 * gcc's AddressSanitizer ends a program in which another library comes first, unless told otherwise; and its leak checker
 * would mention what the loader allocates for ours. What the user says of it comes behind, and counts more.
 */
static int calm_sanitizers(void)
{
	static const char *const calm[][2] = {
		{"ASAN_OPTIONS", "verify_asan_link_order=0"},
		{"LSAN_OPTIONS", "print_suppressions=0"},
	};

	for (size_t i = 0; i < ARRAY_LEN(calm); i++) {
		_cleanup_free_ char *all = NULL;
		const char *old = getenv(calm[i][0]);

		if (asprintf(&all, "%s%s%s", calm[i][1], old && *old ? ":" : "", old ? old : "") <
			    0 ||
		    setenv(calm[i][0], all, 1))
			return -1;
	}
	return 0;
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
		const struct setting *s;

		if (opt == 'h') {
			record_help();
			exit(0);
		}
		if (opt != 'o' && opt < OPT_VALUE)
			return FAILED; /* getopt has said why */
		s = &settings[opt == 'o' ? OUT : opt - OPT_VALUE];
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
	if (strpbrk(library, " :"))
		return complain(FAILED, library,
				"has a space or a colon in its path, where LD_PRELOAD ends a name");
	if (!program)
		return complain(NOT_FOUND, argv[first], "there is no such program");
	if (access(program, X_OK))
		return complain(CANNOT_RUN, program, strerror(errno));
	why = refusal(program);
	if (why)
		return complain(FAILED, program, why);
	if (set_preload(library) || calm_sanitizers())
		return complain(FAILED, "LD_PRELOAD", strerror(errno));
	/* with its rule that a file of no known format is a script of sh's */
	execvp(program, argv + first);
	return complain(errno == ENOENT ? NOT_FOUND : CANNOT_RUN, program, strerror(errno));
}
