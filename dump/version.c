/*
 * The library's own version.
 */
#include "heapdump.h"

#define TEXT_OF(x) #x
#define TEXT(x)	   TEXT_OF(x)

__attribute__((visibility("default"))) const char *heapdump_version(void)
{
	return TEXT(HEAPDUMP_VERSION_MAJOR) "." TEXT(HEAPDUMP_VERSION_MINOR) "." TEXT(
		HEAPDUMP_VERSION_PATCH);
}
