// SPDX-License-Identifier: ISC
#include "tests/packets/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPTURE_TUNNELS 16
#define CAPTURE_HEARD 16 /* of one client: addresses and ports, some for each protocol */
#define CAPTURE_PORT_STEP 1000 /* behind a NAT: from one client's ports to the next one's */

#define CAPTURE_SAMPLED 16 /* one frame of so many, or the other fixtures' were rare among them */

/* The seconds and the part of one, as pcap has them. */
#define CAPTURE_SECONDS(tv) ((double)(tv).tv_sec + (double)(tv).tv_usec / 1e6)

struct capture_plan {
	const char *path;      /* pcap, Ethernet; frames of others than `cluster` are left out */
	struct address cluster;
	struct address behind; /* IPv4 of a NAT that all clients are behind; zero: none */
	struct address roams_to; /* IPv4 of where the first client is after `roams_at`, and the next
				  * one's behind it; zero: they stay */
	double roams_at;       /* seconds from the first frame */
};

struct capture_result {
	unsigned int frames, tunnels;
	unsigned int split;   /* tunnels of which a frame went to another device than the first */
	unsigned int astray;  /* those frames */
	unsigned int unsent;  /* answers to them, and what else went to where they came from */
	unsigned int devices; /* that had a tunnel */
	unsigned int roamed;  /* tunnels whose client sent from elsewhere at last */
	char first[80];	      /* of the first split: where */
};

struct tunnel_seen {
	struct address client; /* as it is in the capture */
	u8 device;	       /* that its first frame went to */
	bool split;
	bool away; /* a frame of it came from roams_to: so answers go there */
	struct address heard[CAPTURE_HEARD]; /* where the device had frames from; port in word[0] */
	u32 heards;
};

struct capture {
	struct twin *tw;
	struct samples *samples;
	struct capture_plan plan;
	struct tunnel_seen tunnel[CAPTURE_TUNNELS];
	struct capture_result result;
	double start, time; /* seconds, of the first frame and of the last */
	char *why;
	size_t size;
};

/* Where in an Ethernet frame the parts of its IP packet are. */
struct places {
	u32 source, target; /* addresses */
	u32 address;	    /* bytes of one */
	u32 transport;	    /* 0: not seen, in a later fragment */
	u8 protocol;
};

static int capture_wrong(struct capture *c, const char *what)
{
	snprintf(c->why, c->size, "frame %u, %.3f s: %s", c->result.frames, c->time - c->start,
		 what);
	return -EINVAL;
}

static bool capture_places(const struct frame *f, struct places *out)
{
	const u8 *ip = f->bytes + 14;

	if (f->length >= 54 && f->bytes[12] == 0x86 && f->bytes[13] == 0xdd) {
		*out = (struct places){22, 38, 16, 54, ip[6]};
		return true;
	}
	if (f->length < 34 || f->bytes[12] != 8 || f->bytes[13])
		return false;
	*out = (struct places){26, 30, 4, 14 + (ip[0] & 15u) * 4, ip[9]};
	if ((ip[6] & 0x1f) || ip[7])
		out->transport = 0;
	return true;
}

static void capture_address(const struct frame *f, u32 at, u32 bytes, struct address *out)
{
	be32 v4;

	if (bytes == 16) {
		memcpy(out, f->bytes + at, 16);
		return;
	}
	memcpy(&v4, f->bytes + at, 4);
	address_from_v4(out, v4);
}

/* --- rewriting, as a NAT does it ------------------------------------------------------------ */

/* RFC 1624: the sum at AT follows a word that was WAS and is IS. */
static void capture_sum(struct frame *f, u32 at, u16 was, u16 is)
{
	u32 sum = (u32)(f->bytes[at] << 8 | f->bytes[at + 1]);

	sum = (~sum & 0xffff) + (~(u32)was & 0xffff) + is;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	f->bytes[at] = (u8)(sum >> 8);
	f->bytes[at + 1] = (u8)sum;
}

/* Where the transport's checksum is; 0: it has none, or none of the parts to be changed. */
static u32 capture_sum_at(const struct frame *f, const struct places *p)
{
	u32 at = p->protocol == PROTOCOL_UDP   ? p->transport + 6
		 : p->protocol == PROTOCOL_TCP ? p->transport + 16
					       : 0;

	if (!p->transport || !at || at + 2 > f->length)
		return 0;
	return p->protocol == PROTOCOL_UDP && !(f->bytes[at] | f->bytes[at + 1]) ? 0 : at;
}

/* Writes a word of an address (HEADER: also summed up in the IPv4 header) or a port. */
static void capture_write(struct frame *f, const struct places *p, u32 at, u16 is, bool header)
{
	u16 was = (u16)(f->bytes[at] << 8 | f->bytes[at + 1]);
	u32 sum = capture_sum_at(f, p);

	f->bytes[at] = (u8)(is >> 8);
	f->bytes[at + 1] = (u8)is;
	if (header)
		capture_sum(f, 24, was, is);
	if (sum)
		capture_sum(f, sum, was, is);
}

static void capture_move(struct frame *f, const struct places *p, u32 at, const struct address *to)
{
	u32 v4 = core_swap32(address_v4(to));

	capture_write(f, p, at, (u16)(v4 >> 16), true);
	capture_write(f, p, at + 2, (u16)v4, true);
}

static void capture_port(struct frame *f, const struct places *p, u32 at, u32 step)
{
	if (!p->transport || (p->protocol != PROTOCOL_UDP && p->protocol != PROTOCOL_TCP))
		return;
	capture_write(f, p, at, (u16)((f->bytes[at] << 8 | f->bytes[at + 1]) + step), false);
}

static bool capture_given(const struct address *a)
{
	return a->word[0] | a->word[1];
}

/* Gives the client the address and port that the plan has for it. */
static void capture_rewrite(struct capture *c, struct frame *f, const struct places *p,
			    struct tunnel_seen *tunnel, bool inward)
{
	u32 at = inward ? p->source : p->target, number = (u32)(tunnel - c->tunnel);
	struct address to = c->plan.behind;

	if (p->address != 4)
		return;
	if (capture_given(&c->plan.roams_to) && inward && c->time - c->start >= c->plan.roams_at)
		tunnel->away = true;
	if (tunnel->away)
		address_from_v4(&to, core_swap32(core_swap32(address_v4(&c->plan.roams_to)) +
						 number));
	if (capture_given(&to))
		capture_move(f, p, at, &to);
	if (!tunnel->away && capture_given(&to))
		capture_port(f, p, p->transport + (inward ? 0 : 2), CAPTURE_PORT_STEP * number);
}

/* --- a frame -------------------------------------------------------------------------------- */

static struct tunnel_seen *capture_tunnel(struct capture *c, const struct address *client)
{
	unsigned int i = 0;

	while (i < c->result.tunnels && !address_equal(&c->tunnel[i].client, client))
		i++;
	if (i == CAPTURE_TUNNELS)
		return NULL;
	if (i == c->result.tunnels)
		c->tunnel[c->result.tunnels++].client = *client;
	return &c->tunnel[i];
}

/* The client's end of a frame; false of a later fragment, which does not tell it. */
static bool capture_end(const struct frame *f, const struct places *p, bool inward,
			struct address *out)
{
	u32 port = p->transport + (inward ? 0 : 2);

	capture_address(f, inward ? p->source : p->target, p->address, out);
	if (p->protocol == PROTOCOL_UDP || p->protocol == PROTOCOL_TCP)
		out->word[0] ^= (u64)(f->bytes[port] << 8 | f->bytes[port + 1]) << 32 | p->protocol;
	else
		out->word[0] ^= p->protocol;
	return p->transport;
}

/* Whether the device has had a frame from END. */
static bool capture_heard(const struct tunnel_seen *tunnel, const struct address *end)
{
	for (u32 i = 0; i < tunnel->heards; i++)
		if (address_equal(&tunnel->heard[i], end))
			return true;
	return false;
}

/* The device had a frame from END. */
static void capture_hear(struct tunnel_seen *tunnel, const struct address *end)
{
	if (!capture_heard(tunnel, end) && tunnel->heards < CAPTURE_HEARD)
		tunnel->heard[tunnel->heards++] = *end;
}

/* RFC 3948 2.3: a byte, which says nothing and which nobody misses. */
static bool capture_is_keepalive(const struct frame *f, const struct places *p)
{
	return p->transport && p->protocol == PROTOCOL_UDP && f->bytes[p->transport + 4] == 0 &&
	       f->bytes[p->transport + 5] == 9 && f->bytes[p->transport + 8] == 0xff;
}

static void capture_astray(struct capture *c, struct tunnel_seen *tunnel, u8 device)
{
	if (!c->result.astray++)
		snprintf(c->result.first, sizeof(c->result.first),
			 "frame %u, %.3f s, went to device %u and not %u", c->result.frames,
			 c->time - c->start, device, tunnel->device);
	tunnel->split = true;
}

static int capture_inward(struct capture *c, struct frame *f, const struct places *p,
			  struct tunnel_seen *tunnel)
{
	struct address end;
	struct work w = {.port = PORT_UPLINK};

	if (!twin_decide(c->tw, f, 0, &w))
		return capture_wrong(c, "kernel and user space differ");
	if (w.reason != REASON_TO_DEVICE && w.reason != REASON_TO_DEVICE_PINNED)
		return capture_wrong(c, "a client's frame did not go to a device");
	if (!tunnel->device)
		tunnel->device = w.device;
	if (tunnel->device != w.device && !capture_is_keepalive(f, p))
		capture_astray(c, tunnel, w.device);
	if (tunnel->device == w.device && capture_end(f, p, true, &end))
		capture_hear(tunnel, &end);
	return 0;
}

/* Its gateway does not answer where it had nothing from: that went astray. */
static int capture_outward(struct capture *c, struct frame *f, const struct places *p,
			   const struct tunnel_seen *tunnel)
{
	struct work w = {.port = 1};
	struct address end;

	if (capture_end(f, p, false, &end) && !capture_heard(tunnel, &end)) {
		c->result.unsent++;
		return 0;
	}
	if (!twin_decide(c->tw, f, 0, &w))
		return capture_wrong(c, "kernel and user space differ");
	if (w.reason != REASON_TO_UPLINK || w.from != tunnel->device)
		return capture_wrong(c, "a gateway's frame did not go to the uplink");
	return 0;
}

static void capture_macs(struct frame *f, bool inward, u8 device)
{
	struct mac to = world_mac(!inward);
	struct mac from = inward ? world_neighbour_mac(1) : world_device_mac(device);

	memcpy(f->bytes, &to, 6);
	memcpy(f->bytes + 6, &from, 6);
}

static int capture_frame(struct capture *c, struct frame *f)
{
	struct address source, target;
	struct tunnel_seen *tunnel;
	struct places p;
	bool inward;

	if (!capture_places(f, &p))
		return 0;
	capture_address(f, p.source, p.address, &source);
	capture_address(f, p.target, p.address, &target);
	inward = address_equal(&target, &c->plan.cluster);
	if (!inward && !address_equal(&source, &c->plan.cluster))
		return 0;
	c->result.frames++;
	tunnel = capture_tunnel(c, inward ? &source : &target);
	if (!tunnel)
		return capture_wrong(c, "too many clients");
	capture_rewrite(c, f, &p, tunnel, inward);
	capture_macs(f, inward, tunnel->device);
	if (c->result.frames % CAPTURE_SAMPLED == 1)
		samples_add(c->samples, f, inward ? PORT_UPLINK : 1);
	return inward ? capture_inward(c, f, &p, tunnel) : capture_outward(c, f, &p, tunnel);
}

/* --- all of them ---------------------------------------------------------------------------- */

/* As much time goes by as did between the frames. */
static void capture_wait(struct capture *c, double now)
{
	double ms = (now - c->time) * 1000;

	if (!c->result.frames)
		c->start = now;
	else if (ms >= 1)
		twin_pass(c->tw, (u32)ms);
	c->time = now;
}

static int capture_frames(struct capture *c, pcap_t *in)
{
	struct pcap_pkthdr *head;
	const u8 *bytes;
	struct frame f;
	int rc = 0, read = 1;

	while (!rc && (read = pcap_next_ex(in, &head, &bytes)) == 1) {
		if (head->caplen != head->len || head->len > FRAME_MAX)
			return capture_wrong(c, "a frame was not captured whole");
		capture_wait(c, CAPTURE_SECONDS(head->ts));
		f.length = head->caplen;
		memcpy(f.bytes, bytes, head->caplen);
		rc = capture_frame(c, &f);
	}
	if (read == PCAP_ERROR)
		return capture_wrong(c, pcap_geterr(in));
	return rc || c->result.frames ? rc : capture_wrong(c, "none is the cluster address's");
}

static void capture_sum_up(struct capture *c)
{
	u32 devices = 0;

	for (unsigned int i = 0; i < c->result.tunnels; i++) {
		c->result.split += c->tunnel[i].split;
		c->result.roamed += c->tunnel[i].away;
		devices |= 1u << (c->tunnel[i].device & 31);
	}
	c->result.devices = (unsigned int)__builtin_popcount(devices);
}

static int capture_file(struct capture *c)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *in = pcap_open_offline(c->plan.path, error);
	int rc;

	if (!in) {
		snprintf(c->why, c->size, "%s", error);
		return -ENOENT;
	}
	rc = capture_frames(c, in);
	pcap_close(in);
	capture_sum_up(c);
	return rc;
}

/* --- words ---------------------------------------------------------------------------------- */

static int capture_word(struct capture_plan *plan, const char *key, char *value)
{
	char *after = strchr(value, '+');

	if (!strcmp(key, "cluster"))
		return frame_address(value, &plan->cluster);
	if (!strcmp(key, "behind"))
		return frame_address(value, &plan->behind);
	if (strcmp(key, "roams") || !after)
		return -EINVAL;
	*after++ = 0;
	plan->roams_at = atof(after);
	return frame_address(value, &plan->roams_to);
}

/* A number, or `some`: not none. */
static bool capture_is(const struct capture_result *result, const char *key, const char *value)
{
	const struct {
		const char *key;
		unsigned int is;
	} known[] = {
		{"tunnels", result->tunnels},
		{"split", result->split},
		{"astray", result->astray},
		{"unsent", result->unsent},
		{"devices", result->devices},
		{"roamed", result->roamed},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(key, known[i].key))
			return strcmp(value, "some") ? known[i].is == (unsigned int)atoi(value)
						     : known[i].is > 0;
	return false;
}

/* The word behind the former; *VALUE what stands behind its =, or "". */
static char *capture_next(char **at, char **value)
{
	char *word = strtok_r(NULL, " \t\n", at);
	char *sign = word && strcmp(word, "=>") ? strchr(word, '=') : NULL;

	*value = sign ? sign + 1 : NULL;
	if (sign)
		*sign = 0;
	return word;
}

static int capture_expect(const struct capture *c, char *at)
{
	const struct capture_result *is = &c->result;
	char *word, *value;

	while ((word = capture_next(&at, &value))) {
		if (value && capture_is(is, word, value))
			continue;
		snprintf(c->why, c->size,
			 "not %s=%s: %u frames, tunnels=%u split=%u astray=%u unsent=%u "
			 "devices=%u roamed=%u; %s", word, value ? value : "", is->frames,
			 is->tunnels, is->split, is->astray, is->unsent, is->devices, is->roamed,
			 is->first);
		return -EINVAL;
	}
	return 0;
}

int capture_play(struct twin *tw, struct samples *samples, char *text, char *why, size_t size)
{
	struct capture c = {.tw = tw, .samples = samples, .why = why, .size = size};
	char *at = text, *word, *value;
	int rc;

	c.plan.path = strtok_r(NULL, " \t\n", &at);
	while ((word = capture_next(&at, &value)) && strcmp(word, "=>")) {
		if (value && !capture_word(&c.plan, word, value))
			continue;
		snprintf(why, size, "no such word: %s", word);
		return -EINVAL;
	}
	if (!word) {
		snprintf(why, size, "no =>");
		return -EINVAL;
	}
	rc = capture_file(&c);
	return rc ? rc : capture_expect(&c, at);
}
