/* A library that allocates and is unloaded while what it allocated lives on. */
#include <stdlib.h>

void *plugin_make(void);

void *plugin_make(void)
{
	void **p = malloc(40);

	*p = NULL;
	return p;
}
