/* SPDX-License-Identifier: ISC */
/*
 * Which box of a side is active (sync/PROTOCOL.md, section 6): two boxes that may be, and the boxes
 * of the other side, which hear them and vote. They crash and restart, stand still, and any way
 * between two of them may fail, in one direction or both.
 *
 * What is left out. Time: a round is an interval, in which everybody's heartbeat is delivered or
 * lost and then everybody judges; silence is W rounds without one. A late heartbeat is older than
 * what is known, and is passed over; so it is not here. The other side's own election goes by the
 * same rules, and touches this one only where it follows: its boxes are witnesses here. Ports,
 * priorities and following are left to the simulation (tests/roles), as is a HANDOVER that comes
 * late; here its stream arrives whole or it doesn't begin. Equality comes and goes by chance.
 *
 * Faults are counted, so they end; ways are then whole, and whoever is alive goes on.
 *
 * What must hold, and what is planted to see that it would be noticed:
 *
 * run one-partner: -DPARTNERS=1 -DFAULTS=2
 * run two-partners: -DPARTNERS=2 -DFAULTS=2
 *   (a standby takes over though a partner hears the active)
 * bug no-vote: -DBUG_VOTE -DPARTNERS=1 -DFAULTS=2
 *   (two that are active both stay)
 * bug both-stay: -DBUG_STAY -DPARTNERS=1 -DFAULTS=2
 *   (two that are active both give way, whenever they meet)
 * bug both-go: -DBUG_GO -DPARTNERS=1 -DFAULTS=2
 *   (handed over to a standby that isn't equal)
 * bug unequal: -DBUG_EQUAL -DPARTNERS=1 -DFAULTS=2
 *   (settled by what each hears of the other alone)
 * bug no-witness: -DBUG_DIRECT -DPARTNERS=1 -DFAULTS=2
 */
#ifndef PARTNERS
#define PARTNERS 1
#endif
#ifndef FAULTS
#define FAULTS 3
#endif
#define W 2	 /* rounds of silence */
#define SETTLE 8 /* rounds after the last fault until one is active */
#define END 12	 /* and how long that is watched */

#define STARTING 0
#define STANDBY 1
#define ACTIVE 2

/* The boxes that may be active. */
bool up[2];
bool still[2];	  /* stands still: neither sends nor judges */
byte role[2];
byte term[2];	  /* of its time as active */
byte known[2];	  /* highest it knows */
bool alone[2];	  /* unwitnessed */
byte heard_for[2];/* rounds with a partner and without a rival */
byte listens[2];
bool equal_[2];
bool offered[2];  /* has handed over, and not heard the other as active */
bool taken[2];	  /* was handed over to: the other's old claim is void */
byte outranked[2];

/* What each has last heard of its twin, and how many rounds ago. */
byte t_age[2];
byte t_role[2];
byte t_term[2];
bool t_alone[2];

/* The other side: what it has last heard of each box ([partner * 2 + box]). */
bool p_up[PARTNERS];
byte p_age[PARTNERS * 2];
byte p_role[PARTNERS * 2];
byte p_term[PARTNERS * 2];
bool p_alone[PARTNERS * 2];

/* What each box has last heard of each partner: its vote about the twin ([partner * 2 + box]). */
byte v_heard[PARTNERS * 2];
byte v_age[PARTNERS * 2];
byte v_role[PARTNERS * 2];
byte v_term[PARTNERS * 2];
bool v_alone[PARTNERS * 2];

/* Ways that are cut: from a box to its twin, to a partner, and from there. */
bool cut_t[2];
bool cut_to[PARTNERS * 2];
bool cut_from[PARTNERS * 2];

/* For the properties: rounds in which a word could get through, and of being active. */
byte way_t[2];
byte way_by[PARTNERS * 2];
byte active_for[2];

byte faults = FAULTS;
byte quiet;	  /* rounds since the last fault */
byte chosen = 2;  /* who was active when it had settled */

byte i, p, x, best; /* scratch */
bool b_alone;
byte b_term;

#define runs(b) (up[b] && !still[b])
#define older(n) n = (n < W -> n + 1 : W)
#define longer(n, good) n = (good -> (n < 2 * W + 2 -> n + 1 : n) : 0)

/* Two claims: a's is the higher (witnessed, term, lower number). */
#define above(a_alone, a_term, a_box, o_alone, o_term, o_box) \
	(a_alone != o_alone -> !a_alone : (a_term != o_term -> a_term > o_term : a_box < o_box))

inline learn(b, t)
{
	if
	:: t > known[b] -> known[b] = t
	:: else
	fi
}

/* A round's heartbeats. Partners speak first: their votes are of the round before. */
inline exchange()
{
	x = 0;
	do
	:: x < PARTNERS * 2 ->
		p = x / 2;
		i = x % 2;
		if
		:: !runs(i) -> skip
		:: runs(i) && p_up[p] && !cut_from[x] ->
			v_heard[x] = 0;
			v_age[x] = p_age[p * 2 + 1 - i];
			v_role[x] = p_role[p * 2 + 1 - i];
			v_term[x] = p_term[p * 2 + 1 - i];
			v_alone[x] = p_alone[p * 2 + 1 - i];
			learn(i, p_term[x]);
			learn(i, v_term[x])
		:: else -> older(v_heard[x])
		fi;
		x++
	:: else -> break
	od;
	x = 0;
	do
	:: x < PARTNERS * 2 ->
		p = x / 2;
		i = x % 2;
		if
		:: runs(i) && p_up[p] && !cut_to[x] ->
			p_age[x] = 0;
			p_role[x] = role[i];
			p_term[x] = (role[i] == ACTIVE -> term[i] : known[i]);
			p_alone[x] = alone[i]
		:: else -> older(p_age[x])
		fi;
		longer(way_by[x], runs(i) && runs(1 - i) && p_up[p] && !cut_from[x] &&
		       !cut_to[p * 2 + 1 - i]);
		x++
	:: else -> break
	od;
	i = 0;
	do
	:: i < 2 ->
		if
		:: !runs(i) -> skip
		:: runs(i) && runs(1 - i) && !cut_t[1 - i] ->
			t_age[i] = 0;
			t_role[i] = role[1 - i];
			t_term[i] = (role[1 - i] == ACTIVE -> term[1 - i] : known[1 - i]);
			t_alone[i] = alone[1 - i];
			learn(i, t_term[i])
		:: else -> older(t_age[i])
		fi;
		longer(way_t[i], runs(i) && runs(1 - i) && !cut_t[1 - i]);
		longer(active_for[i], runs(i) && role[i] == ACTIVE);
		i++
	:: else -> break
	od;
	i = 0;
	x = 0;
	p = 0
}

/* The twin as a rival: 0 none, 1 by its own word, 2 by a partner's. */
inline find_rival(b)
{
	best = 0;
	b_alone = false;
	b_term = 0;
	if
	:: t_age[b] < W && t_role[b] == ACTIVE ->
		best = 1;
		b_alone = t_alone[b];
		b_term = t_term[b]
	:: else
	fi;
#ifndef BUG_DIRECT
	x = b;
	do
	:: x < PARTNERS * 2 ->
		if
		:: v_heard[x] < W && v_role[x] == ACTIVE && v_age[x] < W && !best &&
		   t_age[b] > v_heard[x] + v_age[x] ->
			best = 2;
			b_alone = v_alone[x];
			b_term = v_term[x]
		:: else
		fi;
		x = x + 2
	:: else -> break
	od;
	x = 0;
#endif
	if
	:: taken[b] && b_term < term[b] -> best = 0
	:: else -> taken[b] = false
	fi
}

inline witness(b)
{
	if
	:: v_heard[b] >= W && v_heard[b + 2 * (PARTNERS - 1)] >= W ->
		alone[b] = true;
		heard_for[b] = 0
	:: else ->
		if
		:: role[b] == ACTIVE && best -> heard_for[b] = 0
		:: else ->
			heard_for[b]++;
			if
			:: heard_for[b] > 2 * W -> heard_for[b] = 2 * W; alone[b] = false
			:: else
			fi
		fi
	fi
}

/* It takes over, from nobody as far as it can know: else somebody hears the active, and says so. */
inline take_over(b)
{
	if
	:: runs(1 - b) && active_for[1 - b] > W + 1 ->
		assert(way_t[b] <= W);
		assert(way_by[b] <= W + 1);
		assert(way_by[b + 2 * (PARTNERS - 1)] <= W + 1)
	:: else
	fi;
	assert(known[b] < 4 * FAULTS + 6); /* roles don't flap */
	role[b] = ACTIVE;
	term[b] = known[b] + 1;
	known[b] = term[b];
	equal_[b] = false
}

inline stand_by(b)
{
	role[b] = STANDBY;
	equal_[b] = false;
	offered[b] = false;
	outranked[b] = 0
}

inline judge_standby(b)
{
	if
	:: best == 1 -> skip
#ifndef BUG_VOTE
	:: best == 2 -> skip
#endif
	/* One that is heard, is not active, and comes before us: it is left the time to. */
	:: best != 1 && t_age[b] < W && t_role[b] == STANDBY && b == 1 && listens[b] ->
		listens[b]--
	:: else -> take_over(b)
	fi
}

inline judge_active(b)
{
	if
	:: best && offered[b] && b_term > term[b] -> stand_by(b)
#ifdef BUG_STAY
	:: best && !offered[b] -> skip
#endif
#ifdef BUG_GO
	:: best -> stand_by(b)
#endif
	:: best && above(b_alone, b_term, 1 - b, alone[b], term[b], b) -> stand_by(b)
	:: else ->
		if
		:: best && b_term >= term[b] ->
			known[b] = known[b] + 1;
			term[b] = known[b]
		:: !best && known[b] > term[b] ->
			outranked[b]++;
			if
			:: outranked[b] > W ->
				outranked[b] = 0;
				known[b] = known[b] + 1;
				term[b] = known[b]
			:: else
			fi
		:: else -> outranked[b] = 0
		fi;
		if
		:: t_age[b] >= W -> offered[b] = false
		:: else
		fi
	fi
}

inline judge(b)
{
	if
	:: runs(b) ->
		find_rival(b);
		witness(b);
		if
		:: role[b] == STARTING && best -> stand_by(b); listens[b] = W
		:: role[b] == STARTING && !best && listens[b] -> listens[b]--
		:: role[b] == STARTING && !best && !listens[b] ->
			if
			:: t_age[b] < W && (t_role[b] == STANDBY || b == 1) ->
				stand_by(b);
				listens[b] = W
			:: else -> take_over(b)
			fi
		:: role[b] == STANDBY -> judge_standby(b)
		:: role[b] == ACTIVE -> judge_active(b)
		fi;
		if
		:: role[b] == STANDBY && best == 1 -> listens[b] = W
		:: role[b] == ACTIVE -> listens[b] = 0
		:: else
		fi;
		best = 0;
		b_term = 0;
		b_alone = false
	:: else
	fi
}

inline start(b)
{
	up[b] = true;
	still[b] = false;
	role[b] = STARTING;
	term[b] = 0;
	known[b] = 0;
	alone[b] = false;
	heard_for[b] = 0;
	equal_[b] = false;
	offered[b] = false;
	taken[b] = false;
	outranked[b] = 0;
	t_age[b] = W;
	t_role[b] = 0;
	t_term[b] = 0;
	t_alone[b] = false;
	x = b;
	do
	:: x < PARTNERS * 2 ->
		v_heard[x] = W; v_age[x] = W; v_role[x] = 0; v_term[x] = 0; v_alone[x] = false;
		x = x + 2
	:: else -> x = 0; break
	od;
	listens[b] = W + 2
}

inline crash(b)
{
	start(b);
	up[b] = false;
	listens[b] = 0
}

inline p_crash(q)
{
	p_up[q] = false;
	i = 0;
	do
	:: i < 2 ->
		p_age[q * 2 + i] = W; p_role[q * 2 + i] = 0; p_term[q * 2 + i] = 0;
		p_alone[q * 2 + i] = false;
		i++
	:: else -> i = 0; break
	od
}

inline cut_off(b)
{
	cut_t[b] = true;
	cut_t[1 - b] = true;
	x = b;
	do
	:: x < PARTNERS * 2 -> cut_to[x] = true; cut_from[x] = true; x = x + 2
	:: else -> x = 0; break
	od
}

inline heal()
{
	cut_t[0] = false;
	cut_t[1] = false;
	do
	:: x < PARTNERS * 2 -> cut_to[x] = false; cut_from[x] = false; x++
	:: else -> x = 0; break
	od
}

/* Handed over by B: its twin has everything, and is active from here on. */
inline hand_over(b)
{
	assert(equal_[1 - b]);
	offered[b] = true;
	taken[1 - b] = true;
	role[1 - b] = ACTIVE;
	term[1 - b] = known[b] + 1;
	known[1 - b] = term[1 - b];
	equal_[1 - b] = false;
	listens[1 - b] = 0
}

#ifdef BUG_EQUAL
#define may_have(b) true
#else
#define may_have(b) equal_[b]
#endif
#define may_offer(b) (runs(b) && runs(1 - b) && role[b] == ACTIVE && role[1 - b] == STANDBY && \
		      known[1 - b] <= term[b] && !offered[b] && t_age[b] < W && \
		      t_role[b] == STANDBY && !cut_t[b] && may_have(1 - b))

inline fault()
{
	if
	:: up[0] -> crash(0)
	:: up[1] -> crash(1)
	:: up[0] -> crash(0); start(0)
	:: up[1] -> crash(1); start(1)
	:: runs(0) -> still[0] = true
	:: runs(1) -> still[1] = true
	:: p_up[0] -> p_crash(0)
	:: cut_t[0] = true
	:: cut_t[1] = true
	:: cut_t[0] = true; cut_t[1] = true
	:: cut_to[0] = true
	:: cut_to[1] = true
	:: cut_from[0] = true
	:: cut_from[1] = true
	:: cut_off(0)
	:: cut_off(1)
	:: may_offer(0) -> hand_over(0)
	:: may_offer(1) -> hand_over(1)
#if PARTNERS > 1
	:: p_up[1] -> p_crash(1)
	:: cut_to[2] = true
	:: cut_to[3] = true
	:: cut_from[2] = true
	:: cut_from[3] = true
#endif
	fi
}

/* What gets better costs nothing. */
inline mend()
{
	if
	:: !up[0] -> start(0)
	:: !up[1] -> start(1)
	:: still[0] -> still[0] = false
	:: still[1] -> still[1] = false
	:: !p_up[0] -> p_up[0] = true
	:: heal()
	:: role[0] == STANDBY && t_age[0] < W && t_role[0] == ACTIVE -> equal_[0] = true
	:: role[1] == STANDBY && t_age[1] < W && t_role[1] == ACTIVE -> equal_[1] = true
	fi
}

/* The last fault is over: everything works, but what is dead may stay dead. */
inline be_quiet()
{
	faults = 0;
	heal();
	still[0] = false;
	still[1] = false;
	quiet = 1
}

/* At most one is active, and one is if one can be; and it stays the same. */
inline check()
{
	if
	:: quiet > SETTLE ->
		assert(!(up[0] && role[0] == ACTIVE && up[1] && role[1] == ACTIVE));
		assert(!(up[0] || up[1]) || (up[0] && role[0] == ACTIVE) ||
		       (up[1] && role[1] == ACTIVE));
		i = (up[0] && role[0] == ACTIVE -> 0 : 1);
		assert(chosen == 2 || chosen == i);
		chosen = i;
		i = 0
	:: else
	fi
}

init {
	d_step {
		start(0);
		start(1);
		x = 0;
		do
		:: x < PARTNERS ->
			p_crash(x);
			p_up[x] = true;
			x++
		:: else -> x = 0; break
		od
	}
	do
	:: quiet <= END ->
		atomic {
			if
			:: faults && !quiet -> faults--; fault()
			:: !quiet -> mend()
			:: !quiet -> be_quiet()
			:: true
			fi
		}
		d_step {
			exchange();
			judge(0);
			judge(1);
			if
			:: quiet -> quiet++; check()
			:: else
			fi
		}
	:: else -> break
	od
}
