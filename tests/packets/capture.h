/* SPDX-License-Identifier: ISC */
/*
 * Plays a capture of VPN traffic through a balancer: what clients sent to the cluster address comes
 * by the uplink, what gateways answered comes from the device that has the tunnel.
 *
 * A tunnel is told by the client's address in the capture, which the balancer need not see: the
 * addresses and ports it gets may be others (`behind`, `roams`). Its device is the one that its
 * first frame went to: that has its keys from then on, and answers from there.
 */
#ifndef TESTS_PACKETS_CAPTURE_H
#define TESTS_PACKETS_CAPTURE_H

#include "tests/packets/script.h"

/*
 * TEXT is the line behind `capture`, which is changed: tests/packets/README.md has the words. 0, or
 * -errno with what is wrong in WHY (SIZE bytes): no such file, machines that differ, a frame that
 * was not forwarded, something else than was expected. Adds some of the frames to SAMPLES.
 */
int capture_play(struct twin *tw, struct samples *samples, char *text, char *why, size_t size)
	__attribute__((warn_unused_result));

#endif
