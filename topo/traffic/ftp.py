# SPDX-License-Identifier: ISC
"""FTP: a vsftpd in a namespace and a client that can be held between control and data connection."""
import json
import os
import subprocess
import sys

CLIENT = os.path.join(os.path.dirname(__file__), "ftp_client.py")
SIZE = 200_000

# A session of its own network namespace is one that nobody finds by the lab's namespaces when it has to end.
CONFIG = """
listen={four}
listen_ipv6={six}
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
secure_chroot_dir={empty}
background=NO
seccomp_sandbox=NO
pasv_enable=YES
port_enable=YES
connect_from_port_20=YES
xferlog_enable=NO
run_as_launching_user=NO
isolate_network=NO
idle_session_timeout=20
"""


def serve(space):
    """vsftpd in SPACE, IPv4 and IPv6 (one process for each: its dual-stack mode has no EPRT from IPv4)."""
    lab = space.lab
    root, empty = lab.path("ftp"), lab.path("empty")
    for directory in (root, empty):
        os.makedirs(directory, mode=0o555, exist_ok=True)
    with open(os.path.join(root, "file"), "wb") as out:
        out.write(bytes(range(256)) * (SIZE // 256 + 1))
    processes = []
    path = lab.path(f"vsftpd-{space.name}.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(CONFIG.format(four="NO", six="YES", root=root, empty=empty))
    processes.append(space.start(["vsftpd", path]))
    space.wait_port(21)
    return processes


class FtpSession:
    """One control connection; transfers are made when they are asked for."""

    def __init__(self, space, server, source=""):
        self.process = space.start([sys.executable, CLIENT, server, source], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, log=f"ftp-{space.name}")
        self.space = space
        self.login = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"ok": False, "error": self.space.lab.tail(self.process.log)}

    def transfer(self, mode):
        """Fetch a file with an "active" or "passive" data connection: {"ok", "bytes", "error", "ms"}."""
        self.process.stdin.write(f"{mode}\n".encode())
        self.process.stdin.flush()
        return self._answer()

    @property
    def control(self):
        """(client address, client port, server address) of the control connection."""
        return self.login["client"], self.login["port"], self.login["server"]

    def close(self):
        self.space.lab.processes.stop(self.process)
