/* SPDX-License-Identifier: ISC */
/*
 * The compiled XDP program, as it lies within ours: no file has to be found at run time.
 */
#ifndef SANDWICH_FASTPATH_OBJECT_H
#define SANDWICH_FASTPATH_OBJECT_H

#include <stddef.h>

/* The ELF object of sandwich.bpf.c and its size in bytes. */
const void *object_data(size_t *size);

#endif
