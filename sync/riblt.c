// SPDX-License-Identifier: ISC
#include "sync/riblt.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/core/hash.h"

/* An element, its place in the sequence of its symbols, and how it counts. */
struct riblt_walk {
	u64 element, random;
	u64 index; /* of the symbol that it is part of next */
	u32 check;
	bool own;
};

struct riblt_decoder {
	u64 key;
	const u64 *own;
	size_t own_count;

	struct riblt_symbol *symbols; /* the other's less ours less what was found */
	u32 count, room;
	struct riblt_walk *found;
	u32 found_count, found_room;
	u32 *pure; /* symbols that may hold one element; a stack */
	u32 pure_count, pure_room;
};

/* --- the sequence of an element -------------------------------------------------------------- */

static void riblt_walk_start(struct riblt_walk *w, u64 key, u64 element)
{
	u64 hash = hash_mix(element ^ key);

	w->element = element;
	w->random = hash | 1; /* a multiplicative generator: odd stays odd */
	w->index = 0;
	w->check = (u32)(hash_mix(hash) >> 32);
}

/*
 * Section 4.2 of the paper: from symbol i the next one with the element is found by inverting the
 * probability that none up to it has it, (i + 1.5) * (1 / sqrt(u) - 1) further on for u uniform in
 * (0, 1]. IEEE square root and division are exact to the bit, so every machine walks the same way.
 */
static inline void riblt_walk_next(struct riblt_walk *w)
{
	double gap;

	w->random *= 0xda942042e4dd58b5ull;
	gap = ((double)w->index + 1.5) * (0x1p32 / sqrt((double)w->random + 1.0) - 1.0);
	w->index += (u64)gap + 1;
}

static inline void riblt_add(struct riblt_symbol *s, const struct riblt_walk *w, u16 sign)
{
	s->sum ^= w->element;
	s->check ^= w->check;
	s->count = (u16)(s->count + sign);
}

void riblt_add_set(u64 key, const u64 *elements, size_t count, u32 from, u32 to,
		   struct riblt_symbol *out)
{
	struct riblt_walk w;

	for (size_t i = 0; i < count; i++) {
		riblt_walk_start(&w, key, elements[i]);
		while (w.index < from)
			riblt_walk_next(&w);
		for (; w.index < to; riblt_walk_next(&w))
			riblt_add(&out[w.index - from], &w, 1);
	}
}

void riblt_encode(u64 key, const u64 *elements, size_t count, u32 from, u32 to,
		  struct riblt_symbol *out)
{
	memset(out, 0, (size_t)(to - from) * sizeof(*out));
	riblt_add_set(key, elements, count, from, to, out);
}

/* --- decoder --------------------------------------------------------------------------------- */

int riblt_decoder_new(struct riblt_decoder **out, u64 key, const u64 *own, size_t count)
{
	struct riblt_decoder *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->key = key;
	d->own = own;
	d->own_count = count;
	*out = d;
	return 0;
}

void riblt_decoder_free(struct riblt_decoder *d)
{
	if (!d)
		return;
	free(d->symbols);
	free(d->found);
	free(d->pure);
	free(d);
}

/* Room for COUNT elements of SIZE bytes. */
static int riblt_grow(void **array, u32 *room, u32 count, size_t size)
{
	u32 more = *room ? *room : 16;
	void *grown;

	if (count <= *room)
		return 0;
	while (more < count)
		more *= 2;
	grown = realloc(*array, more * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = more;
	return 0;
}

static bool riblt_is_pure(const struct riblt_decoder *d, const struct riblt_symbol *s)
{
	struct riblt_walk w;

	if (s->count != 1 && s->count != (u16)-1)
		return false;
	riblt_walk_start(&w, d->key, s->sum);
	return w.check == s->check;
}

static int riblt_note_pure(struct riblt_decoder *d, u32 index)
{
	int rc;

	if (!riblt_is_pure(d, &d->symbols[index]))
		return 0;
	rc = riblt_grow((void **)&d->pure, &d->pure_room, d->pure_count + 1, sizeof(*d->pure));
	if (rc)
		return rc;
	d->pure[d->pure_count++] = index;
	return 0;
}

/* Takes a found element out of the symbols up to the last; it goes on there when more come. */
static int riblt_take_out(struct riblt_decoder *d, struct riblt_walk *w)
{
	for (; w->index < d->count; riblt_walk_next(w)) {
		int rc;

		riblt_add(&d->symbols[w->index], w, w->own ? 1 : (u16)-1);
		rc = riblt_note_pure(d, (u32)w->index);
		if (rc)
			return rc;
	}
	return 0;
}

static int riblt_peel(struct riblt_decoder *d)
{
	while (d->pure_count) {
		const struct riblt_symbol *s = &d->symbols[d->pure[--d->pure_count]];
		struct riblt_walk *w;
		int rc;

		if (!riblt_is_pure(d, s))
			continue; /* another that named the same element was first */
		if (d->found_count >= d->count)
			return -EBADMSG;
		rc = riblt_grow((void **)&d->found, &d->found_room, d->found_count + 1,
				sizeof(*d->found));
		if (rc)
			return rc;
		w = &d->found[d->found_count++];
		w->own = s->count != 1;
		riblt_walk_start(w, d->key, s->sum);
		rc = riblt_take_out(d, w);
		if (rc)
			return rc;
	}
	return 0;
}

/* The new symbols less our own set's. */
static int riblt_subtract_own(struct riblt_decoder *d, const struct riblt_symbol *symbols,
			      u32 count)
{
	struct riblt_symbol *to;
	int rc = riblt_grow((void **)&d->symbols, &d->room, d->count + count, sizeof(*to));

	if (rc)
		return rc;
	to = &d->symbols[d->count];
	riblt_encode(d->key, d->own, d->own_count, d->count, d->count + count, to);
	for (u32 i = 0; i < count; i++) {
		to[i].sum ^= symbols[i].sum;
		to[i].check ^= symbols[i].check;
		to[i].count = (u16)(symbols[i].count - to[i].count);
	}
	d->count += count;
	return 0;
}

int riblt_decoder_put(struct riblt_decoder *d, const struct riblt_symbol *symbols, u32 count)
{
	u32 first = d->count;
	int rc = riblt_subtract_own(d, symbols, count);

	for (u32 i = 0; i < d->found_count && !rc; i++)
		rc = riblt_take_out(d, &d->found[i]);
	for (u32 i = first; i < d->count && !rc; i++)
		rc = riblt_note_pure(d, i);
	return rc ? rc : riblt_peel(d);
}

u32 riblt_decoder_symbols(const struct riblt_decoder *d)
{
	return d->count;
}

/* Every element is part of symbol 0. */
bool riblt_decoder_done(const struct riblt_decoder *d)
{
	return d->count && !d->symbols[0].sum && !d->symbols[0].check && !d->symbols[0].count;
}

u32 riblt_decoder_found(const struct riblt_decoder *d)
{
	return d->found_count;
}

u64 riblt_decoder_get(const struct riblt_decoder *d, u32 n, bool *own)
{
	*own = d->found[n].own;
	return d->found[n].element;
}
