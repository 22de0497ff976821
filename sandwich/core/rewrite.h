/* SPDX-License-Identifier: ISC */
/*
 * What a forwarded frame looks like: new MACs, perhaps another tag, nothing else (invariant 5).
 */
#ifndef SANDWICH_CORE_REWRITE_H
#define SANDWICH_CORE_REWRITE_H

#include "sandwich/core/decide.h"

/* How many tags the frame leaves with. */
CORE_INLINE u32 rewrite_tags(const struct work *w)
{
	return w->out_vlan == VLAN_KEEP ? w->packet.tags : w->out_vlan != VLAN_NONE;
}

/* How many bytes the frame grows (4), shrinks (-4, -8) or stays (0). */
CORE_INLINE int rewrite_growth(const struct work *w)
{
	return 4 * ((int)rewrite_tags(w) - w->packet.tags);
}

CORE_INLINE void rewrite_macs(u8 *frame, const struct work *w, const struct mac *source)
{
	mac_copy(frame, w->out_mac.byte);
	mac_copy(frame + 6, source->byte);
}

/*
 * Writes the Ethernet header. FRAME points to where the frame begins after its head was moved by
 * rewrite_growth(). With VLAN_KEEP the tags stay as they lie.
 */
CORE_INLINE void rewrite_frame(u8 *frame, const struct work *w, const struct mac *source)
{
	u32 at = 12;

	rewrite_macs(frame, w, source);
	if (w->out_vlan == VLAN_KEEP)
		return;
	if (w->out_vlan != VLAN_NONE) {
		frame[12] = ETHERNET_VLAN >> 8;
		frame[13] = ETHERNET_VLAN & 0xff;
		frame[14] = (u8)(w->out_vlan >> 8);
		frame[15] = (u8)w->out_vlan;
		at = 16;
	}
	frame[at] = (u8)(w->packet.type >> 8);
	frame[at + 1] = (u8)w->packet.type;
}

#endif
