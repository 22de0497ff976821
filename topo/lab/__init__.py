# SPDX-License-Identifier: ISC
"""A sandwich in network namespaces: clients, two balancers, real stateful firewalls, servers.

    with Lab(Options(firewalls=3)) as lab:
        lab.start_balancers()
        lab.client(1).run(["ping", "-c1", lab.plan.server(1).ipv4])

Nothing it makes outlives it: see Lab.close().
"""
from .errors import LabError
from .lab import Lab
from .options import Options

__all__ = ["Lab", "LabError", "Options"]
