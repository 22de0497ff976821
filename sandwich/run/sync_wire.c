// SPDX-License-Identifier: ISC
/* The follower's side of sync: links, streams, repair, the role, and how they call each other. */
#include <errno.h>
#include <string.h>

#include "sandwich/run/sync_parts.h"
#include "sandwich/slowpath/memory.h"
#include "sync/journal_young.h"

/* --- the role ------------------------------------------------------------------------------- */

static struct sync_box *sync_box_of(struct sync *s, u32 number)
{
	for (unsigned int i = 0; i < s->count; i++)
		if (s->boxes[i].number == number)
			return &s->boxes[i];
	return NULL;
}

/* The active tells all that changes: its twin, and the partner's active one. */
static void sync_streams(struct sync *s)
{
	for (unsigned int i = 0; i < s->count; i++) {
		struct sync_box *box = &s->boxes[i];
		bool hears = box->relation == SYNC_PEER || box->role == ROLE_ACTIVE;

		replicate_send_changes(box->stream, s->active && hears);
	}
}

/*
 * Also a standby's term goes on, as it hears of a higher one. If it went on telling an old one, the
 * active would take it for deposed and refuse its questions.
 */
static void sync_judge_term(struct sync *s)
{
	const u32 term = role_term(s->role);

	if (term == s->term)
		return;
	s->term = term;
	for (unsigned int i = 0; i < s->count; i++)
		link_term(s->boxes[i].link, term,
			  s->boxes[i].relation == SYNC_PEER ? term : 0);
}

static void sync_became(void *user, enum role_state role, u32 term, const char *why)
{
	struct sync *s = user;
	bool active = role == ROLE_ACTIVE;

	g_message("%s is %s (term %u): %s", s->b->self->name, active ? "active" : "standby", term,
		  why);
	sync_judge_term(s);
	if (active == s->active)
		return;
	s->active = active;
	for (unsigned int i = 0; i < s->count; i++)
		repair_reset(s->boxes[i].repair); /* what was compared was in the other role */
	journal_hold(s->journal, active);
	sync_streams(s);
	if (!active)
		sync_fill_end(s);
	if (!active || !sync_fill_begin(s, (u64)g_get_monotonic_time()))
		sync_main_duty(s, active);
}

static void sync_announce(void *user)
{
	(void)user; /* going on duty does, sandwich/run/duty.c */
}

/* What is left of a drain's deadline NOW: it runs on while it waits to be told. */
static u32 sync_deadline(const struct sync *s, u32 deadline_ms, u64 now)
{
	u64 age_ms = now > s->told_at ? (now - s->told_at) / 1000 : 0;

	if (!deadline_ms)
		return 0;
	return deadline_ms > age_ms ? (u32)(deadline_ms - age_ms) : 1;
}

static void sync_put_farm(struct sync *s, struct record_writer *w, u64 now)
{
	u8 *item = record_open(w, RECORD_FARM, 0);

	for (u32 i = 0; i < s->told.devices; i++) {
		struct record_farm r = s->told.farm[i];

		r.deadline_ms = sync_deadline(s, r.deadline_ms, now);
		if (!record_put_farm(w, &r))
			break;
	}
	record_close(w, item);
}

/* As many as the datagram has room for from AT; how many are told then. */
static u32 sync_put_neighbours(struct sync *s, struct record_writer *w, u32 at)
{
	u8 *item = record_open(w, RECORD_NEIGHBOURS, 0);

	while (at < s->told.neighbours && record_put_neighbour(w, &s->told.neighbour[at]))
		at++;
	record_close(w, item);
	return at;
}

static void sync_tell(struct sync *s, struct sync_box *box, u64 now)
{
	struct record_writer w;
	u32 at = 0;

	if (!link_begin(box->link, false, &w, now))
		return;
	sync_put_farm(s, &w, now);
	link_end(box->link, &w, NULL, 0, false);
	while (at < s->told.neighbours && link_begin(box->link, false, &w, now)) {
		at = sync_put_neighbours(s, &w, at);
		link_end(box->link, &w, NULL, 0, false);
	}
}

static void sync_tell_twin(struct sync *s, u64 now)
{
	/* Without a port we see no device: that says nothing of what the twin will see. */
	if (!s->active || !s->told.ports_ok || (!s->tell && now < s->tell_at))
		return;
	s->tell -= s->tell > 0;
	s->tell_at = now + SYNC_TELL_US;
	for (unsigned int i = 0; i < s->count; i++)
		if (s->boxes[i].relation == SYNC_PEER)
			sync_tell(s, &s->boxes[i], now);
}

static void sync_heartbeat(void *user, const struct role_heartbeat *hb)
{
	struct sync *s = user;
	const struct record_census census = {s->b->maintain.live[TABLE_SESSIONS],
					     s->b->maintain.live[TABLE_PINS]};
	u64 now = (u64)g_get_monotonic_time();
	struct record_writer w;
	u8 bytes[512], *item;

	w = (struct record_writer){.at = bytes, .end = bytes + sizeof(bytes)};
	item = record_open(&w, RECORD_HEARTBEAT, 0);
	record_put_heartbeat(&w, hb);
	record_close(&w, item);
	item = record_open(&w, RECORD_CENSUS, 0);
	record_put_census(&w, &census);
	record_close(&w, item);
	for (unsigned int i = 0; i < s->count; i++)
		link_heartbeat(s->boxes[i].link, bytes, (size_t)(w.at - bytes), now);
	sync_tell_twin(s, now);
	sync_heard_tell(s, now);
}

static void sync_handover(void *user, u32 to, u32 term)
{
	struct sync_box *box = sync_box_of(user, to);

	if (box && term)
		replicate_say(box->stream, REPLICATE_HANDOVER, term);
}

static void sync_say(void *user, const char *text)
{
	(void)user;
	g_message("%s", text);
}

static void sync_role_box(const struct config *config, u32 index, struct role_box *out)
{
	const struct config_balancer *box = g_ptr_array_index(config->balancers, index);
	u32 pair = 1;

	for (u32 i = 0; i < index; i++) {
		const struct config_balancer *other = g_ptr_array_index(config->balancers, i);

		pair += other->side == box->side;
	}
	*out = (struct role_box){.number = index + 1, .side = (u8)box->side,
				 .priority = (u16)box->priority, .pair = pair, .name = box->name};
}

static int sync_wire_role(struct sync *s)
{
	const struct role_ops ops = {sync_became, sync_announce, sync_heartbeat, sync_handover,
				     sync_say, s};
	const struct config *config = s->b->config;
	struct role_config role = {
		.self = (u8)(s->self - 1),
		.interval_us = config->sync_heartbeat.interval_ms * 1000,
		.count = (u8)MIN(config->sync_heartbeat.count, 255),
		.preempt = config->preempt,
		.preempt_hold_us = 2000000,
		.follow_partner = config->follow_partner,
		/* who has no twin is active, whatever decides among twins */
		.external = config->role == CONFIG_ROLE_EXTERNAL && !s->alone,
	};

	for (u32 i = 0; i < config->balancers->len && i < ROLE_BOXES; i++)
		sync_role_box(config, role.boxes++, &role.box[i]);
	return role_new(&s->role, &role, &ops, (u64)g_get_monotonic_time());
}

/* --- links ---------------------------------------------------------------------------------- */

static void sync_take_heartbeat(struct sync_box *box, const struct link_item *item, u64 now)
{
	struct record_reader r = item->content;
	enum role_state was = box->role;
	struct role_heartbeat hb;

	if (!record_get_heartbeat(&r, &hb))
		return;
	box->role = hb.role;
	box->flags = hb.flags;
	role_input(box->sync->role, box->number, item->incarnation, &hb, now);
	if (was != box->role)
		sync_streams(box->sync);
}

static void sync_take_census(struct sync_box *box, const struct link_item *item)
{
	struct record_reader r = item->content;
	struct record_census census;

	if (record_get_census(&r, &census))
		box->census = census;
}

static void sync_take_farm(struct sync_box *box, const struct link_item *item)
{
	struct record_reader r = item->content;
	struct record_farm farm[DEVICES_MAX];
	u32 n = 0;

	while (n < DEVICES_MAX && record_get_farm(&r, &farm[n]))
		n++;
	if (box->relation == SYNC_PEER && !r.bad && n)
		sync_main_farm(box->sync, farm, n);
}

static void sync_take_neighbours(struct sync_box *box, const struct link_item *item)
{
	struct record_neighbour neighbours[LINK_DATAGRAM / 26];
	struct record_reader r = item->content;
	u32 n = 0;

	while (n < G_N_ELEMENTS(neighbours) && record_get_neighbour(&r, &neighbours[n]))
		n++;
	if (box->relation == SYNC_PEER && !r.bad && n)
		sync_main_neighbours(box->sync, neighbours, n);
}

/* Not before all that was said before it is here. */
static void sync_take_handover(struct sync_box *box, const struct link_item *item)
{
	struct record_reader r = item->content;
	u32 term = (u32)record_get(&r, 4);

	if (r.bad || box->relation != SYNC_PEER)
		return;
	box->handover_term = term;
	box->handover_number = item->number;
}

static void sync_look_handover(struct sync_box *box, u64 now)
{
	u32 term = box->handover_term;

	if (!term || !link_complete(box->link, box->handover_number))
		return;
	box->handover_term = 0;
	role_handover(box->sync->role, box->number, term, now);
}

static void sync_item(void *user, const struct link_item *item)
{
	u64 now = (u64)g_get_monotonic_time();
	struct sync_box *box = user;

	switch (item->kind) {
	case RECORD_HEARTBEAT:
		sync_take_heartbeat(box, item, now);
		break;
	case RECORD_CENSUS:
		sync_take_census(box, item);
		break;
	case RECORD_FARM:
		sync_take_farm(box, item);
		break;
	case RECORD_NEIGHBOURS:
		sync_take_neighbours(box, item);
		break;
	case RECORD_HANDOVER:
		sync_take_handover(box, item);
		break;
	case RECORD_HEARD:
		sync_heard_take(box, item);
		break;
	default:
		role_seen(box->sync->role, box->number, now);
		if (!replicate_item(box->stream, item, memory_now()))
			repair_item(box->repair, item, now);
	}
}

static void sync_again(void *user, u64 number, const u32 *words, u32 count)
{
	struct sync_box *box = user;

	(void)number;
	replicate_again(box->stream, words, count);
}

static void sync_reset(void *user)
{
	struct sync_box *box = user;

	box->handover_term = 0;
	store_link(box->sync->store, box->place,
		   box->relation == SYNC_PEER ? STORE_TWIN : STORE_PARTNER);
	replicate_reset(box->stream);
	repair_reset(box->repair);
}

static void sync_up(void *user, bool up)
{
	struct sync_box *box = user;

	if (up)
		g_message("sync: %s is in reach", box->conf->name);
	else
		g_warning("sync: nothing is heard of %s by any path", box->conf->name);
	if (!up)
		box->role = ROLE_STARTING;
	sync_streams(box->sync);
}

/* --- making --------------------------------------------------------------------------------- */

static int sync_wire_link(struct sync_box *box, u64 now)
{
	struct balancer *b = box->sync->b;
	const struct config_pace *pace = &b->config->sync_heartbeat;
	const struct link_setup setup = {
		.secret = b->secret,
		.secret_length = b->secret_length,
		.self = box->sync->self,
		.peer = box->number,
		.paths = sync_paths_count(box),
		.interval_us = pace->interval_ms * 1000ull,
		.count = pace->count,
		.ops = {sync_paths_room, sync_paths_send, sync_item, sync_again, sync_reset,
			sync_up, box},
	};

	return link_new(&box->link, &setup, now);
}

static u32 sync_devices(void *user, struct record_device *out, u32 count, u64 *epoch)
{
	struct sync_box *box = user;
	const struct tables *t = &box->sync->tables;
	u32 n = 0;

	*epoch = t->settings->epoch;
	for (unsigned int id = 1; id < DEVICES_MAX && n < count; id++) {
		const u64 name = core_load(&t->devices[id].name_hash);
		const bool up = device_set_has(&t->settings->up, (u8)id);

		if (name)
			out[n++] = (struct record_device){
				.name = name,
				.place = (u8)id,
				.flags = up ? RECORD_DEVICE_UP | RECORD_DEVICE_FIT : 0,
			};
	}
	return n;
}

/* States come by the path heartbeat (partner) and by FARM (twin): here the names count. */
static void sync_device_told(void *user, u8 device, const struct record_device *told)
{
	(void)user;
	(void)device;
	(void)told;
}

static void sync_stream_changed(void *user, const struct journal_change *change)
{
	struct sync_box *box = user;

	sync_change(box->sync, change);
}

static int sync_wire_stream(struct sync_box *box)
{
	struct sync *s = box->sync;
	const struct config *config = s->b->config;
	const bool twin = box->relation == SYNC_PEER;
	const struct replicate_setup setup = {
		.tables = &s->tables,
		.journal = s->journal,
		.store = s->store,
		.link_number = box->place,
		.peer = twin ? STORE_TWIN : STORE_PARTNER,
		.entries = twin || config->mode == CONFIG_MODE_FIREWALL,
		.refresh_ms = twin ? config->sync_refresh * 1000 : 0,
		.ops = {sync_stream_changed, sync_devices, sync_device_told, box},
	};
	struct repair_setup repair = {
		.tables = &s->tables,
		.journal = s->journal,
		.store = s->store,
		.link_number = box->place,
		.peer = setup.peer,
		.key = s->tables.settings->secret.k0,
	};
	int rc;

	store_link(s->store, box->place, setup.peer);
	rc = replicate_new(&box->stream, &setup);
	if (rc)
		return rc;
	repair.replicate = box->stream;
	rc = repair_new(&box->repair, &repair);
	if (rc)
		return rc;
	replicate_attach(box->stream, box->link);
	repair_attach(box->repair, box->link);
	return 0;
}

/* Everyone but ourselves who has a sync address, as we have. */
void sync_list(struct sync *s)
{
	const GPtrArray *all = s->b->config->balancers;

	for (u32 i = 0; i < all->len && s->count < SYNC_OTHERS; i++) {
		const struct config_balancer *conf = g_ptr_array_index(all, i);
		const u32 paths = MIN(conf->sync->len, s->b->self->sync->len);

		if (conf == s->b->self || !paths)
			continue;
		s->boxes[s->count] = (struct sync_box){
			.sync = s, .conf = conf, .number = i + 1, .place = (u8)s->count,
			.paths = (u8)MIN(paths, LINK_PATHS - SYNC_LANS),
			.relation = conf->side == s->b->self->side ? SYNC_PEER : SYNC_PARTNER};
		s->count++;
	}
}

static int sync_wire_boxes(struct sync *s, u64 now)
{
	int rc = 0;

	for (unsigned int i = 0; i < s->count && !rc; i++) {
		rc = sync_wire_link(&s->boxes[i], now);
		if (!rc)
			rc = sync_wire_stream(&s->boxes[i]);
	}
	return rc;
}

int sync_wire(struct sync *s, char **why)
{
	int rc = sync_wire_boxes(s, (u64)g_get_monotonic_time());

	if (!rc)
		rc = sync_wire_role(s);
	if (rc && !*why)
		*why = g_strdup_printf("can't start state sync: %s", g_strerror(-rc));
	return rc;
}

void sync_unwire(struct sync *s)
{
	for (unsigned int i = 0; i < s->count; i++) {
		repair_free(s->boxes[i].repair);
		replicate_free(s->boxes[i].stream);
		link_free(s->boxes[i].link);
	}
	role_free(s->role);
}

/* --- running -------------------------------------------------------------------------------- */

void sync_change(void *user, const struct journal_change *change)
{
	struct sync *s = user;

	for (unsigned int i = 0; i < s->count; i++)
		replicate_changed(s->boxes[i].stream, change);
}

/*
 * A standby is equal when its last comparison with the active said so. To be equal with an active
 * that still takes its tables over from the partner is nothing: such a one doesn't call itself so.
 */
static void sync_judge_equal(struct sync *s, u64 now)
{
	for (unsigned int i = 0; i < s->count; i++) {
		struct repair_view view;

		if (s->boxes[i].relation != SYNC_PEER)
			continue;
		repair_view(s->boxes[i].repair, &view);
		s->equal = !s->active && view.known && view.equal &&
			   s->boxes[i].flags & ROLE_EQUAL;
		role_set(s->role, ROLE_EQUAL, s->active ? !s->filler : s->equal, now);
	}
}

/*
 * How far it is behind: when it has acknowledged what was there at one moment, the next moment is
 * now.
 */
static void sync_judge_lag(struct sync_box *box, u64 now)
{
	struct replicate_counts counts;
	struct link_view view;

	link_view(box->link, &view, now);
	if (box->behind_us && view.acked < box->behind_number)
		return;
	replicate_read_counts(box->stream, &counts);
	box->behind_number = view.sent + (counts.waiting != 0);
	box->behind_us = view.acked < box->behind_number ? now : 0;
}

static u64 sync_turn_box(struct sync_box *box, u64 now)
{
	u64 next = link_tick(box->link, now);

	sync_look_handover(box, now);
	sync_judge_lag(box, now);
	next = MIN(next, repair_turn(box->repair, now));
	return MIN(next, replicate_turn(box->stream, now, memory_now()));
}

u64 sync_turn(struct sync *s, u64 now)
{
	u64 next;

	sync_judge_equal(s, now);
	role_set(s->role, ROLE_PORTS_OK, s->told.ports_ok, now);
	next = role_tick(s->role, now);
	sync_judge_term(s);
	next = MIN(next, sync_fill_turn(s, now));
	for (unsigned int i = 0; i < s->count; i++)
		next = MIN(next, sync_turn_box(&s->boxes[i], now));
	return next;
}
