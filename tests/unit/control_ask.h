/* SPDX-License-Identifier: ISC */
/*
 * Questions to a balancer built by hand, and what their answers hold. Included once, by the test
 * itself.
 */
#ifndef TESTS_UNIT_CONTROL_ASK_H
#define TESTS_UNIT_CONTROL_ASK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/control_fakes.h"

/* The response to WORDS; kept until the next question of the test. */
static inline JsonObject *ask(struct balancer *b, const char *words)
{
	static JsonNode *last;

	if (last)
		json_node_unref(last);
	last = control_execute(b, words, strlen(words));
	assert_true(JSON_NODE_HOLDS_OBJECT(last));
	return json_node_get_object(last);
}

static inline const char *status(struct balancer *b, const char *words)
{
	return json_object_get_string_member(ask(b, words), "status");
}

static inline JsonArray *rows(struct balancer *b, const char *words)
{
	JsonObject *o = ask(b, words);

	if (strcmp(json_object_get_string_member(o, "status"), "ok"))
		fail_msg("%s: %s", words, json_object_get_string_member(o, "reason"));
	return json_object_get_array_member(o, "result");
}

static inline JsonObject *object(struct balancer *b, const char *words)
{
	JsonObject *o = ask(b, words);

	if (strcmp(json_object_get_string_member(o, "status"), "ok"))
		fail_msg("%s: %s", words, json_object_get_string_member(o, "reason"));
	return json_object_get_object_member(o, "result");
}

static inline void assert_member(JsonObject *o, const char *member, const char *value)
{
	assert_true(json_object_has_member(o, member));
	assert_string_equal(json_object_get_string_member(o, member), value);
}

static inline int set_up(void **state)
{
	struct balancer *b = g_new0(struct balancer, 1);

	fake_new(b, "firewall", "pair", "in-a");
	b->routes = (struct routes *)b;
	b->resolver = (struct resolver *)b;
	b->answer = (struct answer *)b;
	fake_session(b, "192.0.2.10", 40000, "10.9.0.80", 80, PROTOCOL_TCP, 1);
	fake_session(b, "192.0.2.11", 40001, "10.9.0.80", 80, PROTOCOL_TCP, 2);
	fake_session(b, "192.0.2.11", 53000, "10.9.0.53", 53, PROTOCOL_UDP, 2);
	fake_session(b, "2001:db8:2::10", 7, "2001:db8:9::80", 7, PROTOCOL_ICMPV6, 3)->state |=
		SESSION_FROM_INSIDE | SESSION_ASYMMETRIC;
	*state = b;
	return 0;
}

static inline int tear_down(void **state)
{
	fake_free(*state);
	g_free(*state);
	return 0;
}

#endif
