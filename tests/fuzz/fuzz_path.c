/* SPDX-License-Identifier: ISC */
/* links: sandwich/health/health.c sandwich/health/check.c sandwich/health/arp.c */
/* links: sandwich/health/icmp.c sandwich/health/ike.c sandwich/health/ike_message.c */
/* links: sandwich/health/tcp.c sandwich/health/http.c */
/* links: sandwich/health/script.c sandwich/health/script_file.c sandwich/health/script_run.c */
/* links: sandwich/health/probe.c sandwich/health/engine.c sandwich/health/path.c */
/* links: sandwich/health/state.c sandwich/health/message.c sandwich/health/datagram.c */
/* links: sync/seal.c */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/*
 * Any bytes as frames from the farm, and as what a partner that knows the secret says.
 *
 * The input is a list of steps: a byte that says what to do, a byte of length, and the bytes. The
 * first byte of all chooses the side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandwich/health/datagram.h"
#include "sandwich/health/engine.h"
#include "sandwich/health/message.h"
#include "sync/seal.h"

#define STEPS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"[sandwich]\nname = t\nmode = firewall\nsecret-file = /x\n"
	"[side ingress]\nuplink-address = 192.0.2.1/24\nfarm-address = 10.1.0.1/24\n"
	"[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n"
	"[balancer in-a]\nside = ingress\nuplink = eth0\nfarm = eth1\n"
	"[balancer out-a]\nside = egress\nuplink = eth0\nfarm = eth1\n"
	"[device d1]\ningress = 10.1.0.11\negress = 10.2.0.11\n"
	"[device d2]\ningress = 10.1.0.12\negress = 10.2.0.12\n"
	"[health]\npath = 20ms x 3\nicmp = on\n";
static const uint8_t secret[] = "secret";

struct stage {
	struct config *config;
	struct device devices[DEVICES_MAX];
	enum config_side_id side;
	struct engine *engine;
	struct seal *seal; /* the partner's */
	uint64_t now;
	uint64_t challenge; /* the engine's, as it last said */
	struct health_ops ops;
};

static void on_send(void *user, u8 port, const void *frame, size_t length)
{
	struct stage *s = user;
	u8 plain[MESSAGE_MAX + SEAL_OVERHEAD];
	struct datagram d;
	struct message m;
	uint32_t sender;
	size_t size;

	(void)port;
	if (!datagram_read_udp(&d, frame, (u32)length))
		return; /* an echo request, or an answer to a port that is not ours */
	if (seal_open(s->seal, d.payload, d.length, plain, &size, &sender) != SEAL_OK ||
	    message_decode(&m, plain, size))
		abort(); /* we don't understand ourselves */
	s->challenge = m.challenge;
}

static bool on_hop(void *user, u8 device, struct mac *mac, u8 *port, u16 *vlan)
{
	(void)user;
	*mac = (struct mac){ { 2, 0, 0, 0, 0, device } };
	*port = 1;
	*vlan = 5;
	return true;
}

static void on_export(void *user, u8 device, struct health_record *out)
{
	(void)user;
	out->up = device & 1;
}

static void on_import(void *user, u8 device, const struct health_record *record)
{
	(void)user;
	if (device > 2 || record->admin >= ADMINS)
		abort();
}

static void on_changed(void *user, u8 device, bool fit, const char *why)
{
	struct stage *s = user;

	if (!device || device > 2 || fit != !*why)
		abort();
	if (s->engine)
		engine_urge(s->engine, s->now);
}

static void on_partner(void *user, bool reachable)
{
	(void)user;
	(void)reachable;
}

static GLogWriterOutput quiet(GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user)
{
	(void)level, (void)fields, (void)n, (void)user;
	return G_LOG_WRITER_HANDLED;
}

static struct config *configuration(void)
{
	GPtrArray *problems = config_problems_new();
	struct config *config;

	if (config_parse(text, strlen(text), &config, problems))
		abort();
	g_ptr_array_unref(problems);
	return config;
}

static struct health_setup stage_setup(struct stage *s)
{
	return (struct health_setup){
		.config = s->config,
		.self = g_ptr_array_index(s->config->balancers, s->side),
		.ops = &s->ops,
		.secret = secret,
		.secret_length = sizeof(secret),
		.epoch = 1,
		.devices = s->devices,
		.farm_mac = { { 2, 9, 9, 9, 9, 9 } },
	};
}

static void stage_open(struct stage *s)
{
	struct health_setup setup = stage_setup(s);
	uint32_t partner = s->side == CONFIG_INGRESS ? 2 : 1;

	if (engine_new(&s->engine, &setup, s->now) ||
	    seal_new(&s->seal, secret, sizeof(secret), "path", partner))
		abort();
	engine_reloaded(s->engine, s->now);
	engine_tick(s->engine, s->now);
}

static void stage_close(struct stage *s)
{
	engine_free(s->engine);
	seal_free(s->seal);
	s->engine = NULL;
}

/* BYTES as a message of the partner's. TRUE_TO_FORM: with the right challenge and device, so that
 * more is read. */
static void say(struct stage *s, u8 device, const uint8_t *bytes, size_t length, bool true_to_form)
{
	u8 plain[256], sealed[sizeof(plain) + SEAL_OVERHEAD],
		frame[DATAGRAM_HEADERS + sizeof(sealed)];
	struct datagram d = { .sport = 4851, .dport = 4851, .payload = sealed };
	size_t whole = length - (length > 52 ? (length - 52) % 16 : 0);

	memcpy(plain, bytes, length);
	if (true_to_form && whole >= 52) {
		length = whole;
		plain[0] = s->side == CONFIG_EGRESS ? 1 : 2 + (plain[0] & 1);
		plain[1] = !s->side;
		plain[2] = 0;
		plain[3] = (u8)((length - 52) / 16);
		for (int i = 0; i < 8; i++) {
			plain[12 + i] = (u8)(s->challenge >> (56 - 8 * i));
			plain[28 + i] = device;
			plain[36 + i] = plain[36] ? (u8)(s->now >> (56 - 8 * i)) : plain[36 + i];
		}
	}
	address_from_v4(&d.src, 0x0101010a);
	address_from_v4(&d.dst, 0x0102020a);
	d.length = (u32)seal_close(s->seal, sealed, plain, length);
	engine_input(s->engine, 1, device, frame, (u32)datagram_udp(&d, frame), s->now);
}

/* BYTES as an echo reply of the first device's. */
static void reply(struct health *shell, u8 device, const uint8_t *bytes, size_t length)
{
	u8 frame[DATAGRAM_HEADERS + 256];
	struct datagram d = { .sport = device, .payload = bytes, .length = (u32)length };
	size_t whole;

	address_from_v4(&d.src, 0x0b00010a);
	address_from_v4(&d.dst, 0x0100010a);
	whole = datagram_echo(&d, frame);
	frame[14 + 20] = 0; /* the type */
	health_input(shell, 1, device, frame, (u32)whole);
}

/* What decodes encodes to what decodes to the same. */
static void codec(const uint8_t *bytes, size_t length)
{
	u8 first[MESSAGE_MAX], second[MESSAGE_MAX];
	struct message m, n;
	size_t size;

	if (message_decode(&m, bytes, length))
		return;
	size = message_encode(&m, first);
	if (size != length || message_decode(&n, first, size) ||
	    message_encode(&n, second) != size || memcmp(first, second, size))
		abort();
}

static void step(struct stage *s, struct health *shell, uint8_t what, const uint8_t *bytes,
		 size_t length)
{
	u8 device = (what >> 4) % 3;

	switch (what & 7) {
	case 0:
		engine_input(s->engine, 1, device, bytes, (u32)length, s->now);
		health_input(shell, 1, device, bytes, (u32)length);
		reply(shell, device, bytes, length);
		break;
	case 1:
		say(s, device, bytes, length, false);
		break;
	case 2:
	case 3:
		say(s, device, bytes, length, true);
		break;
	case 4:
		codec(bytes, length);
		break;
	case 5:
		s->now += (u64)length * 1000;
		engine_tick(s->engine, s->now);
		break;
	case 6:
		s->now = MAX(s->now, engine_due(s->engine));
		engine_tick(s->engine, s->now);
		break;
	default:
		engine_event(s->engine, device, CONFIG_DETECT_LINK, length & 1, "no carrier",
			     s->now);
	}
}

static struct health *shell_new(struct stage *s)
{
	struct health_setup setup = stage_setup(s);
	struct health *shell;

	if (health_new(&shell, &setup))
		abort();
	return shell;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stage stage;
	static struct health *shell; /* lives on: health_input() must take anything at any time */
	size_t at = 1;

	if (!stage.config) {
		g_log_set_writer_func(quiet, NULL, NULL);
		stage.config = configuration();
		stage.ops = (struct health_ops){on_send,    on_hop,     on_export, on_import,
						on_changed, on_partner, &stage};
		stage.devices[1].name_hash = 0x0101010101010101ull;
		stage.devices[2].name_hash = 0x0202020202020202ull;
		shell = shell_new(&stage);
	}
	stage.now = 1000000000;
	stage.side = size ? data[0] & 1 : 0;
	stage_open(&stage);
	for (int i = 0; i < STEPS && at + 2 <= size; i++) {
		size_t length = MIN((size_t)data[at + 1], size - at - 2);

		step(&stage, shell, data[at], data + at + 2, length);
		at += 2 + length;
	}
	stage_close(&stage);
	return 0;
}
