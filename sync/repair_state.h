/* SPDX-License-Identifier: ISC */
/*
 * What the parts of repair share: repair.c (marks, phases), repair_ask.c (who lacks something) and
 * repair_answer.c (who has it). The follower's thread.
 */
#ifndef SYNC_REPAIR_STATE_H
#define SYNC_REPAIR_STATE_H

#include "sync/census.h"
#include "sync/record_proof.h"
#include "sync/repair.h"
#include "sync/riblt.h"

#define REPAIR_KINDS 2
#define REPAIR_GROUP_COUNT 64 /* of a table, */
#define REPAIR_GROUP 64	      /* shards each */
#define REPAIR_SYMBOLS_MAX 65535
#define REPAIR_CHUNK 150      /* elements or shards in one RECORDS_WANTED */
#define REPAIR_CENSUS_BUDGET 65536 /* slots looked at in a turn: some 1.5 ms */
#define REPAIR_ACKS 512

/* A group of which the symbols are asked for. */
struct repair_group {
	struct riblt_decoder *decoder; /* NULL: nothing to do, or done */
	u64 *own;		       /* elements of the shards that differ */
	u32 own_count;
	u32 asked;		       /* symbols asked for, from the first */
	u64 sent_us;		       /* 0: not asked yet */
	u32 estimate;		       /* elements that differ */
};

/* A part of what is wanted: one RECORDS_WANTED item. */
struct repair_unit {
	enum table_kind kind;
	bool whole;	/* shards: chunk of whole_list; else elements: chunk of want */
	u16 group;
	u32 first, count;
	bool acked;
};

/* An element that only we have. */
struct repair_extra {
	enum table_kind kind;
	u32 index;
	u64 element;
};

struct repair_list {
	void *at;
	u32 count, room;
};

/* The side that lacks something. */
struct repair_ask {
	u32 round;
	u64 sent_us;  /* the phase's question was sent last; 0: to be sent */
	u64 groups_left[REPAIR_KINDS], groups_differ[REPAIR_KINDS];
	u64 shards_left[REPAIR_KINDS][REPAIR_GROUP_COUNT]; /* not told yet */
	u64 differ[REPAIR_KINDS][REPAIR_GROUP_COUNT];	   /* to be reconciled */
	u64 whole[REPAIR_KINDS][REPAIR_GROUP_COUNT];	   /* to be had whole */
	u32 least[REPAIR_KINDS][REPAIR_GROUP_COUNT]; /* differences that the counts alone show */
	u32 theirs[REPAIR_KINDS][REPAIR_GROUP_COUNT]; /* elements in the other's differing shards */
	struct census *census[REPAIR_KINDS];
	struct repair_group group[REPAIR_KINDS][REPAIR_GROUP_COUNT];
	struct repair_list want;   /* u64: elements that only the other has */
	struct repair_list extra;  /* struct repair_extra */
	struct repair_list shards; /* u16: whole ones */
	struct repair_list units;  /* struct repair_unit */
	u32 last_differing, stuck; /* rounds without progress */
	u64 counted;		   /* the newest reliable number when the census began */
	u64 dump_from;		   /* the newest reliable number when the dump was asked for */
};

struct repair_symbols_wanted {
	u32 round, from, count;
	u64 shards;
};

/* The side that has it: what to answer, since nothing can be sent from within an op. */
struct repair_answer {
	u32 round[REPAIR_KINDS]; /* of what is asked */
	u64 groups[REPAIR_KINDS];
	u64 shards[REPAIR_KINDS][REPAIR_GROUP_COUNT];
	struct repair_symbols_wanted symbols[REPAIR_KINDS][REPAIR_GROUP_COUNT]; /* count 0: none */
	u32 symbols_waiting;
	struct census *census[REPAIR_KINDS];
	bool ready[REPAIR_KINDS];
	u32 census_round[REPAIR_KINDS];
	u64 used_us; /* the censuses were last */
	u64 whole[REPAIR_KINDS][REPAIR_GROUP_COUNT]; /* shards wanted whole, for the next walk */
	u64 walking[REPAIR_KINDS][REPAIR_GROUP_COUNT]; /* those that the walk is about */
	enum table_kind walk_kind;
	u32 walk_at; /* its next slot */
	bool walk;
	u32 mark;    /* the round whose mark waits for all this; 0: none */
	u32 ack[REPAIR_ACKS], acks, ack_round;
};

struct repair {
	struct repair_setup setup;
	struct link *link;
	enum repair_phase phase;
	bool early; /* a mark could not be compared: journal_whole() was false */
	struct repair_view view;
	struct repair_ask ask;
	struct repair_answer answer;
};

/* Adds SIZE bytes to the list. 0 or -ENOMEM. */
int repair_list_add(struct repair_list *l, const void *what, size_t size)
	__attribute__((warn_unused_result));

/* repair_ask.c */
void repair_ask_clear(struct repair *r);
void repair_ask_digests(struct repair *r, const struct record_about *about,
			struct record_reader *from, u64 now_us);
void repair_ask_symbols(struct repair *r, const struct record_about *about,
			struct record_reader *from, u64 now_us);
/* Sends what the phase asks for, again where no answer came. When next. */
u64 repair_ask_turn(struct repair *r, u64 now_us);
void repair_enter(struct repair *r, enum repair_phase phase);
/* Takes out what only we have, as far as it is still what it was. */
void repair_ask_remove(struct repair *r);

/* repair_answer.c: notes a question. */
void repair_answer_digests(struct repair *r, const struct record_about *about,
			   struct record_reader *from);
void repair_answer_symbols(struct repair *r, const struct record_about *about,
			   struct record_reader *from);
void repair_answer_records(struct repair *r, const struct record_about *about,
			   struct record_reader *from);
/* Sends answers. When next. */
u64 repair_answer_turn(struct repair *r, u64 now_us);
void repair_answer_clear(struct repair *r);

/* Our own digest of a group or shard. */
void repair_digest_of(const struct repair *r, enum table_kind kind, enum record_level level,
		      u32 index, struct journal_digest *out);

/* Begins a datagram with one item. NULL: not now. */
u8 *repair_open(struct repair *r, struct record_writer *w, enum record_kind kind,
		const struct record_about *about, u64 now_us);
void repair_send(struct repair *r, struct record_writer *w, u8 *item, u64 *bytes);

#endif
