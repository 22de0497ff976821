// SPDX-License-Identifier: ISC
/* Conversations of a replay, whichever way round their packets went. */
#include <string.h>

#include "sandwich/control/replay_parts.h"

static guint replay_flow_hash(gconstpointer key)
{
	static const struct hash_key fixed = {0x73616e6477696368,
					      0x7265706c61790000}; /* nobody aims at it */

	return (guint)flow_hash(&fixed, key);
}

static gboolean replay_flow_equal(gconstpointer a, gconstpointer b)
{
	return flow_equal(a, b);
}

void replay_conversations_init(struct replay *r)
{
	r->conversations = g_hash_table_new_full(replay_flow_hash, replay_flow_equal, g_free, NULL);
}

/* The flow with its ends in one order: captures don't always tell which of them is outside. */
static void replay_flow_key(struct flow *key, const struct flow *flow)
{
	bool turn = address_equal(&flow->outside, &flow->inside)
			    ? flow->inside_port < flow->outside_port
			    : address_less(&flow->inside, &flow->outside);

	*key = *flow;
	if (!turn)
		return;
	key->outside = flow->inside;
	key->inside = flow->outside;
	key->outside_port = flow->inside_port;
	key->inside_port = flow->outside_port;
}

/* Who opened it: the sender of its first packet, unless that is an answer or an error about it. */
static void replay_ends(struct replay_conversation *c, const struct packet *p)
{
	bool answer = (p->tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK) || p->icmp_error;

	c->client = answer ? p->dst : p->src;
	c->server = answer ? p->src : p->dst;
	c->client_port = answer ? p->dport : p->sport;
	c->server_port = answer ? p->sport : p->dport;
	c->protocol = p->protocol;
}

void replay_converse(struct replay *r, const struct replay_verdict *v)
{
	struct replay_conversation *c;
	struct flow key;

	replay_flow_key(&key, &v->work.flow);
	c = g_hash_table_lookup(r->conversations, &key);
	if (!c) {
		c = g_new0(struct replay_conversation, 1);
		replay_ends(c, &v->work.packet);
		g_hash_table_insert(r->conversations, g_memdup2(&key, sizeof(key)), c);
		g_ptr_array_add(r->order, c);
	}
	c->packets++;
	c->bytes += v->length;
	if (v->crossed)
		device_set_put(&c->devices, v->crossed, true);
}

void replay_walk(struct replay *r, void (*visit)(void *user, const struct replay_conversation *c),
		 void *user)
{
	for (guint i = 0; i < r->order->len; i++)
		visit(user, g_ptr_array_index(r->order, i));
}
