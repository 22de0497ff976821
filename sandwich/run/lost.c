// SPDX-License-Identifier: ISC
#include "sandwich/run/lost.h"

#include <string.h>

#include "sandwich/core/decide.h"
#include "sandwich/core/session.h"
#include "sandwich/run/walker.h"
#include "sandwich/slowpath/answer.h"
#include "sandwich/slowpath/reset.h"

struct lost {
	struct balancer *balancer;
	struct walker *walker;
	struct device_set devices; /* whose sessions the walk is about */
};

/* Sends a packet that was built without its Ethernet header toward our uplink. */
static void lost_send(struct balancer *b, u8 *frame, u32 length)
{
	struct packet_cursor cursor = {frame, frame + length, length};
	struct slow_frame out = {.work = {.port = PORT_UPLINK, .now = memory_now()},
				 .length = length, .data = frame};
	struct work *w = &out.work;

	frame[12] = frame[14] >> 4 == 6 ? 0x86 : 0x08;
	frame[13] = frame[14] >> 4 == 6 ? 0xdd : 0x00;
	if (!packet_parse(&cursor, &w->packet, &w->reason))
		return;
	decide_next_hop(&b->tables, tables_settings(&b->tables), w, NULL);
	/* Where its neighbour isn't known, the end will speak when it has something to say. */
	if (reason_action(w->reason) == ACTION_SEND)
		pump_forward(b->pump, &out);
}

static void lost_visit(void *user, struct slot *s)
{
	struct lost *lost = user;
	struct balancer *b = lost->balancer;
	u8 frame[RESET_FRAME_MAX], state = core_load(&s->state);
	struct flow flow = s->key;
	u32 length;

	if (flow.protocol != PROTOCOL_TCP || !device_set_has(&lost->devices, s->device) ||
	    !session_is_open(state))
		return;
	length = reset_challenge(&flow, b->tables.settings->side == SIDE_INGRESS, frame);
	if (length)
		lost_send(b, frame, length);
}

static void lost_done(void *user)
{
	struct lost *lost = user;

	memset(&lost->devices, 0, sizeof(lost->devices));
}

void lost_challenge(struct balancer *b, u8 device)
{
	struct walker_ops ops = {lost_visit, lost_done, NULL};

	if (!b->lost) {
		b->lost = ops.user = g_new0(struct lost, 1);
		b->lost->balancer = b;
		b->lost->walker = walker_new(&b->tables, TABLE_SESSIONS, &ops);
	}
	device_set_put(&b->lost->devices, device, true);
	walker_start(b->lost->walker);
}

void lost_reset(struct balancer *b, const struct slow_frame *frame)
{
	const struct packet *p = &frame->work.packet;
	struct address source = p->to;
	u8 out[RESET_FRAME_MAX];
	u32 length;

	answer_source(b->answer, frame->work.port, &p->src, &source);
	length = reset_answer(frame, &b->tables.settings->mac[frame->work.port != PORT_UPLINK],
			      &source, out);
	if (!length)
		return;
	pump_send(b->pump, frame->work.port, out, length);
	count(&b->tables, COUNTER_RESETS_SENT);
}

void lost_stop(struct balancer *b)
{
	if (!b->lost)
		return;
	walker_free(b->lost->walker);
	g_free(b->lost);
	b->lost = NULL;
}
