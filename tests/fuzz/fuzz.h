/*
 * What every fuzz target is: one function over bytes, as libFuzzer calls it. fuzz_main.c calls the
 * same function on files, where libFuzzer is not to be had and in `make fuzz-regress`.
 */
#ifndef HEAPDUMP_TESTS_FUZZ_H
#define HEAPDUMP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#endif
