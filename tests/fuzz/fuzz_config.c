/* SPDX-License-Identifier: ISC */
/* links: conf/address.c conf/check-addresses.c conf/check-devices.c */
/* links: conf/check-tunnels.c conf/check.c conf/keys.c */
/* links: conf/lines.c conf/lists.c conf/model.c conf/print.c conf/problem.c conf/read.c */
/* links: conf/scripts.c conf/targets.c conf/tunnels.c conf/units.c conf/values.c */
/*
 * Any bytes as a config file: diagnostics or a model, and a model prints what reads as the same.
 * Seeds: conf/examples.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* TEXT's effective configuration, or NULL when it has problems. */
static char *printed(const char *text, size_t length)
{
	GPtrArray *problems = config_problems_new();
	struct config *config;
	char *out = NULL;

	if (!config_parse(text, length, &config, problems))
		out = config_print(config);
	else if (config || !problems->len)
		abort(); /* refused, and nothing said */
	for (guint i = 0; i < problems->len; i++) {
		const struct config_problem *p = g_ptr_array_index(problems, i);

		if (p->line < 0 || !*p->text || !g_utf8_validate(p->text, -1, NULL))
			abort();
	}
	config_free(config);
	g_ptr_array_unref(problems);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *first = printed((const char *)data, size), *second;

	if (!first)
		return 0;
	second = printed(first, strlen(first));
	if (!second || strcmp(first, second)) {
		fprintf(stderr, "--- first\n%s\n--- second\n%s\n", first, second ? second : "-");
		abort();
	}
	g_free(second);
	g_free(first);
	return 0;
}
