# SPDX-License-Identifier: ISC
"""The scenes of the demo: what is shown of a sandwich at work. Plays on any lab."""
import signal
import sys
import time

from .lab import plan
from .lab.processes import poll
from .traffic import conversations, ftp, tools
from .traffic.conversations import Conversations

PICTURE = """
                                         ┌────[ fw1 ]────┐
   client1 ─┐                            │ .11       .11 │                            ┌─ server1
            ├─ 192.0.2.0/24 ─[ ingress ]─┼────[ fw2 ]────┼─[ egress ]─ 10.9.0.0/16 ───┤
   client2 ─┘  2001:db8:2::/64           │ .12       .12 │            2001:db8:9::/64 └─ server2
                                         └────[ fw3 ]────┘
                                           .13       .13
                               10.1.0.0/24               10.2.0.0/24
                               2001:db8:a1::/64          2001:db8:a2::/64

   Each firewall is the kernel's own: nftables, policy drop, `ct state invalid drop`, new TCP only with a bare SYN.
   A packet that meets a firewall which did not see its conversation begin is lost.
"""

DOWNLOAD_SECONDS = 12
COLOURS = {"good": "32", "bad": "31", "title": "1", "soft": "2"}
_began = time.monotonic()


def paint(text, colour):
    if not sys.stdout.isatty():
        return text
    return f"\033[{COLOURS[colour]}m{text}\033[0m"


def say(text="", colour=""):
    stamp = paint(f"{time.monotonic() - _began:5.1f} s  ", "soft")
    print(stamp + (paint(text, colour) if colour else text), flush=True)


def title(text):
    print()
    say(text, "title")


def verdict(good, text):
    say(("✓ " if good else "✗ ") + text, "good" if good else "bad")
    return good


def start_servers(lab):
    for node in (lab.server(1), lab.server(2)):
        conversations.serve(node, plan.CONVERSATION_PORT)
        tools.serve_http(node)
    tools.serve_iperf(lab.server(1))
    ftp.serve(lab.server(1))
    for node in (lab.client(1), lab.client(2)):
        conversations.serve(node, plan.INSIDE_CONVERSATION_PORT)


class Traffic:
    """What runs through the sandwich all the time: lasting conversations from both sides, and new ones."""

    def __init__(self, lab):
        self.lab = lab
        everything = [a for host in lab.plan.servers for a in host.all]
        clients = [a for host in lab.plan.clients for a in host.all]
        common = {"rate": 10, "big_every": 5, "reopen": True, "patience": 2000, "detail": True}
        self.groups = [
            Conversations(lab.client(1), lab.plan.client(1).all, everything, plan.CONVERSATION_PORT,
                          tcp=60, udp=60, new=50, **common),
            Conversations(lab.client(2), lab.plan.client(2).all, everything, plan.CONVERSATION_PORT,
                          tcp=60, udp=60, **common),
            Conversations(lab.server(1), lab.plan.server(1).all, clients, plan.INSIDE_CONVERSATION_PORT,
                          tcp=30, udp=30, **common)]
        for group in self.groups:
            group.wait_opened()

    def settle(self):
        """Until every lasting conversation is answered again."""
        for group in self.groups:
            group.wait_calm()

    def finish(self):
        return [group.finish() for group in self.groups]


def counts(lab):
    """{firewall: number of conversations in its own table}."""
    return {name: len(flows) for name, flows in lab.tables().items()}


def show_table(lab):
    """Who holds what: the balancers' word beside the firewalls' own."""
    rows = {side: lab.balancers.devices(side) for side in ("ingress", "egress")}
    tables = lab.tables()
    say(f"{'firewall':9} {'state':9} {'sessions (ingress, egress)':27} {'own table':>9}   {'tcp':>4} {'udp':>4} "
        f"{'icmp':>4}")
    for firewall in lab.firewalls:
        flows = tables.get(firewall.name, set())
        row = [rows[side].get(firewall.name, {}) for side in rows]
        kinds = [sum(f.protocol.startswith(kind) for f in flows) for kind in ("tcp", "udp", "icmp")]
        sessions = f"{row[0].get('sessions', '-')!s:>6}, {row[1].get('sessions', '-')!s:>6}"
        state = row[0].get("state", "?")
        own = "(dead)" if firewall.dead else str(len(flows))
        say(f"{firewall.name:9} {state:9} {sessions:27} {own:>9}   {kinds[0]:>4} {kinds[1]:>4} {kinds[2]:>4}"
            + (f"   e.g. {example(flows)}" if flows else ""))


def example(flows):
    flow = min(flows)
    return f"{flow.protocol} {tools.bracketed(flow.source)}:{flow.source_port} → " \
           f"{tools.bracketed(flow.target)}:{flow.target_port}"


def check_symmetry(lab):
    doubles, asymmetric = lab.doubles(), lab.balancers.asymmetric()
    total = sum(counts(lab).values())
    return verdict(not doubles and not asymmetric, f"{total} conversations in the firewalls' own tables, "
                   f"{len(doubles)} in two of them; the balancers saw {asymmetric} asymmetric")


def everyday(lab):
    """A person's traffic, once each, over both families."""
    good = True
    client, server = lab.client(1), lab.plan.server(1)
    for family, address in (("IPv4", server.ipv4), ("IPv6", server.ipv6)):
        got = tools.download(client, address, 20_000_000)
        good &= verdict(got["ok"], f"{family} curl: {got['bytes'] / 1e6:.0f} MB in {got['seconds']:.2f} s")
        answers = tools.ping(client, address, 10)
        good &= verdict(answers == 10, f"{family} ping: {answers} of 10 answered")
        speed = tools.iperf(client, address, 2)
        good &= verdict(speed > 0, f"{family} iperf3: {speed / 1e6:.0f} Mbit/s")
        session = ftp.FtpSession(client, address)
        for mode in ("active", "passive"):
            answer = session.transfer(mode) if session.login["ok"] else session.login
            good &= verdict(answer["ok"], f"{family} FTP {mode}: {answer.get('bytes', 0) / 1e3:.0f} kB"
                            + ("" if answer["ok"] else f": {answer['error']}"))
        session.close()
    return good


def slow_downloads(lab, seconds):
    """Downloads that last over the failure: from many addresses, so that they are on all firewalls."""
    sources = lab.plan.client(2)
    targets = lab.plan.server(2)
    pairs = [(sources.ipv4s[i], targets.ipv4s[i]) for i in range(1, 7)] + \
            [(sources.ipv6s[i], targets.ipv6s[i]) for i in range(1, 7)]
    return [tools.start_download(lab.client(2), target, 2_000_000, seconds, source, limit=seconds + 3)
            for source, target in pairs]


def foretell(lab, flow):
    """The balancer's own forecast for one conversation, in its own words."""
    argv = [lab.balancers.program("sandwichctl"), "-s", lab.balancers.socket("ingress"), "explain", flow.source,
            flow.target, flow.protocol, flow.source_port, flow.target_port]
    say(f"sandwichctl explain {' '.join(map(str, argv[4:]))}", "soft")
    for line in lab.balancer("ingress").run(argv, check=False).stdout.splitlines():
        say(f"  {line}")


def kill(lab, victim):
    """Take it down; returns the tables as they were before."""
    before = lab.tables()
    if lab.balancers.kind == "sandwich":
        foretell(lab, min(lasting(before[victim])))
    moment = lab.kill_firewall(victim)
    say(f"{victim} dies: its {len(before[victim])} conversations have lost their firewall", "bad")
    lab.balancers.wait_states({victim: "down"})
    say(f"both balancers know after {(time.monotonic() - moment) * 1000:.0f} ms")
    return before


def lasting(flows):
    """Of a table: the conversations that last (their server ports), not pings and one-question ones."""
    ports = (80, plan.CONVERSATION_PORT, plan.INSIDE_CONVERSATION_PORT)
    return {f for f in flows if f.target_port in ports}


def moved(before, after, names):
    """Conversations of NAMES before that stand in another table after."""
    places = {flow: name for name, flows in after.items() for flow in lasting(flows)}
    return [f for name in names for f in lasting(before[name]) if places.get(f, name) != name]


def failure(lab, traffic):
    """Kill the busiest firewall and bring it back."""
    good = True
    downloads = slow_downloads(lab, DOWNLOAD_SECONDS)
    poll(lambda: all(p.poll() is None for p in downloads) and sum(counts(lab).values()) > 300, 5, "downloads to run")
    numbers = counts(lab)
    victim = max(numbers, key=numbers.get)
    others = [f.name for f in lab.firewalls if f.name != victim]
    title(f"One firewall dies: {victim}, the busiest")
    before = kill(lab, victim)
    traffic.settle()
    show_table(lab)
    strays = moved(before, lab.tables(), others)
    good &= verdict(not strays, f"conversations of {' and '.join(others)} that moved: {len(strays)}")
    good &= check_symmetry(lab)
    title(f"{victim} comes back, with an empty table, as after a reboot")
    before = lab.tables()
    lab.firewall(victim).revive()
    lab.balancers.wait_states({victim: "up"})
    say("both balancers have it back")
    poll(lambda: counts(lab).get(victim, 0) > 0, 10, f"new conversations on {victim}")
    traffic.settle()
    show_table(lab)
    strays = moved(before, lab.tables(), others)
    good &= verdict(not strays, f"live conversations that moved: {len(strays)}")
    good &= check_symmetry(lab)
    done = [tools.download_result(lab.client(2), p) for p in downloads]
    say(f"{sum(d['ok'] for d in done)} of {len(done)} downloads lasted through all of it (the rest were on {victim})")
    return good


def felt(reports):
    """How long it was felt, by those who felt it."""
    fresh = reports[0]["new"]
    everyone = [c for r in reports for c in r["conversations"]]
    hit = [c for c in everyone if c["longest_ms"] > 100 or c["reopened"]]
    title("How the failure was felt")
    say(f"new conversations: {fresh['failed']} of {fresh['tried']} failed, over {fresh['longest_ms']} ms")
    say(f"lasting conversations: {len(hit)} of {len(everyone)} felt it, {len(everyone) - len(hit)} did not")
    for kind in ("udp", "tcp"):
        waits = sorted(c["longest_ms"] for c in hit if c["protocol"] == kind)
        again = sum(c["reopened"] for c in hit if c["protocol"] == kind)
        if waits:
            say(f"  {kind}: without an answer for {waits[len(waits) // 2]} ms in the median, {waits[-1]} ms at worst; "
                f"opened again: {again}")
    return verdict(all(r["open"] == r["wanted"] for r in reports), "every conversation is answered at the end")


def keep_up(lab):
    """Wait for Ctrl-C, telling what there is to play with."""
    title("It stays up, with its traffic. Ctrl-C here stops it and removes everything.")
    if lab.balancers.kind == "sandwich":
        ctl = lab.balancers.program("sandwichctl")
        for side in ("ingress", "egress"):
            print(f"    {ctl} -s {lab.balancers.socket(side)} show devices")
        print(f"    {ctl} -s {lab.balancers.socket('ingress')} show sessions device=fw1 limit 10")
        client, server = lab.plan.client(1).ipv4, lab.plan.server(1).ipv4
        print(f"    {ctl} -s {lab.balancers.socket('ingress')} explain {client} {server}")
        print(f"    {ctl} -s {lab.balancers.socket('ingress')} drain fw1")
        print(f"  the configuration: {lab.balancers.config}")
    fw1 = f"nsenter --net={lab.firewall(1).net}"
    print("  inside the network:")
    print(f"    nsenter --net={lab.balancer('ingress').net}        # a shell on the ingress balancer")
    print(f"    {fw1} conntrack -L           # fw1's own table")
    print(f"    {fw1} ip link set eth0 down  # and see what happens")
    print(f"    nsenter --net={lab.client(1).net} curl -so /dev/null http://{lab.plan.server(1).ipv4}/1000000")
    print(f"  logs: {lab.directory}", flush=True)
    while True:
        signal.pause()


def play(lab, keep=False):
    """All of it; returns whether every promise was kept. With KEEP stays until a signal comes."""
    print(PICTURE)
    lab.start_balancers()
    say(f"the {'sandwich' if lab.balancers.kind == 'sandwich' else 'plain-Linux baseline'} is up: "
        "two balancers, three firewalls, two clients, two servers")
    start_servers(lab)
    title("Everyday traffic")
    good = everyday(lab)
    title("300 conversations, TCP and UDP, IPv4 and IPv6, opened from both sides; 50 new ones a second")
    traffic = Traffic(lab)
    show_table(lab)
    good &= check_symmetry(lab)
    if keep:
        keep_up(lab)
    good &= failure(lab, traffic)
    good &= felt(traffic.finish())
    print()
    verdict(good, "the sandwich kept its promises" if good else "something is wrong, see above")
    if lab.balancers.kind == 'sandwich':
        say("keep it up and play with it: sudo make demo KEEP=1", "soft")
    return good
