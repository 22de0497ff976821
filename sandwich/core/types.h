/* SPDX-License-Identifier: ISC */
/*
 * Integers, byte order and the few builtins that both machines have.
 *
 * core/ is compiled for user space and for the kernel's BPF machine. It may use nothing that
 * one of them lacks: no libc, no globals that change, no unbounded loop, little stack.
 */
#ifndef SANDWICH_CORE_TYPES_H
#define SANDWICH_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uint16_t be16; /* network byte order */
typedef uint32_t be32;

/* A word of a struct whose members are of other types: without the attribute it may be read too
 * early. */
typedef u64 __attribute__((__may_alias__)) any_word;

/* Small steps are always inlined; large ones become functions the verifier checks once each. */
#define CORE_INLINE static inline __attribute__((always_inline, unused))
#ifdef __bpf__
#define CORE_FN static __attribute__((noinline, unused))
#else
#define CORE_FN static inline __attribute__((unused))
#endif

#define CORE_LIKELY(x) __builtin_expect(!!(x), 1)
#define CORE_UNLIKELY(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define core_swap16(x) ((u16)__builtin_bswap16(x))
#define core_swap32(x) ((u32)__builtin_bswap32(x))
#else
#define core_swap16(x) ((u16)(x))
#define core_swap32(x) ((u32)(x))
#endif

#define core_copy(to, from, size) __builtin_memcpy((to), (from), (size))
#define core_zero(to, size) __builtin_memset((to), 0, (size))

/*
 * The optimiser may not look behind this. The verifier loses sight of a bound that clang proves
 * and then drops; a value that passed through here keeps the check where it was written.
 */
#ifdef __bpf__
#define core_opaque(x) asm volatile("" : "+r"(x))
#else
#define core_opaque(x) ((void)(x))
#endif

/* What another CPU may be changing: read and written whole, and published after what it leads to.
 */
#ifdef __bpf__
#define core_load(p) (*(const volatile __typeof__(*(p)) *)(p))
#define core_store(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))
#define core_publish(p, v)                                                                         \
	do {                                                                                       \
		asm volatile("" ::: "memory");                                                     \
		core_store(p, v);                                                                  \
	} while (0)
#else
#define core_load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define core_store(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define core_publish(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#endif

#define core_add(p, n) ((void)__sync_fetch_and_add(p, n))

/* Milliseconds of a monotonic clock, modulo 2^32: compared by difference, never by size. */
CORE_INLINE u32 core_elapsed(u32 now, u32 then)
{
	u32 ms = now - then;

	return ms > 0x80000000u ? 0 : ms; /* another CPU's clock may be a step ahead */
}

/* An IPv6 address; IPv4 stands mapped as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). Network byte order. */
struct address {
	u64 word[2];
};

/* A word whose last byte, as it lies in memory, is BYTE. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define core_last_byte(byte) ((u64)(byte) << 56)
#else
#define core_last_byte(byte) ((u64)(byte))
#endif

CORE_INLINE bool address_equal(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1];
}

/* Any total order will do, as long as both balancers use the same: words as they lie in memory. */
CORE_INLINE bool address_less(const struct address *a, const struct address *b)
{
	return a->word[0] != b->word[0] ? a->word[0] < b->word[0] : a->word[1] < b->word[1];
}

CORE_INLINE void address_from_v4(struct address *out, be32 v4)
{
	out->word[0] = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	out->word[1] = (u64)v4 << 32 | 0xffff0000u;
#else
	out->word[1] = 0x0000ffff00000000ull | v4;
#endif
}

CORE_INLINE bool address_is_v4(const struct address *a)
{
	struct address mapped;

	address_from_v4(&mapped, 0);
	return a->word[0] == 0 && (u32)(a->word[1]) == (u32)mapped.word[1];
}

/* This network, loopback, multicast and reserved (RFC 6890): no end of a conversation. */
CORE_INLINE bool address_is_martian(const struct address *a)
{
	const u8 *byte = (const u8 *)a;

	if (address_is_v4(a))
		return byte[12] == 0 || byte[12] == 127 || byte[12] >= 224;
	if (a->word[0])
		return byte[0] == 0xff;
	return !(a->word[1] & ~core_last_byte(0xff)) && byte[15] <= 1; /* :: and ::1 */
}

struct mac {
	u8 byte[6];
};

CORE_INLINE u64 mac_value(const struct mac *m)
{
	return (u64)m->byte[0] << 40 | (u64)m->byte[1] << 32 | (u64)m->byte[2] << 24 |
	       (u64)m->byte[3] << 16 | (u64)m->byte[4] << 8 | m->byte[5];
}

CORE_INLINE bool mac_equal(const struct mac *a, const struct mac *b)
{
	return mac_value(a) == mac_value(b);
}

CORE_INLINE bool mac_is_group(const struct mac *m)
{
	return m->byte[0] & 1;
}

/* 256 bits, one a device. */
#define DEVICES_MAX 256
struct device_set {
	u64 word[DEVICES_MAX / 64];
};

CORE_INLINE bool device_set_has(const struct device_set *set, u8 device)
{
	return core_load(&set->word[(device >> 6) & 3]) >> (device & 63) & 1;
}

CORE_INLINE void device_set_put(struct device_set *set, u8 device, bool in)
{
	u64 bit = 1ull << (device & 63);
	u64 *word = &set->word[(device >> 6) & 3];

	core_store(word, in ? *word | bit : *word & ~bit);
}

#endif
