# SPDX-License-Identifier: ISC
"""sandwich-ingress as it is started by its users, with one device that is always up."""
import contextlib
import os
import tempfile

from lab import DEVICE, VIRTUAL

SECRET = "c2FuZHdpY2ggYmVuY2ggc2FuZHdpY2ggYmVuY2ggc2E=\n"

CONFIG = """
[sandwich]
name = bench
mode = firewall
sessions = {sessions}
track = {track}
secret-file = {folder}/secret
[side ingress]
uplink-address = 10.65.0.1/24
farm-address = 10.66.0.1/24
uplink-mac = {uplink}
farm-mac = {farm}
[side egress]
uplink-address = 10.128.0.1/16
farm-address = 10.67.0.1/24
[balancer in]
side = ingress
uplink = u0
farm = d0
datapath = {datapath}
control = {folder}/control
[balancer out]
side = egress
uplink = u0
farm = d0
[device one]
ingress = {device}
egress = 02:00:00:00:dd:02
[health]
path = off
"""


def write(folder, **values):
    with open(f"{folder}/secret", "w", encoding="ascii") as secret:
        os.fchmod(secret.fileno(), 0o600)
        secret.write(SECRET)
    with open(f"{folder}/conf", "w", encoding="ascii") as out:
        out.write(CONFIG.format(folder=folder, uplink=VIRTUAL[0], farm=VIRTUAL[1], device=DEVICE, **values))
    return f"{folder}/conf"


@contextlib.contextmanager
def daemon(lab, datapath, track, sessions="1M"):
    """Gives the process, and a function that reads its log."""
    with tempfile.TemporaryDirectory(prefix="sandwich-bench-") as folder:
        path = write(folder, datapath=datapath, track=track, sessions=sessions)
        with open(f"{folder}/log", "w+", encoding="utf-8") as log:
            def said():
                log.seek(0)
                return log.read()

            child = lab.spawn("mid", [f"{lab.build}/bin/sandwich-ingress", "-c", path, "-n", "in"], cpu=1, log=log)
            try:
                yield child, said
            finally:
                lab.stop(child)
