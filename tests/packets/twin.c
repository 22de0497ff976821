// SPDX-License-Identifier: ISC
#include "tests/packets/twin.h"

#include <linux/bpf.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sandwich/core/counters.h"
#include "sandwich/core/rewrite.h"

#define TWIN_LATE_US 3000 /* in which a touch that was deferred is done */

/* What becomes of a frame in the kernel, as the verdict of user space has it. */
struct outcome {
	int action;
	bool up;
	u32 events; /* of the record */
	const u8 *bytes;
	u32 length;
};

static const char *const reason_names[] = {
#define REASON(name, json, text) json,
	CORE_REASONS(REASON)
#undef REASON
};

static const char *const counter_names[] = {
#define COUNTER(name, json, text) json,
	CORE_COUNTERS(COUNTER)
#undef COUNTER
};

/* --- life ----------------------------------------------------------------------------------- */

/* Counters are a CPU's: the frames of one thread are compared with those of one CPU. */
static void twin_pin(struct twin *tw)
{
	unsigned int count;
	cpu_set_t set;

	tw->cpu_number = (unsigned int)sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET(tw->cpu_number, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		abort();
	tw->cpu = kernel_counters(tw->kernel, &count) + COUNTERS_THREADS + tw->cpu_number;
	tw->events = tw->t[1]->events + COUNTERS_THREADS + tw->cpu_number;
	if (memory_adopt(&tw->memory, tw->t[1], tw->t[1]->counters, count))
		abort();
}

void twin_open(struct twin *tw, struct kernel *kernel)
{
	memset(tw, 0, sizeof(*tw));
	user_open(&tw->user, TWIN_SESSIONS, TWIN_PINS, TWIN_FRAGMENTS, KERNEL_MTU);
	tw->t[0] = &tw->user.world.tables;
	tw->kernel = kernel;
	tw->t[1] = kernel ? kernel_tables(kernel) : NULL;
	if (kernel)
		twin_pin(tw);
	clock_start(&tw->clock);
	twin_clear(tw);
}

void twin_close(struct twin *tw)
{
	memory_free(tw->memory);
	user_close(&tw->user);
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
#define REGIONS_WRITTEN 7 /* by frames: the first of them */

static void twin_hush(struct event_ring *ring)
{
	ring->head = ring->tail = ring->lost = 0;
}

static void twin_clear_kernel(struct twin *tw)
{
	unsigned int count;

	memset(kernel_counters(tw->kernel, &count), 0, sizeof(struct counters));
	memset(tw->cpu, 0, sizeof(*tw->cpu));
	twin_hush(tw->t[1]->events);
	twin_hush(tw->events);
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
	twin_hush(tw->t[0]->events);
	tw->clock.time = 0;
	if (tw->kernel)
		twin_clear_kernel(tw);
}

void twin_pass(struct twin *tw, u32 ms)
{
	clock_pass(&tw->clock, tw->t, tw->kernel ? 2 : 1, ms);
}

/* --- one frame ------------------------------------------------------------------------------ */

static bool twin_wrong(const struct work *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool twin_wrong(const struct work *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n\tuser space: %s port %u device %u from %u events %#x why %u to port %u "
		"vlan %#x tags %u\n", reason_names[w->reason], w->port, w->device, w->from,
		w->events, w->place.why, w->out_port, w->out_vlan, w->packet.tags);
	return false;
}

static bool twin_wanted(const struct settings *cfg, const struct work *w)
{
	u8 action = reason_action(w->reason);

	return (action != ACTION_SEND && action != ACTION_DROP) || w->events & EVENT_ROUTER ||
	       (w->events & EVENT_FIRST_FRAGMENT && cfg->want_fragments);
}

static bool twin_is_ours(const struct settings *cfg, const struct work *w)
{
	return w->reason == REASON_OWN_FRAME ||
	       mac_equal(&w->packet.mac_dst, &cfg->mac[decide_role(w->port)]);
}

/* UNFINISHED: the program found a checksum that is left to hardware, so the daemon sends it. */
static void twin_expect(struct twin *tw, const struct frame *f, const struct work *w,
			bool unfinished, struct outcome *out)
{
	const struct settings *cfg = tw->t[0]->settings;
	bool sends = reason_action(w->reason) == ACTION_SEND;

	out->events = w->events | (unfinished ? FAST_EVENT_FORWARD : 0);
	out->up = unfinished || twin_wanted(cfg, w);
	out->bytes = f->bytes;
	out->length = f->length;
	out->action = sends || twin_is_ours(cfg, w) ? XDP_DROP : XDP_PASS;
	if (unfinished || !tw->user.port.sent)
		return;
	out->action = XDP_REDIRECT;
	out->bytes = tw->user.port.bytes;
	out->length = tw->user.port.length;
}

/* All that a data path or a person reads of a verdict. */
static bool twin_same(const struct work *a, const struct work *b)
{
	return a->now == b->now && a->port == b->port && a->reason == b->reason &&
	       a->out_port == b->out_port && a->out_vlan == b->out_vlan &&
	       a->neighbour == b->neighbour && mac_equal(&a->out_mac, &b->out_mac) &&
	       a->from == b->from && a->device == b->device && a->place.hash == b->place.hash &&
	       a->place.why == b->place.why && a->place.rank == b->place.rank &&
	       a->place.pin == b->place.pin && a->place.wanted == b->place.wanted &&
	       a->place.displaced == b->place.displaced && flow_equal(&a->flow, &b->flow) &&
	       flow_equal(&a->key, &b->key) && !memcmp(&a->packet, &b->packet, sizeof(a->packet));
}

/* The record in the ring: the same verdict, the frame as it came. */
static bool twin_record(const struct frame *f, const struct work *w, const struct outcome *want,
			const struct fast_frame *record)
{
	if (!twin_same(w, &record->work) || record->work.events != want->events)
		return twin_wrong(w, "the record's verdict differs: %s events %#x device %u",
				  reason_names[record->work.reason], record->work.events,
				  record->work.device);
	if (record->length != f->length || memcmp(record->data, f->bytes, f->length))
		return twin_wrong(w, "the record's frame differs: %u bytes", record->length);
	return true;
}

/* The daemon sends what the program left to it; the bytes must be those of user space alone. */
static bool twin_forward(struct twin *tw, const struct fast_frame *record, const struct work *w)
{
	static struct port port;

	user_forward(tw->t[1], &port, record->data, record->length, &record->work);
	if (port.length == tw->user.port.length &&
	    !memcmp(port.bytes, tw->user.port.bytes, port.length))
		return true;
	return twin_wrong(w, "frames differ after the checksum was filled in");
}

static bool twin_slots(struct twin *tw, enum table_kind kind, u64 hash)
{
	for (u32 i = 0; i < TABLE_WINDOW; i++)
		if (memcmp(tables_slot(tw->t[0], kind, (u32)hash + i),
			   tables_slot(tw->t[1], kind, (u32)hash + i), sizeof(struct slot)))
			return false;
	return true;
}

/* Whatever slots the frame may have touched. */
static bool twin_touched(struct twin *tw, const struct work *w)
{
	const struct settings *cfg = tw->t[0]->settings;
	struct flow key = {0};

	if (!twin_slots(tw, TABLE_SESSIONS, session_hash(cfg, &w->flow)))
		return twin_wrong(w, "sessions differ");
	if (!twin_slots(tw, TABLE_PINS, w->place.hash) ||
	    (cfg->learn_hosts &&
	     !twin_slots(tw, TABLE_PINS, place_host_key(cfg, &w->flow, &key))))
		return twin_wrong(w, "pins differ");
	if (!w->packet.is_fragment)
		return true;
	key = (struct flow){0};
	fragment_key(&key, &w->packet);
	if (!twin_slots(tw, TABLE_FRAGMENTS, flow_hash(&cfg->secret, &key)))
		return twin_wrong(w, "fragments differ");
	return true;
}

static bool twin_counted(struct twin *tw, const struct work *w)
{
	const struct counters *user = tw->t[0]->counters, *thread = tw->t[1]->counters;

	counters_fold(tw->cpu);
	for (int i = 0; i < COUNTERS; i++)
		if (user->counter[i] != thread->counter[i] + tw->cpu->counter[i])
			return twin_wrong(w, "counters differ: %s", counter_names[i]);
	for (int i = 0; i < REASONS; i++)
		if (user->reason[w->port][i] !=
		    thread->reason[w->port][i] + tw->cpu->reason[w->port][i])
			return twin_wrong(w, "reasons differ: %s is %llu and %llu",
					  reason_names[i],
					  (unsigned long long)user->reason[w->port][i],
					  (unsigned long long)tw->cpu->reason[w->port][i]);
	return true;
}

/* The same events in the same order; RING is where those of the kernel's tables are. */
static bool twin_told(struct twin *tw, const struct work *w, struct event_ring *ring)
{
	u32 user, kernel;
	bool more;

	do {
		user = kernel = 0;
		more = event_take(tw->t[0]->events, &user);
		if (event_take(ring, &kernel) != more || user != kernel)
			return twin_wrong(w, "events differ: %#x and %#x", user, kernel);
	} while (more);
	return ring->lost ? twin_wrong(w, "events were lost") : true;
}

static bool twin_agree(struct twin *tw, const struct frame *f, const struct work *w,
		       const struct kernel_run *run, bool filled)
{
	const struct fast_frame *record;
	unsigned int records = kernel_up(tw->kernel, &record);
	bool unfinished = records && record->work.events & FAST_EVENT_FORWARD;
	struct outcome want;

	twin_expect(tw, f, w, unfinished || filled, &want);
	if (run->action != want.action)
		return twin_wrong(w, "the program returns %d, not %d", run->action, want.action);
	if (run->out_length != want.length || memcmp(run->out, want.bytes, want.length))
		return twin_wrong(w, "frames differ: %u and %u bytes", want.length,
				  run->out_length);
	if (records != want.up)
		return twin_wrong(w, "%u records in the ring", records);
	if (records && !twin_record(f, w, &want, record))
		return false;
	if (unfinished && !twin_forward(tw, record, w))
		return false;
	tw->sent += want.action == XDP_REDIRECT;
	tw->up += records;
	tw->lone += want.action != XDP_REDIRECT && !records;
	return twin_counted(tw, w) && twin_touched(tw, w) && twin_told(tw, w, tw->events);
}

/* Nobody follows user space's events where there is nothing to compare them with. */
static bool twin_quiet(struct twin *tw)
{
	twin_hush(tw->t[0]->events);
	return true;
}

/* Both tables are the daemon's here: the second time a frame is decided, it decides it. */
static bool twin_held(struct twin *tw, const struct frame *f, struct work *w)
{
	const struct packet_cursor cursor = {f->bytes, f->bytes + f->length, f->length};
	struct work before = *w, other;

	decide(tw->t[0], &cursor, w);
	if (!tw->kernel)
		return twin_quiet(tw);
	other = before;
	decide(tw->t[1], &cursor, &other);
	if (!twin_same(w, &other))
		return twin_wrong(w, "a held frame's verdicts differ");
	return twin_touched(tw, w) && twin_told(tw, w, tw->t[1]->events);
}

static bool twin_both(struct twin *tw, const struct frame *f, u32 linear, struct work *w)
{
	static u8 out[FRAME_MAX + 8];
	struct kernel_run run = {.frame = f->bytes, .length = f->length, .linear = linear,
				 .port = w->port, .out = out};
	u64 filled = tw->t[0]->counters->counter[COUNTER_CHECKSUMS_FILLED];
	int rc = kernel_run(tw->kernel, &run);

	if (rc) {
		fprintf(stderr, "test-run of %u bytes: %s\n", f->length, strerror(-rc));
		return false;
	}
	w->now = kernel_clock(tw->kernel);
	if (tw->t[1]->settings->defer)
		usleep(TWIN_LATE_US);
	tw->compared++;
	user_frame(&tw->user, f->bytes, f->length, linear ? linear : f->length, w);
	filled = tw->t[0]->counters->counter[COUNTER_CHECKSUMS_FILLED] - filled;
	return twin_agree(tw, f, w, &run, filled);
}

bool twin_decide(struct twin *tw, const struct frame *f, u32 linear, struct work *w)
{
	if (tw->kernel && f->length < KERNEL_FRAME_MIN)
		return true; /* user space alone would leave other tables behind */
	clock_hold(&tw->clock, tw->t, tw->kernel ? 2 : 1);
	w->now = tw->clock.now;
	tw->frames++;
	if (w->held)
		return twin_held(tw, f, w);
	if (tw->kernel)
		return twin_both(tw, f, linear, w);
	user_frame(&tw->user, f->bytes, f->length, linear ? linear : f->length, w);
	return twin_quiet(tw);
}

/* --- everything ----------------------------------------------------------------------------- */

/* rx = sum of reasons, on every port and on both machines; and what both counted is the same. */
static bool twin_compare_counters(struct twin *tw)
{
	static struct counters kernel;
	const struct counters *user = tw->t[0]->counters;
	u64 reasons;

	memory_sum(tw->memory, &kernel);
	for (u32 port = 0; port < PORTS_MAX; port++) {
		reasons = 0;
		for (int i = 0; i < REASONS; i++)
			reasons += kernel.reason[port][i];
		if (reasons == kernel.rx[port])
			continue;
		fprintf(stderr, "port %u: rx is not the sum of the reasons\n", port);
		return false;
	}
	for (size_t i = 0; i < sizeof(kernel) / 8; i++) {
		if (((const u64 *)user)[i] == ((const u64 *)&kernel)[i])
			continue;
		fprintf(stderr, "counters differ: word %zu is %llu in user space, %llu in the "
			"kernel\n", i, (unsigned long long)((const u64 *)user)[i],
			(unsigned long long)((const u64 *)&kernel)[i]);
		return false;
	}
	return true;
}

bool twin_compare(struct twin *tw)
{
	static const char *const names[REGIONS_WRITTEN] = {
		"sessions", "pins", "fragments", "filter", "stamps", "devices", "settings"};
	struct region user[REGIONS], kernel[REGIONS];
	bool same = true;

	if (!tw->kernel)
		return true;
	twin_regions(tw->t[0], user);
	twin_regions(tw->t[1], kernel);
	for (int i = 0; i < REGIONS_WRITTEN; i++) {
		if (!memcmp(user[i].at, kernel[i].at, user[i].size))
			continue;
		fprintf(stderr, "tables differ: %s\n", names[i]);
		same = false;
	}
	return twin_compare_counters(tw) && same;
}
