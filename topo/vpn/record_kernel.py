#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Records captures of the VPNs that the kernel must have a part in, and of QUIC and DTLS, for tests/vpn/captures.

    sudo /usr/bin/python3 topo/vpn/record_kernel.py DIRECTORY [KIND ...]

A kernel of its own, Debian's user-mode-linux, boots as a process for each kind: it has ESP, AH and PPP as modules,
which the machine's own need not have. In it are a gateway and two clients, a namespace each, on one bridge. What they
are called, and what is recorded, is as in record.py; there is no NAT. All of it is gone with the process.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.abspath(__file__)
GATEWAY = "192.0.2.10"
INNER = "10.60.0.254"       # the gateway's end of all tunnels
CLIENTS = {"client1": "192.0.2.21", "client2": "192.0.2.22"}
MODULES = "/usr/lib/uml/modules"
DONE = "recorded"           # a file in the directory, that says that it was

DAEMON = """
charon {{
	load = random nonce openssl hmac kdf kernel-netlink socket-default vici
	install_virtual_ip = no
	plugins {{
		vici {{
			socket = unix://{socket}
		}}
	}}
}}
swanctl {{
	load = random openssl
}}
"""

CONNECTION = """
connections {{
	tunnel {{
		version = 2
		local_addrs = {local}
		remote_addrs = {remote}
		mobike = {mobike}
		local {{
			auth = psk
			id = {local}
		}}
		remote {{
			auth = psk
		}}
		children {{
			net {{
				local_ts = {local_ts}
				remote_ts = {remote_ts}
				{protocol}_proposals = {proposal}
				mode = tunnel
				start_action = {start}
			}}
		}}
	}}
}}
secrets {{
	ike {{
		secret = "a secret of these captures"
	}}
}}
"""


def boot(directory, kind):
    """KIND recorded into DIRECTORY by a kernel of its own."""
    done = os.path.join(directory, DONE)
    if os.path.exists(done):
        os.unlink(done)
    words = ["linux.uml", "mem=256M", "root=none", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "con=null",
             "con0=null,fd:1", "init=/usr/bin/python3", "--", HERE, directory, kind]
    subprocess.run(words, env={**os.environ, "TMPDIR": "/dev/shm"}, stdin=subprocess.DEVNULL, timeout=180, check=False)
    if not os.path.exists(done):
        sys.exit(f"{kind}: not recorded")
    os.unlink(done)


# --- within that kernel ------------------------------------------------------------------------


def run(*words, space=None, **more):
    """A command that ends, by default in no namespace; its output."""
    prefix = ["nsenter", f"--net=/run/netns/{space}"] if space else []
    return subprocess.run([*prefix, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          timeout=60, **more).stdout


def start(space, *words, **more):
    """A command that goes on."""
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{space}", *words], **more)


def wait(what, text):
    """Until WHAT is true."""
    for _ in range(300):
        if what():
            return
        time.sleep(0.1)
    raise TimeoutError(text)


def answers(space, address, source=None):
    words = ["ping", "-c1", "-W1", address] + (["-I", source] if source else [])
    return subprocess.run(["nsenter", f"--net=/run/netns/{space}", *words], stdout=subprocess.DEVNULL,
                          check=False).returncode == 0


def mount(kind, where, *words):
    os.makedirs(where, exist_ok=True)
    subprocess.run(["mount", "-t", kind, kind, where, *words], check=False)


def settle():
    """What an init does, and modules from where Debian has them."""
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/run"), ("tmpfs", "/var/log"),
                        ("devpts", "/dev/pts")):
        mount(kind, where)
    os.makedirs("/run/modules/lib")
    os.symlink(MODULES, "/run/modules/lib/modules")
    with open("/run/modprobe", "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nexec modprobe -d /run/modules "$@"\n')
    os.chmod("/run/modprobe", 0o755)
    with open("/proc/sys/kernel/modprobe", "w", encoding="utf-8") as file:
        file.write("/run/modprobe")
    run("/run/modprobe", "-a", "veth", "bridge", "esp4", "ah4", "xfrm_user", "ppp_async")


def build():
    run("ip", "link", "add", "lan", "type", "bridge")
    for name, address in {"gateway": GATEWAY, **CLIENTS}.items():
        run("ip", "netns", "add", name)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", name, "master", "lan", "up")
        run("ip", "link", "set", "lo", "up", space=name)
        run("ip", "address", "add", f"{address}/24", "dev", "eth0", space=name)
        run("ip", "link", "set", "eth0", "up", space=name)
        run("ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off", space=name)
    run("ip", "link", "set", "lan", "up")
    for name in CLIENTS:
        wait(lambda name=name: answers(name, GATEWAY), "the LAN")


def talk(inner):
    """A few packets from either side through each tunnel; INNER: client -> its address in the tunnel."""
    for name, address in inner.items():
        wait(lambda name=name, address=address: answers(name, INNER, address), f"the tunnel of {name}")
        run("ping", "-c3", "-i0.2", "-I", address, INNER, space=name)
        run("ping", "-c2", "-i0.2", "-I", INNER, address, space="gateway")


# IPsec: strongSwan with the kernel's ESP or AH

def charon(space, protocol, **values):
    folder = f"/run/{space}"
    os.makedirs(folder)
    with open(f"{folder}/strongswan.conf", "w", encoding="utf-8") as file:
        file.write(DAEMON.format(socket=f"{folder}/vici"))
    with open(f"{folder}/swanctl.conf", "w", encoding="utf-8") as file:
        file.write(CONNECTION.format(protocol=protocol, **values,
                                     proposal="aes128gcm16-ecp256" if protocol == "esp" else "sha256-ecp256"))
    env = {**os.environ, "STRONGSWAN_CONF": f"{folder}/strongswan.conf", "SWANCTL_DIR": folder}
    start(space, "charon-systemd", env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait(lambda: os.path.exists(f"{folder}/vici"), f"charon of {space}")
    run("swanctl", "--load-all", "--uri", f"unix://{folder}/vici", env=env)


def ipsec(protocol):
    """The first client's IKE moves to port 4500, as MOBIKE wants; the second's stays on 500. ESP and AH have no UDP."""
    inner = {name: f"10.60.0.{number}" for number, name in enumerate(CLIENTS, 1)}
    for space, address in {"gateway": INNER, **inner}.items():
        run("ip", "address", "add", f"{address}/32", "dev", "lo", space=space)
    charon("gateway", protocol, local=GATEWAY, remote="%any", mobike="yes", local_ts=f"{INNER}/32",
           remote_ts="10.60.0.0/24", start="none")
    for name, address in CLIENTS.items():
        charon(name, protocol, local=address, remote=GATEWAY, mobike="yes" if name == "client1" else "no",
               local_ts=f"{inner[name]}/32", remote_ts=f"{INNER}/32", start="start")
    talk(inner)
    for name in CLIENTS:
        for what in ("--child", "--ike"):
            run("swanctl", "--rekey", what, "net" if what == "--child" else "tunnel", "--uri",
                f"unix:///run/{name}/vici")
            time.sleep(1)
    talk(inner)


# PPP in L2TP and PPTP

def ppp_addresses():
    def address(name):
        text = run("ip", "-4", "-o", "address", "show", "up", space=name)
        return next((line.split()[3] for line in text.splitlines() if " ppp" in line), None)

    wait(lambda: all(address(name) for name in CLIENTS), "PPP")
    return {name: address(name).split("/", maxsplit=1)[0] for name in CLIENTS}


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


OPTIONS = "noauth\nnodefaultroute\nnolock\nnodeflate\nnobsdcomp\nnoccp\nmtu 1400\nmru 1400\nlcp-echo-interval 2\n"


def l2tp():
    options = write("/run/options", OPTIONS)
    common = f"require authentication = no\npppoptfile = {options}\n"
    lns = write("/run/lns", "[global]\nforce userspace = yes\n[lns default]\nip range = 10.60.0.1-10.60.0.9\n"
                            f"local ip = {INNER}\n{common}")
    lac = write("/run/lac", f"[global]\nforce userspace = yes\n[lac gateway]\nlns = {GATEWAY}\n"
                            f"autodial = yes\n{common}")
    for name in ("gateway", *CLIENTS):
        start(name, "xl2tpd", "-D", "-c", lns if name == "gateway" else lac, "-p", f"/run/{name}.pid", "-C",
              f"/run/{name}.control", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    talk(ppp_addresses())
    time.sleep(5)


def pptp():
    options = write("/run/options", OPTIONS)
    config = write("/run/pptpd.conf", f"option {options}\nlocalip {INNER}\nremoteip 10.60.0.1-9\n")
    start("gateway", "pptpd", "-f", "-c", config, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    for name in CLIENTS:
        # each has its own /run/pptp, where a client leaves word that there is a connection to this server already
        call = f"mkdir -p /run/pptp; mount -t tmpfs pptp /run/pptp; exec pppd nodetach file {options} " \
               f"pty 'pptp {GATEWAY} --nolaunchpppd'"
        start(name, "unshare", "-m", "sh", "-c", call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    talk(ppp_addresses())
    time.sleep(5)


# QUIC and DTLS

def certificate():
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", f"/CN={GATEWAY}", "-keyout", "/run/key.pem", "-out", "/run/certificate.pem")
    return "/run/key.pem", "/run/certificate.pem"


def quic():
    """After the first client's handshake a NAT changes its port, in all but name; the second's migrates by itself."""
    key, certificate_file = certificate()
    os.makedirs("/run/htdocs")
    write("/run/htdocs/index.html", "x" * 3000)
    start("gateway", "gtlsserver", "-q", "-d", "/run/htdocs", GATEWAY, "443", key, certificate_file)
    time.sleep(1)
    clients = []
    for name in CLIENTS:
        moves = ["--change-local-addr=1s"] + (["--nat-rebinding"] if name == "client1" else [])
        clients.append(start(name, "gtlsclient", "-q", *moves, "--delay-stream=2s", "--no-pmtud",
                             "--exit-on-all-streams-close", GATEWAY, "443", f"https://{GATEWAY}/index.html"))
    for client in clients:
        client.wait(30)


def dtls():
    key, certificate_file = certificate()
    server = start("gateway", "openssl", "s_server", "-dtls1_2", "-accept", "4433", "-key", key, "-cert",
                   certificate_file, "-quiet", "-naccept", "2", stdin=subprocess.PIPE)
    time.sleep(1)
    for name in CLIENTS:
        client = start(name, "openssl", "s_client", "-dtls1_2", "-connect", f"{GATEWAY}:4433", "-quiet", "-no_ign_eof",
                       stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for _ in range(3):
            time.sleep(0.5)
            client.stdin.write(b"a line of the client's\n")
            client.stdin.flush()
            server.stdin.write(b"a line of the gateway's\n")
            server.stdin.flush()
        time.sleep(0.5)
        client.stdin.close()
        client.wait(10)


KINDS = {"esp": lambda: ipsec("esp"), "ah": lambda: ipsec("ah"), "l2tp": l2tp, "pptp": pptp, "quic": quic, "dtls": dtls}


def record(directory, kind):
    """As the first process: whatever happens, the machine ends."""
    try:
        settle()
        build()
        path = os.path.join(directory, f"{kind}.pcap")
        tcpdump = subprocess.Popen(["tcpdump", "-i", "gateway", "-U", "-s", "0", "-Z", "root", "-w", path,
                                    f"host {GATEWAY} and not icmp and not arp"], stderr=subprocess.DEVNULL)
        wait(lambda: os.path.exists(path) and os.path.getsize(path), "tcpdump")
        KINDS[kind]()
        time.sleep(0.5)
        tcpdump.send_signal(signal.SIGINT)
        tcpdump.wait(10)
        write(os.path.join(directory, DONE), kind)
    except Exception as error:      # pylint: disable=broad-except
        print(f"{kind}: {error}", flush=True)
    os.sync()
    subprocess.run(["poweroff", "-f"], check=False)


def main(words):
    if os.getpid() == 1:
        record(words[0], words[1])
    if not words or not set(words[1:]) <= set(KINDS) or not shutil.which("linux.uml"):
        sys.exit(__doc__)
    directory = os.path.abspath(words[0])
    os.makedirs(directory, exist_ok=True)
    for kind in words[1:] or KINDS:
        boot(directory, kind)


if __name__ == "__main__":
    main(sys.argv[1:])
