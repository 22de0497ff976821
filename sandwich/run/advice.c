// SPDX-License-Identifier: ISC
#include "sandwich/run/advice.h"

#include "sandwich/control/ports.h"
#include "sandwich/run/secret.h"

#define ADVICE_SECONDS 2 /* how often the ports are looked at */

struct advice {
	struct balancer *b;
	char *mtus; /* what was said last, or NULL */
	guint timer;
};

char *advice_mtus(const char *const *names, const unsigned int *mtus, unsigned int n)
{
	unsigned int small = 0, large = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (mtus[i] && (!mtus[small] || mtus[i] < mtus[small]))
			small = i;
		if (mtus[i] > mtus[large])
			large = i;
	}
	if (!n || mtus[small] == mtus[large])
		return NULL;
	return g_strdup_printf("frames over %u bytes can't leave by %s, and %s takes %u: give all "
			       "ports and devices one MTU",
			       mtus[small], names[small], names[large], mtus[large]);
}

static char *advice_ports(const struct balancer *b)
{
	const char *names[PORTS_MAX];
	unsigned int mtus[PORTS_MAX];

	for (u8 i = 0; i < b->port_count; i++) {
		names[i] = ports_name(b->self, i);
		mtus[i] = b->ports[i] ? port_mtu(b->ports[i]) : 0;
	}
	return advice_mtus(names, mtus, b->port_count);
}

/* Says it when it is new; the port check of every tick has read the MTUs. */
static gboolean advice_look(gpointer user)
{
	struct advice *a = user;
	char *text = advice_ports(a->b);

	if (text && g_strcmp0(text, a->mtus))
		g_warning("%s", text);
	else if (!text && a->mtus)
		g_message("all ports have one MTU again");
	g_free(a->mtus);
	a->mtus = text;
	return G_SOURCE_CONTINUE;
}

struct advice *advice_new(struct balancer *b)
{
	struct advice *a = g_new0(struct advice, 1);

	a->b = b;
	if (secret_is_open(b->config->secret_file))
		g_warning("anybody on this machine may read the secret-file: chmod o= %s",
			  b->config->secret_file);
	advice_look(a);
	a->timer = g_timeout_add_seconds(ADVICE_SECONDS, advice_look, a);
	return a;
}

void advice_free(struct advice *a)
{
	g_source_remove(a->timer);
	g_free(a->mtus);
	g_free(a);
}
