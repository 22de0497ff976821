// SPDX-License-Identifier: ISC
/*
 * The pcap data path alone: two ports, one device, one neighbour, no daemon around it.
 *
 *   pump_harness UPLINK FARM UPLINK-MAC FARM-MAC DEVICE-MAC NEIGHBOUR-MAC [SESSIONS]
 *
 * Runs until its input ends, then prints its counters, a line each.
 */
#include <errno.h>
#include <stdlib.h>

#include "sandwich/slowpath/pump.h"
#include "tests/bench/by_hand.h"

struct harness {
	struct by_hand hand;
	struct memory *memory;
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

	memory_sum(h->memory, sum);
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
			printf("counter %s %llu\n", counters[c], (unsigned long long)sum->counter[c]);
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

static int harness_tables(struct harness *h, char *const *mac, u32 sessions)
{
	struct tables tables;
	int err;

	if (!by_hand_mac(&h->hand.mine[0], mac[0]) || !by_hand_mac(&h->hand.mine[1], mac[1]) ||
	    !by_hand_mac(&h->hand.device, mac[2]) || !by_hand_mac(&h->hand.neighbour, mac[3])) {
		fprintf(stderr, "pump_harness: a MAC looks like 02:00:00:00:00:01\n");
		return -EINVAL;
	}
	err = memory_new(&h->memory, sessions, 1 << 14, 1 << 12);
	if (err)
		return err;
	memory_tables(h->memory, 0, &tables);
	by_hand_fill(&tables, &h->hand);
	return 0;
}

static int harness_run(struct harness *h)
{
	GIOChannel *input = g_io_channel_unix_new(0);
	int err = pump_new(&h->pump, h->memory, h->ports, 2, harness_handle, h);

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

	if (argc < 7) {
		fprintf(stderr, "usage: pump_harness UPLINK FARM UPLINK-MAC FARM-MAC DEVICE-MAC "
				"NEIGHBOUR-MAC [SESSIONS]\n");
		return 2;
	}
	err = harness_tables(&h, argv + 3, argc > 7 ? (u32)strtoul(argv[7], NULL, 0) : 1 << 20);
	if (!err)
		err = harness_open(&h, argv + 1);
	if (!err)
		err = harness_run(&h);
	port_close(h.ports[0]);
	port_close(h.ports[1]);
	memory_free(h.memory);
	return err ? 1 : 0;
}
