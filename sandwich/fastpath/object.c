// SPDX-License-Identifier: ISC
#include "sandwich/fastpath/object.h"

/* The makefile says where the object is: FASTPATH_OBJECT. */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".local object_begin, object_end\n"
	"object_begin:\n"
	".incbin \"" FASTPATH_OBJECT "\"\n"
	"object_end:\n"
	".popsection\n");

extern const char object_begin[] __attribute__((visibility("hidden")));
extern const char object_end[] __attribute__((visibility("hidden")));

const void *object_data(size_t *size)
{
	*size = (size_t)(object_end - object_begin);
	return object_begin;
}
