// SPDX-License-Identifier: ISC
#include "tests/packets/twin.h"

#include <stdio.h>
#include <string.h>

#include "sandwich/core/rewrite.h"

void twin_open(struct twin *tw, struct kernel *kernel)
{
	memset(tw, 0, sizeof(*tw));
	world_open(&tw->user, 1 << 16, 1 << 14, 1 << 12);
	tw->t[0] = &tw->user.tables;
	tw->kernel = kernel;
	tw->t[1] = kernel ? kernel_tables(kernel) : NULL;
	twin_clear(tw);
}

void twin_close(struct twin *tw)
{
	world_close(&tw->user);
}

/* What lies in a table that is not one of slots: for clearing, and where frames write it,
 * comparing. */
struct region {
	void *at;
	size_t size;
};

static void twin_regions(const struct tables *t, struct region *out)
{
	for (int k = 0; k < TABLES; k++)
		out[k] = (struct region){t->slots[k],
					 ((size_t)t->mask[k] + 1) * sizeof(struct slot)};
	out[3] = (struct region){t->filter, PIN_FILTER_SETS * PIN_FILTER_WORDS * sizeof(u64)};
	out[4] = (struct region){t->stamps, RANK_ROWS};
	out[5] = (struct region){t->devices, DEVICES_MAX * sizeof(struct device)};
	out[6] = (struct region){t->settings, sizeof(struct settings)};
	out[7] = (struct region){t->macs, MACS_SLOTS * sizeof(struct mac_entry)};
	out[8] = (struct region){t->locals, LOCALS_SLOTS * sizeof(struct local)};
	out[9] = (struct region){t->routes, ROUTES_SLOTS * sizeof(struct route)};
	out[10] = (struct region){t->neighbours, NEIGHBOURS_MAX * sizeof(struct neighbour)};
}

#define REGIONS 11

/* What was told of the tables. The order does not matter: the kernel has a ring for each CPU. */
struct told {
	u64 events, lost, sum;
};

static struct told twin_told(struct event_ring *rings, unsigned int count)
{
	struct told told = {0};

	for (unsigned int i = 0; i < count; i++) {
		u32 entry;

		told.events += rings[i].head;
		told.lost += rings[i].lost;
		while (event_take(&rings[i], &entry))
			told.sum += hash_mix(entry);
	}
	return told;
}

static void twin_untold(struct event_ring *rings, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		rings[i].head = rings[i].tail = rings[i].lost = 0;
}

static void twin_clear_events(struct twin *tw)
{
	struct event_ring *rings;
	unsigned int count;

	twin_untold(tw->t[0]->events, 1);
	if (!tw->kernel)
		return;
	rings = kernel_events(tw->kernel, &count);
	twin_untold(rings, count);
}

void twin_clear(struct twin *tw)
{
	struct region r[REGIONS];

	twin_each(tw, t) {
		twin_regions(t, r);
		for (int i = 0; i < REGIONS; i++)
			memset(r[i].at, 0, r[i].size);
	}
	memset(tw->t[0]->counters, 0, sizeof(struct counters));
	if (tw->kernel)
		kernel_clear_counters(tw->kernel);
	twin_clear_events(tw);
}

/* The frame as user space sends it: what the kernel's program is to leave behind. */
static u32 twin_rewrite(struct twin *tw, const struct frame *f, const struct work *w, u8 *out)
{
	const struct mac *source = &tw->t[0]->settings->mac[decide_role(w->out_port)];
	int growth;

	memcpy(out + 8, f->bytes, f->length);
	if (reason_action(w->reason) != ACTION_SEND) {
		memmove(out, out + 8, f->length);
		return f->length;
	}
	growth = rewrite_growth(w);
	rewrite_frame(out + 8 - growth, w, source);
	memmove(out, out + 8 - growth, f->length + (u32)growth);
	return f->length + (u32)growth;
}

static const char *const reason_names[] = {
#define REASON(name, json, text) json,
	CORE_REASONS(REASON)
#undef REASON
};

static bool twin_differ(const struct work *user, const struct work *kernel)
{
	fprintf(stderr,
		"verdicts differ: user %s device %u from %u events %#x why %u port %u vlan %#x;",
		reason_names[user->reason], user->device, user->from, user->events, user->place.why,
		user->out_port, user->out_vlan);
	fprintf(stderr, " kernel %s device %u from %u events %#x why %u port %u vlan %#x\n",
		reason_names[kernel->reason], kernel->device, kernel->from, kernel->events,
		kernel->place.why, kernel->out_port, kernel->out_vlan);
	return false;
}

/* All that a data path or a person reads of a verdict. */
static bool twin_same(const struct work *a, const struct work *b)
{
	return a->reason == b->reason && a->out_port == b->out_port && a->out_vlan == b->out_vlan &&
	       a->neighbour == b->neighbour && a->events == b->events &&
	       mac_equal(&a->out_mac, &b->out_mac) && a->from == b->from &&
	       a->device == b->device && a->place.hash == b->place.hash &&
	       a->place.why == b->place.why && a->place.rank == b->place.rank &&
	       a->place.pin == b->place.pin && a->place.wanted == b->place.wanted &&
	       a->place.displaced == b->place.displaced && flow_equal(&a->flow, &b->flow) &&
	       flow_equal(&a->key, &b->key) && !memcmp(&a->packet, &b->packet, sizeof(a->packet));
}

static bool twin_kernel(struct twin *tw, const struct frame *f, const struct work *before,
			const struct work *w)
{
	u8 sent[KERNEL_FRAME_MAX + 64], want[FRAME_MAX + 16];
	struct work kernel = *before;
	u32 length, expected;
	int rc = kernel_run(tw->kernel, f->bytes, f->length, &kernel, sent, &length);

	if (rc) {
		fprintf(stderr, "test-run: %s\n", strerror(-rc));
		return false;
	}
	tw->compared++;
	if (!twin_same(w, &kernel))
		return twin_differ(w, &kernel);
	expected = twin_rewrite(tw, f, w, want);
	if (length == expected && !memcmp(sent, want, length))
		return true;
	fprintf(stderr, "frames differ after rewriting: %u and %u bytes\n", expected, length);
	return false;
}

bool twin_decide(struct twin *tw, const struct frame *f, struct work *w)
{
	struct work before = *w;
	struct packet_cursor cursor = {f->bytes, f->bytes + f->length, f->length};
	bool both = tw->kernel && f->length >= KERNEL_FRAME_MIN && f->length <= KERNEL_FRAME_MAX;

	if (tw->kernel && !both)
		return true; /* user space alone would leave other tables behind */
	tw->frames++;
	decide(tw->t[0], &cursor, w);
	return !both || twin_kernel(tw, f, &before, w);
}

static bool twin_compare_counters(struct twin *tw)
{
	static struct counters kernel;
	static const char *const names[] = {
#define COUNTER(name, json, text) json,
		CORE_COUNTERS(COUNTER)
#undef COUNTER
	};
	bool same = true;

	kernel_counters(tw->kernel, &kernel);
	for (int i = 0; i < COUNTERS; i++) {
		if (tw->t[0]->counters->counter[i] == kernel.counter[i])
			continue;
		fprintf(stderr, "counters differ: %s\n", names[i]);
		same = false;
	}
	return same;
}

static bool twin_compare_events(struct twin *tw)
{
	struct told user = twin_told(tw->t[0]->events, 1), kernel;
	struct event_ring *rings;
	unsigned int count;

	rings = kernel_events(tw->kernel, &count);
	kernel = twin_told(rings, count);
	if (user.events == kernel.events && user.sum == kernel.sum && !user.lost && !kernel.lost)
		return true;
	fprintf(stderr, "events differ: %llu (%llu lost), and %llu (%llu lost)\n",
		(unsigned long long)user.events, (unsigned long long)user.lost,
		(unsigned long long)kernel.events, (unsigned long long)kernel.lost);
	return false;
}

bool twin_compare(struct twin *tw)
{
	static const char *const names[] = {"sessions", "pins",	   "fragments", "filter",
					    "stamps",	"devices", "settings"};
	struct region user[REGIONS], kernel[REGIONS];
	bool same = true;

	if (!tw->kernel)
		return true;
	twin_regions(tw->t[0], user);
	twin_regions(tw->t[1], kernel);
	for (int i = 0; i < 7; i++) {
		if (!memcmp(user[i].at, kernel[i].at, user[i].size))
			continue;
		fprintf(stderr, "tables differ: %s\n", names[i]);
		same = false;
	}
	return twin_compare_counters(tw) && twin_compare_events(tw) && same;
}
