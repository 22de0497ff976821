// SPDX-License-Identifier: ISC
#include "sandwich/control/rows.h"

#include <errno.h>
#include <string.h>

#include "conf/units.h"
#include "sandwich/control/filter.h"

#define ROWS_SLICE_ROWS  256
#define ROWS_SLICE_SLOTS 32768 /* some 50 to 100 us */

const char *rows_device(struct balancer *b, u8 device)
{
	const struct farm_device *d = device ? farm_find(b->farm, device) : NULL;

	return d ? d->name : NULL;
}

/* A copy of a living slot; false when there is none, or it changed meanwhile. */
static bool rows_copy(const struct slot *from, struct slot *to)
{
	u32 version = core_load(&from->version);

	if (!slot_is_live(version))
		return false;
	memcpy(to, from, sizeof(*to));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return core_load(&from->version) == version;
}

bool rows_more(struct rows *base, struct balancer *b, struct json *out)
{
	struct slot_rows *r = (struct slot_rows *)base;
	u64 slots = (u64)b->tables.mask[r->kind] + 1, wrote = 0;
	struct slot slot;

	for (u32 n = 0; n < ROWS_SLICE_SLOTS && wrote < ROWS_SLICE_ROWS; n++) {
		if (r->at >= slots)
			return false;
		if (!rows_copy(&b->tables.slots[r->kind][r->at++], &slot) ||
		    !r->match(&r->filter, &slot))
			continue;
		base->total++;
		if (r->limit && base->shown >= r->limit)
			continue;
		r->write(out, b, &slot, r->now);
		base->shown++;
		wrote++;
	}
	return true;
}

static int rows_argument(struct call *call, struct slot_rows *r, unsigned int *i)
{
	const char *word = call->args[*i];
	uint64_t limit;

	if (filter_is(word))
		return filter_parse(&r->filter, call->b->farm, word, &call->reason);
	if (strcmp(word, "limit"))
		return words_fail(call, -EINVAL,
				  "'%s' is neither a filter (device=fw1) nor limit N", word);
	if (++*i >= call->count || units_number(call->args[*i], &limit))
		return words_fail(call, -EINVAL, "limit what? a number of rows; 0: all");
	r->limit = limit;
	return 0;
}

int rows_start(struct call *call, const struct slot_rows *rows)
{
	struct slot_rows *r = g_memdup2(rows, sizeof(*rows));
	int rc = 0;

	call->rows = &r->rows;
	r->now = memory_now();
	for (unsigned int i = 0; i < call->count && !rc; i++)
		rc = rows_argument(call, r, &i);
	return rc;
}
