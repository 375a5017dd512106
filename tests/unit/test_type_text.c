/*
 * Names of C++ types on screens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/ui/type_text.h"

#define STRING "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >"

static void reads(const char *name, const char *as)
{
	char out[512];

	type_text_shorten(name, out, sizeof(out));
	assert_string_equal(out, as);
}

static void what_has_its_default_is_not_said(void **state)
{
	reads(STRING, "std::string");
	reads("std::__1::basic_string<char, std::__1::char_traits<char>, std::__1::allocator<char> "
	      "> *",
	      "std::string *");
	reads("std::vector<" STRING ", std::allocator<" STRING " > >", "std::vector<std::string>");
	reads("std::map<int, A, std::less<int>, std::allocator<std::pair<int const, A> > >[3]",
	      "std::map<int, A>[3]");
	reads("std::unique_ptr<A, std::default_delete<A> >", "std::unique_ptr<A>");
	reads("std::_Sp_counted_ptr_inplace<A, std::allocator<void>, (__gnu_cxx::_Lock_policy)2>",
	      "std::_Sp_counted_ptr_inplace<A>");
	reads("alloc::vec::Vec<u8, alloc::alloc::Global>", "alloc::vec::Vec<u8>");
	reads("std::__detail::_Hash_node<std::pair<const " STRING ", A>, true>",
	      "std::_Hash_node<std::pair<const std::string, A>, true>");
}

static void what_is_meant_stays(void **state)
{
	reads("struct session", "struct session");
	reads("char[4096]", "char[4096]");
	reads("void (*)(int, char **)", "void (*)(int, char **)");
	reads("std::map<int, A, std::greater<int> >", "std::map<int, A, std::greater<int>>");
	reads("std::allocator<char>", "std::allocator<char>");
	reads("mine::__detail::x", "mine::x");
	reads("bool (*)(A &&) operator<", "bool (*)(A &&) operator<");
	reads("a >> b >", "a >> b >");
	reads("", "");
}

static void any_bytes_do_no_harm(void **state)
{
	static const char bytes[] = "<>, :s_1ad";

	srand(7);
	for (int round = 0; round < 200000; round++) {
		char name[48], out[48];
		size_t n = (size_t)rand() % sizeof(name), room = 1 + (size_t)rand() % sizeof(out);

		for (size_t i = 0; i < n; i++)
			name[i] = bytes[(size_t)rand() % (sizeof(bytes) - 1)];
		name[n ? n - 1 : 0] = 0;
		type_text_shorten(name, out, room);
		assert_true(strlen(out) < room && strlen(out) <= strlen(name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_its_default_is_not_said),
		cmocka_unit_test(what_is_meant_stays),
		cmocka_unit_test(any_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
