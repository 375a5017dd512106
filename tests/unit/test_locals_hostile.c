/*
 * Damaged DWARF under a sound core: the sections that say where variables are have bytes overwritten, and
 * every local is asked for its bytes. Each round in a process of its own, with an alarm.
 */
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/locals_rig.h"

#include <cmocka.h>

enum { N_ROUNDS = 60, SECONDS = 60, MAX_FILE = 1 << 20 };

static uint8_t *read_program(size_t *size)
{
	char path[128];
	FILE *f;
	uint8_t *bytes = malloc(MAX_FILE);

	snprintf(path, sizeof(path), "%s/prog", folder);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_non_null(bytes);
	*size = fread(bytes, 1, MAX_FILE, f);
	fclose(f);
	assert_true(*size > sizeof(Elf64_Ehdr) && *size < MAX_FILE);
	return bytes;
}

static void write_program(const uint8_t *bytes, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/prog", folder);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static void damage(uint8_t *bytes, const char *section)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)bytes;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(bytes + eh->e_shoff);
	const char *names = (const char *)bytes + sh[eh->e_shstrndx].sh_offset;

	for (unsigned i = 1; i < eh->e_shnum; i++) {
		if (strcmp(names + sh[i].sh_name, section))
			continue;
		for (int n = 1 + rand() % 30; n--;)
			bytes[sh[i].sh_offset + (size_t)rand() % sh[i].sh_size] =
				rand() % 3 ? (uint8_t)rand() : 0xff;
	}
}

/* Every byte of every local, and every word of every frame. */
static void use(struct session *s)
{
	const struct locals *l = &s->types.locals;
	struct local_hit hit;
	uint8_t bytes[64];

	for (uint32_t i = 0; i < l->list.n; i++) {
		for (uint64_t off = 0; off < 64; off += 7)
			locals_read(l, i, &s->space, off, bytes, sizeof(bytes) - off);
		locals_read(l, i, &s->space, UINT64_MAX, bytes, 8);
		locals_is_set(l, i);
	}
	for (uint32_t f = 0; f < s->frames.list.n; f++) {
		for (addr_t at = s->frames.list.v[f].words.lo; at < s->frames.list.v[f].words.hi;
		     at += 8)
			locals_at(l, &s->frames, f, at, &hit);
		for (uint32_t reg = 0; reg < 256; reg++)
			locals_in_register(l, f, reg, &hit);
	}
}

static void open_in_child(int round)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct session s;
		struct err err;

		/* cmocka would take the signal for its own */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		signal(SIGFPE, SIG_DFL);
		alarm(SECONDS);
		if (open_core(&s, &err) == 0) {
			use(&s);
			session_close(&s);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("round %d: %s %d", round, WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void damaged_places_of_variables_harm_nobody(void **state)
{
	static const char *const sections[] = {".debug_info",	  ".debug_loclists",
					       ".debug_rnglists", ".debug_abbrev",
					       ".debug_line",	  ".eh_frame"};
	uint8_t *good, *bad;
	size_t size;

	if (!have_cores() || !have("gcc"))
		skip();
	assert_true(make_core("gcc -g -O1 tests/unit/locals_victim.c -pthread", ""));
	good = read_program(&size);
	bad = malloc(size);
	assert_non_null(bad);
	srand(20261125);
	for (int round = 0; round < N_ROUNDS; round++) {
		memcpy(bad, good, size);
		/* the places most often */
		damage(bad, sections[round % 2 ? 1 : (round / 2) % (int)ARRAY_LEN(sections)]);
		write_program(bad, size);
		open_in_child(round);
	}
	free(good);
	free(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_places_of_variables_harm_nobody),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
