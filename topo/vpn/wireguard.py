# SPDX-License-Identifier: ISC
"""WireGuard in user space (wireguard-go): the gateways have one private key and the same peers."""
import os

from ..lab.processes import poll, run
from . import plan
from .driver import Driver, Tunnel

PORT = 51820
TOGETHER = 15  # seconds
SOCKETS = "/var/run/wireguard"  # one folder for all namespaces: the interfaces' names are unique on the machine


class WireGuard(Driver):
    """Clients send keep-alives. The protocol itself notices a dead gateway, and asks for new keys after two minutes."""

    name = "wireguard"
    programs = ("wireguard-go", "wg")
    patience = 40.0     # 15 s without an answer, then a handshake

    def __init__(self, lab):
        super().__init__(lab)
        self.gateway_key = ""
        self.client_keys = {}
        self.numbers = {}   # {public key: client number}

    def prepare(self):
        self.gateway_key = self._new_key()
        for client in self.lab.clients:
            self.client_keys[client.number] = self._new_key()
            self.numbers[self._public(self.client_keys[client.number])] = client.number
        self.lab.on_close(self._remove_sockets)

    @staticmethod
    def _new_key():
        return run(["wg", "genkey"]).stdout.strip()

    @staticmethod
    def _public(key):
        return run(["wg", "pubkey"], text_input=key + "\n").stdout.strip()

    def interface(self, space):
        short = space.name.replace("client", "c").replace("gw", "g")
        return f"{self.lab.prefix}{short}"

    def _remove_sockets(self):
        """wireguard-go ends when its socket is gone."""
        for name in os.listdir(SOCKETS) if os.path.isdir(SOCKETS) else ():
            if name.startswith(self.lab.prefix):
                os.unlink(os.path.join(SOCKETS, name))

    def _up(self, space, config, lines):
        device = self.interface(space)
        path = self.write(f"wireguard/{space.name}.conf", config)
        process = space.start(["wireguard-go", device], env={**os.environ, "WG_PROCESS_FOREGROUND": "1"})
        self.keep(space, process)
        poll(lambda: os.path.exists(f"{SOCKETS}/{device}.sock"), 10, f"wireguard-go in {space.name}")
        space.run(["wg", "setconf", device, path])
        space.ip(f"link set {device} up", *(line.format(device=device) for line in lines))

    def start_gateway(self, gateway):
        peers = [f"[Peer]\nPublicKey = {key}\nAllowedIPs = {plan.client(number).inner}/32\n"
                 for key, number in self.numbers.items()]
        config = f"[Interface]\nPrivateKey = {self.gateway_key}\nListenPort = {PORT}\n" + "".join(peers)
        self._up(gateway, config, [f"addr add {plan.INNER_GATEWAY}/32 dev {{device}}",
                                   f"route add {plan.INNER_NET} dev {{device}}"])

    def start_client(self, client):
        config = (f"[Interface]\nPrivateKey = {self.client_keys[client.number]}\n"
                  f"[Peer]\nPublicKey = {self._public(self.gateway_key)}\nEndpoint = {plan.CLUSTER}:{PORT}\n"
                  f"AllowedIPs = {plan.INSIDE_NET}\nPersistentKeepalive = 5\n")
        self._up(client, config, [f"route add {plan.INSIDE_NET} dev {{device}} src {client.inner}"])

    def stop_gateway(self, gateway):
        super().stop_gateway(gateway)
        path = f"{SOCKETS}/{self.interface(gateway)}.sock"
        if os.path.exists(path):
            os.unlink(path)

    def roamed(self, client):
        """wireguard-go sends from the address it had until a handshake fails, unless it is told of another network: as
        its apps do, by a new socket."""
        run(["wg", "set", self.interface(client), "listen-port", "0"])

    def due(self, tunnels):
        """Those whose last handshake is the longest ago: keys are renewed after 120 s, whoever asks."""
        oldest = min(int(tunnel.keys) for tunnel in tunnels.values())
        return sorted(number for number, tunnel in tunnels.items() if int(tunnel.keys) - oldest < TOGETHER)

    def tunnels(self, gateway):
        """Peers whose handshake was with this gateway."""
        found = {}
        for line in run(["wg", "show", self.interface(gateway), "dump"]).stdout.splitlines()[1:]:
            key, _psk, endpoint, _ips, handshake = line.split("\t")[:5]
            if handshake != "0":
                found[self.numbers[key]] = Tunnel(endpoint, handshake)
        return found
