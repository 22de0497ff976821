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

/*
 * Small steps are always inlined; large ones become functions. Those the verifier walks anew behind
 * each way to them, but for the global ones: they are walked once, take any arguments there may
 * be (pointers may be NULL) and return a number.
 */
#define CORE_INLINE static inline __attribute__((always_inline, unused))
#ifdef __bpf__
#define CORE_FN static __attribute__((noinline, unused))
#define CORE_GLOBAL __attribute__((noinline))
#else
#define CORE_FN static inline __attribute__((unused))
#define CORE_GLOBAL static inline __attribute__((unused))
#endif

#define CORE_LIKELY(x) __builtin_expect(!!(x), 1)
#define CORE_UNLIKELY(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define core_swap16(x) ((u16)__builtin_bswap16(x))
#define core_swap32(x) ((u32)__builtin_bswap32(x))
#define core_swap64(x) ((u64)__builtin_bswap64(x))
#else
#define core_swap16(x) ((u16)(x))
#define core_swap32(x) ((u32)(x))
#define core_swap64(x) ((u64)(x))
#endif

#define core_copy(to, from, size) __builtin_memcpy((to), (from), (size))
#define core_zero(to, size) __builtin_memset((to), 0, (size))

/*
 * Words of a frame, which lie anywhere, as they lie there. Clang would take each apart into bytes
 * for BPF; the machines whose kernels run the program read them whole.
 */
#ifdef __bpf__
typedef u16 __attribute__((__may_alias__)) core_word16;
typedef u32 __attribute__((__may_alias__)) core_word32;
typedef u64 __attribute__((__may_alias__)) core_word64;
#else
typedef u16 __attribute__((__may_alias__, __aligned__(1))) core_word16;
typedef u32 __attribute__((__may_alias__, __aligned__(1))) core_word32;
typedef u64 __attribute__((__may_alias__, __aligned__(1))) core_word64;
#endif
#define core_read(bits, p) (*(const core_word##bits *)(p))
#define core_write(bits, p, v) (*(core_word##bits *)(p) = (v))

/*
 * The optimiser may not look behind this. The verifier loses sight of a bound that clang proves
 * and then drops; a value that passed through here keeps the check where it was written.
 */
#ifdef __bpf__
#define core_opaque(x) asm volatile("" : "+r"(x))
#else
#define core_opaque(x) ((void)(x))
#endif

/*
 * A byte of which the verifier knows nothing. Where a number that leads to memory is computed, it
 * remembers all that it was computed from, and tells paths apart that differ in any of that: with a
 * hash behind it, these are all ways through the parser. The stack forgets single bytes but the
 * first of eight.
 */
#ifdef __bpf__
CORE_INLINE u8 core_forget(u8 byte)
{
	volatile u64 word;

	((volatile u8 *)&word)[1] = byte;
	return ((volatile u8 *)&word)[1];
}
#else
#define core_forget(byte) ((u8)(byte))
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

/* Has the line of P on its way while another is waited for. BPF has no instruction for that. */
#ifdef __bpf__
#define core_prefetch(p) ((void)(p))
#else
#define core_prefetch(p) __builtin_prefetch(p, 1)
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

/* A or B. Words are chosen and not addresses of them, so that both can be in registers. */
CORE_INLINE struct address address_either(bool first, const struct address *a,
					  const struct address *b)
{
	return (struct address){{first ? a->word[0] : b->word[0],
				 first ? a->word[1] : b->word[1]}};
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

/* The IPv4 address that A is of, as it lies in the header; of :: it is 0. */
CORE_INLINE be32 address_v4(const struct address *a)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (be32)(a->word[1] >> 32);
#else
	return (be32)a->word[1];
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
	return (u64)core_swap32(core_read(32, m->byte)) << 16 |
	       core_swap16(core_read(16, m->byte + 4));
}

CORE_INLINE bool mac_equal(const struct mac *a, const struct mac *b)
{
	return core_read(32, a->byte) == core_read(32, b->byte) &&
	       core_read(16, a->byte + 4) == core_read(16, b->byte + 4);
}

/* From or to a frame. */
CORE_INLINE void mac_copy(u8 *to, const u8 *from)
{
	core_write(32, to, core_read(32, from));
	core_write(16, to + 4, core_read(16, from + 4));
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
