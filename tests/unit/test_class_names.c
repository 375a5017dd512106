/*
 * One class, several spellings; and what must stay apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyze/types/vtables.h"

static void spellings_of_one_class_agree(void **state)
{
	static const char *const same[][2] = {
		{"Box<long, 3u, char const*>", "Box<long int, 3, const char *>"},
		{"Box<unsigned long, 2ul>", "Box<long unsigned int, 2>"},
		{"A<long long>", "A<long long int>"},
		{"A<unsigned int>", "A<unsigned>"},
		{"A<unsigned char, short>", "A<unsigned char, short int>"},
		{"A<B<C> >", "A<B<C>>"},
		{"F<void (int)>", "F<void(int)>"},
		{"std::_Sp_counted_ptr<A*, (__gnu_cxx::_Lock_policy)2>",
		 "std::_Sp_counted_ptr<A *, __gnu_cxx::_S_atomic>"},
		{"ns::(anonymous namespace)::A", "ns::(anonymous namespace)::A"},
	};

	for (size_t i = 0; i < ARRAY_LEN(same); i++)
		if (class_names_key(same[i][0]) != class_names_key(same[i][1]))
			fail_msg("%s and %s differ", same[i][0], same[i][1]);
}

static void other_classes_do_not(void **state)
{
	static const char *const v[] = {
		"A",
		"B",
		"A<int>",
		"A<unsigned>",
		"A<long>",
		"A<short>",
		"A<long long>",
		"A<unsigned long>",
		"A<unsigned short>",
		"A<char>",
		"A<signed char>",
		"A<unsigned char>",
		"A<1>",
		"A<2>",
		"A<int*>",
		"A<int**>",
		"A<int&>",
		"A<int, int>",
		"A<B<int>>",
		"A::B",
		"A<longer>",
		"A<int_least>",
		"A<a b>",
		"A<ab>",
		"",
	};

	for (size_t i = 0; i < ARRAY_LEN(v); i++)
		for (size_t k = i + 1; k < ARRAY_LEN(v); k++)
			if (class_names_key(v[i]) == class_names_key(v[k]))
				fail_msg("%s and %s agree", v[i], v[k]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings_of_one_class_agree),
		cmocka_unit_test(other_classes_do_not),
	};

	return cmocka_run_group_tests_name("class names", tests, NULL, NULL);
}
