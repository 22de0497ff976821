# SPDX-License-Identifier: ISC
"""OpenVPN 2.6 in user space: the gateways have one certificate and the same list of clients."""
import os

from ..lab.processes import poll
from . import certificates, plan
from .driver import Driver, Tunnel

PORT = 1194
RENEGOTIATE = 20    # seconds; what is usual is an hour
SUBNET = plan.INNER_NET.split("/", maxsplit=1)[0]
MASK = "255.255.255.0"
NEGOTIATED = "Control Channel: TLS"

COMMON = """
dev tun0
dev-type tun
proto udp4
disable-dco
persist-tun
verb 3
suppress-timestamps
data-ciphers AES-128-GCM
cert {certificate}
key {key}
tls-version-min 1.2
reneg-sec {renegotiate}
<peer-fingerprint>
{fingerprints}
</peer-fingerprint>
"""

GATEWAY = COMMON + """
local {cluster}
port {port}
mode server
tls-server
topology subnet
ifconfig {gateway} {mask}
client-config-dir {clients}
ccd-exclusive
dh none
keepalive 1 6
push "topology subnet"
push "route-gateway {gateway}"
push "route {inside} 255.255.0.0"
status {status} 1
status-version 3
"""

CLIENT = COMMON + """
client
remote {cluster} {port}
nobind
connect-retry 1 2
hand-window 10
"""


class OpenVpn(Driver):
    """The ping of both ends (a second apart, six without an answer) is what notices a dead gateway."""

    name = "openvpn"
    floats_by_identifier = False
    programs = ("openvpn", "openssl")
    patience = 40.0

    def __init__(self, lab):
        super().__init__(lab)
        self.fingerprints = {}

    def prepare(self):
        for name in ["gateway", *(client.name for client in self.lab.clients)]:
            key, certificate = self.write(f"openvpn/{name}.key", ""), self._path(f"{name}.pem")
            certificates.new_key(key)
            certificates.self_signed(key, name, certificate)
            self.fingerprints[name] = certificates.fingerprint(certificate)
        for client in self.lab.clients:
            self.write(f"openvpn/clients/{client.name}", f"ifconfig-push {client.inner} {MASK}\n")

    def _path(self, name):
        return self.lab.path(f"openvpn/{name}")

    def _config(self, template, who, fingerprints, **words):
        return template.format(certificate=self._path(f"{who}.pem"), key=self._path(f"{who}.key"), port=PORT,
                               fingerprints="\n".join(fingerprints), cluster=plan.CLUSTER, **words)

    def _start(self, space, text):
        path = self.write(f"openvpn/{space.name}.conf", text)
        self.keep(space, space.start(["openvpn", "--config", path], log=f"openvpn-{space.name}"))

    def start_gateway(self, gateway):
        status = self._path(f"{gateway.name}.status")
        if os.path.exists(status):
            os.unlink(status)
        clients = [self.fingerprints[client.name] for client in self.lab.clients]
        self._start(gateway, self._config(GATEWAY, "gateway", clients, gateway=plan.INNER_GATEWAY, mask=MASK,
                                          clients=self._path("clients"), inside=plan.INSIDE_NET.split("/")[0],
                                          status=status, renegotiate=0))
        poll(lambda: os.path.exists(status), 20, f"OpenVPN on {gateway.name}")

    def start_client(self, client):
        self._start(client, self._config(CLIENT, client.name, [self.fingerprints["gateway"]],
                                         renegotiate=RENEGOTIATE))

    def tunnels(self, gateway):
        """By its status file, which is a second old at most."""
        found = {}
        with open(self._path(f"{gateway.name}.status"), encoding="ascii", errors="replace") as status:
            rows = [line.rstrip("\n").split("\t") for line in status]
        for row in rows:
            if row[0] == "CLIENT_LIST" and row[1].startswith("client"):
                number = int(row[1][len("client"):])
                found[number] = Tunnel(row[2], str(self._negotiations(number)))
        return found

    def _negotiations(self, client):
        """How often CLIENT agreed on keys. By its own log: in a gateway's some lines lack the client's name."""
        with open(self.lab.path(f"openvpn-client{client}.log"), encoding="ascii", errors="replace") as log:
            return sum(NEGOTIATED in line for line in log)
