// SPDX-License-Identifier: ISC
#include "sandwich/run/follower.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "sync/journal_young.h"

#define FOLLOWER_BUDGET 4096  /* events or slots a turn: some 300 us */
#define FOLLOWER_IDLE 5	      /* naps without an event before it lies down */
#define FOLLOWER_NAMES_MS 10  /* how often the devices' names are looked at */
#define FOLLOWER_SLACK_NS 10000

/*
 * How long it waits at most. The bell tells of what the kernel put; what the daemon's own threads
 * put (expiry, sweeps, all that libpcap carries) has no bell and waits until then.
 */
#define FOLLOWER_BELL_MS 50
#define FOLLOWER_NO_BELL_MS 5

struct follower {
	struct tables tables; /* with its own counters */
	struct journal *journal;
	struct ring_buffer *bell; /* NULL: there is none */
	journal_sink sink;
	struct follower_more more; /* .turn NULL: nothing */
	u64 due; /* us: when .turn wants to be called */
	void *user;
	struct journal_counts counted; /* as last added to the counters */
	u32 named; /* ms: when the names were looked at */
	pthread_t thread;
	bool running;
	bool stop, rescan; /* atomic: the main thread's orders */
};

static void follower_nobody(void *user, const struct journal_change *change)
{
	(void)user;
	(void)change;
}

static int follower_rung(void *user, void *data, size_t size)
{
	(void)user;
	(void)data;
	(void)size;
	return 0; /* that it came is all it says */
}

/* --- work ----------------------------------------------------------------------------------- */

static void follower_name(struct follower *f)
{
	for (unsigned int id = 0; id < DEVICES_MAX; id++)
		journal_device(f->journal, (u8)id, core_load(&f->tables.devices[id].name_hash));
}

static void follower_count(struct follower *f, enum counter what, u64 *before, u64 now)
{
	u64 *counter = &f->tables.counters->counter[what];

	core_store(counter, *counter + (now - *before));
	*before = now;
}

/* Into the counters that outlive the daemon with the other tables. */
static void follower_report(struct follower *f)
{
	struct journal_counts now;

	journal_read_counts(f->journal, &now);
	for (u32 i = 0; i < 4; i++)
		follower_count(f, COUNTER_EVENTS_NEW + i, &f->counted.events[i], now.events[i]);
	follower_count(f, COUNTER_EVENTS_LOST, &f->counted.lost, now.lost);
	follower_count(f, COUNTER_EVENT_SCANS, &f->counted.scans, now.scans);
	follower_count(f, COUNTER_EVENT_FOUND, &f->counted.found, now.found);
}

static void follower_obey(struct follower *f)
{
	u32 now = memory_now();

	journal_clock(f->journal, now);
	if (core_load(&f->rescan)) {
		core_store(&f->rescan, false);
		journal_rescan(f->journal);
	}
	if (now - f->named < FOLLOWER_NAMES_MS)
		return;
	f->named = now;
	follower_name(f);
}

/* A look at the tables, and what sync has to do. How many events and slots it looked at. */
static u32 follower_turn(struct follower *f)
{
	u32 done;

	if (f->more.turn)
		f->more.lock(f->user);
	follower_obey(f);
	done = journal_turn(f->journal, FOLLOWER_BUDGET, f->sink, f->user);
	if (f->more.turn) {
		f->due = f->more.turn(f->user);
		f->more.unlock(f->user);
	}
	return done;
}

/* Turns until nothing is left. Whether there was anything. */
static bool follower_work(struct follower *f)
{
	bool any = false;
	u32 done;

	do {
		done = follower_turn(f);
		any |= done != 0;
	} while (done >= FOLLOWER_BUDGET && !core_load(&f->stop));
	if (any)
		follower_report(f);
	return any;
}

/* --- rest ----------------------------------------------------------------------------------- */

static u64 follower_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (u64)now.tv_sec * 1000000 + (u64)now.tv_nsec / 1000;
}

/* US, or less where something is due before. */
static u64 follower_until_due(const struct follower *f, u64 us)
{
	u64 now = follower_clock();

	if (!f->more.turn || f->due >= now + us)
		return us;
	return f->due > now ? f->due - now : 0;
}

/* Until one of the descriptors can be read, US at most. */
static void follower_poll(struct follower *f, bool bell, u64 us)
{
	struct pollfd fds[2] = {{.fd = -1, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	const u64 left = follower_until_due(f, us);
	const struct timespec timeout = {.tv_sec = (time_t)(left / 1000000),
					 .tv_nsec = (long)(left % 1000000 * 1000)};

	if (bell)
		fds[0].fd = ring_buffer__epoll_fd(f->bell);
	if (f->more.turn)
		fds[1].fd = f->more.fd;
	(void)ppoll(fds, 2, &timeout, NULL); /* -EINTR: as good as news */
	if (fds[0].revents)
		(void)ring_buffer__consume(f->bell);
}

/*
 * After `asleep` is set, a nap and one more look: a CPU that saw it not yet set has put its event
 * by then, and rings no bell.
 */
static void follower_wait_for_bell(struct follower *f)
{
	if (!journal_sleep(f->journal))
		return;
	follower_poll(f, false, FOLLOWER_NAP_US);
	if (!follower_work(f))
		follower_poll(f, true, FOLLOWER_BELL_MS * 1000);
	journal_wake(f->journal);
}

static void follower_rest(struct follower *f, u32 idle)
{
	if (idle < FOLLOWER_IDLE)
		follower_poll(f, false, FOLLOWER_NAP_US);
	else if (f->bell)
		follower_wait_for_bell(f);
	else
		follower_poll(f, false, FOLLOWER_NO_BELL_MS * 1000);
}

/* The frames' and the heartbeats' threads go first. */
static void *follower_run(void *arg)
{
	struct follower *f = arg;
	u32 idle = 0;

	(void)setpriority(PRIO_PROCESS, 0, 0); /* on Linux: of this thread */
	(void)prctl(PR_SET_TIMERSLACK, FOLLOWER_SLACK_NS, 0, 0, 0);
	follower_name(f);
	while (!core_load(&f->stop)) {
		idle = follower_work(f) ? 0 : idle + 1;
		follower_rest(f, idle);
	}
	return NULL;
}

/* --- life ----------------------------------------------------------------------------------- */

static int follower_open(struct follower *f, const struct follower_setup *setup)
{
	struct journal_setup journal = {.tables = &f->tables, .key = setup->key};
	int err;

	memory_tables(setup->memory, FOLLOWER_THREAD, &f->tables);
	journal.rings = memory_rings(setup->memory, &journal.ring_count);
	err = journal_new(&f->journal, &journal);
	if (err || setup->bell < 0)
		return err;
	f->bell = ring_buffer__new(setup->bell, follower_rung, f, NULL);
	return f->bell ? 0 : -errno;
}

int follower_new(struct follower **out, const struct follower_setup *setup)
{
	struct follower *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	f->sink = setup->sink ? setup->sink : follower_nobody;
	f->user = setup->user;
	if (setup->more)
		f->more = *setup->more;
	err = follower_open(f, setup);
	if (err) {
		follower_free(f);
		return err;
	}
	*out = f;
	return 0;
}

/* Signals are the main thread's affair. */
int follower_start(struct follower *f)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&f->thread, NULL, follower_run, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return -err;
	pthread_setname_np(f->thread, "sandwich-follow");
	f->running = true;
	return 0;
}

void follower_free(struct follower *f)
{
	if (!f)
		return;
	core_publish(&f->stop, true);
	if (f->running)
		pthread_join(f->thread, NULL);
	ring_buffer__free(f->bell);
	journal_free(f->journal);
	free(f);
}

struct journal *follower_journal(struct follower *f)
{
	return f->journal;
}

struct tables *follower_tables(struct follower *f)
{
	return &f->tables;
}

void follower_rescan(struct follower *f)
{
	core_publish(&f->rescan, true);
}

void follower_counts(const struct follower *f, struct journal_counts *out)
{
	core_zero(out, sizeof(*out));
	if (f)
		journal_read_counts(f->journal, out);
}
