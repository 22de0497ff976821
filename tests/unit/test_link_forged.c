/* SPDX-License-Identifier: ISC */
/* links: sync/link.c sync/link_send.c sync/link_memory.c sync/link_path.c sync/link_gaps.c */
/* links: sync/record_link.c sync/seal.c */
/*
 * A million datagrams that the peer never sent, among the true ones: bits turned, cut short, made
 * longer, replayed, of another link, of another start, or anything at all. None is accepted, and
 * what is said between the boxes goes on as without them.
 */
#include "tests/unit/link_rig.h"

#define FORGED 1000000
#define RECORDED 64
#define BURST 1000

/* What an attacker beside the wire has kept. */
struct tape {
	u8 bytes[RECORDED][RIG_SIZE];
	size_t length[RECORDED];
	u32 count;
};

struct attack {
	struct rig *rig;
	struct tape tape, other; /* of this link; of a link of other boxes under the same secret */
	u64 replays, shorts;
};

static void record(struct tape *tape, const struct rig *rig, u8 to)
{
	for (u32 i = 0; i < rig->queued; i++) {
		const struct net_datagram *d = rig->heap[i];
		u32 place = tape->count % RECORDED;

		if (d->to != to)
			continue;
		memcpy(tape->bytes[place], d->bytes, d->length);
		tape->length[place] = d->length;
		tape->count++;
	}
}

static size_t copy(const struct attack *a, const struct tape *tape, u8 *out)
{
	u32 i = rig_random(a->rig, tape->count < RECORDED ? tape->count : RECORDED);

	memcpy(out, tape->bytes[i], tape->length[i]);
	return tape->length[i];
}

/* A later sequence, so that it is not refused for having been seen. */
static void later(struct attack *a, u8 *out)
{
	out[20 + rig_random(a->rig, 4)] ^= (u8)(1 + rig_random(a->rig, 255));
}

static size_t forge(struct attack *a, u8 *out)
{
	struct rig *rig = a->rig;
	size_t length = copy(a, &a->tape, out);

	switch (rig_random(rig, 8)) {
	case 0: /* as it was */
		a->replays++;
		return length;
	case 1: /* a bit, and besides sometimes of a datagram that was not seen */
		if (rig_random(rig, 2))
			later(a, out);
		out[rig_random(rig, (u32)length)] ^= (u8)(1 << rig_random(rig, 8));
		return length;
	case 2:
		later(a, out);
		length = rig_random(rig, (u32)length);
		a->shorts += length < SEAL_HEADER + SEAL_TAG;
		return length;
	case 3:
		later(a, out);
		return length + rig_random(rig, (u32)(RIG_SIZE - length)) + 1;
	case 4: /* of a start that has never been */
		out[12] ^= (u8)(1 + rig_random(rig, 255));
		return length;
	case 5:
		length = copy(a, &a->other, out);
		out[11] = 1; /* the sender's number */
		later(a, out);
		return length;
	case 6:
		for (size_t i = 28; i < length; i++)
			out[i] = (u8)rig_random(rig, 256);
		later(a, out);
		return length;
	default:
		for (size_t i = 0; i < 64; i++)
			out[i] = (u8)rig_random(rig, 256);
		return 64;
	}
}

/* Small datagrams, so that a million are opened within seconds. */
static void fill(struct attack *a, struct rig *rig, struct tape *tape)
{
	rig_run(rig, 100 * MS);
	for (u32 i = 0; i < RECORDED; i++) {
		box_set(&rig->box[0], i, i + 1);
		while (box_tell(&rig->box[0]))
			;
		record(tape, rig, 1);
		rig_run(rig, MS);
	}
	assert_true(tape->count >= RECORDED);
	(void)a;
}

static void burst(struct attack *a, struct rig_box *target)
{
	u8 forged[RIG_SIZE + 1];

	for (int i = 0; i < BURST; i++) {
		size_t length = forge(a, forged);

		link_input(target->link, (u8)rig_random(a->rig, RIG_PATHS), forged, length,
			   a->rig->now);
	}
}

static void judge(const struct attack *a, u32 said)
{
	const struct rig *rig = a->rig;
	const struct rig_box *b = &rig->box[1];
	struct link_view view = box_view(b), sender = box_view(&rig->box[0]);
	const struct link_counts *c = &view.counts;
	u64 refused = c->duplicate;

	for (int why = 0; why < LINK_REFUSALS; why++)
		refused += c->refused[why];
	assert_int_equal(refused - c->refused[LINK_REFUSED_ECHO], FORGED);
	assert_true(c->refused[LINK_REFUSED_SHORT] == a->shorts && a->shorts);
	assert_true(c->duplicate + c->refused[LINK_REFUSED_REPLAYED] >= a->replays);
	/* the others never came so far */
	assert_true(c->refused[LINK_REFUSED_FORGED] > FORGED * 4 / 10);
	assert_int_equal(c->received, sender.counts.sent);
	assert_int_equal(c->received_reliable, sender.counts.sent_reliable);
	assert_int_equal(c->lost + c->reordered + c->nacked + c->given_up, 0);
	assert_int_equal(c->refused[LINK_REFUSED_MALFORMED] + c->refused[LINK_REFUSED_VERSION], 0);
	assert_int_equal(b->applied, said);
	assert_true(view.up && b->resets == 1 && b->downs == 0 && !b->stale);
	assert_true(rig_equal(rig));
}

static void test_million(void **state)
{
	struct attack *a = calloc(1, sizeof(*a));
	struct rig *other = rig_start(2);
	u32 said;

	(void)state;
	assert_non_null(a);
	fill(a, other, &a->other);
	a->rig = rig_start(1);
	fill(a, a->rig, &a->tape);
	said = a->rig->box[1].applied;
	for (u32 i = 0; i < FORGED / BURST; i++) {
		box_set(&a->rig->box[0], 1000, i + 1);
		burst(a, &a->rig->box[1]);
		rig_run(a->rig, MS);
		said++;
	}
	rig_run(a->rig, 100 * MS);
	judge(a, said);
	rig_free(a->rig);
	rig_free(other);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
