/* SPDX-License-Identifier: ISC */
/* The shell around the engine: timers, the log, and the checks that use them. */
#include "sandwich/health/health.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "sandwich/health/check.h"
#include "sandwich/health/engine.h"

#define COMPLAIN_US 10000000 /* heartbeats that are refused are logged that often */

struct health {
	struct health_ops ops;
	struct engine *engine;
	struct checks *checks;
	int timer; /* timerfd, of CLOCK_MONOTONIC */
	guint source;
	u64 armed; /* what it is set to, µs */
	u64 complained;
	u64 refused; /* since then */
	char *names[DEVICES_MAX]; /* of the devices, by id */
};

static u64 health_now(void)
{
	return (u64)g_get_monotonic_time(); /* CLOCK_MONOTONIC */
}

/* Sets the timer to when the engine wants to be called. */
static void health_arm(struct health *h)
{
	u64 due = engine_due(h->engine);
	struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(due / 1000000),
			     .tv_nsec = (long)(due % 1000000 * 1000)},
	};

	if (due == h->armed)
		return;
	h->armed = due;
	timerfd_settime(h->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static gboolean health_tick(gint fd, GIOCondition condition, gpointer data)
{
	struct health *h = data;
	u64 expirations;

	(void)condition;
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		g_warning("health timer: %s", g_strerror(errno));
	h->armed = 0;
	if (health_now() >= engine_due(h->engine))
		engine_tick(h->engine, health_now());
	health_arm(h);
	return G_SOURCE_CONTINUE;
}

static int health_open_timer(struct health *h)
{
	h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (h->timer < 0)
		return -errno;
	h->source = g_unix_fd_add_full(G_PRIORITY_HIGH, h->timer, G_IO_IN, health_tick, h, NULL);
	health_arm(h);
	return 0;
}

static void health_explain(const struct health_setup *setup, int error)
{
	if (error == -EADDRNOTAVAIL)
		g_warning("[health] path: the sides have no farm-address of one family: "
			  "give both an IPv4 or both an IPv6 one, or write path = off");
	else if (error == -EINVAL && !setup->secret_length)
		g_warning("[health] path needs a secret: name a secret-file that is not empty");
	else
		g_warning("health: %s", g_strerror(-error));
}

static void health_forget_names(struct health *h)
{
	for (int i = 0; i < DEVICES_MAX; i++)
		g_clear_pointer(&h->names[i], g_free);
}

static void health_take_names(struct health *h, const struct config *config)
{
	health_forget_names(h);
	for (guint i = 0; i < config->devices->len; i++) {
		const struct config_device *d = g_ptr_array_index(config->devices, i);

		g_free(h->names[d->id]);
		h->names[d->id] = g_strdup(d->name);
	}
}

int health_new(struct health **out, const struct health_setup *setup)
{
	struct health *h = g_new0(struct health, 1);
	u64 now = health_now();
	int error = -EINVAL;

	*out = NULL;
	h->timer = -1;
	h->ops = *setup->ops;
	if (!checks_valid(setup->config))
		goto out;
	error = engine_new(&h->engine, setup, now);
	if (!error) {
		h->checks = checks_new(h->engine, setup, &h->ops, now);
		engine_reloaded(h->engine, now);
		if (setup->fit)
			state_assume(engine_state(h->engine), setup->fit, now);
		health_take_names(h, setup->config);
		error = health_open_timer(h);
	}
	if (error)
		health_explain(setup, error);
out:
	if (error)
		health_free(h);
	else
		*out = h;
	return error;
}

void health_free(struct health *h)
{
	if (!h)
		return;
	if (h->source)
		g_source_remove(h->source);
	if (h->timer >= 0)
		close(h->timer);
	checks_free(h->checks);
	engine_free(h->engine);
	health_forget_names(h);
	g_free(h);
}

int health_reload(struct health *h, const struct health_setup *setup)
{
	u64 now = health_now();
	int error;

	if (!checks_valid(setup->config))
		return -EINVAL;
	error = engine_reload(h->engine, setup, now);
	if (error) {
		health_explain(setup, error);
		return error;
	}
	h->ops = *setup->ops;
	health_take_names(h, setup->config);
	checks_free(h->checks);
	h->checks = checks_new(h->engine, setup, &h->ops, now);
	engine_reloaded(h->engine, now);
	health_arm(h);
	return 0;
}

void health_result(struct health *h, u8 device, enum config_detector detector, bool ok,
		   const char *why)
{
	engine_event(h->engine, device, detector, ok, why, health_now());
	health_arm(h);
}

void health_forget(struct health *h, enum config_detector detector)
{
	state_forget(engine_state(h->engine), detector);
	health_arm(h);
}

/* Anybody on the farm can send such frames: one line for many. */
static void health_complain(struct health *h, u8 device, enum path_result result, u64 now)
{
	h->refused++;
	if (h->complained && now - h->complained < COMPLAIN_US)
		return;
	g_warning("path heartbeat refused (from %s%s): %s; %" G_GUINT64_FORMAT
		  " since the last such line",
		  h->names[device] ? "device " : "",
		  h->names[device] ? h->names[device] : "an unknown MAC",
		  path_result_text(result), h->refused);
	h->complained = now;
	h->refused = 0;
}

void health_input(struct health *h, u8 port, u8 device, const u8 *frame, u32 length)
{
	u64 now = health_now();
	enum path_result result;

	if (checks_input(h->checks, device, frame, length))
		return;
	result = engine_input(h->engine, port, device, frame, length, now);
	if (result > PATH_OTHER)
		health_complain(h, device, result, now);
	health_arm(h);
}

void health_urge(struct health *h)
{
	engine_urge(h->engine, health_now());
	health_arm(h);
}

void health_walk(struct health *h, u8 device,
		 void (*visit)(void *user, const struct health_view *v), void *user)
{
	state_walk(engine_state(h->engine), device, visit, user);
}

bool health_fit(struct health *h, u8 device)
{
	return state_fit(engine_state(h->engine), device);
}

void health_partner(struct health *h, struct health_partner *out)
{
	engine_partner(h->engine, out);
}
