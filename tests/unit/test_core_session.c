/* links: */
/* SPDX-License-Identifier: ISC */
/* What is followed of a conversation: TCP's states, the timers they choose, who spoke first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "sandwich/core/session.h"

#define OUT true  /* from outside */
#define IN false

struct step {
	u8 flags;
	bool from;
	u8 state; /* afterwards */
};

#define S TCP_SYN
#define SA (TCP_SYN | TCP_ACK)
#define K TCP_ACK
#define FA (TCP_FIN | TCP_ACK)
#define R TCP_RST

/* Conversations frame by frame; the first frame makes the session. */
static const struct {
	const char *what;
	u8 frames;
	struct step step[9];
} lives[] = {
	{"from outside, closed by the client",
	 8,
	 {{S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {K, OUT, SESSION_ESTABLISHED},
	  {K, IN, SESSION_ESTABLISHED},
	  {FA, OUT, SESSION_FIN_OUTSIDE},
	  {K, IN, SESSION_FIN_OUTSIDE},
	  {FA, IN, SESSION_CLOSED},
	  {K, OUT, SESSION_CLOSED}}},
	{"from inside, closed by the server",
	 6,
	 {{S, IN, SESSION_NEW},
	  {SA, OUT, SESSION_OPENING},
	  {K, IN, SESSION_ESTABLISHED},
	  {FA, OUT, SESSION_FIN_OUTSIDE},
	  {FA, OUT, SESSION_FIN_OUTSIDE},
	  {FA, IN, SESSION_CLOSED}}},
	{"both close at once",
	 5,
	 {{S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {K, OUT, SESSION_ESTABLISHED},
	  {FA, IN, SESSION_FIN_INSIDE},
	  {FA, OUT, SESSION_CLOSED}}},
	{"refused", 2, {{S, OUT, SESSION_NEW}, {R | K, IN, SESSION_RESET}}},
	{"reset in mid-stream",
	 4,
	 {{S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {K, OUT, SESSION_ESTABLISHED},
	  {R, OUT, SESSION_RESET}}},
	{"what is on its way after a reset revives nothing",
	 6,
	 {{S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {K, OUT, SESSION_ESTABLISHED},
	  {R, OUT, SESSION_RESET},
	  {K, IN, SESSION_RESET},
	  {FA, IN, SESSION_RESET}}},
	{"SYN again and again",
	 3,
	 {{S, OUT, SESSION_NEW}, {S, OUT, SESSION_NEW}, {S, OUT, SESSION_NEW}}},
	{"a stray SYN on a living one changes nothing",
	 4,
	 {{S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {K, OUT, SESSION_ESTABLISHED},
	  {S, OUT, SESSION_ESTABLISHED}}},
	{"the ports are used again after a close",
	 7,
	 {{S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {FA, OUT, SESSION_FIN_OUTSIDE},
	  {FA, IN, SESSION_CLOSED},
	  {S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING},
	  {K, OUT, SESSION_ESTABLISHED}}},
	{"the ports are used again after a reset",
	 4,
	 {{S, OUT, SESSION_NEW},
	  {R, IN, SESSION_RESET},
	  {S, OUT, SESSION_NEW},
	  {SA, IN, SESSION_OPENING}}},
	{"the SYN-ACK took another way", 2, {{S, OUT, SESSION_NEW}, {K, IN, SESSION_ESTABLISHED}}},
	{"only the opener is heard",
	 3,
	 {{S, OUT, SESSION_NEW}, {K, OUT, SESSION_NEW}, {FA, OUT, SESSION_FIN_OUTSIDE}}},
	{"met in mid-stream", 2, {{K, IN, SESSION_ESTABLISHED}, {FA, OUT, SESSION_FIN_OUTSIDE}}},
	{"met at the SYN-ACK", 2, {{SA, IN, SESSION_OPENING}, {K, OUT, SESSION_ESTABLISHED}}},
	{"met at its FIN", 2, {{FA, IN, SESSION_FIN_INSIDE}, {FA, OUT, SESSION_CLOSED}}},
	{"met at its end", 1, {{R, OUT, SESSION_RESET}}},
};

static void test_lives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(*lives); i++) {
		u8 byte = 0;

		print_message("%s\n", lives[i].what);
		for (u8 n = 0; n < lives[i].frames; n++) {
			const struct step *step = &lives[i].step[n];

			if (!n)
				byte = session_first(PROTOCOL_TCP, step->flags, step->from,
						     ORIGIN_LEARNED);
			byte = (u8)((byte & ~7) |
				    session_next(byte, PROTOCOL_TCP, step->flags, step->from));
			assert_int_equal(session_state(byte), step->state);
			assert_int_equal(session_origin(byte), ORIGIN_LEARNED);
		}
	}
}

static void test_who_spoke_first(void **state)
{
	static const struct {
		u8 protocol, flags;
		bool from, inside;
	} cases[] = {
		{PROTOCOL_TCP, S, OUT, false}, {PROTOCOL_TCP, S, IN, true},
		{PROTOCOL_TCP, SA, OUT, true}, {PROTOCOL_TCP, SA, IN, false},
		{PROTOCOL_TCP, K, OUT, false}, {PROTOCOL_TCP, K, IN, true},
		{PROTOCOL_UDP, 0, OUT, false}, {PROTOCOL_UDP, 0, IN, true},
		{PROTOCOL_ESP, 0, IN, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		u8 byte = session_first(cases[i].protocol, cases[i].flags, cases[i].from,
					ORIGIN_HASH);

		assert_int_equal(!!(byte & SESSION_FROM_INSIDE), cases[i].inside);
	}
}

static void test_other_protocols(void **state)
{
	u8 byte = session_first(PROTOCOL_UDP, 0, OUT, ORIGIN_HASH);

	(void)state;
	assert_int_equal(session_next(byte, PROTOCOL_UDP, 0, OUT), SESSION_NEW);
	assert_int_equal(session_next(byte, PROTOCOL_UDP, 0, IN), SESSION_ESTABLISHED);
	byte = session_byte(SESSION_ESTABLISHED, ORIGIN_HASH, 0);
	assert_int_equal(session_next(byte, PROTOCOL_UDP, 0, OUT), SESSION_ESTABLISHED);
}

static void test_timers(void **state)
{
	static const struct {
		u8 protocol, state, timer;
	} cases[] = {
		{PROTOCOL_TCP, SESSION_NEW, TIMEOUT_TCP_SYN},
		{PROTOCOL_TCP, SESSION_OPENING, TIMEOUT_TCP_SYN},
		{PROTOCOL_TCP, SESSION_ESTABLISHED, TIMEOUT_TCP_ESTABLISHED},
		{PROTOCOL_TCP, SESSION_FIN_OUTSIDE, TIMEOUT_TCP_CLOSING},
		{PROTOCOL_TCP, SESSION_FIN_INSIDE, TIMEOUT_TCP_CLOSING},
		{PROTOCOL_TCP, SESSION_CLOSED, TIMEOUT_TCP_CLOSED},
		{PROTOCOL_TCP, SESSION_RESET, TIMEOUT_TCP_RESET},
		{PROTOCOL_UDP, SESSION_NEW, TIMEOUT_UDP},
		{PROTOCOL_UDP, SESSION_ESTABLISHED, TIMEOUT_UDP_REPLIED},
		{PROTOCOL_UDPLITE, SESSION_NEW, TIMEOUT_UDP},
		{PROTOCOL_ICMP, SESSION_ESTABLISHED, TIMEOUT_ICMP},
		{PROTOCOL_ICMPV6, SESSION_NEW, TIMEOUT_ICMP},
		{PROTOCOL_ESP, SESSION_NEW, TIMEOUT_OTHER},
		{PROTOCOL_SCTP, SESSION_ESTABLISHED, TIMEOUT_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(session_timer(cases[i].protocol, cases[i].state), cases[i].timer);
}

/* Expiry to the millisecond, also where the clock comes round and where a CPU's clock is ahead. */
static void test_expiry(void **state)
{
	static const struct {
		u32 seen, now;
		bool expired;
	} cases[] = {
		{1000, 1000, false},	     {1000, 31000, false}, {1000, 31001, true},
		{0xffffff00, 0x100, false},  {0xffffff00, 30000 - 0x100, false},
		{0xffffff00, 30001 - 0x100, true}, {2000, 1000, false}, {0, 0x80000001, false},
	};
	struct settings cfg = {.timeout = {[TIMEOUT_UDP] = 30000}};
	struct slot s = {.key = {.protocol = PROTOCOL_UDP}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		s.seen = cases[i].seen;
		assert_int_equal(session_expired(&cfg, &s, cases[i].now), cases[i].expired);
	}
	cfg.slack = 5000; /* sampled: what looks idle may be in use */
	s.seen = 1000;
	assert_false(session_expired(&cfg, &s, 36000));
	assert_true(session_expired(&cfg, &s, 36001));
}

static void test_a_bare_syn_opens(void **state)
{
	(void)state;
	assert_true(session_opens(S));
	assert_true(session_opens(S | 0x08));
	assert_false(session_opens(SA));
	assert_false(session_opens(S | R));
	assert_false(session_opens(K));
	assert_false(session_opens(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lives),	       cmocka_unit_test(test_who_spoke_first),
		cmocka_unit_test(test_other_protocols), cmocka_unit_test(test_timers),
		cmocka_unit_test(test_expiry),	       cmocka_unit_test(test_a_bare_syn_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
