// SPDX-License-Identifier: ISC
#include "tests/packets/random.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sandwich/fastpath/checksum.bpf.h"

#define RANDOM_WHOLE 500 /* frames between two comparisons of whole tables */
#define RANDOM_SHOWN 128 /* bytes of a frame that is shown */
#define RANDOM_FIRST 3520 /* bytes that a test-run puts into the first buffer: a page holds more */

/* Both modes, both sides, all affinities. */
static const char *const random_worlds[] = {
	"affinity=pair",
	"affinity=client side=egress hosts heard=100",
	"affinity=flow hold on-down=reset quantum=100",
	"affinity=server last-hop uplink-vlan=keep farm-vlan=keep zoned on-move=keep",
	"affinity=pair side=egress hosts farm-vlan=7 any-mac on-down=drop",
	"affinity=pair side=egress uplink-vlan=7 quantum=250",
	"affinity=client last-hop hold heard=100",
	"affinity=flow side=egress hold zoned uplink-vlan=keep farm-vlan=keep last-hop",
	"affinity=pair quantum=2000",
	"affinity=client quantum=2000 zoned uplink-vlan=keep farm-vlan=keep",
	"affinity=server side=egress quantum=500 on-down=reset uplink-vlan=keep farm-vlan=keep",
	"affinity=client side=egress hosts quantum=1000",
	"affinity=tunnel hold",
	"affinity=tunnel quantum=1000 zoned uplink-vlan=keep farm-vlan=keep on-down=drop",
};

#define RANDOM_WORLDS (sizeof(random_worlds) / sizeof(*random_worlds))

/* Of some of the hosts that frames come from and go to. */
static void random_pools(struct tables *t)
{
	world_pool(t, "198.51.100.0", 29, 1);
	world_pool(t, "198.51.100.8", 30, 2);
	world_pool(t, "2001:db8:1::", 64, 3);
}

static int random_world(struct twin *tw, u64 *state, size_t number)
{
	struct mac third = world_device_mac(3);
	bool want = random_next(state) & 1;
	char words[128];

	snprintf(words, sizeof(words), "%s", random_worlds[number % RANDOM_WORLDS]);
	if (script_world(tw, words))
		return -EINVAL;
	twin_each(tw, t) {
		world_local(t, "203.0.113.9", LOCAL_DEVICE | 2);
		world_local(t, "192.0.2.10", LOCAL_CLUSTER);
		world_local(t, "2001:db8::9", LOCAL_OWN);
		world_route(t, "198.51.7.0", 24, 0, ROUTE_VIA, 2);
		world_route(t, "10.7.0.0", 16, 0, ROUTE_BLACKHOLE, 0);
		world_route(t, "2001:db8:1::", 48, 0, ROUTE_VIA, 2);
		t->devices[3].hop = hop_make(&third, 2);
		if (t->settings->learn_hosts && number / RANDOM_WORLDS % 2)
			random_pools(t);
		t->settings->want_fragments = want && t->settings->hold_fragments;
	}
	return 0;
}

/* Changes a few bytes, mostly of the headers; sometimes cuts. Its MACs stay likely to be ours. */
static void random_mutate(struct frame *f, u64 *state)
{
	u32 n = (u32)random_next(state) % 4, headers = f->length < 90 ? f->length : 90;

	for (; n > 0 && headers > 12; n--) {
		u64 r = random_next(state);
		u32 at = r & 0x700 ? 12 + (u32)(r >> 32) % (headers - 12)
				   : (u32)(r >> 32) % f->length;

		f->bytes[at] = r & 0x800 ? (u8)r : (u8)(f->bytes[at] ^ 1 << (r & 7));
	}
	if (random_next(state) % 16 == 0)
		f->length = (u32)random_next(state) % f->length + 1;
}

/* Now and then the world changes too: a device dies or returns, time goes by. */
static void random_change(struct twin *tw, u64 *state)
{
	u64 r = random_next(state);
	u8 id = 1 + (u8)(r >> 8) % 3;
	bool up = r >> 16 & 3, pick = r >> 18 & 3;

	if (r % 64 == 1)
		twin_pass(tw, (u32)(r >> 32) % ((r >> 20) % 8 ? 1000 : 40000));
	if (r % 128)
		return;
	twin_each(tw, t) {
		if (up && !device_set_has(&t->settings->up, id))
			t->devices[id].since = tw->clock.now;
		world_set(t, id, up, up && pick);
		device_set_put(&t->settings->shut, id, up && !pick && r >> 20 & 1);
	}
}

static void random_make(struct twin *tw, const struct samples *samples, u64 *state, struct frame *f,
			u8 *port)
{
	const struct sample *from = &samples->at[random_next(state) % samples->count];
	u64 r = random_next(state);

	*port = r >> 8 & 1 ? (u8)(1 + (r >> 9) % 2) : PORT_UPLINK;
	if (r & 3) {
		random_frame(f, tw->t[0]->settings->side, *port, state);
		return;
	}
	if (r >> 16 & 7)
		*port = from->port;
	f->length = from->frame.length;
	memcpy(f->bytes, from->frame.bytes, f->length);
	random_mutate(f, state);
}

/*
 * A checksum that is left to hardware and lies behind the first buffer, or where no header is
 * looked for, is not seen as such: the one place where less is done in the kernel.
 */
static bool random_is_hidden(const struct frame *f, u32 linear)
{
	const struct packet_cursor cursor = {f->bytes, f->bytes + f->length, f->length};
	const u32 reach = PACKET_HEADERS_MAX - 16;
	struct packet p = {0};
	u8 why;

	if (!packet_parse(&cursor, &p, &why) || p.kind != PACKET_IP)
		return false;
	return p.l4 > reach ? checksum_field(p.protocol)
			    : linear && checksum_unfinished(&cursor, &p);
}

/*
 * Padding alone lies behind the first buffer: the express does not ask for its length, so it is
 * neither counted nor judged by the MTU. Drivers make no such frames.
 */
static bool random_is_padding(const struct frame *f, u32 linear)
{
	u32 first = linear ? linear : RANDOM_FIRST;
	const struct packet_cursor cursor = {f->bytes, f->bytes + f->length, f->length};
	struct packet p = {0};
	u8 why;

	return f->length > first && packet_parse(&cursor, &p, &why) && p.kind == PACKET_IP &&
	       p.l3 + (u32)p.ip_length <= first;
}

/* How much of the frame lies in the first buffer: mostly as much as can. */
static u32 random_linear(const struct frame *f, u64 *state)
{
	u64 r = random_next(state);
	u32 linear = KERNEL_FRAME_MIN + (u32)(r >> 32) % 1200;

	if (r % 16 || linear >= f->length || random_is_hidden(f, linear) ||
	    random_is_padding(f, linear))
		return 0;
	return linear;
}

static bool random_show(const struct frame *f, const struct random_plan *plan, long chunk, long n)
{
	fprintf(stderr, "frame %ld of chunk %ld (%u bytes): ", n, chunk, f->length);
	for (u32 i = 0; i < f->length && i < RANDOM_SHOWN; i++)
		fprintf(stderr, "%02x", f->bytes[i]);
	fprintf(stderr, "\nagain: with -s %llu -o %ld\n", (unsigned long long)plan->seed, chunk);
	return false;
}

static bool random_chunk(struct twin *tw, const struct samples *samples,
			 const struct random_plan *plan, long chunk)
{
	static struct frame f;
	u64 state = hash_mix(plan->seed ^ hash_mix((u64)chunk));
	struct work w;

	if (random_world(tw, &state, (size_t)chunk))
		return false;
	for (long n = 0; n < RANDOM_CHUNK; n++) {
		w = (struct work){0};
		random_change(tw, &state);
		random_make(tw, samples, &state, &f, &w.port);
		w.held = random_next(&state) % 16 == 0 || random_is_hidden(&f, 0) ||
			 random_is_padding(&f, 0);
		if (!twin_decide(tw, &f, random_linear(&f, &state), &w) ||
		    (n % RANDOM_WHOLE == RANDOM_WHOLE - 1 && !twin_compare(tw)))
			return random_show(&f, plan, chunk, n);
	}
	return true;
}

bool random_run(struct twin *tw, const struct samples *samples, const struct random_plan *plan)
{
	long chunks = (long)((plan->frames + RANDOM_CHUNK - 1) / RANDOM_CHUNK);

	if (plan->only >= 0)
		return random_chunk(tw, samples, plan, plan->only);
	for (long chunk = 0; chunk < chunks; chunk++)
		if (!random_chunk(tw, samples, plan, chunk))
			return false;
	return true;
}
