// SPDX-License-Identifier: ISC
#include "tests/bench/fast/slices.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct slice {
	double pps, known;
};

static double slices_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int slices_take(const struct lane *l, struct port *p, int program,
		       const struct slices_setup *setup, struct slice *out)
{
	__u64 frames, known;
	double began, took;
	int err = port_put(p, program);

	if (err)
		return err;
	usleep((useconds_t)setup->skip_us);
	frames = l->sink->frames;
	known = l->sink->known;
	began = slices_now();
	usleep((useconds_t)setup->take_us);
	took = slices_now() - began;
	frames = l->sink->frames - frames;
	known = l->sink->known - known;
	if (!frames)
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

	for (int i = 0; i < n && !err; i++) {
		int first = i % 2; /* the ceiling goes first in every other pair */

		err = slices_take(l, p, first ? setup->ceiling : setup->candidate, setup,
				  first ? &b[i] : &a[i]);
		if (!err)
			err = slices_take(l, p, first ? setup->candidate : setup->ceiling, setup,
					  first ? &a[i] : &b[i]);
	}
	if (!err && n > 0)
		slices_sum(a, b, n, out);
	return n > 0 ? err : -EINVAL;
}
