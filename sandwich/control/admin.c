// SPDX-License-Identifier: ISC
/* drain, enable, disable, flush: what an operator does to devices and sessions. */
#include <errno.h>
#include <string.h>

#include "conf/units.h"
#include "sandwich/control/filter.h"
#include "sandwich/control/words.h"

/* The device that the first argument names. */
static int admin_device(struct call *call, struct farm_device **out)
{
	if (!call->count)
		return -EINVAL;
	*out = farm_find_name(call->b->farm, call->args[0]);
	if (*out)
		return 0;
	return words_fail(call, -ENOENT, "no device is called '%s'; see show devices",
			  call->args[0]);
}

/* The device as it is afterwards. */
static void admin_answer(struct call *call, const struct farm_device *d)
{
	u32 clients, left = farm_left(call->b->farm, d, &clients);
	int eta = farm_drain_eta(call->b->farm, d, left, memory_now());

	json_begin(&call->out, NULL, '{');
	json_string(&call->out, "device", d->name);
	json_string(&call->out, "state", farm_state_name(d->state));
	json_string(&call->out, "why", d->why ? d->why : "");
	json_number(&call->out, "left", left);
	json_number(&call->out, "clients", clients);
	if (d->state != FARM_DRAINING || eta < 0)
		json_null(&call->out, "eta");
	else
		json_number(&call->out, "eta", (u64)eta);
	json_end(&call->out, '{');
}

/* --deadline TIME, --deadline=TIME or deadline=TIME. */
static int admin_deadline(struct call *call, u32 *ms)
{
	const char *word = call->count > 1 ? call->args[1] : NULL;
	unsigned int used = 2;
	uint64_t time;

	*ms = 0;
	if (!word)
		return 0;
	if (!strcmp(word, "--deadline"))
		word = call->args[used] ? call->args[used++] : "";
	else if (g_str_has_prefix(word, "--deadline="))
		word += strlen("--deadline=");
	else if (g_str_has_prefix(word, "deadline="))
		word += strlen("deadline=");
	else
		return -EINVAL;
	if (used < call->count)
		return -EINVAL;
	if (units_duration(word, &time) || !time || time > G_MAXINT32)
		return words_fail(call, -EINVAL, "--deadline wants a time such as 90s or 10m");
	*ms = (u32)time;
	return 0;
}

int admin_drain(struct call *call)
{
	struct farm_device *d;
	u32 deadline;
	int rc = admin_device(call, &d);

	if (!rc)
		rc = admin_deadline(call, &deadline);
	if (!rc)
		rc = words_need_duty(call);
	if (rc)
		return rc;
	if (d->state == FARM_DISABLED)
		return words_fail(call, -EPERM, "%s is disabled%s", d->name,
				  d->disabled ? " by the configuration: it has nothing to drain"
					      : "; enable it first");
	rc = farm_drain(call->b->farm, d, deadline);
	if (rc == -EALREADY)
		return words_fail(call, rc, "%s is draining already", d->name);
	if (!rc)
		admin_answer(call, d);
	return rc;
}

/* enable and disable differ in what they call and in what may be so already. */
static int admin_set(struct call *call, int (*set)(struct farm *, struct farm_device *),
		     const char *already)
{
	struct farm_device *d;
	int rc;

	if (call->count != 1)
		return -EINVAL;
	rc = admin_device(call, &d);
	if (!rc)
		rc = words_need_duty(call);
	if (rc)
		return rc;
	if (d->disabled)
		return words_fail(
			call, -EPERM,
			"%s is disabled by the configuration: change it there, and reload",
			d->name);
	rc = set(call->b->farm, d);
	if (rc == -EALREADY)
		return words_fail(call, rc, "%s is %s already", d->name, already);
	if (!rc)
		admin_answer(call, d);
	return rc;
}

int admin_enable(struct call *call)
{
	return admin_set(call, farm_enable, "enabled");
}

int admin_disable(struct call *call)
{
	return admin_set(call, farm_disable, "disabled");
}

int admin_flush(struct call *call)
{
	struct session_filter filter = {0};
	int rc = 0;

	for (unsigned int i = 0; i < call->count && !rc; i++)
		rc = filter_parse(&filter, call->b->farm, call->args[i], &call->reason);
	if (!rc)
		rc = words_need_duty(call);
	if (rc)
		return rc;
	json_begin(&call->out, NULL, '{');
	json_number(&call->out, "flushed", balancer_flush(call->b, &filter));
	json_end(&call->out, '{');
	return 0;
}
