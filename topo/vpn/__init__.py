# SPDX-License-Identifier: ISC
"""Farms of real VPN gateways that share one cluster address and keys, between our two balancers.

    with VpnLab("wireguard") as lab:
        lab.start()
        lab.wait_connected()
        print(lab.owners())

See README.md.
"""
from .lab import KINDS, VpnLab

__all__ = ["KINDS", "VpnLab"]
