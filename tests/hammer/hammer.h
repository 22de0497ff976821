/* SPDX-License-Identifier: ISC */
/*
 * The hammer: two CPUs' programs and the daemon's threads at one table, and who looks after it.
 *
 * Flows are numbers. All of a flow's key follows from its number, and so do the two devices that it
 * may be on and the states that it may be in: an entry of which a part belongs to another flow
 * shows. What a frame of a flow can be depends on its kind.
 */
#ifndef TESTS_HAMMER_HAMMER_H
#define TESTS_HAMMER_HAMMER_H

#include "tests/packets/frame.h"
#include "tests/packets/kernel.h"
#include "tests/packets/world.h"

#define FLOWS 4096	   /* for 1,024 slots */
#define HAMMER_SESSIONS 1024
#define HOT_HOMES 8	   /* the first slots, where half of all frames belong */
#define HOT_MAX 256
#define HAMMER_DEVICES 96  /* a flow is on one of these, or on the one that many numbers on */
#define HAMMER_SHORT_MS 20 /* how long a flow lives that nobody speaks of */

/* A flow's kind; the states it is recorded in follow from it. */
enum kind {
	KIND_STILL,   /* TCP in the middle: recorded once, it stays for good */
	KIND_ANCHOR,  /* the same, but moved from device to device */
	KIND_OUTSIDE, /* UDP from outside: comes and goes */
	KIND_INSIDE,  /* UDP from inside, by either of its devices */
	KIND_TCP,     /* TCP from outside: opened, ended by FIN or RST, opened anew */
};

enum wrong {
	WRONG_LOST,    /* recorded, and gone without a word */
	WRONG_DOUBLED, /* a key is live twice */
	WRONG_TORN,    /* parts of an entry are of different flows */
	WRONG_COUNT,   /* a device counts another number of sessions than there are */
	WRONG_STUCK,   /* a slot is being written by nobody */
	WRONGS
};

struct hammer {
	struct kernel *kernel;
	struct worker *workers; /* hammer.c */
	struct memory *memory;
	u8 device[FLOWS];    /* where the hash puts it */
	u32 hot[HOT_MAX];    /* flows that lie in the same few slots */
	u32 hot_count;
	bool late;	     /* the program defers touches */
	bool stop;
	u64 wrong[WRONGS];   /* how often */
	struct counters *counters; /* the threads' and the CPUs' */
	unsigned int count;
};

enum kind flow_kind(u32 n);
void flow_key(struct flow *key, u32 n);
/* The number, or FLOWS where KEY is nobody's. */
u32 flow_number(const struct flow *key);
/* The other device of a flow. */
u8 flow_other(const struct hammer *h, u32 n, u8 device);

/* One frame of flow N, as chosen by RANDOM; the port it comes in by is returned. */
u8 flow_frame(const struct hammer *h, struct frame *f, u32 n, u64 random);

/* Looks at one slot, or at a flow that must be there. */
void judge_slot(struct hammer *h, struct slot *s);
void judge_still(struct hammer *h, struct tables *t, u32 n);
/* Nobody writes now: everything must be in order. */
void judge_all(struct hammer *h, struct tables *t);
void judge_lost(struct hammer *h, u32 n); /* flow N was recorded, and is not there */
void judge_say(const struct hammer *h);
u64 judge_sum(const struct hammer *h); /* how much was wrong so far */

#endif
