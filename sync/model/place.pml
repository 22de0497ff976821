/* SPDX-License-Identifier: ISC */
/*
 * One live device for each conversation: two sides of two boxes, two devices, flows with opposite
 * hashes. Devices die and come back (sweep, both sides' word, flip), each side notices in its own
 * time, and either side's active may be replaced by its twin.
 *
 * What is left out: the stream between twins (replicate.pml) and who is active (roles.pml): a twin
 * follows in one step or lags, and takes over lagging only if its active has died. A frame crosses
 * the farm, and the far side learns from it, in one step; drains and weights are sweeps like these. A device that dies has lost its
 * conversations: their next frame begins anew.
 *
 * What must hold where the sides agree on which devices are up and the active boxes were not
 * replaced by ones that lag: a conversation whose device is up has that device on both sides, and
 * is never moved from it.
 *
 * run one-death: -DDEATHS=1
 * run two-deaths: -DDEATHS=2 -DCHANGES=0
 *   (a device comes back without a sweep)
 * bug sweep: -DBUG_SWEEP -DDEATHS=1
 *   (it comes back before the other side has swept, and without looking once more)
 * bug flip: -DBUG_FLIP -DDEATHS=1
 *   (a twin that lags takes over while its active lives)
 * bug lagging: -DBUG_LAGGING -DDEATHS=1
 */
#ifndef DEATHS
#define DEATHS 1
#endif
#define FLOWS 2
#ifndef CHANGES
#define CHANGES 2 /* of the active boxes */
#endif

/* Devices are 0 and 1; 2 is none. Flow f hashes to device f first. A box: side * 2 + which. */
#define NONE 2

bool alive[2] = true;
bool up[8] = true;	  /* [box * 2 + device] */
byte pin[8] = NONE;	  /* [box * 2 + flow] */
bool swept[4];		  /* [side * 2 + device] */
byte at[FLOWS] = NONE;	  /* the conversation's device, NONE: it isn't open */
byte active_box[2];	  /* of each side: 0 or 1 */
byte deaths = DEATHS, changes = CHANGES;
byte s, d, f, b, o, n;	  /* scratch */

#define box(side) ((side) * 2 + active_box[side])
#define twin(side) ((side) * 2 + 1 - active_box[side])
#define is_up(bx, dev) up[(bx) * 2 + (dev)]
#define pinned(bx, fl) (pin[(bx) * 2 + (fl)])
#define by_hash(bx, fl) (is_up(bx, fl) -> (fl) : (is_up(bx, 1 - (fl)) -> 1 - (fl) : NONE))
#define usable_pin(bx, fl) (pinned(bx, fl) == 0 && is_up(bx, 0) || \
			    pinned(bx, fl) == 1 && is_up(bx, 1))
#define place(bx, fl) (usable_pin(bx, fl) -> pinned(bx, fl) : by_hash(bx, fl))
#define agree (is_up(box(0), 0) == is_up(box(1), 0) && is_up(box(0), 1) == is_up(box(1), 1))
#define follows(side) (is_up(twin(side), 0) == is_up(box(side), 0) && \
		       is_up(twin(side), 1) == is_up(box(side), 1) && \
		       pinned(twin(side), 0) == pinned(box(side), 0) && \
		       pinned(twin(side), 1) == pinned(box(side), 1))

/*
 * Conversations that the return of DEV would move are pinned where they are: by its hash, or by an
 * old pin to DEV that was of no use meanwhile.
 */
inline sweep(bx, dev)
{
#ifndef BUG_SWEEP
	f = 0;
	do
	:: f < FLOWS ->
		if
		:: at[f] == 1 - dev && is_up(bx, 1 - dev) -> pin[(bx) * 2 + f] = 1 - dev
		:: else
		fi;
		f++
	:: else -> f = 0; break
	od
#else
	skip
#endif
}

inline check()
{
	f = 0;
	do
	:: f < FLOWS ->
		if
		:: agree && at[f] != NONE && alive[at[f]] && is_up(box(0), at[f]) ->
			assert(place(box(0), f) == at[f]);
			assert(place(box(1), f) == at[f])
		:: else
		fi;
		f++
	:: else -> f = 0; break
	od;
	s = 0;
	d = 0;
	b = 0;
	o = 0;
	n = 0
}

/* A frame of flow F from side S crosses the farm, and the far side learns. */
inline frame()
{
	b = box(s);
	o = box(1 - s);
	n = place(b, f);
	if
	:: n != NONE && alive[n] ->
		if
		:: agree && at[f] != NONE && at[f] != n && alive[at[f]] ->
			assert(!is_up(b, at[f])) /* moved, though its device is up */
		:: else
		fi;
		at[f] = n;
		if
		:: place(o, f) != n -> pin[o * 2 + f] = n
		:: else
		fi
	:: else
	fi
}

init {
	do
	:: atomic { select(s : 0 .. 1); select(f : 0 .. FLOWS - 1); frame(); check() }
	:: atomic { select(f : 0 .. FLOWS - 1); at[f] = NONE; s = 0;
		do
		:: s < 4 -> pin[s * 2 + f] = NONE; s++ /* its pins end with it */
		:: else -> break
		od;
		check()
	}
	:: atomic { deaths ->
		deaths--;
		select(d : 0 .. 1);
		alive[d] = false;
		f = 0;
		do
		:: f < FLOWS -> at[f] = (at[f] == d -> NONE : at[f]); f++ /* begins anew elsewhere */
		:: else -> break
		od;
		check()
	}
	:: atomic { select(d : 0 .. 1);
		if
		:: !alive[d] && !is_up(box(0), d) && !is_up(box(1), d) -> alive[d] = true
		:: else
		fi;
		check()
	}
	/* A side notices that a device is dead. */
	:: atomic { select(s : 0 .. 1); select(d : 0 .. 1);
		if
		:: !alive[d] -> up[box(s) * 2 + d] = false; swept[s * 2 + d] = false
		:: else
		fi;
		check()
	}
	/* It is fit again: swept for; up when both sides have, and looked at once more. */
	:: atomic { select(s : 0 .. 1); select(d : 0 .. 1);
		if
		:: alive[d] && !is_up(box(s), d) && !swept[s * 2 + d] ->
			sweep(box(s), d);
			swept[s * 2 + d] = true
		:: else
		fi;
		check()
	}
	:: atomic { select(s : 0 .. 1); select(d : 0 .. 1);
		if
#ifdef BUG_FLIP
		:: alive[d] && !is_up(box(s), d) && swept[s * 2 + d] ->
			up[box(s) * 2 + d] = true
#else
		:: alive[d] && !is_up(box(s), d) && swept[s * 2 + d] &&
		   (swept[(1 - s) * 2 + d] || is_up(box(1 - s), d)) ->
			up[box(s) * 2 + d] = true;
			sweep(box(s), d)
#endif
		:: else
		fi;
		check()
	}
	/* The twin has everything that its active has. */
	:: atomic { select(s : 0 .. 1);
		up[twin(s) * 2] = is_up(box(s), 0);
		up[twin(s) * 2 + 1] = is_up(box(s), 1);
		pin[twin(s) * 2] = pinned(box(s), 0);
		pin[twin(s) * 2 + 1] = pinned(box(s), 1);
		check()
	}
	:: atomic { changes ->
		select(s : 0 .. 1);
		if
#ifdef BUG_LAGGING
		:: true -> active_box[s] = 1 - active_box[s]; changes--
#else
		:: follows(s) -> active_box[s] = 1 - active_box[s]; changes--
#endif
		:: else
		fi;
		check()
	}
	od
}
