/* SPDX-License-Identifier: ISC */
/*
 * Replication over one link (sync/PROTOCOL.md, sections 3 to 5): a writer, a reader, and a network
 * that loses, doubles, delays and reorders. Either may crash and come back with a new incarnation.
 *
 * What is kept: keys are registers; a datagram's sequence is the version; the reader asks for what
 * is missing and gets what is true then under a new sequence; what was asked for is given up; the
 * watermark; tombstones; a sender that no longer remembers; comparing and repairing.
 *
 * What is left out: credits, priorities and batching (they only delay), the seal (datagrams of an
 * older incarnation, or for an older one of the reader, are refused; doubles are not: the replay
 * window is one more layer), and how a difference is found (a digest is the table itself here; it
 * lies in the datagram that carries it, as of the moment it was sent). A change and the journal
 * that notices it are one step. A datagram speaks of one key.
 *
 * Everything is bounded, so no run is endless: faults stop. Where nothing can happen any more, the
 * tables must be equal; and at any moment, no key goes back to an older version.
 *
 * What must hold, and what is planted to see that it would be noticed:
 *
 * run loss: -DCHANGES=3 -DCOMPARES=0
 * run forgetful: -DCHANGES=2 -DFORGETS=1 -DHASTE=0 -DDOUBLES=0
 * run writer-restarts: -DCHANGES=2 -DLAPSES=1 -DHASTE=0 -DDOUBLES=0 -DCOMPARES=0
 * run writer-restarts-busy: -DCHANGES=3 -DLAPSES=1 -DLOSSES=0 -DHASTE=0 -DDOUBLES=0 -DCOMPARES=0 -DROUNDS=0
 * run reader-restarts: -DCHANGES=2 -DDEATHS=1 -DHASTE=0 -DDOUBLES=0 -DCOMPARES=0
 *   (a tombstone is forgotten at once)
 * bug tombstone: -DBUG_TOMBSTONE -DCHANGES=2 -DCOMPARES=0
 *   (a retransmission sends the old message)
 * bug old-word: -DBUG_OLD_WORD -DCHANGES=2 -DCOMPARES=0
 *   (what comes though it was given up is taken)
 * bug watermark: -DBUG_WATERMARK -DCHANGES=2 -DCOMPARES=0
 *   (the repair removes what the digest has not, whatever has come since)
 * bug repair: -DBUG_REPAIR -DCHANGES=3 -DHASTE=0 -DDOUBLES=0
 *   (sequences of the writer's last incarnation are compared with those of this one)
 * bug incarnation: -DBUG_INCARNATION -DCHANGES=3 -DLAPSES=1 -DLOSSES=0 -DHASTE=0 -DDOUBLES=0 -DCOMPARES=0 -DROUNDS=0
 *   (nothing is compared)
 * bug silent: -DBUG_SILENT -DCHANGES=2 -DFORGETS=1 -DCOMPARES=0
 */
#ifndef KEYS
#define KEYS 2
#endif
#ifndef CHANGES
#define CHANGES 3 /* of the writer's table */
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef DOUBLES
#define DOUBLES 1
#endif
#ifndef HASTE
#define HASTE 1 /* a gap asked for though it was only late */
#endif
#ifndef FORGETS
#define FORGETS 0 /* a sender that no longer remembers */
#endif
#ifndef LAPSES
#define LAPSES 0 /* crashes of the writer's follower; its table outlives it */
#endif
#ifndef DEATHS
#define DEATHS 0 /* crashes of the reader, which comes back empty */
#endif
#ifndef COMPARES
#define COMPARES 1 /* rounds of comparing before the end; at the end there is always one */
#endif
#define SENT 11 /* datagrams of one incarnation, from 1 */
#ifndef ROUNDS
#define ROUNDS 2 /* of comparing at the end, at most: then nothing is found any more */
#endif
#define DIGEST KEYS /* the "key" of a datagram that carries the digest */

#define BIT(n) (1 << (n))
#define HAS(set, n) (((set) >> (n)) & 1)

/* The writer. A key's value is its device, 0: there is no such session. */
byte w_value[KEYS];
byte w_version[KEYS]; /* nobody has it: for the properties */
byte w_dirty;	      /* set of keys that have to be told */
bool w_ask;	      /* the reader should compare */
byte w_inc = 1;
byte w_next = 1;      /* sequence of the next datagram */
short w_given;	      /* set of sequences given up */

/* What has been sent in this incarnation; a bit in `lost` when it never comes. */
typedef datagram {
	byte key;
	byte value[KEYS]; /* the first alone, but for a digest */
	byte version[KEYS];
}
datagram net[SENT + 1];
datagram old; /* the one of the last incarnation that is still under way */
bool old_flies;
byte old_sequence;
short lost;

/* The reader. */
byte r_value[KEYS];
byte r_version[KEYS];
byte r_sequence[KEYS]; /* that last wrote the slot */
byte r_tombstone[KEYS];
byte r_inc = 1;
short r_got;	       /* set of sequences received */
short r_given;	       /* that it was told are given up */
short r_asked;	       /* NACKs under way, or answered */
byte r_mark;	       /* watermark */
byte r_wanted;	       /* keys asked for by the repair */

byte changes = CHANGES, losses = LOSSES, doubles = DOUBLES, haste = HASTE, forgets = FORGETS;
byte lapses = LAPSES, deaths = DEATHS, compares = COMPARES, rounds = ROUNDS;

byte i, s, k; /* scratch, 0 outside of a step */

#define equal() (r_value[0] == w_value[0] && r_value[1] == w_value[1])

/* The watermark passes what has come or is given up; tombstones below it are needed no more. */
inline watermark()
{
	do
	:: r_mark + 1 < w_next && HAS(r_got | r_given, r_mark + 1) -> r_mark++
	:: else -> break
	od;
	i = 0;
	do
	:: i < KEYS ->
		if
		:: r_tombstone[i] && r_tombstone[i] <= r_mark -> r_tombstone[i] = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

/* A register: KEY has VALUE as of SEQUENCE. */
inline apply(k_, v_, n_, s_)
{
	if
	:: r_value[k_] && r_sequence[k_] >= s_ -> skip /* stale */
	:: !r_value[k_] && r_tombstone[k_] >= s_ -> skip
	:: else ->
		assert(n_ >= r_version[k_]); /* an older version never returns */
		r_version[k_] = n_;
		r_value[k_] = v_;
		r_sequence[k_] = (v_ -> s_ : 0);
#ifdef BUG_TOMBSTONE
		r_tombstone[k_] = 0
#else
		r_tombstone[k_] = (v_ -> 0 : s_)
#endif
	fi
}

/*
 * The digest of SEQUENCE: what it has and we have not (or otherwise) is asked for; what it has not
 * is gone as of its sequence.
 */
inline repair(d, at)
{
	i = 0;
	do
	:: i < KEYS ->
		if
		:: d.value[i] && d.value[i] != r_value[i] -> r_wanted = r_wanted | BIT(i)
#ifdef BUG_REPAIR
		:: !d.value[i] && r_value[i] ->
			assert(d.version[i] >= r_version[i]);
			r_value[i] = 0;
			r_sequence[i] = 0
#else
		:: !d.value[i] && r_value[i] -> apply(i, 0, d.version[i], at)
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline receive(d, at)
{
	if
	:: d.key == DIGEST -> repair(d, at)
	:: else -> apply(d.key, d.value[0], d.version[0], at)
	fi
}

/* What is true now, under the next sequence. */
inline put(key_)
{
	net[w_next].key = key_;
	net[w_next].value[0] = w_value[key_];
	net[w_next].version[0] = w_version[key_];
	w_next++
}

inline put_digest()
{
	net[w_next].key = DIGEST;
	do
	:: i < KEYS ->
		net[w_next].value[i] = w_value[i];
		net[w_next].version[i] = w_version[i];
		i++
	:: else -> i = 0; break
	od;
	w_next++
}

/* A new incarnation of the writer: the reader forgets what it knew of the link. */
inline forget_link()
{
	r_got = 0;
	r_given = 0;
	r_asked = 0;
	r_mark = 0;
	r_wanted = 0;
	do
	:: i < KEYS ->
#ifndef BUG_INCARNATION
		r_sequence[i] = 0;
		r_tombstone[i] = 0;
#endif
		i++
	:: else -> i = 0; break
	od
}

/* The writer's follower dies: what it had to tell is lost; its journal tells all there is. */
inline writer_lapse()
{
	if
	:: w_next > 1 -> /* one datagram, whichever, may come even now */
		s = 1;
		do
		:: s + 1 < w_next -> s++
		:: break
		od;
		old.key = net[s].key;
		do
		:: i < KEYS ->
			old.value[i] = net[s].value[i];
			old.version[i] = net[s].version[i];
			i++
		:: else -> i = 0; break
		od;
		old_sequence = s;
		old_flies = !HAS(r_got, s) && !HAS(lost, s) && w_inc == r_inc
	:: else
	fi;
	s = 1;
	do
	:: s <= SENT ->
		net[s].key = 0;
		do
		:: i < KEYS -> net[s].value[i] = 0; net[s].version[i] = 0; i++
		:: else -> i = 0; break
		od;
		s++
	:: else -> s = 0; break
	od;
	w_inc++;
	w_next = 1;
	w_given = 0;
	lost = 0;
	w_dirty = 0;
	w_ask = true;
	do
	:: i < KEYS ->
		if
		:: w_value[i] -> w_dirty = w_dirty | BIT(i)
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od
}

/* The reader comes back empty. What was sent before does not bear its new challenge. */
inline reader_dies()
{
	forget_link();
	do
	:: i < KEYS ->
		r_value[i] = 0; r_version[i] = 0; r_sequence[i] = 0; r_tombstone[i] = 0; i++
	:: else -> i = 0; break
	od;
	s = 1;
	do
	:: s < w_next -> lost = lost | BIT(s); r_got = r_got | BIT(s); s++
	:: else -> s = 0; break
	od;
	r_mark = (r_inc == w_inc -> w_next - 1 : 0);
	r_inc = w_inc;
	old_flies = false;
	w_ask = true
}

#ifdef BUG_OLD_WORD
inline resend(n)
{
	net[w_next].key = net[n].key;
	do
	:: i < KEYS ->
		net[w_next].value[i] = net[n].value[i];
		net[w_next].version[i] = net[n].version[i];
		i++
	:: else -> i = 0; break
	od;
	w_next++
}
#else
inline resend(n)
{
	if
	:: net[n].key == DIGEST -> w_ask = true
	:: else -> w_dirty = w_dirty | BIT(net[n].key)
	fi
}
#endif

#define heard (r_inc == w_inc)
#define missing(n) (heard && !HAS(r_got, n) && !HAS(r_given, n))
#define SET (BIT(w_next) - 2) /* of the sequences of this incarnation */
#define under_way (heard && (SET & ~(lost | r_got)))
#define may_double (doubles && heard && (r_got & ~lost & ~(BIT(r_mark + 1) - 1)))
#define quiet (!changes && !w_dirty && !w_ask && !r_wanted && heard && r_mark == w_next - 1)

active proctype link()
{
	do
	/* The writer's table changes: a session opens, moves, ends. */
	:: atomic { changes ->
		select(k : 0 .. KEYS - 1);
		if
		:: w_value[k] != 1 -> w_value[k] = 1
		:: w_value[k] != 2 -> w_value[k] = 2
		:: w_value[k] != 0 -> w_value[k] = 0
		fi;
		w_version[k]++;
		w_dirty = w_dirty | BIT(k);
		changes--;
		k = 0
	}
	/* It tells one change, whichever. */
	:: atomic { w_dirty ->
		select(k : 0 .. KEYS - 1);
		if
		:: HAS(w_dirty, k) ->
			assert(w_next <= SENT);
			w_dirty = w_dirty & ~BIT(k);
			put(k)
		:: else
		fi;
		k = 0
	}
	/* A digest: now and then, when asked for, and in the end for as long as there is need. */
	:: d_step { w_ask || (compares && w_next > 1) ->
		assert(w_next <= SENT);
		if
		:: w_ask -> w_ask = false
		:: else -> compares--
		fi;
		put_digest()
	}
#ifndef BUG_SILENT
	:: d_step { quiet && !equal() ->
		assert(rounds); /* a round without faults repairs everything */
		rounds--;
		w_ask = true
	}
#endif
	/* One of those under way comes, whichever; one again; one never. */
	:: atomic { under_way || may_double ->
		select(s : 1 .. w_next - 1);
		if
		:: heard && !HAS(r_got, s) && !HAS(lost, s) ->
			r_got = r_got | BIT(s);
			if
#ifndef BUG_WATERMARK
			:: s <= r_mark -> skip /* given up: refused, since nobody remembers */
#endif
			:: else -> receive(net[s], s)
			fi;
			watermark()
		:: heard && HAS(r_got, s) && !HAS(lost, s) && doubles && s > r_mark ->
			doubles--;
			receive(net[s], s)
		:: heard && !HAS(r_got, s) && !HAS(lost, s) && losses ->
			losses--;
			lost = lost | BIT(s)
		:: else
		fi;
		s = 0
	}
	/* A heartbeat of the new incarnation; until then, words of the last one may come. */
	:: d_step { !heard -> forget_link(); r_inc = w_inc; old_flies = false }
	:: atomic { old_flies && r_inc < w_inc ->
		old_flies = false;
		if
		:: old_sequence > r_mark ->
			r_got = r_got | BIT(old_sequence);
			receive(old, old_sequence)
		:: else
		fi
	}
	/* The reader asks for a gap; the answer is what is true then, and the gap is given up. */
	:: atomic { heard && (SET & ~(r_got | r_given | r_asked) & (haste -> SET : lost)) ->
		select(s : 1 .. w_next - 1);
		if
		:: missing(s) && !HAS(r_asked, s) && HAS(lost, s) -> r_asked = r_asked | BIT(s)
		:: missing(s) && !HAS(r_asked, s) && !HAS(lost, s) && haste ->
			haste--;
			r_asked = r_asked | BIT(s)
		:: else
		fi;
		s = 0
	}
	:: atomic { heard && (r_asked & ~w_given) ->
		select(s : 1 .. w_next - 1);
		if
		:: HAS(r_asked, s) && !HAS(w_given, s) ->
			w_given = w_given | BIT(s);
			if
			:: assert(w_next <= SENT); resend(s)
			:: forgets ->
				forgets--;
#ifndef BUG_SILENT
				w_ask = true
#endif
			fi
		:: else
		fi;
		s = 0
	}
	:: d_step { heard && (w_given & ~r_given) ->
		r_given = w_given;
		watermark()
	}
	/* The repair's questions; unanswered ones are asked again, so none is lost for good. */
	:: d_step { r_wanted && heard -> w_dirty = w_dirty | r_wanted; r_wanted = 0 }
	:: atomic { lapses && w_next > 1 -> lapses--; writer_lapse() }
	:: d_step { deaths -> deaths--; reader_dies() }
	/* Nothing can happen any more. */
	:: quiet && equal() -> assert(equal()); goto end_quiet
	od;
end_quiet:
	skip
}
