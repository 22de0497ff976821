// SPDX-License-Identifier: ISC
#include "sandwich/run/run.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define RUN_NICE -10

void run_raise_priority(void)
{
	/* Where the CPU is short, devices must not look dead because we were not run. */
	if (setpriority(PRIO_PROCESS, 0, RUN_NICE))
		g_message("priority stays as it is (%s): under full load heartbeats may be late",
			  g_strerror(errno));
}

int run_drop_privileges(void)
{
	/*
	 * Ports that come back are opened anew, and offloads are put back at the end. A veth whose
	 * peer sends super-frames gets an XDP program that makes the kernel segment them (port.h).
	 */
	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW, CAP_NET_ADMIN,
			  CAP_BPF, -1))
		return -EINVAL;
	/*
	 * Who is root owns root's files anyway, and should at least not run the programs of
	 * [health] as that.
	 */
	if (!geteuid() && capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SETUID,
					CAP_SETGID, -1))
		return -EINVAL;
	if (capng_apply(CAPNG_SELECT_BOTH))
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}
