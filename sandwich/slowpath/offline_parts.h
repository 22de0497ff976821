/* SPDX-License-Identifier: ISC */
/* Between the files of the capture reader: pcapng blocks, and link layers. */
#ifndef SANDWICH_SLOWPATH_OFFLINE_PARTS_H
#define SANDWICH_SLOWPATH_OFFLINE_PARTS_H

#include <glib.h>
#include "sandwich/slowpath/offline.h"

#define OFFLINE_FRAME_MAX (256 << 10) /* bytes of one packet that are taken */

/* A packet as it lies in the file, before its link layer is looked at. */
struct offline_packet {
	u64 time; /* µs */
	const u8 *data;
	u32 captured, length;
	int link_type;
	const char *interface;
};

/* pcapng (draft-ietf-opsawg-pcapng). */
struct pcapng {
	const u8 *bytes;
	size_t size, at;
	bool swapped;       /* the section's byte order is not ours */
	GArray *interfaces; /* struct pcapng_interface, of the section */
	const char *damage;
};

bool pcapng_is(const u8 *bytes, size_t size);
void pcapng_init(struct pcapng *p, const u8 *bytes, size_t size);
void pcapng_fini(struct pcapng *p);

/* As offline_next(). */
int pcapng_next(struct pcapng *p, struct offline_packet *out);

/*
 * Makes an Ethernet frame of PACKET. BUFFER (which grows) holds it where a header must be made up.
 * Leaves frame->data NULL for a link type that is not known.
 */
void link_to_ethernet(const struct offline_packet *packet, GByteArray *buffer,
		      struct offline_frame *frame);

#endif
