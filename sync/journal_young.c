// SPDX-License-Identifier: ISC
/*
 * A wheel of YOUNG_BUCKETS ticks, of which half are as long as AFTER: so an entry's place is less
 * than a turn ahead, also when the wheel is late. A bucket is a list through `next`; it is looked
 * at when its time has come, and what is too young still (the slot is another's by then) goes back.
 */
#include "sync/journal_young.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sandwich/core/session.h"
#include "sync/journal_state.h"

#define YOUNG_BUCKETS 256
#define YOUNG_TICKS (YOUNG_BUCKETS / 2) /* in AFTER */
#define YOUNG_END 0xffffffffu

struct journal_young {
	u32 *next; /* of each slot: 0: it waits in no list; else that slot's number + 1, or END */
	u32 slots, held;
	u32 after, tick; /* ms */
	u32 started;	 /* ms: when bucket `at` began */
	u32 at;
	u32 ripe; /* the list that is being looked at: a slot's number + 1, or END */
	u32 bucket[YOUNG_BUCKETS];
	bool on;
};

/* --- the wheel ------------------------------------------------------------------------------ */

/* So that it is looked at when LEFT (ms) have passed, or up to a tick later. */
static void young_put(struct journal_young *y, u32 index, u32 now, u32 left)
{
	u32 ahead = (core_elapsed(now, y->started) + left) / y->tick + 1;
	u32 *bucket;

	if (y->next[index])
		return; /* it is looked at no later than that, and put again */
	if (ahead > YOUNG_BUCKETS - 1)
		ahead = YOUNG_BUCKETS - 1;
	bucket = &y->bucket[(y->at + ahead) % YOUNG_BUCKETS];
	y->next[index] = *bucket;
	*bucket = index + 1;
	y->held++;
}

/* False: nothing is due. */
static bool young_take(struct journal_young *y, u32 now, u32 *index)
{
	u32 late = core_elapsed(now, y->started);

	if (late / y->tick > YOUNG_BUCKETS) /* once round is all there is */
		y->started = now - YOUNG_BUCKETS * y->tick;
	while (y->ripe == YOUNG_END && core_elapsed(now, y->started) >= y->tick) {
		y->started += y->tick;
		y->at = (y->at + 1) % YOUNG_BUCKETS;
		y->ripe = y->bucket[y->at];
		y->bucket[y->at] = YOUNG_END;
	}
	if (y->ripe == YOUNG_END)
		return false;
	*index = y->ripe - 1;
	y->ripe = y->next[*index];
	y->next[*index] = 0;
	y->held--;
	return true;
}

/* --- the journal's -------------------------------------------------------------------------- */

bool journal_young_holds(struct journal *j, u32 index, const struct slot *slot)
{
	struct journal_young *y = j->young;
	u32 age = core_elapsed(j->now, slot->created);

	if (!y->on)
		return false;
	if (age < y->after) {
		young_put(y, index, j->now, y->after - age);
		return true;
	}
	/* it has ended, and only its record lives on; should it open again, an event says so */
	return session_is_closed(session_state(slot->state)) &&
	       core_elapsed(slot->seen, slot->created) < y->after;
}

u32 journal_young_turn(struct journal *j, u32 budget)
{
	struct journal_pick p = {.kind = TABLE_SESSIONS};
	u32 done = 0;

	while (done < budget && young_take(j->young, j->now, &p.index)) {
		journal_look(j, &p);
		done++;
	}
	return done;
}

void journal_clock(struct journal *j, u32 now)
{
	j->now = now;
}

int journal_after(struct journal *j, u32 after_ms)
{
	struct journal_young *y;

	if (!after_ms)
		return 0;
	y = calloc(1, sizeof(*y));
	if (!y)
		return -ENOMEM;
	y->slots = j->tables->mask[TABLE_SESSIONS] + 1;
	y->after = after_ms;
	y->tick = after_ms / YOUNG_TICKS + 1;
	y->ripe = YOUNG_END;
	for (u32 i = 0; i < YOUNG_BUCKETS; i++)
		y->bucket[i] = YOUNG_END;
	y->next = mmap(NULL, (size_t)y->slots * sizeof(*y->next), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (y->next == MAP_FAILED) {
		free(y);
		return -ENOMEM;
	}
	j->young = y;
	return 0;
}

void journal_young_free(struct journal *j)
{
	if (!j->young)
		return;
	munmap(j->young->next, (size_t)j->young->slots * sizeof(*j->young->next));
	free(j->young);
}

void journal_hold(struct journal *j, bool on)
{
	if (!j->young || j->young->on == on)
		return;
	j->young->on = on;
	if (!on)
		journal_rescan(j);
	else if (!j->young->held)
		j->young->started = j->now;
}

u32 journal_held(const struct journal *j)
{
	return j->young ? j->young->held : 0;
}
