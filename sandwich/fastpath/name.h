/* SPDX-License-Identifier: ISC */
/*
 * What a balancer's directory in the bpffs is called.
 */
#ifndef SANDWICH_FASTPATH_NAME_H
#define SANDWICH_FASTPATH_NAME_H

#define NAME_SIZE 96

/*
 * Unique for network namespace, sandwich and balancer; no dots, which a bpffs does not take.
 * SANDWICH NULL: what the names of that balancer in all sandwiches begin with. 0 or -errno.
 */
int name_make(char *out, const char *sandwich, const char *balancer)
	__attribute__((warn_unused_result));

#endif
