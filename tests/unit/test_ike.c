/* SPDX-License-Identifier: ISC */
/* links: sandwich/health/health.c sandwich/health/check.c sandwich/health/arp.c */
/* links: sandwich/health/icmp.c sandwich/health/ike.c sandwich/health/ike_message.c */
/* links: sandwich/health/tcp.c sandwich/health/http.c sandwich/health/probe.c */
/* links: sandwich/health/engine.c sandwich/health/path.c sandwich/health/state.c */
/* links: sandwich/health/script.c sandwich/health/script_file.c sandwich/health/script_run.c */
/* links: sandwich/health/message.c sandwich/health/datagram.c sync/seal.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/* The IKE check: its request byte by byte, what counts as an answer, and a gateway that does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/health/datagram.h"
#include "sandwich/health/ike_message.h"
#include "tests/unit/health_rig.h"

static const struct ike_identity mine = {{1, 2, 3, 4, 5, 6, 7, 8}, {[0 ... 31] = 0xa5}};

/* The request, read by a reader of our own */

static u32 word(const u8 *at, int bytes)
{
	u32 value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

/* Kinds of transforms of the proposal at AT, as bits; its length in *LENGTH. */
static u32 proposal_kinds(const u8 *at, u32 *length)
{
	u32 kinds = 0, left, count = at[7];

	*length = word(at + 2, 2);
	assert_int_equal(at[5], 1);
	assert_int_equal(at[6], 0);
	left = *length - 8;
	for (at += 8; count--; at += word(at + 2, 2)) {
		assert_int_equal(at[0], count ? 3 : 0);
		assert_in_range(word(at + 2, 2), 8, left);
		left -= word(at + 2, 2);
		kinds |= 1u << at[4];
	}
	assert_int_equal(left, 0);
	return kinds;
}

static void check_proposals(const u8 *at, u32 left)
{
	static const u32 kinds[] = {1 << 1 | 1 << 2 | 1 << 4, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4};

	for (u32 i = 0; i < 2; i++) {
		u32 length;

		assert_int_equal(at[0], i ? 0 : 2);
		assert_int_equal(at[4], i + 1);
		assert_int_equal(proposal_kinds(at, &length), kinds[i]);
		assert_in_range(length, 8, left);
		at += length;
		left -= length;
	}
	assert_int_equal(left, 0);
}

static void test_request(void **state)
{
	u8 out[IKE_REQUEST_MAX];
	size_t length = ike_request(&mine, false, out);
	const u8 *at = out + 28;

	(void)state;
	assert_in_range(length, 28, sizeof(out));
	assert_memory_equal(out, mine.spi, 8);
	assert_memory_equal(out + 8, "\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0", 16);
	assert_int_equal(word(out + 24, 4), length);
	assert_int_equal(at[0], 34); /* behind SA comes KE */
	check_proposals(at + 4, word(at + 2, 2) - 4);
	at += word(at + 2, 2);
	assert_memory_equal(at, "\x28\0\0\x48\0\x13\0\0\xda\xd0", 10); /* P-256, then the nonce */
	at += word(at + 2, 2);
	assert_memory_equal(at, "\0\0\0\x24\xa5\xa5", 6);
	assert_ptr_equal(at + 0x24, out + length);
}

static void test_marked_request(void **state)
{
	u8 plain[IKE_REQUEST_MAX], marked[IKE_REQUEST_MAX];
	size_t length = ike_request(&mine, false, plain);

	(void)state;
	assert_int_equal(ike_request(&mine, true, marked), length + 4);
	assert_memory_equal(marked, "\0\0\0\0", 4);
	assert_memory_equal(marked + 4, plain, length);
	assert_true(length + 4 <= IKE_REQUEST_MAX);
}

/* Answers */

#define SPI "\1\2\3\4\5\6\7\x8"
#define NONE "\0\0\0\0\0\0\0\0"
#define THEIRS "abcdefgh"

static const struct {
	const char *name;
	u32 length;
	const char *bytes;
	bool answers;
} answers[] = {
	{"NO_PROPOSAL_CHOSEN", 36,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe",
	 true},
	{"a cookie", 40,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x28" "\0\0\0\xc\0\0\x40\x6" "cook",
	 true},
	{"SA_INIT, two payloads", 44,
	 SPI THEIRS "\x21\x20\x22\x20\0\0\0\0\0\0\0\x2c" "\x28\0\0\x8" "sasa" "\0\0\0\x8" "nonc",
	 true},
	{"IKEv1: no such version", 40,
	 SPI THEIRS "\xb\x10\x5\0\0\0\0\1\0\0\0\x28" "\0\0\0\xc\0\0\0\1\1\0\0\5", true},
	{"IKEv2: no such version, on its own", 36,
	 SPI NONE "\x29\x20\x25\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\5", true},
	{"our own request", 36, SPI NONE "\x29\x20\x22\x8\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe",
	 false},
	{"somebody else's", 36,
	 "\2\2\3\4\5\6\7\x8" NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe", false},
	{"of another exchange", 36,
	 SPI NONE "\x29\x20\x23\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe", false},
	{"of version 3", 36, SPI NONE "\x29\x30\x22\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe",
	 false},
	{"IKEv1's main mode", 36, SPI NONE "\1\x10\2\0\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe",
	 false},
	{"longer than it says", 37,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x8\0\0\0\xe\0", false},
	{"no payload", 28, SPI NONE "\0\x20\x22\x20\0\0\0\0\0\0\0\x1c", false},
	{"a payload of no length", 36,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" "\0\0\0\0\0\0\0\xe", false},
	{"a payload beyond the end", 36,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" "\0\0\0\x9\0\0\0\xe", false},
	{"something behind the last payload", 40,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x28" "\0\0\0\x8\0\0\0\xe\0\0\0\0", false},
	{"a next payload that isn't there", 36,
	 SPI NONE "\x29\x20\x22\x20\0\0\0\0\0\0\0\x24" "\x29\0\0\x8\0\0\0\xe", false},
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		u8 *exact = g_memdup2(answers[i].bytes, answers[i].length), marked[64] = {0};

		if (ike_answers(&mine, false, exact, answers[i].length) != answers[i].answers)
			fail_msg("%s", answers[i].name);
		assert_false(ike_answers(&mine, true, exact, answers[i].length));
		memcpy(marked + 4, exact, answers[i].length);
		if (ike_answers(&mine, true, marked, answers[i].length + 4) != answers[i].answers)
			fail_msg("%s, marked", answers[i].name);
		for (u32 n = 0; answers[i].answers && n < answers[i].length; n++) {
			u8 *cut = g_memdup2(exact, n);

			assert_false(ike_answers(&mine, false, cut, n));
			g_free(cut);
		}
		g_free(exact);
	}
}

/* A gateway between 10.1.0.1, us, and 10.1.0.11 */

struct rig {
	struct config *config;
	struct device devices[DEVICES_MAX];
	struct health_ops ops;
	struct health *health;
	bool answers, from_elsewhere;
	u16 port;
	unsigned int asked, identities;
	struct ike_identity last;
};

static void rig_record(void *user, u8 device, const struct health_record *record)
{
	(void)user, (void)device, (void)record;
}

static void rig_export(void *user, u8 device, struct health_record *out)
{
	(void)user, (void)device, (void)out;
}

static void rig_changed(void *user, u8 device, bool fit, const char *why)
{
	(void)user, (void)device;
	assert_true(fit || !strncmp(why, "ike: no answer in ", 18));
}

static void rig_partner(void *user, bool reachable)
{
	(void)user, (void)reachable;
}

static bool rig_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	(void)user;
	*mac = (struct mac){{2, 0, 0, 0, 0, device}};
	*port = 3;
	*vlan = VLAN_NONE;
	return true;
}

static void rig_answer(struct rig *r, const struct datagram *ask, bool marked)
{
	u8 payload[64] = {0}, *at = payload + (marked ? 4 : 0), frame[DATAGRAM_HEADERS + 64];
	struct datagram d = *ask;

	memcpy(at, answers[0].bytes, answers[0].length);
	memcpy(at, r->last.spi, sizeof(r->last.spi));
	d.src = ask->dst;
	d.dst = ask->src;
	d.sport = ask->dport;
	d.dport = ask->sport;
	d.payload = payload;
	d.length = answers[0].length + (marked ? 4 : 0);
	if (r->from_elsewhere)
		d.sport++;
	health_input(r->health, 3, 1, frame, (u32)datagram_udp(&d, frame));
}

static void rig_send(void *user, u8 port, const void *frame, size_t length)
{
	struct ike_identity identity;
	struct rig *r = user;
	struct datagram d;
	bool marked = r->port == 4500;

	assert_int_equal(port, 3);
	assert_true(datagram_read_udp(&d, frame, (u32)length));
	assert_int_equal(d.dport, r->port);
	assert_in_range(d.sport, 49152, 65535);
	memcpy(identity.spi, d.payload + (marked ? 4 : 0), 8);
	memcpy(identity.nonce, d.payload + d.length - IKE_NONCE, IKE_NONCE);
	r->identities += memcmp(&identity, &r->last, sizeof(identity)) != 0;
	r->last = identity;
	r->asked++;
	if (r->answers)
		rig_answer(r, &d, marked);
}

static void rig_open(struct rig *r, u16 port)
{
	char *lines = g_strdup_printf("rise = 2\nike = %u 100ms x 2\n", port);

	memset(r, 0, sizeof(*r));
	r->config = health_config("vpn", lines);
	((struct config_check *)g_ptr_array_index(r->config->health.checks, 0))->pace.interval_ms =
		30;
	r->port = port;
	r->answers = true;
	r->ops = (struct health_ops){rig_send,	  rig_hop,     rig_export, rig_record,
				     rig_changed, rig_partner, r};
	r->health = health_open(r->config, r->devices, &r->ops);
	g_free(lines);
}

static bool rig_await(struct rig *r, bool fit)
{
	gint64 limit = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

	while (health_fit(r->health, 1) != fit && g_get_monotonic_time() < limit)
		g_main_context_iteration(NULL, TRUE); /* the check's own timer wakes it */
	return health_fit(r->health, 1) == fit;
}

static void play(u16 port)
{
	struct rig r;

	rig_open(&r, port);
	assert_true(rig_await(&r, true));
	r.answers = false;
	assert_true(rig_await(&r, false));
	r.answers = r.from_elsewhere = true; /* an answer, but not to us */
	for (unsigned int until = r.asked + 4; r.asked < until;)
		g_main_context_iteration(NULL, TRUE);
	assert_false(health_fit(r.health, 1));
	r.from_elsewhere = false;
	assert_true(rig_await(&r, true));
	assert_true(r.asked >= 8);
	assert_int_equal(r.identities, 1); /* all were retransmissions of one request */
	health_free(r.health);
	config_free(r.config);
}

static void test_check(void **state)
{
	(void)state;
	play(500);
	play(4500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_marked_request),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
