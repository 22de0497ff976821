// SPDX-License-Identifier: ISC
#include "tests/bench/fast/slices.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct slice {
	double pps, known;
};

#define SLICES_TRIAL_US 100000

static double slices_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double slices_ran(const struct lane *l)
{
	return (double)generate_ran(l->generate) * 1e-9;
}

/*
 * Where somebody else takes turns on the core, only the time that is the lane's counts. Not where
 * the kernel keeps softirqs, which do the work, out of the thread's time.
 */
static int slices_by_cpu(const struct lane *l)
{
	double waited = (double)generate_waited(l->generate), wall = slices_wall(),
	       ran = slices_ran(l);

	usleep(SLICES_TRIAL_US);
	ran = slices_ran(l) - ran;
	wall = slices_wall() - wall;
	waited = ((double)generate_waited(l->generate) - waited) * 1e-9;
	return ran > 0.55 * (wall - waited);
}

/* Seconds, of whichever clock is right. */
static double slices_now(const struct lane *l, const struct slices_setup *setup)
{
	return setup->wall ? slices_wall() : slices_ran(l);
}

static int slices_take(const struct lane *l, struct port *p, int program,
		       const struct slices_setup *setup, struct slice *out)
{
	__u64 frames, known;
	double began, took;
	int err = port_put(p, program);

	if (err)
		return err;
	usleep((useconds_t)setup->skip_ms * 1000);
	frames = l->sink->frames;
	known = l->sink->known;
	began = slices_now(l, setup);
	usleep((useconds_t)setup->take_ms * 1000);
	took = slices_now(l, setup) - began;
	frames = l->sink->frames - frames;
	known = l->sink->known - known;
	if (!frames || took <= 0)
		return -ENODATA; /* nothing comes through: no figure at all */
	out->pps = (double)frames / took;
	out->known = (double)known / (double)frames;
	return 0;
}

static int slices_compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts VALUES; PART of the way from the least to the greatest. */
static double slices_quantile(double *values, int n, double part)
{
	double at = part * (n - 1);
	int i = (int)at;

	qsort(values, (size_t)n, sizeof(*values), slices_compare);
	return i + 1 < n ? values[i] + (values[i + 1] - values[i]) * (at - i) : values[i];
}

static double slices_median(const struct slice *s, int n, int known)
{
	double values[SLICES_MAX];

	for (int i = 0; i < n; i++)
		values[i] = known ? s[i].known : s[i].pps;
	return slices_quantile(values, n, 0.5);
}

static void slices_sum(const struct slice *a, const struct slice *b, int n, struct slices *out)
{
	double ratios[SLICES_MAX];

	for (int i = 0; i < n; i++)
		ratios[i] = a[i].pps / b[i].pps;
	*out = (struct slices){
		.pps = slices_median(a, n, 0),
		.ceiling = slices_median(b, n, 0),
		.ratio = slices_quantile(ratios, n, 0.5),
		.low = slices_quantile(ratios, n, 0.25),
		.high = slices_quantile(ratios, n, 0.75),
		.known = slices_median(a, n, 1),
		.known_ceiling = slices_median(b, n, 1),
	};
}

int slices_run(const struct lane *l, struct port *p, const struct slices_setup *setup,
	       struct slices *out)
{
	struct slice a[SLICES_MAX], b[SLICES_MAX];
	int n = setup->pairs < SLICES_MAX ? setup->pairs : SLICES_MAX, err = 0;
	struct slices_setup with = *setup;

	with.wall = setup->wall || !slices_by_cpu(l);
	for (int i = 0; i < n && !err; i++) {
		int first = i % 2; /* the ceiling goes first in every other pair */

		err = slices_take(l, p, first ? setup->ceiling : setup->candidate, &with,
				  first ? &b[i] : &a[i]);
		if (!err)
			err = slices_take(l, p, first ? setup->candidate : setup->ceiling, &with,
					  first ? &a[i] : &b[i]);
	}
	if (!err && n > 0)
		slices_sum(a, b, n, out);
	return n > 0 ? err : -EINVAL;
}
