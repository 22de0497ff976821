# SPDX-License-Identifier: ISC
"""IPsec by strongSwan 5.9, all of it in user space: IKEv2 with certificates, ESP in UDP (plugin kernel-libipsec)."""
import os
import re

from ..lab.processes import poll
from . import certificates, plan
from .driver import Driver, Tunnel

GATEWAY_ID = "gateway.vpn.example.net"
FILES = "random nonce pem pkcs1 pkcs8 x509 pubkey openssl"
PLUGINS = f"{FILES} constraints hmac kdf kernel-libipsec kernel-netlink socket-default vici"

# One daemon for each namespace: nothing may be shared but the programs.
DAEMON = """
charon {{
	load = {plugins}
	retransmit_tries = 2
	retransmit_timeout = 1
	retransmit_base = 1.5
	keep_alive = 1s
	threads = 16
	install_virtual_ip = no
	plugins {{
		vici {{
			socket = unix://{socket}
		}}
	}}
	filelog {{
		main {{
			path = {log}
			default = 1
			flush_line = yes
		}}
	}}
}}
charon-systemd {{
	journal {{
		default = -1
	}}
}}
swanctl {{
	load = {files}
}}
"""

# What both ends have in common; each adds lines of its own to the three parts.
CONNECTION = """
connections {{
	vpn {{
		version = 2
		proposals = aes128gcm16-prfsha256-ecp256
		encap = yes
		mobike = yes
		send_cert = always
		{own}
		local {{
			auth = pubkey
			certs = {certificate}
			id = {id}
		}}
		remote {{
			auth = pubkey
			{peer}
		}}
		children {{
			net {{
				esp_proposals = aes128gcm16-ecp256
				mode = tunnel
				{child}
			}}
		}}
	}}
}}
"""


def connection(own, peer, child, **names):
    """A swanctl.conf. OWN, PEER, CHILD: {key: value} of those parts."""
    parts = {name: "\n".join(f"{key} = {value}" for key, value in part.items())
             for name, part in (("own", own), ("peer", peer), ("child", child))}
    return CONNECTION.format(**parts, **names)


class Ipsec(Driver):
    """Dead peer detection of the client (2 s, three tries) is what notices a dead gateway. Clients with even numbers
    do without IKE's own fragmentation: their IKE_AUTH goes in IP fragments."""

    name = "ipsec"
    rest = 5.0          # dead peer detection after 2 s; the next one is compared with it (RFC 4555 3.8)
    programs = ("charon-systemd", "swanctl", "openssl")
    patience = 60.0     # MOBIKE tries new paths for half a minute before it begins anew

    def prepare(self):
        authority = self._path("authority")
        certificates.new_key(self.write("ipsec/authority.key", ""))
        certificates.self_signed(f"{authority}.key", "Authority of the lab", f"{authority}.pem")
        self._new_identity("gateway", GATEWAY_ID)
        for client in self.lab.clients:
            self._new_identity(client.name, f"{client.name}.vpn.example.net")

    def _path(self, name):
        return self.lab.path(f"ipsec/{name}")

    def _new_identity(self, who, name):
        key = self.write(f"ipsec/{who}.key", "")
        certificates.new_key(key)
        certificates.signed(key, name, self._path("authority"), self._path(f"{who}.pem"), certificates.LONG_NAMES)

    def _environment(self, space):
        return {**os.environ, "STRONGSWAN_CONF": self._path(f"{space.name}/strongswan.conf"),
                "SWANCTL_DIR": self._path(space.name)}

    def _start(self, space, who, connections):
        """charon-systemd in SPACE with the identity of WHO."""
        socket = self._path(f"{space.name}/vici")
        if os.path.exists(socket):
            os.unlink(socket)
        log = self.lab.path(f"charon-{space.name}.log")
        self.write(f"ipsec/{space.name}/strongswan.conf",
                   DAEMON.format(plugins=PLUGINS, files=FILES, socket=socket, log=log))
        self.write(f"ipsec/{space.name}/swanctl.conf", connections)
        for folder, source in (("x509", f"{who}.pem"), ("x509ca", "authority.pem"), ("private", f"{who}.key")):
            self._give(f"{space.name}/{folder}", source)
        self.keep(space, space.start(["charon-systemd"], env=self._environment(space)))
        poll(lambda: os.path.exists(socket), 20, f"charon in {space.name}")
        self._ask(space, "--load-all")

    def _give(self, folder, source):
        os.makedirs(self._path(folder), exist_ok=True)
        target = self._path(f"{folder}/{source}")
        if not os.path.exists(target):
            os.link(self._path(source), target)

    def _ask(self, space, *words):
        uri = f"unix://{self._path(space.name)}/vici"
        return space.run(["swanctl", *words, "--uri", uri], env=self._environment(space), timeout=20)

    def start_gateway(self, gateway):
        self._start(gateway, "gateway", connection(
            {"local_addrs": plan.CLUSTER, "unique": "replace", "dpd_delay": "10s", "fragmentation": "yes"},
            {"cacerts": "authority.pem"},
            {"local_ts": plan.INSIDE_NET, "remote_ts": plan.INNER_NET},
            certificate="gateway.pem", id=GATEWAY_ID))

    def start_client(self, client):
        self._start(client, client.name, connection(
            {"remote_addrs": plan.CLUSTER, "dpd_delay": "2s", "keyingtries": 0,
             "fragmentation": "yes" if client.number % 2 else "no"},
            {"id": GATEWAY_ID},
            {"local_ts": f"{client.inner}/32", "remote_ts": plan.INSIDE_NET, "start_action": "start",
             "dpd_action": "restart", "close_action": "start"},
            certificate=f"{client.name}.pem", id=f"{client.name}.vpn.example.net"))

    def tunnels(self, gateway):
        """By `swanctl --list-sas`: an IKE SA with a child that is installed."""
        found = {}
        for line in self._ask(gateway, "--list-sas", "--raw").stdout.splitlines():
            name = re.search(r"remote-id=client(\d+)\.", line)
            if name and "state=ESTABLISHED" in line and "state=INSTALLED" in line:
                found[int(name[1])] = Tunnel(self._peer(line), self._keys(line))
        return found

    @staticmethod
    def _peer(line):
        return ":".join(re.search(rf"remote-{what}=(\S+)", line)[1] for what in ("host", "port"))

    @staticmethod
    def _keys(line):
        """SPIs: of IKE both, of ESP both."""
        return " ".join(re.findall(r"(?:initiator-spi|responder-spi|spi-in|spi-out)=(\w+)", line))

    def rekey(self, clients):
        """The children first: their new keys belong to the IKE SA that is replaced after them."""
        for client in clients:
            self._ask(client, "--rekey", "--child", "net")
            self._ask(client, "--rekey", "--ike", "vpn")
