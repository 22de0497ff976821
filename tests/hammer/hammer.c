// SPDX-License-Identifier: ISC
/*
 * Hammers one session table: the fast path's program on two CPUs, by test-run, and threads of user
 * space that expire, move and look, all at once, on the same mapped memory.
 *
 *   hammer -k OBJECT [-t ROUNDS] [-w] [-l]
 *
 * A round takes a second, every other is the program's alone; after each everybody stops, and
 * nothing may be lost, doubled, torn, miscounted or stuck. -w: until the first round in which
 * something was. -l: the program defers touches (fastpath/defer.bpf.h); what it has just recorded
 * is not looked for then. Exit: 0 all in order, 1 not, 77 no BPF here, or not two CPUs.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sandwich/core/sweep.h"
#include "tests/hammer/hammer.h"

#define CPUS 2
#define WORKERS 5 /* the CPUs', and the threads of user space */
#define LATE_US 20000 /* in which a touch that was deferred is done */
#define FRAMES 2048 /* made before, so that making them takes no time */

struct worker {
	struct hammer *hammer;
	struct tables tables;
	pthread_t thread;
	unsigned int number; /* of the CPU */
	u64 random, done;
	u32 turns; /* odd: at a step, in which it may take slots; counted up before and after */
	struct prepared {
		u32 flow;
		u8 port;
		u32 length;
		u8 bytes[64];
	} *frames;
};

static u64 next(u64 *state)
{
	*state += 0x9e3779b97f4a7c15;
	return hash_mix(*state);
}

/* Of most frames the flows share a few slots, so that the CPUs meet there. */
static u32 choose(const struct hammer *h, u64 random)
{
	if (random & 3)
		return h->hot[(u32)(random >> 16) % h->hot_count];
	return (u32)(random >> 16) % (random & 4 ? 128 : FLOWS);
}

static void prepare(struct worker *w)
{
	struct frame f;

	for (u32 i = 0; i < FRAMES; i++) {
		u64 random = next(&w->random);
		struct prepared *p = &w->frames[i];

		p->flow = choose(w->hammer, random);
		p->port = flow_frame(w->hammer, &f, p->flow, next(&w->random));
		p->length = f.length;
		memcpy(p->bytes, f.bytes, f.length);
	}
}

static void pin_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		abort();
}

/* --- who does what -------------------------------------------------------------------------- */

/* Sessions that anybody took out of the table, or could not put in, and said so. */
static u64 excuses(const struct hammer *h)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < h->count; i++)
		sum += core_load(&h->counters[i].counter[COUNTER_SESSIONS_REPLACED]) +
		       core_load(&h->counters[i].counter[COUNTER_SESSIONS_FULL]) +
		       core_load(&h->counters[i].counter[COUNTER_SESSIONS_EXPIRED]);
	return sum;
}

/* Around what may take slots and count them. */
static void turn(struct worker *w)
{
	__atomic_fetch_add(&w->turns, 1, __ATOMIC_SEQ_CST);
}

/* Once everybody is done who was at it: a slot is taken, then counted; much may come between. */
static u64 excuses_later(const struct hammer *h)
{
	for (unsigned int i = 0; i < WORKERS; i++) {
		u32 at = __atomic_load_n(&h->workers[i].turns, __ATOMIC_SEQ_CST);

		while (at & 1 && __atomic_load_n(&h->workers[i].turns, __ATOMIC_SEQ_CST) == at)
			;
	}
	return excuses(h);
}

/* Whether flow N is there; a find that meets a copy on its way out may have to look again. */
static bool is_there(struct tables *t, u32 n)
{
	struct flow key;

	flow_key(&key, n);
	for (int try = 0; try < 3; try++)
		if (table_find(t, TABLE_SESSIONS, &key, session_hash(t->settings, &key)))
			return true;
	return false;
}

/* The program on one CPU: inserts, hits, moves, RST. What it has just recorded must be there. */
static void *run_program(void *arg)
{
	struct worker *w = arg;
	struct hammer *h = w->hammer;

	pin_to(w->number);
	for (; !core_load(&h->stop); w->done++) {
		const struct prepared *p = &w->frames[next(&w->random) % FRAMES];
		struct kernel_run run = {.frame = p->bytes, .length = p->length, .port = p->port};
		u64 before = excuses(h);

		turn(w);
		if (kernel_run(h->kernel, &run))
			abort();
		turn(w);
		if (!h->late && !is_there(&w->tables, p->flow) && excuses_later(h) == before)
			judge_lost(h, p->flow);
	}
	return NULL;
}

/* The daemon's walk. */
static void *run_sweeper(void *arg)
{
	struct worker *w = arg;
	struct tables *t = &w->tables;

	while (!core_load(&w->hammer->stop))
		for (u32 i = 0; i <= t->mask[TABLE_SESSIONS]; i++) {
			turn(w);
			w->done += sweep_expire(t, t->settings, &t->slots[TABLE_SESSIONS][i],
						memory_now(), true);
			turn(w);
		}
	return NULL;
}

/* An operator, or a farm that changes: to the flow's other device. */
static void *run_mover(void *arg)
{
	struct worker *w = arg;
	struct tables *t = &w->tables;
	struct flow key;
	struct slot *s;

	for (; !core_load(&w->hammer->stop); w->done++) {
		u32 n = choose(w->hammer, next(&w->random));

		if (flow_kind(n) == KIND_STILL)
			continue;
		flow_key(&key, n);
		s = table_find(t, TABLE_SESSIONS, &key, session_hash(t->settings, &key));
		if (s)
			session_move(t, s, &key, flow_other(w->hammer, n, core_load(&s->device)));
	}
	return NULL;
}

/* Who only reads. */
static void *run_reader(void *arg)
{
	struct worker *w = arg;
	struct tables *t = &w->tables;

	for (; !core_load(&w->hammer->stop); w->done++) {
		u64 random = next(&w->random);

		judge_slot(w->hammer, tables_slot(t, TABLE_SESSIONS,
						  (u32)(random >> 8) % (random & 3 ? 24 : 1024)));
		if (!(random >> 32 & 15))
			judge_still(w->hammer, t, (u32)(random >> 40) % 64);
	}
	return NULL;
}

static void *(*const roles[WORKERS])(void *) = {run_program, run_program, run_sweeper, run_mover,
						run_reader};

/* --- rounds --------------------------------------------------------------------------------- */

/* The first COUNT of them, at the same time. */
static void round_of(struct hammer *h, struct worker *workers, size_t count)
{
	core_store(&h->stop, false);
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&workers[i].thread, NULL, roles[i], &workers[i]))
			abort();
	sleep(1);
	core_store(&h->stop, true);
	for (size_t i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	usleep(h->late ? LATE_US : 0);
	judge_all(h, &workers[WORKERS - 1].tables);
}

/* Flows that stay are recorded before anybody looks for them. */
static void record_lasting(struct hammer *h)
{
	struct frame f;

	for (u32 n = 0; flow_kind(n) <= KIND_ANCHOR; n++) {
		struct kernel_run run = {.frame = f.bytes, .port = flow_frame(h, &f, n, 0)};

		run.length = f.length;
		if (kernel_run(h->kernel, &run))
			abort();
	}
}

static void fill(struct tables *t)
{
	char name[16];

	world_settings(t, SIDE_INGRESS, AFFINITY_FLOW);
	for (u32 id = 1; id <= 2 * HAMMER_DEVICES; id++) {
		snprintf(name, sizeof(name), "device %u", id);
		world_device(t, (u8)id, name, 1);
		world_set(t, (u8)id, true, id <= HAMMER_DEVICES);
	}
	world_rank(t);
	world_neighbour(t, 1, "192.0.2.254");
	world_route(t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	for (int i = 0; i < TIMEOUTS; i++)
		if (i != TIMEOUT_TCP_ESTABLISHED && i != TIMEOUT_TCP_CLOSING)
			t->settings->timeout[i] = HAMMER_SHORT_MS;
}

/* Where flows are placed, and which lie together. */
static void place_flows(struct hammer *h, struct tables *t)
{
	for (u32 n = 0; n < FLOWS; n++) {
		struct placement p = {0};
		struct flow key;

		flow_key(&key, n);
		place(t, t->settings, &key, memory_now(), &p);
		h->device[n] = p.device;
		if (flow_kind(n) > KIND_ANCHOR && h->hot_count < HOT_MAX &&
		    (session_hash(t->settings, &key) & (HAMMER_SESSIONS - 1)) < HOT_HOMES)
			h->hot[h->hot_count++] = n;
	}
}

static void run(struct hammer *h, int rounds, bool until_wrong)
{
	struct worker workers[WORKERS] = {0};
	unsigned int thread = 0;

	h->workers = workers;
	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.hammer = h, .number = (unsigned int)i, .random = i};
		memory_tables(h->memory, i < CPUS ? 0 : 1 + thread++, &workers[i].tables);
		workers[i].frames = calloc(FRAMES, sizeof(*workers[i].frames));
		if (i < CPUS)
			prepare(&workers[i]);
	}
	record_lasting(h);
	for (; rounds > 0 && !(until_wrong && judge_sum(h)); rounds--)
		round_of(h, workers, rounds % 2 ? WORKERS : CPUS);
	printf("%llu and %llu frames by the program on two CPUs, %llu expired, %llu moves, "
	       "%llu looks\n",
	       (unsigned long long)workers[0].done, (unsigned long long)workers[1].done,
	       (unsigned long long)workers[2].done, (unsigned long long)workers[3].done,
	       (unsigned long long)workers[4].done);
	for (size_t i = 0; i < WORKERS; i++)
		free(workers[i].frames);
}

static int open_kernel(struct hammer *h, const char *object)
{
	const struct kernel_setup setup = {.object = object,
					   .sessions = HAMMER_SESSIONS,
					   .pins = 16384,
					   .fragments = 256};
	char why[700];
	int rc = sysconf(_SC_NPROCESSORS_ONLN) < CPUS ? -EPERM : 0;

	snprintf(why, sizeof(why), "it takes two CPUs");
	if (!rc)
		rc = kernel_open(&h->kernel, &setup, why, sizeof(why));
	if (!rc)
		return 0;
	printf("%s: %s\n", rc == -EPERM || rc == -ENOSYS ? "SKIP" : object, why);
	return rc == -EPERM || rc == -ENOSYS ? 77 : 1;
}

static int adopt(struct hammer *h)
{
	h->counters = kernel_counters(h->kernel, &h->count);
	return memory_adopt(&h->memory, kernel_tables(h->kernel), h->counters, h->count);
}

int main(int argc, char **argv)
{
	static struct hammer h;
	struct tables *t;
	const char *object = NULL;
	int c, rc, rounds = 10;
	bool until_wrong = false;

	while ((c = getopt(argc, argv, "k:t:wl")) != -1) {
		if (c == 'k')
			object = optarg;
		else if (c == 't')
			rounds = atoi(optarg);
		else if (c == 'w')
			until_wrong = true;
		else if (c == 'l')
			h.late = true;
	}
	rc = open_kernel(&h, object);
	if (rc)
		return rc;
	t = kernel_tables(h.kernel);
	fill(t);
	t->settings->defer = h.late ? SETTINGS_DEFER : 0;
	place_flows(&h, t);
	if (adopt(&h))
		return 1;
	run(&h, rounds, until_wrong);
	judge_say(&h);
	return judge_sum(&h) != 0;
}
