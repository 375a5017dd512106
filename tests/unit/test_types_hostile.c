/*
 * Damaged DWARF: a small program whose debug sections have bytes overwritten, is read. What comes of it may be
 * anything; it has to come, and the table has to be sound. Each in a process of its own, with an alarm.
 */
#include <elf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/types/layout.h"
#include "analyze/types/layout_pointers.h"
#include "analyze/types/type_names.h"
#include "tests/lib/types_rig.h"

enum { N_ROUNDS = 400, SECONDS = 60 };

static char folder[] = "/tmp/heapdump-types.XXXXXX";

static int make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command) ? -1 : 0;
}

static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = malloc(1 << 20);

	assert_non_null(f);
	assert_non_null(bytes);
	*size = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	assert_true(*size > sizeof(Elf64_Ehdr) && *size < 1 << 20);
	return bytes;
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

/* Overwrites some bytes of a section of that name. */
static void damage(uint8_t *bytes, const char *section)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)bytes;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(bytes + eh->e_shoff);
	const char *names = (const char *)bytes + sh[eh->e_shstrndx].sh_offset;

	for (unsigned i = 1; i < eh->e_shnum; i++) {
		if (strcmp(names + sh[i].sh_name, section))
			continue;
		for (int n = 1 + rand() % 12; n--;)
			bytes[sh[i].sh_offset + (size_t)rand() % sh[i].sh_size] =
				rand() % 3   ? (uint8_t)rand()
				: rand() % 2 ? 0
					     : 0xff;
	}
}

/* Asks everything of everything. */
static void use(const struct types *types)
{
	const struct type_table *t = &types->table;
	struct layout_pointers p = {0};
	struct err err;

	type_table_check(t);
	for (type_id id = 0; id < type_table_count(t); id++) {
		char name[TYPE_NAME_MAX];
		struct layout_hit v[4];
		uint64_t size = 0;

		type_names_spell(t, id, name);
		if (strlen(name) >= TYPE_NAME_MAX)
			abort();
		type_table_size(t, id, &size);
		for (uint64_t off = 0; off < 64; off += 3)
			layout_at(t, id, 0, off, v, 4);
		layout_at(t, id, size, size - 1, v, 4);
		layout_at(t, id, UINT64_MAX, UINT64_MAX - 1, v, 4);
		layout_member(t, id, "link.next", v);
		if (layout_pointers_of(t, id, &p, &err))
			abort();
	}
	layout_pointers_deinit(&p);
	for (size_t i = 0; i < types->variables.list.n; i++) {
		struct variable v = types->variables.list.v[i];

		if (v.type >= type_table_count(t) && v.type != TYPE_NONE)
			abort();
		variables_at(&types->variables, t, 0, v.at + 1, &v);
	}
}

static void read_in_child(const char *path, int round)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct types_rig r;
		struct err err;

		/* cmocka would take the signal for its own */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		signal(SIGFPE, SIG_DFL);
		alarm(SECONDS);
		if (types_rig_open(&r, path) && types_need(&r.types, 0, &err) == 0)
			use(&r.types);
		types_rig_close(&r);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("round %d: %s %d", round, WIFSIGNALED(status) ? "signal" : "status",
			 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void damaged_sections(const char *flags, const char *source)
{
	char path[256], command[1024];
	uint8_t *good, *bad;
	size_t size;

	if (system("command -v gcc >/dev/null 2>&1"))
		skip();
	snprintf(path, sizeof(path), "%s/prog", folder);
	snprintf(command, sizeof(command), "%s -w -shared -fPIC %s -o %s tests/unit/%s",
		 strstr(source, ".cc") ? "g++ -std=c++17" : "gcc", flags, path, source);
	assert_int_equal(system(command), 0);
	good = read_file(path, &size);
	bad = malloc(size);
	assert_non_null(bad);
	read_in_child(path, -1);
	for (int round = 0; round < N_ROUNDS; round++) {
		srand((unsigned)round);
		memcpy(bad, good, size);
		damage(bad, rand() % 3 ? ".debug_info" : ".debug_abbrev");
		if (rand() % 4 == 0)
			damage(bad, ".debug_str");
		write_file(path, bad, size);
		read_in_child(path, round);
	}
	free(good);
	free(bad);
}

static void damaged_dwarf_5_of_c_is_read_to_an_end(void **state)
{
	damaged_sections("-gdwarf-5", "types_shapes.c");
}

static void damaged_dwarf_4_of_cxx_is_read_to_an_end(void **state)
{
	damaged_sections("-gdwarf-4", "types_shapes.cc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_dwarf_5_of_c_is_read_to_an_end),
		cmocka_unit_test(damaged_dwarf_4_of_cxx_is_read_to_an_end),
	};

	return cmocka_run_group_tests_name("hostile types", tests, make_folder, remove_folder);
}
