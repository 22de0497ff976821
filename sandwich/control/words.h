/* SPDX-License-Identifier: ISC */
/*
 * The control words: one table, a handler each.
 *
 * A handler reads call->args, writes the value of "result" into call->out, and returns 0; -EINVAL
 * for words it can't use (status "usage") or another -errno for what can't be done now ("refused"),
 * with call->reason set. What has many rows sets call->rows in place of a result: they are then
 * made a few at a time, so that neither health nor sync waits for a large table.
 *
 * Ownership: the call owns its members. Thread: main.
 */
#ifndef SANDWICH_CONTROL_WORDS_H
#define SANDWICH_CONTROL_WORDS_H

#include "sandwich/control/json.h"
#include "sandwich/run/balancer.h"

#define WORDS_LINE_MAX 4096 /* bytes of a line of words */

/* Rows to come. The struct begins what the handler allocated with g_malloc(). */
struct rows {
	/* Appends some rows (each ends with json_end()); false when there are no more. */
	bool (*more)(struct rows *rows, struct balancer *b, struct json *out);
	u64 total; /* how many match, once more() has said false */
	u64 shown; /* how many of them were written */
};

struct call {
	struct balancer *b;
	char **args; /* what follows the words; NULL at its end */
	unsigned int count;
	struct json out;
	GString *result;   /* what `out` writes to */
	struct rows *rows; /* NULL: `out` has the result */
	char *note;        /* for a person, beside the result */
	char *reason;      /* why not */
	char **line;       /* all tokens */
	int error;
};

struct word {
	const char *words; /* "show devices" */
	const char *args;  /* how to write its arguments; "" */
	const char *text;  /* one line for a person */
	int (*run)(struct call *call);
};

/* The table; the last has no words. */
const struct word *words_table(void);

/*
 * Carries out a line. RESPONSE takes the response document; when words_more() says so there is more
 * of it to come. Any bytes.
 */
void words_begin(struct call *call, struct balancer *b, const char *line, size_t length,
		 GString *response);

/* Appends the next part; false when the document is complete. */
bool words_more(struct call *call, GString *response);
void words_end(struct call *call);

/* Sets call->reason; returns ERROR. */
int words_fail(struct call *call, int error, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* 0, or -EPERM where we are not on duty: who is, and so is to be asked, is the reason then. */
int words_need_duty(struct call *call) __attribute__((warn_unused_result));

/* The handlers. */
int show_devices(struct call *call);
int show_sessions(struct call *call);
int show_pins(struct call *call);
int show_neighbours(struct call *call);
int show_addresses(struct call *call);
int show_counters(struct call *call);
int show_config(struct call *call);
int show_sync(struct call *call);
int show_role(struct call *call);
int explain(struct call *call);
int admin_drain(struct call *call);
int admin_enable(struct call *call);
int admin_disable(struct call *call);
int admin_flush(struct call *call);
int sync_word_failover(struct call *call);
int sync_word_resync(struct call *call);
int sync_word_role(struct call *call);
int words_help(struct call *call);
int words_version(struct call *call);

#endif
