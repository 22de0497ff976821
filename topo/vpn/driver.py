# SPDX-License-Identifier: ISC
"""What the lab asks of each VPN."""
import os
import shutil
from typing import NamedTuple


class Tunnel(NamedTuple):
    """A client's tunnel in a gateway's own table."""

    peer: str   # ADDRESS:PORT that the client has to the gateway
    keys: str   # changes with every rekeying


class Driver:
    """One VPN on all gateways and clients of a lab."""

    name = ""
    programs = ()
    floats_by_identifier = True  # data from another address says whose tunnel it belongs to
    rest = 0.0          # seconds of silence after which its clients will notice that a NAT has given them other ports
    patience = 20.0     # seconds until its clients have come back from a gateway that died, on a busy machine

    def __init__(self, lab):
        self.lab = lab
        self.running = {}

    @classmethod
    def missing(cls):
        """Its programs that are not installed."""
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        return [program for program in cls.programs if not shutil.which(program, path=path)]

    def prepare(self):
        """Make keys and what all configurations have in common."""
        raise NotImplementedError

    def start_gateway(self, gateway):
        raise NotImplementedError

    def start_client(self, client):
        """Start CLIENT and let it connect by itself."""
        raise NotImplementedError

    def tunnels(self, gateway):
        """{client number: Tunnel} by GATEWAY's own table; also of tunnels that are gone and not yet forgotten."""
        raise NotImplementedError

    def rekey(self, clients):
        """Make CLIENTS take new keys, where the VPN lets one ask for it; else they do when it is time."""

    def roamed(self, client):
        """CLIENT has another outside address: what its VPN program is told, where it does not see that itself."""

    def due(self, tunnels):
        """Of TUNNELS ({client number: Tunnel}) the clients that will have new keys within the next minutes."""
        return sorted(tunnels)

    def keep(self, space, process):
        """Remember what runs in SPACE for the VPN."""
        self.running.setdefault(space.name, []).append(process)

    def stop_gateway(self, gateway):
        """End it as a loss of power does: without a word to anybody."""
        for process in self.running.pop(gateway.name, []):
            process.kill()
            process.wait()
            self.lab.processes.forget(process)

    def write(self, name, text, mode=0o600):
        """A file of the lab; its path."""
        path = self.lab.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", opener=lambda p, flags: os.open(p, flags, mode), encoding="ascii") as out:
            out.write(text)
        return path
