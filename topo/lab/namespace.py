# SPDX-License-Identifier: ISC
"""One network namespace and what runs in it."""
from .processes import kill_pid, poll, run


class Namespace:
    """A node. Commands run by `nsenter`, not `ip netns exec`, which would remount /sys and lose bpffs."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.net = self._create()
        self.ip("link set lo up")
        self.sysctl({
            "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0,
            "net.ipv6.conf.all.accept_dad": 0, "net.ipv6.conf.default.accept_dad": 0,
            "net.ipv6.conf.default.dad_transmits": 0, "net.ipv6.conf.default.router_solicitations": 0,
            "net.ipv6.conf.default.accept_ra": 0, "net.ipv4.ip_local_port_range": "20000 60999",
        })

    def _create(self):
        """Returns the file by which the namespace is entered."""
        self.full_name = f"{self.lab.prefix}-{self.name}"
        run(["ip", "netns", "add", self.full_name])
        return f"/run/netns/{self.full_name}"

    def link(self, device, far, far_device):
        """A veth pair: DEVICE here, FAR_DEVICE in the namespace FAR."""
        run(["ip", "link", "add", device, "netns", self.full_name, "type", "veth",
             "peer", "name", far_device, "netns", far.full_name])

    def argv(self, command):
        return ["nsenter", f"--net={self.net}", "--", *map(str, command)]

    def run(self, command, **options):
        """Run to the end; see processes.run()."""
        return run(self.argv(command), **options)

    def start(self, command, log="", **popen):
        """Run in the background until the lab ends."""
        log = self.lab.path(f"{log or self.name + '-' + command[0].rsplit('/', 1)[-1]}.log")
        return self.lab.processes.start(self.argv(command), log, **popen)

    def ip(self, *lines):
        """Lines for `ip -batch`, all in one process."""
        self.run(["ip", "-batch", "-"], text_input="\n".join(lines) + "\n")

    def sysctl(self, values):
        self.run(["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in values.items())])

    def forward(self):
        """Be a router. No redirects: on a LAN of many next hops they would teach hosts to go around the farm."""
        self.sysctl({"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1,
                     "net.ipv4.conf.all.send_redirects": 0, "net.ipv4.conf.default.send_redirects": 0})

    def nft(self, rules):
        self.run(["nft", "-f", "-"], text_input=rules)

    def wait_port(self, port, protocol="tcp", timeout=5):
        """Wait until something listens on PORT here."""
        def listening():
            flag = "-ltnH" if protocol == "tcp" else "-lunH"
            return f":{port} " in self.run(["ss", flag, f"sport = :{port}"]).stdout
        poll(listening, timeout, f"a listener on {protocol} port {port} in {self.name}")

    def remove(self):
        """End what still runs here, and the namespace with it."""
        pids = run(["ip", "netns", "pids", self.full_name], check=False).stdout.split()
        for pid in pids:
            kill_pid(int(pid))
        run(["ip", "netns", "del", self.full_name], check=False)
