// SPDX-License-Identifier: ISC
#include "sandwich/run/duty.h"

#include "sandwich/run/attach.h"
#include "sandwich/run/farm_twin.h"
#include "sandwich/slowpath/answer.h"

/* ms after the takeover: switches and neighbours may miss the first. */
static const guint duty_announcements[] = {50, 200, 1000, 5000};

bool duty_is_active(const struct balancer *b)
{
	return !core_load(&b->tables.settings->standby);
}

static gboolean duty_announce(gpointer user)
{
	struct balancer *b = user;

	answer_announce(b->answer);
	b->announced++;
	if (b->announced >= G_N_ELEMENTS(duty_announcements)) {
		b->announcing = 0;
		return G_SOURCE_REMOVE;
	}
	b->announcing = g_timeout_add(duty_announcements[b->announced] -
					      duty_announcements[b->announced - 1],
				      duty_announce, b);
	return G_SOURCE_REMOVE;
}

static void duty_announce_all(struct balancer *b)
{
	answer_announce(b->answer);
	duty_stop(b);
	b->announced = 0;
	b->announcing = g_timeout_add(duty_announcements[0], duty_announce, b);
}

void duty_stop(struct balancer *b)
{
	if (b->announcing)
		g_source_remove(b->announcing);
	b->announcing = 0;
}

static void duty_refresh(struct balancer *b, u32 now)
{
	for (u8 i = 0; i < b->port_count; i++)
		resolver_refresh_port(b->resolver, i, now);
	attach_report(b->attach);
}

/* The neighbours first: until they hear of it, nothing comes. */
static void duty_begin(struct balancer *b)
{
	u32 now = memory_now();

	core_store(&b->tables.settings->standby, false);
	answer_mute(b->answer, false);
	duty_announce_all(b);
	maintain_anew(&b->maintain, now);
	farm_follow(b->farm, false, now);
	if (balancer_start_health(b))
		g_warning("on duty without health checks: devices stay as they are");
	duty_refresh(b, now);
}

static void duty_end(struct balancer *b)
{
	core_store(&b->tables.settings->standby, true);
	answer_mute(b->answer, true);
	duty_stop(b);
	maintain_rest(&b->maintain);
	balancer_stop_health(b);
	farm_follow(b->farm, true, memory_now());
}

void duty_init(struct balancer *b, bool active)
{
	core_store(&b->tables.settings->standby, !active);
	if (!active)
		duty_end(b);
}

void duty_set(struct balancer *b, bool active)
{
	if (active == duty_is_active(b))
		return;
	if (active)
		duty_begin(b);
	else
		duty_end(b);
}
