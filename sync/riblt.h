/* SPDX-License-Identifier: ISC */
/*
 * Rateless invertible Bloom lookup tables: what two sets differ in, at a cost that grows with the
 * difference alone (Yang, Gilad and Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM
 * 2024).
 *
 * A set of 64-bit elements has an endless sequence of coded symbols. Element e is part of symbol 0
 * and of ever rarer later ones: symbol i has it with probability 1 / (1 + i / 2). The difference of
 * two sets' symbols is the symbol of what they differ in, so whoever has the other's first symbols
 * subtracts its own and peels: a symbol with one element left names it, and it is taken out of all
 * others. About 1.4 symbols a difference are enough for many, up to 2 for few. Nobody has to guess
 * beforehand how many there are.
 *
 * Ownership: a decoder owns what it holds but the array of its own set, which stays the caller's.
 * Thread: any, one at a time. Pure.
 */
#ifndef SYNC_RIBLT_H
#define SYNC_RIBLT_H

#include "sandwich/core/types.h"

/* On the wire 14 bytes. All zero: nothing is left in it. */
struct riblt_symbol {
	u64 sum;   /* elements, xored */
	u32 check; /* their keyed checks, xored */
	u16 count; /* of them, modulo 2^16; a difference is as good as signed */
};

/*
 * Symbols FROM to TO - 1 of the set of COUNT ELEMENTS (no zeros, none twice). KEY: a secret, the
 * same at both ends, so that nobody can choose elements that never peel.
 */
void riblt_encode(u64 key, const u64 *elements, size_t count, u32 from, u32 to,
		  struct riblt_symbol *out);

/* The same of a further part of the set, added to what OUT has. */
void riblt_add_set(u64 key, const u64 *elements, size_t count, u32 from, u32 to,
		   struct riblt_symbol *out);

struct riblt_decoder;

/* OWN is used until the decoder is freed. 0 or -ENOMEM. */
int riblt_decoder_new(struct riblt_decoder **out, u64 key, const u64 *own, size_t count)
	__attribute__((warn_unused_result));
void riblt_decoder_free(struct riblt_decoder *d);

/*
 * The other set's next COUNT symbols: it peels as far as it gets. 0; -ENOMEM; -EBADMSG: more came
 * out than can be in so many symbols, so they were not of one set.
 */
int riblt_decoder_put(struct riblt_decoder *d, const struct riblt_symbol *symbols, u32 count)
	__attribute__((warn_unused_result));

/* How many symbols it has had: what comes next. */
u32 riblt_decoder_symbols(const struct riblt_decoder *d);

/* Nothing is left: the difference is known whole. */
bool riblt_decoder_done(const struct riblt_decoder *d);

/* How many elements have come out so far. */
u32 riblt_decoder_found(const struct riblt_decoder *d);

/* The Nth of them; *OWN: it is in our set only, else in the other only. */
u64 riblt_decoder_get(const struct riblt_decoder *d, u32 n, bool *own);

#endif
