/*
 * Names of C++ types as people write them, for screens; JSON has them in full.
 */
#ifndef HEAPDUMP_UI_TYPE_TEXT_H
#define HEAPDUMP_UI_TYPE_TEXT_H

#include <stddef.h>

/*
 * "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >" → "std::string";
 * arguments that have their default go, inline namespaces go, "> >" becomes ">>". What is not understood
 * stays as it is. out is terminated and at most n bytes; it is never longer than the name.
 */
void type_text_shorten(const char *name, char *out, size_t n);

#endif
