// SPDX-License-Identifier: ISC
#include "sync/record_heard.h"

#define HEARD_BYTES 13
#define HEARD_SILENT 1

bool record_put_heard(struct record_writer *w, const struct record_heard *heard)
{
	if (!record_fits(w, HEARD_BYTES))
		return false;
	record_put(w, heard->name, 8);
	record_put(w, heard->passed, 4);
	record_put(w, heard->silent ? HEARD_SILENT : 0, 1);
	return true;
}

bool record_get_heard(struct record_reader *r, struct record_heard *out)
{
	if (r->at == r->end)
		return false;
	r->bad |= record_left(r) < HEARD_BYTES;
	if (r->bad)
		return false;
	out->name = record_get(r, 8);
	out->passed = (u32)record_get(r, 4);
	out->silent = record_get(r, 1) & HEARD_SILENT;
	r->bad |= !out->name;
	return !r->bad;
}
