# SPDX-License-Identifier: ISC
"""The failover drills: what each breaks, and what is measured meanwhile."""
