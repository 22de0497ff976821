// SPDX-License-Identifier: ISC
/*
 * The pcap data path alone: two ports, one device, one neighbour (their MACs are those of
 * tests/packets/world.h), no daemon around it.
 *
 *   pump_harness UPLINK FARM [SESSIONS]
 *
 * Runs until its input ends, then prints its counters, a line each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sandwich/slowpath/pump.h"
#include "tests/packets/world.h"

struct harness {
	struct world world;
	struct port *ports[2];
	struct pump *pump;
	GMainLoop *loop;
	u64 handled;
};

static void harness_handle(void *user, const struct slow_frame *frame)
{
	struct harness *h = user;

	(void)frame;
	h->handled++;
}

static void harness_lost(void *user, u8 index)
{
	(void)user;
	printf("lost %d\n", index);
	fflush(stdout);
}

static gboolean harness_input(GIOChannel *source, GIOCondition condition, gpointer user)
{
	struct harness *h = user;

	(void)source;
	(void)condition;
	g_main_loop_quit(h->loop);
	return G_SOURCE_REMOVE;
}

static void harness_print(const struct harness *h)
{
	static const char *const reasons[] = {
#define REASON(name, json, text) json,
		CORE_REASONS(REASON)
#undef REASON
	};
	static const char *const counters[] = {
#define COUNTER(name, json, text) json,
		CORE_COUNTERS(COUNTER)
#undef COUNTER
	};
	struct counters *sum = g_new0(struct counters, 1);

	memory_sum(h->world.memory, sum);
	for (int port = 0; port < 2; port++) {
		printf("rx %d %llu\ntx %d %llu\n", port, (unsigned long long)sum->rx[port], port,
		       (unsigned long long)sum->tx[port]);
		printf("missed %d %llu\n", port, (unsigned long long)port_missed(h->ports[port]));
		for (int r = 0; r < REASONS; r++)
			if (sum->reason[port][r])
				printf("reason %d %s %llu\n", port, reasons[r],
				       (unsigned long long)sum->reason[port][r]);
	}
	for (int c = 0; c < COUNTERS; c++)
		if (sum->counter[c])
			printf("counter %s %llu\n", counters[c],
			       (unsigned long long)sum->counter[c]);
	printf("handled %llu\n", (unsigned long long)h->handled);
	g_free(sum);
}

static int harness_open(struct harness *h, char *const *name)
{
	for (u8 i = 0; i < 2; i++) {
		char *why = NULL;
		int err = port_open(&h->ports[i], name[i], i, &why);

		if (err) {
			fprintf(stderr, "pump_harness: %s\n", why);
			return err;
		}
	}
	return 0;
}

static void harness_tables(struct world *w, u32 sessions)
{
	world_open(w, sessions, 1 << 14, 1 << 12);
	world_settings(&w->tables, SIDE_INGRESS, AFFINITY_PAIR);
	w->tables.settings->quantum = 100; /* track = auto */
	world_device(&w->tables, 1, "one", 1);
	world_rank(&w->tables);
	world_neighbour(&w->tables, 1, "10.0.0.254");
	world_route(&w->tables, "::", 0, 0, ROUTE_VIA, 1);
}

static int harness_run(struct harness *h)
{
	GIOChannel *input = g_io_channel_unix_new(0);
	int err = pump_new(&h->pump, h->world.memory, h->ports, 2, harness_handle, h);

	if (!err) {
		h->loop = g_main_loop_new(NULL, FALSE);
		pump_on_port_lost(h->pump, harness_lost, h);
		g_io_add_watch(input, G_IO_IN | G_IO_HUP, harness_input, h);
		err = pump_start(h->pump);
	}
	if (!err) {
		puts("ready");
		fflush(stdout);
		g_main_loop_run(h->loop);
		harness_print(h);
	}
	pump_free(h->pump);
	if (h->loop)
		g_main_loop_unref(h->loop);
	g_io_channel_unref(input);
	return err;
}

int main(int argc, char **argv)
{
	struct harness h = {0};
	int err;

	if (argc < 3) {
		fprintf(stderr, "usage: pump_harness UPLINK FARM [SESSIONS]\n");
		return 2;
	}
	harness_tables(&h.world, argc > 3 ? (u32)strtoul(argv[3], NULL, 0) : 1 << 20);
	err = harness_open(&h, argv + 1);
	if (!err)
		err = harness_run(&h);
	port_close(h.ports[0]);
	port_close(h.ports[1]);
	world_close(&h.world);
	return err ? 1 : 0;
}
