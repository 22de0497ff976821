/* SPDX-License-Identifier: ISC */
/*
 * The tables of the config file: which sections there are, which keys each has, and for every key
 * its default, how its value is read and how it is printed. Reader, printer and diagnostics all
 * work from these tables; a new key is one line in keys.c.
 *
 * Constant data. Thread: any.
 */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct key;

/* One value on its way into the model. */
struct value {
	const struct key *key;
	void *field;      /* where it goes; preset before */
	const char *text; /* outer space and comment removed */
	int line;
	GPtrArray *problems;
};

/* A way to read and print values. print may append nothing where the field holds nothing. */
struct value_kind {
	void (*parse)(const struct value *value); /* complains to value->problems */
	void (*print)(const struct key *key, const void *field, GString *out);
};

struct key {
	const char *name;
	const struct value_kind *kind;
	size_t offset;            /* of the field in the section's struct */
	const char *preset;       /* default, in file syntax; NULL: nothing, or see read.c */
	const char *example;      /* what a correct value looks like */
	bool required;            /* ... and there must be one */
	const char *const *words; /* an enum's, in its order */
	guint64 min, max;         /* range, for the kinds that have one */
};

enum section_id {
	SECTION_SANDWICH,
	SECTION_TIMEOUTS,
	SECTION_SIDE,
	SECTION_BALANCER,
	SECTION_DEVICE,
	SECTION_HEALTH,
	SECTIONS
};

struct section_kind {
	enum section_id id;
	const char *name;
	const char *example;      /* header as it should look */
	bool named;               /* [device NAME], not [health] */
	const char *const *names; /* the only names it may have; NULL: any */
	const struct key *keys;   /* ends with a NULL name */
};

extern const struct section_kind section_kinds[SECTIONS];

/* The words of the enums in config.h, NULL-terminated. */
extern const char *const config_mode_words[];
extern const char *const config_affinity_words[];
extern const char *const config_track_words[];
extern const char *const config_down_words[];
extern const char *const config_move_words[];
extern const char *const config_datapath_words[];
extern const char *const config_role_words[];
extern const char *const config_side_words[];
extern const char *const config_detector_words[];

/* The key or section kind of that name, or NULL. */
const struct key *keys_find(const struct section_kind *section, const char *name);
const struct section_kind *keys_find_section(const char *name);

/* The key that NAME is a slip of, or NULL; names are joined by ", " in keys_list() (g_free it). */
const char *keys_nearest(const struct section_kind *section, const char *name);
char *keys_list(const struct section_kind *section);

/* Is it a name: 1 to 63 letters, digits, '-', '_', '.', a letter or digit first? */
bool keys_is_name(const char *text);

/* Give every field of the section's struct at BASE its preset. */
void keys_preset(const struct section_kind *section, void *base);

#endif
