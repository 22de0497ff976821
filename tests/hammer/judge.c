// SPDX-License-Identifier: ISC
#include "tests/hammer/hammer.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 5 /* of each wrong */

static const char *const wrongs[WRONGS] = {"lost", "doubled", "torn", "miscounted", "stuck"};

/* Where WHAT was seen; the first few are told. */
static void judge_wrong(struct hammer *h, enum wrong what, u32 n, const struct slot *s,
			const char *why)
{
	if (__atomic_fetch_add(&h->wrong[what], 1, __ATOMIC_RELAXED) >= SHOWN)
		return;
	fprintf(stderr, "%s: flow %u: %s", wrongs[what], n, why);
	if (s)
		fprintf(stderr, " (device %u state %#x version %u protocol %u, its own device %u)",
			s->device, s->state, s->version, s->key.protocol,
			n < FLOWS ? h->device[n] : 0);
	fputc('\n', stderr);
}

/* The states that a flow's frames lead to. */
static bool judge_state(enum kind kind, u8 byte)
{
	u8 state = session_state(byte);
	bool inside = byte & SESSION_FROM_INSIDE;

	switch (kind) {
	case KIND_STILL:
		return state == SESSION_ESTABLISHED && !inside;
	case KIND_ANCHOR:
		return (state == SESSION_ESTABLISHED || state == SESSION_MOVED) && !inside;
	case KIND_OUTSIDE:
		return state == SESSION_NEW && !inside;
	case KIND_INSIDE:
		return state == SESSION_NEW && inside;
	default:
		return !inside && (state == SESSION_NEW || state == SESSION_RESET);
	}
}

static void judge_copy(struct hammer *h, const struct slot *copy)
{
	u32 n = flow_number(&copy->key);

	if (n == FLOWS)
		judge_wrong(h, WRONG_TORN, n, copy, "a key that nobody has");
	else if (copy->device != h->device[n] &&
		 copy->device != h->device[n] + HAMMER_DEVICES)
		judge_wrong(h, WRONG_TORN, n, copy, "another flow's device");
	else if (flow_kind(n) == KIND_STILL && copy->device != h->device[n])
		judge_wrong(h, WRONG_TORN, n, copy, "moved, though nobody moved it");
	else if (!judge_state(flow_kind(n), copy->state))
		judge_wrong(h, WRONG_TORN, n, copy, "a state that it can't be in");
}

/* As a reader does: what was copied counts if the version is the same afterwards. */
void judge_slot(struct hammer *h, struct slot *s)
{
	struct slot copy = {.version = core_load(&s->version)};

	if (!slot_is_live(copy.version))
		return;
	slot_key(s, &copy.key);
	copy.device = core_load(&s->device);
	copy.state = core_load(&s->state);
	if (core_load(&s->version) == copy.version)
		judge_copy(h, &copy);
}

void judge_still(struct hammer *h, struct tables *t, u32 n)
{
	struct flow key;

	flow_key(&key, n);
	if (!table_find(t, TABLE_SESSIONS, &key, session_hash(t->settings, &key)))
		judge_wrong(h, WRONG_LOST, n, NULL, "it was recorded, nobody took it away");
}

void judge_lost(struct hammer *h, u32 n)
{
	judge_wrong(h, WRONG_LOST, n, NULL, "recorded just now, and nobody counted it out");
}

static void judge_counts(struct hammer *h, struct tables *t, const u32 *on_device)
{
	char text[80];

	for (u32 i = 0; i < DEVICES_MAX; i++) {
		if (t->devices[i].sessions == on_device[i])
			continue;
		snprintf(text, sizeof(text), "device %u has %d sessions, and counts %d", i,
			 (int)on_device[i], (int)t->devices[i].sessions);
		judge_wrong(h, WRONG_COUNT, FLOWS, NULL, text);
	}
}

void judge_all(struct hammer *h, struct tables *t)
{
	static u8 live[FLOWS];
	u32 on_device[DEVICES_MAX] = {0}, n;

	memset(live, 0, sizeof(live));
	for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++) {
		struct slot *s = &t->slots[TABLE_SESSIONS][i];

		if (s->version == SLOT_BUSY)
			judge_wrong(h, WRONG_STUCK, FLOWS, s, "still being written");
		if (!slot_is_live(s->version))
			continue;
		judge_slot(h, s);
		on_device[s->device]++;
		n = flow_number(&s->key);
		if (n < FLOWS && live[n]++)
			judge_wrong(h, WRONG_DOUBLED, n, s, "its key is live twice");
	}
	for (n = 0; n < FLOWS; n++)
		if (flow_kind(n) <= KIND_ANCHOR)
			judge_still(h, t, n);
	judge_counts(h, t, on_device);
}

void judge_say(const struct hammer *h)
{
	for (int i = 0; i < WRONGS; i++)
		printf("%s%llu %s", i ? ", " : "", (unsigned long long)h->wrong[i], wrongs[i]);
	printf("\n");
}

u64 judge_sum(const struct hammer *h)
{
	u64 sum = 0;

	for (int i = 0; i < WRONGS; i++)
		sum += h->wrong[i];
	return sum;
}
