// SPDX-License-Identifier: ISC
#include "tests/packets/capture.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 2048

struct script {
	struct twin *tw;
	struct samples *samples;
	const char *path;
	int line, failed;
	struct work w;	    /* of the last frame */
	u8 letter[26];	    /* what a letter stands for: a device; 0: nothing yet */
	char wrong[480];    /* what is wrong with the line being read */
};

static int script_wrong(struct script *s, const char *what, const char *word)
{
	snprintf(s->wrong, sizeof(s->wrong), "%s: %s", what, word ? word : "(nothing)");
	return -EINVAL;
}

static char *script_word(char **at)
{
	return strtok_r(NULL, " \t\n", at);
}

/* A device: its number, or a letter that was bound by device=LETTER; !X is one that is up and is
 * not X. */
static int script_device(struct script *s, const char *word, u8 *out)
{
	u8 not, id = 0;

	if (!word)
		return -EINVAL;
	if (*word == '!') {
		if (script_device(s, word + 1, &not))
			return -EINVAL;
		for (id = 1; id <= 3; id++)
			if (id != not && device_set_has(&s->tw->t[0]->settings->up, id))
				break;
	} else if (isupper((unsigned char)*word) && !word[1]) {
		id = s->letter[*word - 'A'];
	} else if (isdigit((unsigned char)*word)) {
		id = (u8)atoi(word);
	} else {
		return -EINVAL;
	}
	*out = id;
	return 0;
}

/*
 * affinity=tunnel: all that there are, at ports of their own. Connection ids of DTLS have four
 * bytes, the server ids of QUIC two under config id 2: 0a 01 is device 1's, and so on.
 */
static void world_tunnels(struct settings *cfg)
{
	static const struct {
		u16 port;
		u8 kind;
	} tunnels[] = {
		{500, TUNNEL_IKE},	{4500, TUNNEL_NATT}, {51820, TUNNEL_WIREGUARD},
		{1194, TUNNEL_OPENVPN}, {1701, TUNNEL_L2TP}, {443, TUNNEL_QUIC},
		{4433, TUNNEL_DTLS},
	};

	for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++)
		cfg->tunnel[cfg->tunnels++] = (struct tunnel_port){
			.port = htons(tunnels[i].port), .kind = tunnels[i].kind};
	cfg->affinity = AFFINITY_CLIENT;
	cfg->dtls_cid = 4;
	cfg->quic_config = 2;
	cfg->quic_length = 2;
	for (u8 id = 1; id <= 3; id++)
		cfg->quic_id[id] = 0x10a00u | id;
}

/* Words of `world`: key, what it sets. */
static int world_word(struct settings *cfg, const char *key, const char *value)
{
	static const char *const affinities[] = {"pair", "client", "server", "flow"};
	u16 vlan = !strcmp(value, "keep") ? VLAN_KEEP : (u16)atoi(value);

	if (!strcmp(key, "affinity")) {
		for (u8 i = 0; i < 4; i++)
			cfg->affinity = !strcmp(value, affinities[i]) ? i : cfg->affinity;
		if (!strcmp(value, "tunnel"))
			world_tunnels(cfg);
	} else if (!strcmp(key, "uplink-vlan")) {
		cfg->vlan[0] = vlan;
	} else if (!strcmp(key, "farm-vlan")) {
		cfg->vlan[1] = vlan;
	} else if (!strcmp(key, "quantum")) {
		cfg->quantum = (u32)atoi(value);
	} else if (!strcmp(key, "prompt")) {
		cfg->defer = 0;
	} else if (!strcmp(key, "heard")) {
		cfg->heard = (u32)atoi(value);
	} else if (!strcmp(key, "on-down")) {
		cfg->on_down = *value == 'r' ? DOWN_RESET : *value == 'd' ? DOWN_DROP : DOWN_MOVE;
	} else if (!strcmp(key, "on-move")) {
		cfg->on_move = *value == 'k' ? MOVE_KEEP : MOVE_REBIND;
	} else if (!strcmp(key, "hosts")) {
		cfg->learn_hosts = true;
	} else if (!strcmp(key, "zoned")) {
		cfg->zoned = true;
	} else if (!strcmp(key, "hold")) {
		cfg->hold_fragments = true;
	} else if (!strcmp(key, "last-hop")) {
		cfg->last_hop = true;
	} else if (!strcmp(key, "any-mac")) {
		cfg->any_mac = true;
	} else if (strcmp(key, "side")) {
		return -EINVAL;
	}
	return 0;
}

static void world_fill(struct tables *t, u8 side)
{
	static const char *const names[] = {"a", "b", "c"};
	struct mac router = world_neighbour_mac(2);

	world_settings(t, side, AFFINITY_PAIR);
	for (u8 id = 1; id <= 3; id++)
		world_device(t, id, names[id - 1], 1);
	world_rank(t);
	world_neighbour(t, 1, "192.0.2.254");
	world_neighbour(t, 2, "192.0.2.253");
	world_owner(t, &router, 0, 0, MAC_ANYWHERE, MAC_OWNER_ROUTER | 2);
	world_route(t, "0.0.0.0", 0, 0, ROUTE_VIA, 1);
	world_route(t, "::", 0, 0, ROUTE_VIA, 1);
}

/* key=N: another placement key, so that the hash names other devices. */
static void world_key(struct tables *t, u64 n)
{
	t->settings->placement = (struct hash_key){hash_mix(2 * n + 1), hash_mix(2 * n + 2)};
	world_rank(t);
}

int script_world(struct twin *tw, char *words)
{
	u8 side = strstr(words, "side=egress") ? SIDE_EGRESS : SIDE_INGRESS;
	char *at = NULL;
	int rc = 0;

	twin_clear(tw);
	twin_each(tw, t) {
		world_fill(t, side);
		t->settings->defer = tw->late;
	}
	for (char *w = strtok_r(words, " \t\n", &at); w; w = script_word(&at)) {
		char *value = strchr(w, '=');

		if (value)
			*value++ = 0;
		if (value && !strcmp(w, "key"))
			twin_each(tw, t) world_key(t, strtoull(value, NULL, 10));
		else
			twin_each(tw, t) rc |= world_word(t->settings, w, value ? value : "");
	}
	return rc;
}

/* device X up | down | drain | flushed (a drain is over) | gone (its MAC is not known) */
static int line_device(struct script *s, char *at)
{
	const char *name = script_word(&at), *state = script_word(&at);
	u8 id;

	if (script_device(s, name, &id) || !id || !state)
		return script_wrong(s, "no such device", name);
	twin_each(s->tw, t) {
		world_set(t, id, strcmp(state, "down") != 0, !strcmp(state, "up"));
		device_set_put(&t->settings->shut, id, !strcmp(state, "flushed"));
		if (!strcmp(state, "gone"))
			t->devices[id].hop = 0;
	}
	return 0;
}

/* local ADDRESS own | cluster | DEVICE */
static int line_local(struct script *s, char *at)
{
	const char *address = script_word(&at), *kind = script_word(&at);
	struct address a;
	u8 id = 0;

	if (!kind || frame_address(address, &a))
		return script_wrong(s, "not an address", address);
	if (strcmp(kind, "own") && strcmp(kind, "cluster") && script_device(s, kind, &id))
		return script_wrong(s, "own, cluster or a device", kind);
	twin_each(s->tw, t) world_local(t, address,
					id             ? LOCAL_DEVICE | id
					: *kind == 'o' ? LOCAL_OWN
						       : LOCAL_CLUSTER);
	return 0;
}

/* pool PREFIX/LENGTH DEVICE */
static int line_pool(struct script *s, char *at)
{
	char *prefix = script_word(&at), *device = script_word(&at);
	char *slash = prefix ? strchr(prefix, '/') : NULL;
	struct address a;
	u8 id;

	if (!slash || !device || script_device(s, device, &id) || !id)
		return script_wrong(s, "PREFIX/LENGTH and a device", prefix);
	*slash = 0;
	if (frame_address(prefix, &a))
		return script_wrong(s, "not an address", prefix);
	twin_each(s->tw, t) world_pool(t, prefix, (u32)atoi(slash + 1), id);
	return 0;
}

/* route PREFIX/LENGTH NEIGHBOUR | link | blackhole [ZONE] */
static int line_route(struct script *s, char *at)
{
	char *prefix = script_word(&at), *via = script_word(&at), *zone = script_word(&at);
	char *slash = prefix ? strchr(prefix, '/') : NULL;
	struct address a;
	u8 kind;

	if (!slash || !via)
		return script_wrong(s, "PREFIX/LENGTH and a neighbour", prefix);
	*slash = 0;
	if (frame_address(prefix, &a))
		return script_wrong(s, "not an address", prefix);
	kind = *via == 'l' ? ROUTE_ON_LINK : *via == 'b' ? ROUTE_BLACKHOLE : ROUTE_VIA;
	twin_each(s->tw, t) world_route(t, prefix, (u32)atoi(slash + 1), zone ? (u32)atoi(zone) : 0,
					kind, kind == ROUTE_VIA ? (u16)atoi(via) : 0);
	return 0;
}

static int line_time(struct script *s, char *at)
{
	const char *word = script_word(&at);

	if (!word || *word != '+')
		return script_wrong(s, "+MS", word);
	twin_pass(s->tw, (u32)atoi(word + 1));
	return 0;
}

/* counter NAME N */
static int line_counter(struct script *s, char *at)
{
	static const char *const names[] = {
#define COUNTER(name, json, text) json,
		CORE_COUNTERS(COUNTER)
#undef COUNTER
	};
	const char *name = script_word(&at), *n = script_word(&at);
	u64 is;

	for (int i = 0; name && n && i < COUNTERS; i++) {
		if (strcmp(name, names[i]))
			continue;
		is = s->tw->t[0]->counters->counter[i];
		if (is == strtoull(n, NULL, 10))
			return 0;
		snprintf(s->wrong, sizeof(s->wrong), "%s is %llu", name, (unsigned long long)is);
		return -EINVAL;
	}
	return script_wrong(s, "no such counter", name);
}

/* live sessions | pins | fragments N */
static int line_live(struct script *s, char *at)
{
	static const char *const names[] = {"sessions", "pins", "fragments"};
	const char *name = script_word(&at), *n = script_word(&at);
	u32 is;

	for (int i = 0; name && n && i < TABLES; i++) {
		if (strcmp(name, names[i]))
			continue;
		is = world_live_slots(s->tw->t[0], (enum table_kind)i);
		if (is == (u32)atoi(n))
			return 0;
		snprintf(s->wrong, sizeof(s->wrong), "%u live %s", is, name);
		return -EINVAL;
	}
	return script_wrong(s, "no such table", name);
}

static int line_capture(struct script *s, char *at)
{
	return capture_play(s->tw, s->samples, at, s->wrong, sizeof(s->wrong));
}

static int expect_device(struct script *s, const char *value, u8 is)
{
	u8 want;

	if (isupper((unsigned char)*value) && !value[1] && !s->letter[*value - 'A'])
		s->letter[*value - 'A'] = is;
	if (*value == '!') {
		if (script_device(s, value + 1, &want))
			return -EINVAL;
		return is && is != want ? 0 : -EINVAL;
	}
	return script_device(s, value, &want) || want != is ? -EINVAL : 0;
}

/* A:PORT>B:PORT/PROTOCOL, outside first; an IPv6 address stands in brackets. */
static void flow_text(const struct flow *flow, char *out, size_t size)
{
	const struct address *ends[] = {&flow->outside, &flow->inside};
	char text[2][INET6_ADDRSTRLEN + 2], bare[INET6_ADDRSTRLEN];

	for (int i = 0; i < 2; i++) {
		bool v4 = address_is_v4(ends[i]);
		const u8 *bytes = (const u8 *)ends[i];

		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, bare, sizeof(bare));
		snprintf(text[i], sizeof(text[i]), v4 ? "%s" : "[%s]", bare);
	}
	snprintf(out, size, "%s:%u>%s:%u/%u", text[0], core_swap16(flow->outside_port), text[1],
		 core_swap16(flow->inside_port), flow->protocol);
}

static const struct {
	const char *name;
	u32 bit;
} events[] = {
	{"new", EVENT_NEW},	{"closed", EVENT_CLOSED},	 {"learned", EVENT_LEARNED},
	{"moved", EVENT_MOVED}, {"first", EVENT_FIRST_FRAGMENT}, {"router", EVENT_ROUTER},
};

static int expect_events(struct script *s, char *value)
{
	u32 want = 0;
	char *at = NULL;

	for (char *w = strtok_r(value, ",", &at); w; w = strtok_r(NULL, ",", &at))
		for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
			want |= strcmp(w, events[i].name) ? 0 : events[i].bit;
	return want == s->w.events ? 0 : -EINVAL;
}

static int expect_session(struct script *s, const char *value)
{
	static const char *const states[] = {"new",	    "opening", "established", "fin-outside",
					     "fin-inside", "closed",  "reset",
					     "moved"};
	struct tables *t = s->tw->t[0];
	struct slot *slot =
		table_find(t, TABLE_SESSIONS, &s->w.flow, session_hash(t->settings, &s->w.flow));

	if (!slot)
		return strcmp(value, "none") ? -EINVAL : 0;
	return strcmp(value, states[session_state(slot->state)]) ? -EINVAL : 0;
}

/* One word of what is expected of the last frame. */
static int expect_word(struct script *s, char *word)
{
	char *value = strchr(word, '='), text[200];
	u16 vlan;

	if (!value)
		return -EINVAL;
	*value++ = 0;
	if (!strcmp(word, "device"))
		return expect_device(s, value, s->w.device);
	if (!strcmp(word, "from"))
		return expect_device(s, value, s->w.from);
	if (!strcmp(word, "events"))
		return expect_events(s, value);
	if (!strcmp(word, "session"))
		return expect_session(s, value);
	if (!strcmp(word, "neighbour"))
		return atoi(value) == s->w.neighbour ? 0 : -EINVAL;
	if (!strcmp(word, "via"))
		return atoi(value) == s->w.out_mac.byte[5] ? 0 : -EINVAL;
	if (!strcmp(word, "vlan")) {
		vlan = !strcmp(value, "keep") ? VLAN_KEEP : (u16)atoi(value);
		return vlan == s->w.out_vlan ? 0 : -EINVAL;
	}
	flow_text(&s->w.flow, text, sizeof(text));
	return strcmp(word, "flow") || strcmp(value, text) ? -EINVAL : 0;
}

static const char *const reasons[] = {
#define REASON(name, json, text) json,
	CORE_REASONS(REASON)
#undef REASON
};

static int script_expect(struct script *s, char *text)
{
	char flow[200], word[100], *at = NULL;
	char *reason = strtok_r(text, " \t\n", &at);

	for (char *w = reason; w; w = script_word(&at)) {
		snprintf(word, sizeof(word), "%s", w);
		if (w == reason ? !strcmp(w, reasons[s->w.reason]) : !expect_word(s, w))
			continue;
		flow_text(&s->w.flow, flow, sizeof(flow));
		snprintf(s->wrong, sizeof(s->wrong), "not %s: %s device=%u from=%u events=%#x %s",
			 word, reasons[s->w.reason], s->w.device, s->w.from, s->w.events, flow);
		return -EINVAL;
	}
	return 0;
}

void samples_add(struct samples *all, const struct frame *f, u8 port)
{
	if (all->count == all->room) {
		all->room = all->room ? all->room * 2 : 64;
		all->at = realloc(all->at, all->room * sizeof(*all->at));
		if (!all->at)
			abort();
	}
	all->at[all->count].port = port;
	all->at[all->count++].frame = *f;
}

/* Addresses the frame unless its text did: to the balancer, from SRC. */
static void script_macs(struct frame *f, u8 port, struct mac src)
{
	static const u8 zero[6];
	struct mac dst = world_mac(port != PORT_UPLINK);

	if (f->length < 12)
		return;
	if (!memcmp(f->bytes, zero, 6))
		memcpy(f->bytes, &dst, 6);
	if (!memcmp(f->bytes + 6, zero, 6))
		memcpy(f->bytes + 6, &src, 6);
}

/* uplink FRAME => EXPECTED, farm DEVICE FRAME => EXPECTED; `held` first: it was held once already.
 */
static int script_frame(struct script *s, u8 port, struct mac src, char *text)
{
	char *expected = strstr(text, "=>"), why[128];
	bool held = !strncmp(text, "held ", 5);
	struct frame f;

	if (!expected)
		return script_wrong(s, "no =>", text);
	*expected = 0;
	if (frame_build(&f, text + (held ? 5 : 0), why))
		return script_wrong(s, "frame", why);
	script_macs(&f, port, src);
	samples_add(s->samples, &f, port);
	s->w = (struct work){.port = port, .held = held};
	if (!twin_decide(s->tw, &f, 0, &s->w))
		return script_wrong(s, "kernel and user space differ", text);
	return script_expect(s, expected + 2);
}

static int line_farm(struct script *s, char *at)
{
	char *word = at + strspn(at, " \t"), *rest = strpbrk(word, " \t");
	struct mac src = world_neighbour_mac(99);
	u8 id = 0;

	if (!rest)
		return script_wrong(s, "farm DEVICE FRAME", word);
	*rest++ = 0;
	if (script_device(s, word, &id))
		return script_wrong(s, "no such device", word);
	if (id)
		src = world_device_mac(id);
	return script_frame(s, 1, src, rest + strspn(rest, " \t"));
}

static int line_world(struct script *s, char *at)
{
	bool same = twin_compare(s->tw);

	memset(s->letter, 0, sizeof(s->letter));
	if (script_world(s->tw, at))
		return script_wrong(s, "world", at);
	return same ? 0 : script_wrong(s, "tables differ after the case before", "");
}

static int script_line(struct script *s, char *line)
{
	char *word = line, *rest = strpbrk(line, " \t\n");

	if (rest)
		*rest++ = 0;
	else
		rest = line + strlen(line);
	rest += strspn(rest, " \t");
	if (!strcmp(word, "world"))
		return line_world(s, rest);
	if (!strcmp(word, "uplink"))
		return script_frame(s, PORT_UPLINK, world_neighbour_mac(1), rest);
	if (!strcmp(word, "farm"))
		return line_farm(s, rest);
	return -ENOENT;
}

/* Lines of plain words: handed on with strtok_r's state at their second word. */
static int script_words(struct script *s, char *line)
{
	static const struct {
		const char *word;
		int (*run)(struct script *s, char *at);
	} lines[] = {
		{"pool", line_pool},
		{"device", line_device}, {"local", line_local},	  {"route", line_route},
		{"time", line_time},	 {"counter", line_counter}, {"live", line_live},
		{"capture", line_capture},
	};
	char *at = NULL, *word = strtok_r(line, " \t\n", &at);

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!strcmp(word, lines[i].word))
			return lines[i].run(s, at);
	return script_wrong(s, "no such line", word);
}

static void script_do(struct script *s, char *line)
{
	char shown[LINE_MAX_BYTES], copy[LINE_MAX_BYTES];
	int rc;

	if (!*line || *line == '#' || *line == '\n')
		return;
	snprintf(shown, sizeof(shown), "%s", line);
	snprintf(copy, sizeof(copy), "%s", line);
	rc = script_line(s, line);
	if (rc == -ENOENT)
		rc = script_words(s, copy);
	if (!rc)
		return;
	s->failed++;
	shown[strcspn(shown, "\n")] = 0;
	fprintf(stderr, "%s:%d: %s\n\t%s\n", s->path, s->line, s->wrong, shown);
}

int script_run(const char *path, struct twin *tw, struct samples *samples)
{
	char line[LINE_MAX_BYTES] = "", next[LINE_MAX_BYTES];
	struct script s = {.tw = tw, .samples = samples, .path = path};
	FILE *in = fopen(path, "r");
	int number = 0;

	if (!in)
		return -errno;
	while (fgets(next, sizeof(next), in)) {
		number++;
		if (isspace((unsigned char)*next) && *next != '\n') {
			line[strcspn(line, "\n")] = ' '; /* goes on from the line before */
			strncat(line, next + strspn(next, " \t"), sizeof(line) - strlen(line) - 1);
			continue;
		}
		script_do(&s, line);
		s.line = number;
		snprintf(line, sizeof(line), "%s", next);
	}
	script_do(&s, line);
	fclose(in);
	if (!twin_compare(tw))
		s.failed++;
	return s.failed;
}
