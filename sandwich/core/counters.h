/* SPDX-License-Identifier: ISC */
/*
 * Counting the express's frames in one place, and making of it what readers look for.
 *
 * Such a frame neither grows nor shrinks, comes in by the uplink and leaves by a farm port or the
 * other way round: reason, farm port and device say all the rest of it.
 */
#ifndef SANDWICH_CORE_COUNTERS_H
#define SANDWICH_CORE_COUNTERS_H

#include "sandwich/core/work.h"

_Static_assert(REASON_TO_UPLINK < COUNTERS_PLAIN && PORTS_MAX <= COUNTERS_PORTS,
	       "plain[] has a place for what the express decides");

/*
 * Whether a frame from a device that ended so is one that the device passed on, and neither a word
 * of its own to us or to all. What became of it here says nothing about the device.
 */
CORE_INLINE bool counters_passes(u32 reason)
{
	return reason <= REASON_TO_UPLINK || reason == REASON_HELD_NEIGHBOUR ||
	       reason == REASON_HELD_FRAGMENT ||
	       (reason >= REASON_NO_DEVICE && reason <= REASON_SEND_FAILED);
}

/* FARM: the farm port that it came or went by; LENGTH in bytes. */
CORE_INLINE void counters_plain(struct counters *c, u8 reason, u32 farm, u8 device, u32 length)
{
	struct device_count *n = &c->plain[reason][farm & (COUNTERS_PORTS - 1)][device];

	n->packets++;
	n->bytes += length;
}

CORE_INLINE void counters_add(struct device_count *to, const struct device_count *n)
{
	to->packets += n->packets;
	to->bytes += n->bytes;
}

CORE_INLINE void counters_fold_one(struct counters *c, u32 reason, u32 port, u32 device)
{
	struct device_count *n = &c->plain[reason][port][device];
	u32 in = reason == REASON_TO_UPLINK ? port : PORT_UPLINK;
	u32 out = reason == REASON_TO_UPLINK ? PORT_UPLINK : port;

	if (!n->packets)
		return;
	c->rx[in] += n->packets;
	c->rx_bytes[in] += n->bytes;
	c->reason[in][reason] += n->packets;
	c->tx[out] += n->packets;
	c->tx_bytes[out] += n->bytes;
	counters_add(reason == REASON_TO_UPLINK ? &c->from_device[device] : &c->to_device[device],
		     n);
	if (reason == REASON_TO_UPLINK)
		c->passed[device] += n->packets;
	*n = (struct device_count){0, 0};
}

/* Moves what C counts in `plain` to where readers look: of a sum, not of what is being counted. */
CORE_INLINE void counters_fold(struct counters *c)
{
	for (u32 reason = 0; reason < COUNTERS_PLAIN; reason++)
		for (u32 port = 0; port < PORTS_MAX; port++)
			for (u32 device = 0; device < DEVICES_MAX; device++)
				counters_fold_one(c, reason, port, device);
}

/* Frames that a thread or CPU has received so far on all ports. */
CORE_INLINE u64 counters_received(const struct counters *c)
{
	const struct device_count *plain = &c->plain[0][0][0];
	u64 sum = 0;

	for (u32 port = 0; port < PORTS_MAX; port++)
		sum += core_load(&c->rx[port]);
	for (u32 i = 0; i < COUNTERS_PLAIN * COUNTERS_PORTS * DEVICES_MAX; i++)
		sum += core_load(&plain[i].packets);
	return sum;
}

#endif
