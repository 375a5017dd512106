/*
 * Symbol tables: ELF files of a few sections, made in memory.
 *
 *	1 .text   0x1000–0x2000      3 .bss    0x4000–0x5000
 *	2 .data   0x3000–0x4000      4 .tbss   offsets from 0
 */
#include <elf.h>
#include <libelf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/space/symbols.h"

enum { TEXT = 1, DATA, BSS, TBSS, SYMTAB, STRTAB, N_SECTIONS, BIAS = 0x10000, SECOND = 0x200000 };

/* A symbol as a test writes it. */
struct sym {
	const char *name;
	uint64_t value, size;
	uint16_t section;
	uint8_t type, bind;
};

#define OBJECT(n, v, s)                                                                            \
	{                                                                                          \
		n, v, s, DATA, STT_OBJECT, STB_GLOBAL                                              \
	}
#define LOCAL(n, v, s)                                                                             \
	{                                                                                          \
		n, v, s, DATA, STT_OBJECT, STB_LOCAL                                               \
	}
#define FUNC(n, v, s)                                                                              \
	{                                                                                          \
		n, v, s, TEXT, STT_FUNC, STB_GLOBAL                                                \
	}
#define SOURCE(n)                                                                                  \
	{                                                                                          \
		n, 0, 0, SHN_ABS, STT_FILE, STB_LOCAL                                              \
	}
#define TLS(n, v, s)                                                                               \
	{                                                                                          \
		n, v, s, TBSS, STT_TLS, STB_GLOBAL                                                 \
	}

struct rig {
	struct modules modules;
	struct symbols *symbols;
	uint8_t *bytes[2];
};

static void set_section(Elf64_Shdr *sh, uint32_t type, uint64_t flags, uint64_t addr, uint64_t off,
			uint64_t size)
{
	*sh = (Elf64_Shdr){.sh_type = type,
			   .sh_flags = flags,
			   .sh_addr = addr,
			   .sh_offset = off,
			   .sh_size = size,
			   .sh_addralign = 8};
}

/* The file, malloc'd. */
static uint8_t *file_of(const struct sym *v, size_t n, uint32_t table, size_t *size)
{
	size_t headers = sizeof(Elf64_Ehdr) + N_SECTIONS * sizeof(Elf64_Shdr);
	size_t symtab = headers, strtab = symtab + (n + 1) * sizeof(Elf64_Sym), used = 1;
	uint8_t *bytes;
	Elf64_Shdr *sh;

	*size = strtab + 1;
	for (size_t i = 0; i < n; i++)
		*size += strlen(v[i].name) + 1;
	bytes = calloc(1, *size);
	if (!bytes)
		abort();
	*(Elf64_Ehdr *)bytes = (Elf64_Ehdr){
		.e_ident = ELFMAG "\2\1\1",
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = N_SECTIONS,
	};
	sh = (Elf64_Shdr *)(bytes + sizeof(Elf64_Ehdr));
	set_section(&sh[TEXT], SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000, 0, 0x1000);
	set_section(&sh[DATA], SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 0x3000, 0, 0x1000);
	set_section(&sh[BSS], SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 0x4000, 0, 0x1000);
	set_section(&sh[TBSS], SHT_NOBITS, SHF_ALLOC | SHF_WRITE | SHF_TLS, 0x3000, 0, 0x1000);
	set_section(&sh[SYMTAB], table, 0, 0, symtab, (n + 1) * sizeof(Elf64_Sym));
	sh[SYMTAB].sh_link = STRTAB;
	sh[SYMTAB].sh_entsize = sizeof(Elf64_Sym);
	set_section(&sh[STRTAB], SHT_STRTAB, 0, 0, strtab, *size - strtab);
	for (size_t i = 0; i < n; i++) {
		((Elf64_Sym *)(bytes + symtab))[i + 1] =
			(Elf64_Sym){.st_name = (uint32_t)used,
				    .st_info = ELF64_ST_INFO(v[i].bind, v[i].type),
				    .st_shndx = v[i].section,
				    .st_value = v[i].value,
				    .st_size = v[i].size};
		strcpy((char *)bytes + strtab + used, v[i].name);
		used += strlen(v[i].name) + 1;
	}
	return bytes;
}

static void add_module(struct rig *r, int i, const char *name, addr_t bias, const struct sym *v,
		       size_t n, uint32_t table)
{
	struct module m = {.path = name, .name = name, .bias = bias, .at = {bias, bias + 0x5000}};
	size_t size;

	r->bytes[i] = file_of(v, n, table, &size);
	m.elf = elf_memory((char *)r->bytes[i], size);
	assert_non_null(m.elf);
	assert_int_equal(vec_push(&r->modules.list, m), 0);
}

/* A session's symbols over one file, or two, of which the first is the executable. */
static void open_two(struct rig *r, const struct sym *v, size_t n, const struct sym *w, size_t n_w,
		     uint32_t table)
{
	struct err e = {0};

	elf_version(EV_CURRENT);
	*r = (struct rig){0};
	add_module(r, 0, "prog", BIAS, v, n, table);
	if (w)
		add_module(r, 1, "libx.so.1", SECOND, w, n_w, table);
	assert_int_equal(symbols_new(&r->symbols, &r->modules, &e), 0);
}

static void open(struct rig *r, const struct sym *v, size_t n)
{
	open_two(r, v, n, NULL, 0, SHT_SYMTAB);
}

static void close(struct rig *r)
{
	symbols_free(r->symbols);
	for (size_t i = 0; i < r->modules.list.n; i++) {
		elf_end(r->modules.list.v[i].elf);
		free(r->bytes[i]);
	}
	vec_deinit(&r->modules.list);
}

/* name NULL: there is no symbol. */
static void expect_at(const struct rig *r, uint64_t value, const char *name)
{
	struct symbol s;

	if (!symbols_at(r->symbols, BIAS + value, &s)) {
		if (name)
			fail_msg("%#lx is not in %s", (unsigned long)value, name);
		return;
	}
	if (!name || strcmp(s.name, name))
		fail_msg("%#lx is in %s, not %s", (unsigned long)value, s.name,
			 name ? name : "none");
}

/* Of aliases: in every order of the table. */
static void expect_first(struct sym v[3], const char *name)
{
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

	for (int i = 0; i < 6; i++) {
		struct sym x[3] = {v[orders[i][0]], v[orders[i][1]], v[orders[i][2]]};
		struct rig r;

		open(&r, x, 3);
		expect_at(&r, v[0].value + 1, name);
		close(&r);
	}
}

static void of_aliases_the_longest_then_the_global_then_the_first_stays(void **state)
{
	expect_first((struct sym[]){OBJECT("short", 0x3000, 8), LOCAL("long", 0x3000, 16),
				    OBJECT("brief", 0x3000, 4)},
		     "long");
	expect_first((struct sym[]){LOCAL("a_local", 0x3000, 8), OBJECT("global", 0x3000, 8),
				    LOCAL("b_local", 0x3000, 8)},
		     "global");
	expect_first((struct sym[]){OBJECT("environ", 0x3000, 8), OBJECT("__environ", 0x3000, 8),
				    OBJECT("_environ", 0x3000, 8)},
		     "__environ");
}

static void every_alias_can_be_asked_for(void **state)
{
	static const struct sym v[] = {OBJECT("environ", 0x3000, 8), OBJECT("__environ", 0x3000, 8),
				       LOCAL("hidden", 0x3004, 2)};
	struct symbol s;
	struct rig r;

	open(&r, v, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(symbols_by_name(r.symbols, v[i].name, &s, 1), 1);
		assert_int_equal(s.addr, BIAS + v[i].value);
		assert_int_equal(s.size, v[i].size);
	}
	assert_int_equal(symbols_by_name(r.symbols, "nobody", &s, 1), 0);
	close(&r);
}

static void a_symbol_without_a_size_reaches_to_the_next_of_its_kind(void **state)
{
	static const struct sym v[] = {OBJECT("first", 0x3000, 0),
				       OBJECT("second", 0x3100, 0),
				       FUNC("code", 0x1000, 0),
				       OBJECT("third", 0x3f00, 0),
				       {"in code", 0x1800, 8, TEXT, STT_OBJECT, STB_GLOBAL},
				       {"fourth", 0x4010, 0, BSS, STT_OBJECT, STB_GLOBAL}};
	struct rig r;

	open(&r, v, 6);
	expect_at(&r, 0x2fff, NULL);
	expect_at(&r, 0x3000, "first");
	expect_at(&r, 0x30ff, "first");
	expect_at(&r, 0x3100, "second");
	expect_at(&r, 0x3eff, "second");
	expect_at(&r, 0x3fff, "third");
	/* not over the end of its section */
	expect_at(&r, 0x4000, NULL);
	expect_at(&r, 0x4fff, "fourth");
	expect_at(&r, 0x5000, NULL);
	expect_at(&r, 0x1800, "in code");
	expect_at(&r, 0x1fff, "code");
	expect_at(&r, 0x2000, NULL);
	close(&r);
}

static void a_version_is_no_part_of_a_name(void **state)
{
	static const struct sym v[] = {OBJECT("environ@@GLIBC_2.2.5", 0x3000, 8),
				       OBJECT("old@GLIBC_2.0", 0x3010, 8), OBJECT("@", 0x3020, 8)};
	struct symbol s;
	struct rig r;

	open(&r, v, 3);
	expect_at(&r, 0x3000, "environ");
	expect_at(&r, 0x3010, "old");
	expect_at(&r, 0x3020, "@");
	assert_int_equal(symbols_by_name(r.symbols, "old", &s, 1), 1);
	assert_int_equal(symbols_by_name(r.symbols, "old@GLIBC_2.0", &s, 1), 0);
	close(&r);
}

static void what_names_no_memory_is_left_out(void **state)
{
	static const struct sym v[] = {
		{"undefined", 0x3000, 8, SHN_UNDEF, STT_OBJECT, STB_GLOBAL},
		{"absolute", 0x3000, 8, SHN_ABS, STT_OBJECT, STB_GLOBAL},
		{"no section", 0x3000, 8, 77, STT_OBJECT, STB_GLOBAL},
		{"section", 0x3000, 8, DATA, STT_SECTION, STB_LOCAL},
		{"label", 0x3000, 0, DATA, STT_NOTYPE, STB_LOCAL},
		{"code label", 0x1000, 8, TEXT, STT_NOTYPE, STB_LOCAL},
		{"", 0x3000, 8, DATA, STT_OBJECT, STB_GLOBAL},
		OBJECT("endless", 0x3000, UINT64_MAX - 0x3000),
		SOURCE("x.c"),
	};
	size_t n;
	struct rig r;

	open(&r, v, 9);
	expect_at(&r, 0x3000, NULL);
	expect_at(&r, 0x1000, NULL);
	for (enum symbol_kind k = SYMBOL_DATA; k <= SYMBOL_TLS; k++) {
		symbols_of(r.symbols, 0, k, &n);
		assert_int_equal(n, 0);
	}
	close(&r);
}

static void a_label_with_a_size_is_data(void **state)
{
	static const struct sym v[] = {{"table", 0x3000, 64, DATA, STT_NOTYPE, STB_GLOBAL}};
	struct rig r;

	open(&r, v, 1);
	expect_at(&r, 0x3020, "table");
	close(&r);
}

static void thread_locals_are_found_by_their_offset_alone(void **state)
{
	static const struct sym v[] = {TLS("t_first", 0x10, 8), TLS("t_second", 0x18, 0),
				       TLS("t_third", 0x3000, 16), OBJECT("data", 0x3000, 8)};
	struct symbol s;
	struct rig r;

	open(&r, v, 4);
	assert_true(symbols_tls(r.symbols, 0, 0x17, &s));
	assert_string_equal(s.name, "t_first");
	assert_int_equal(s.addr, 0x10);
	/* nothing says how far one without a size goes */
	assert_false(symbols_tls(r.symbols, 0, 0x18, &s));
	assert_false(symbols_tls(r.symbols, 0, 0xf, &s));
	assert_true(symbols_tls(r.symbols, 0, 0x300f, &s));
	assert_string_equal(s.name, "t_third");
	expect_at(&r, 0x3000, "data");
	expect_at(&r, 0x3008, NULL);
	assert_int_equal(symbols_by_name(r.symbols, "t_second", &s, 1), 1);
	assert_int_equal(s.kind, SYMBOL_TLS);
	close(&r);
}

static void a_kind_is_asked_for_in_one_module(void **state)
{
	static const struct sym v[] = {FUNC("both", 0x1000, 8), OBJECT("both", 0x3000, 8)};
	static const struct sym w[] = {OBJECT("other", 0x3000, 8)};
	struct symbol s;
	struct rig r;

	open_two(&r, v, 2, w, 1, SHT_SYMTAB);
	assert_true(symbols_in(r.symbols, 0, "both", SYMBOL_FUNC, &s));
	assert_int_equal(s.addr, BIAS + 0x1000);
	assert_true(symbols_in(r.symbols, 0, "both", SYMBOL_DATA, &s));
	assert_int_equal(s.addr, BIAS + 0x3000);
	assert_false(symbols_in(r.symbols, 0, "both", SYMBOL_TLS, &s));
	assert_false(symbols_in(r.symbols, 0, "other", SYMBOL_DATA, &s));
	assert_true(symbols_in(r.symbols, 1, "other", SYMBOL_DATA, &s));
	/* code is no variable */
	assert_int_equal(symbols_by_name(r.symbols, "both", &s, 1), 1);
	close(&r);
}

/* Asks by name: the values found, one after the other, less the biases. */
static void expect_names(const struct rig *r, const char *name, const char *want)
{
	struct symbol s[8];
	size_t n = symbols_by_name(r->symbols, name, s, 8);
	char got[64] = "";

	for (size_t i = 0; i < n && i < 8; i++)
		sprintf(got + strlen(got), "%s%u:%lx", i ? " " : "", s[i].module,
			(unsigned long)(s[i].addr - r->modules.list.v[s[i].module].bias));
	if (strcmp(got, want))
		fail_msg("%s is \"%s\", not \"%s\"", name, got, want);
}

static void a_file_or_a_module_narrows_a_name(void **state)
{
	static const struct sym v[] = {SOURCE("net/conn.c"),	      LOCAL("pool", 0x3000, 8),
				       SOURCE("peer/conn.c"),	      LOCAL("pool", 0x3010, 8),
				       SOURCE("falconn.c"),	      LOCAL("pool", 0x3020, 8),
				       OBJECT("_ZN1n1pE", 0x3030, 8), SOURCE("n.cc"),
				       LOCAL("_ZN1n1lE", 0x3040, 8)};
	static const struct sym w[] = {OBJECT("pool", 0x3050, 8), SOURCE("conn.c"),
				       LOCAL("pool", 0x3060, 8)};
	struct rig r;

	open_two(&r, v, 9, w, 3, SHT_SYMTAB);
	/* the executable's first, and globals before locals */
	expect_names(&r, "pool", "1:3050 0:3000 0:3010 0:3020 1:3060");
	expect_names(&r, "conn.c:pool", "0:3000 0:3010 1:3060");
	expect_names(&r, "net/conn.c:pool", "0:3000");
	expect_names(&r, "t/conn.c:pool", "");
	expect_names(&r, "falconn.c:pool", "0:3020");
	expect_names(&r, "libx:pool", "1:3050 1:3060");
	expect_names(&r, "libx.so:pool", "1:3050 1:3060");
	expect_names(&r, "libx.so.1:pool", "1:3050 1:3060");
	expect_names(&r, "lib:pool", "");
	expect_names(&r, "prog:pool", "0:3000 0:3010 0:3020");
	expect_names(&r, ":pool", "");
	expect_names(&r, "conn.c:", "");
	expect_names(&r, "n.cc:_ZN1n1lE", "0:3040");
	close(&r);
}

static void names_of_the_source_are_asked_for_with_their_colons(void **state)
{
	static const struct sym v[] = {OBJECT("_ZN1n1pE", 0x3000, 8), SOURCE("n.cc"),
				       LOCAL("_ZN1n1lE", 0x3010, 8), OBJECT("plain", 0x3020, 8)};
	static const char *const names[] = {"n::p", "n::l", "n.cc:n::l", "prog:n::p"};
	struct symbol s;
	struct rig r;

	open(&r, v, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(symbols_by_source_name(r.symbols, names[i], &s, 1), 1);
		assert_int_equal(s.addr, BIAS + (i == 1 || i == 2 ? 0x3010 : 0x3000));
	}
	assert_int_equal(symbols_by_source_name(r.symbols, "n.cc:n::p", &s, 1), 0);
	assert_int_equal(symbols_by_source_name(r.symbols, "::n::p", &s, 1), 0);
	assert_int_equal(symbols_by_source_name(r.symbols, "plain", &s, 1), 0);
	assert_string_equal(symbols_source_name(r.symbols, "_ZN1n1pE"), "n::p");
	assert_string_equal(symbols_source_name(r.symbols, "plain"), "plain");
	close(&r);
}

static void more_matches_than_there_is_room_for_are_counted(void **state)
{
	static const struct sym v[] = {LOCAL("x", 0x3000, 8), LOCAL("x", 0x3010, 8),
				       LOCAL("x", 0x3020, 8)};
	struct symbol s[2] = {{.name = "no"}, {.name = "no"}};
	struct rig r;

	open(&r, v, 3);
	assert_int_equal(symbols_by_name(r.symbols, "x", s, 1), 3);
	assert_string_equal(s[0].name, "x");
	assert_string_equal(s[1].name, "no");
	close(&r);
}

static void a_file_without_symtab_shows_its_dynamic_symbols(void **state)
{
	static const struct sym v[] = {OBJECT("exported", 0x3000, 8)};
	struct rig r;

	open_two(&r, v, 1, NULL, 0, SHT_DYNSYM);
	expect_at(&r, 0x3000, "exported");
	close(&r);
}

/* Random tables: what is looked up by address is sorted and shared by nobody, and holds its address. */
static void symbols_by_address_never_overlap(void **state)
{
	uint32_t seed = 1;

	for (int round = 0; round < 300; round++) {
		struct sym v[24];
		const struct symbol *list;
		struct symbol s;
		struct rig r;
		size_t n;

		for (int i = 0; i < 24; i++) {
			seed = seed * 1664525u + 1013904223u;
			v[i] = (struct sym)OBJECT("s", 0x3000 + (seed >> 8) % 128,
						  (seed >> 20) % 32);
		}
		open(&r, v, 24);
		list = symbols_of(r.symbols, 0, SYMBOL_DATA, &n);
		for (size_t i = 0; i < n; i++) {
			assert_true(list[i].size > 0);
			assert_true(!i || list[i - 1].addr + list[i - 1].size <= list[i].addr);
		}
		for (uint64_t a = 0x3000; a < 0x30c0; a++) {
			bool held = false;

			for (size_t i = 0; i < n; i++)
				held = held || BIAS + a - list[i].addr < list[i].size;
			assert_int_equal(symbols_at(r.symbols, BIAS + a, &s), held);
			assert_true(!held || BIAS + a - s.addr < s.size);
		}
		close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_aliases_the_longest_then_the_global_then_the_first_stays),
		cmocka_unit_test(every_alias_can_be_asked_for),
		cmocka_unit_test(a_symbol_without_a_size_reaches_to_the_next_of_its_kind),
		cmocka_unit_test(a_version_is_no_part_of_a_name),
		cmocka_unit_test(what_names_no_memory_is_left_out),
		cmocka_unit_test(a_label_with_a_size_is_data),
		cmocka_unit_test(thread_locals_are_found_by_their_offset_alone),
		cmocka_unit_test(a_kind_is_asked_for_in_one_module),
		cmocka_unit_test(a_file_or_a_module_narrows_a_name),
		cmocka_unit_test(names_of_the_source_are_asked_for_with_their_colons),
		cmocka_unit_test(more_matches_than_there_is_room_for_are_counted),
		cmocka_unit_test(a_file_without_symtab_shows_its_dynamic_symbols),
		cmocka_unit_test(symbols_by_address_never_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
