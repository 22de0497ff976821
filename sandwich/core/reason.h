/* SPDX-License-Identifier: ISC */
/*
 * Why a frame ended as it did, and what else is counted.
 *
 * One numbered list for the kernel, user space, the CLI and the metrics. Every received frame
 * ends in exactly one reason, so that on every port rx = sum of reasons. Names never change once
 * released, and new ones go to the end.
 */
#ifndef SANDWICH_CORE_REASON_H
#define SANDWICH_CORE_REASON_H

/* REASON(NAME, "name in JSON", "what it says to a person") */
#define CORE_REASONS(REASON)                                                                       \
	REASON(TO_DEVICE, "to_device", "forwarded to the device the hash names")                   \
	REASON(TO_DEVICE_PINNED, "to_device_pinned", "forwarded to the device a pin names")        \
	REASON(TO_UPLINK, "to_uplink", "forwarded away from the farm")                             \
	REASON(TO_UPLINK_UNKNOWN, "to_uplink_unknown_source",                                      \
	       "forwarded away from the farm, from a MAC of no configured device")                 \
	REASON(LOCAL_ARP, "local_arp", "ARP, taken by the balancer")                               \
	REASON(LOCAL_ND, "local_nd", "neighbour discovery, taken by the balancer")                 \
	REASON(LOCAL_IP, "local_ip", "for an address of the balancer")                             \
	REASON(HELD_NEIGHBOUR, "held_neighbour", "kept until its next hop answers")                \
	REASON(HELD_FRAGMENT, "held_fragment", "kept until its first fragment comes")              \
	REASON(RESET, "reset", "answered with a reset: its device is gone")                        \
	REASON(NOT_OURS, "not_ours", "unicast to somebody else")                                   \
	REASON(GROUP, "group", "multicast or broadcast that is left alone")                        \
	REASON(OWN_FRAME, "own_frame", "carried the balancer's own MAC as its source")             \
	REASON(BAD_ETHERNET, "bad_ethernet", "too short for Ethernet, or tags without end")        \
	REASON(BAD_IP, "bad_ip", "an IP header that contradicts itself or the frame")              \
	REASON(NOT_IP, "not_ip", "neither IP nor ARP")                                             \
	REASON(NO_DEVICE, "no_device", "no device is up")                                          \
	REASON(DEVICE_GONE, "device_gone", "its device is down, and on-device-down = drop")        \
	REASON(NO_ROUTE, "no_route", "no way to its destination")                                  \
	REASON(TOO_BIG, "too_big", "larger than the port can send")                                \
	REASON(SEND_FAILED, "send_failed", "the port refused it")                                  \
	REASON(UNREADABLE, "unreadable", "a link type that replay can't read")                    \
	REASON(MARTIAN, "martian", "an address that no forwarded packet can have")                 \
	REASON(STANDBY, "standby", "for the virtual MAC, which the twin answers for")              \
	REASON(FLUSHED, "flushed",                                                                 \
	       "from a gateway whose drain is over, of a tunnel that is to be elsewhere")

enum reason {
#define REASON(name, json, text) REASON_##name,
	CORE_REASONS(REASON)
#undef REASON
	REASONS
};

/* COUNTER(NAME, "name in JSON and metrics", "help"): what happened besides, any number a frame. */
#define CORE_COUNTERS(COUNTER)                                                                     \
	COUNTER(ASYMMETRIC_FLOWS, "asymmetric_flows_total",                                        \
		"conversations seen on two devices that are both up")                              \
	COUNTER(LEARNED, "learned_total", "conversations placed by the device they came from")     \
	COUNTER(LEARNED_HOSTS, "learned_hosts_total", "inner hosts bound to a device")             \
	COUNTER(MOVED_DOWN, "moved_down_total", "conversations moved: their device is not up")     \
	COUNTER(MOVED_REBIND, "moved_rebind_total",                                                \
		"conversations moved: they opened anew on another device")                         \
	COUNTER(KEPT, "kept_total", "conversations kept though they opened anew elsewhere")        \
	COUNTER(SESSIONS_NEW, "sessions_new_total", "sessions recorded")                           \
	COUNTER(SESSIONS_CLOSED, "sessions_closed_total", "sessions that ended by FIN or RST")     \
	COUNTER(SESSIONS_EXPIRED, "sessions_expired_total", "sessions that timed out")             \
	COUNTER(SESSIONS_REPLACED, "sessions_replaced_total",                                      \
		"sessions that gave their slot to another in a crowded table")                     \
	COUNTER(SESSIONS_FULL, "sessions_unrecorded_total",                                        \
		"frames forwarded without a record, the table being full")                         \
	COUNTER(PINS_NEW, "pins_new_total", "pins made")                                           \
	COUNTER(PINS_EXPIRED, "pins_expired_total", "pins that outlived their conversations")      \
	COUNTER(PINS_FULL, "pins_unrecorded_total", "pins not made, the table being full")         \
	COUNTER(FRAGMENTS_FULL, "fragments_unrecorded_total",                                      \
		"first fragments whose ports could not be remembered")                             \
	COUNTER(FRAGMENTS_UNMATCHED, "fragments_unmatched_total",                                  \
		"fragments placed by addresses, their first fragment never seen")                  \
	COUNTER(UNKNOWN_SOURCES, "unknown_source_total",                                           \
		"frames on a farm port from a MAC of no configured device")                        \
	COUNTER(LIMITED, "device_limit_total", "times a device reached max-sessions")              \
	COUNTER(SWEEPS, "sweeps_total", "walks of the session table before a device change")       \
	COUNTER(SWEPT_PINS, "swept_pins_total", "pins made by sweeps")                             \
	COUNTER(HELD_SENT, "held_sent_total", "held frames sent on in the end")                    \
	COUNTER(HELD_DROPPED, "held_dropped_total", "held frames given up")                        \
	COUNTER(CHECKSUMS_FILLED, "checksums_filled_total",                                        \
		"frames that came with a checksum left to hardware")                               \
	COUNTER(RESETS_SENT, "resets_sent_total", "TCP RST and ICMP unreachable sent")             \
	COUNTER(SLOW_DROPPED, "slow_dropped_total", "frames for the slow path that found it full") \
	COUNTER(EVENTS_LOST, "events_lost_total", "events that found their ring full")             \
	COUNTER(EVENTS_NEW, "events_new_total", "events taken: sessions recorded")                 \
	COUNTER(EVENTS_CLOSED, "events_closed_total", "events taken: sessions closed")             \
	COUNTER(EVENTS_LEARNED, "events_learned_total", "events taken: pins learned")              \
	COUNTER(EVENTS_MOVED, "events_moved_total", "events taken: sessions that changed devices") \
	COUNTER(EVENT_SCANS, "event_scans_total", "whole tables scanned for what no event told")   \
	COUNTER(EVENT_FOUND, "event_found_total", "changes that only a scan found")                \
	COUNTER(MOVED_ROAMED, "moved_roamed_total",                                                \
		"conversations moved: their client came back through another device")              \
	COUNTER(TUNNEL_ROAMED, "tunnel_roamed_total",                                              \
		"tunnels known by an identifier at another address or port")                       \
	COUNTER(TUNNEL_CONFLICTS, "tunnel_conflicts_total",                                        \
		"identifiers that two devices use at the same time")

enum counter {
#define COUNTER(name, json, text) COUNTER_##name,
	CORE_COUNTERS(COUNTER)
#undef COUNTER
	COUNTERS
};

#endif
