// SPDX-License-Identifier: ISC
/*
 * DPDK's rte_hash, as its manual shows it: CRC32 by the processor, one thread, no locks. It keeps
 * the keys itself and gives each a number, which is the session's place in an array.
 */
#include <glib.h>
#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_memory.h>
#include <sys/mman.h>

#include "tests/bench/table/contender.h"

struct dpdk {
	struct rte_hash *table;
	struct slot *slots;
};

/* No huge pages, no devices, nothing in the file system: the memory that the others have, too. */
static bool dpdk_start(void)
{
	static const char *const words[] = {"table", "--no-huge", "--no-shconf", "-m",
					    "3072", "--no-pci", "--no-telemetry", "-l",
					    "0", NULL};
	char *argv[G_N_ELEMENTS(words)] = {NULL};
	bool good;

	for (size_t i = 0; words[i]; i++)
		argv[i] = g_strdup(words[i]);
	good = rte_eal_init(G_N_ELEMENTS(words) - 1, argv) >= 0;
	return good; /* EAL keeps the words */
}

static int dpdk_large(const struct rte_memseg_list *list, const struct rte_memseg *segment,
		      void *arg)
{
	(void)list;
	(void)arg;
	madvise(segment->addr, segment->len, MADV_HUGEPAGE);
	return 0;
}

/* It can't be told to have its pages beforehand: filled once, with other keys, and emptied. */
static void dpdk_warm(struct dpdk *d, u32 sessions)
{
	struct flow key = {.protocol = 255};

	for (u32 i = 0; i < sessions; i++) {
		key.outside.word[0] = hash_mix(i);
		rte_hash_add_key(d->table, &key);
	}
	rte_hash_reset(d->table);
}

static void *dpdk_open(u32 sessions)
{
	struct rte_hash_parameters parameters = {.name = "sessions",
						 .entries = sessions,
						 .key_len = sizeof(struct flow),
						 .hash_func = rte_hash_crc,
						 .socket_id = SOCKET_ID_ANY};
	struct dpdk *d = g_new0(struct dpdk, 1);

	if (dpdk_start()) {
		rte_memseg_walk(dpdk_large, NULL);
		d->table = rte_hash_create(&parameters);
	}
	if (d->table)
		d->slots = contender_slots((u32)rte_hash_max_key_id(d->table) + 1);
	if (d->slots) {
		dpdk_warm(d, sessions);
		return d;
	}
	rte_hash_free(d->table);
	g_free(d);
	return NULL;
}

static bool dpdk_insert(void *table, const struct flow *key)
{
	struct dpdk *d = table;
	int32_t at = rte_hash_add_key(d->table, key);

	if (at >= 0)
		slot_fill(&d->slots[at], key, 1, 0, 1);
	return at >= 0;
}

static struct slot *dpdk_find(void *table, const struct flow *key)
{
	struct dpdk *d = table;
	int32_t at = rte_hash_lookup(d->table, key);

	return at < 0 ? NULL : &d->slots[at];
}

static u32 dpdk_find_batch(void *table, const struct flow *keys, u32 n)
{
	const void *pointers[CONTENDER_BATCH];
	int32_t at[CONTENDER_BATCH];
	struct dpdk *d = table;
	u32 found = 0;

	for (u32 i = 0; i < n; i++)
		pointers[i] = &keys[i];
	if (rte_hash_lookup_bulk(d->table, pointers, n, at))
		return 0;
	for (u32 i = 0; i < n; i++)
		found += at[i] >= 0 && d->slots[at[i]].device == 1;
	return found;
}

static void dpdk_close(void *table)
{
	struct dpdk *d = table;

	rte_hash_free(d->table);
	free(d->slots);
	g_free(d);
}

const struct contender contender_dpdk = {
	.name = "DPDK rte_hash",
	.open = dpdk_open,
	.insert = dpdk_insert,
	.find = dpdk_find,
	.find_batch = dpdk_find_batch,
	.close = dpdk_close,
};
