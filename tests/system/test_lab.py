# SPDX-License-Identifier: ISC
"""The lab itself: what it says about a wrong balancer, and that it leaves nothing behind."""
import os
import signal
import subprocess
import sys

from topo.lab import Lab, Options, plan
from topo.lab import conntrack
from topo.lab.lab import leftovers
from topo.lab.processes import poll, run
from topo.traffic import conversations

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HOLD = """
import sys; sys.path.insert(0, {root!r})
import signal
from topo.lab import Lab, Options
with Lab(Options(baseline="linux")) as lab:
    lab.start_balancers()
    print(lab.prefix, lab.directory, flush=True)
    signal.pause()
"""


def namespaces(prefix):
    names = [line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line]
    return [name for name in names if name.startswith(prefix)]


def test_signals_leave_nothing():
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([sys.executable, "-c", HOLD.format(root=ROOT)], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL) as holder:
            prefix, directory = holder.stdout.readline().split()
            assert namespaces(prefix)
            holder.send_signal(number)
            holder.wait(10)
        assert not namespaces(prefix)
        assert not os.path.exists(directory)


def test_kill_leaves_only_what_the_next_run_removes():
    with subprocess.Popen([sys.executable, "-c", HOLD.format(root=ROOT)], stdout=subprocess.PIPE, text=True) as holder:
        prefix, directory = holder.stdout.readline().split()
        holder.kill()
        holder.wait(10)
    poll(lambda: set(namespaces(prefix)) <= set(leftovers()), 5, "leftovers to be known as such")
    from topo.lab.lab import remove_leftovers
    remove_leftovers()
    assert not namespaces(prefix)
    assert not os.path.exists(directory)


def test_firewalls_catch_a_wrong_balancer():
    """Answers that go to another firewall than the questions are lost, every one: without that, no test here would
    prove a thing."""
    with Lab(Options(baseline="linux")) as lab:
        lab.start_balancers()
        egress = lab.balancer("egress")
        egress.nft("delete table inet marks\n")
        lab.balancers.stop()
        for net in plan.CLIENT_NETS:
            via = lab.plan.firewall(3).egress[":" in net]
            egress.run(["ip", "route", "replace", net, "via", via, "dev", "eth1"])
        conversations.serve(lab.server(1), plan.CONVERSATION_PORT)
        group = conversations.Conversations(lab.client(1), lab.plan.client(1).all, lab.plan.server(1).all,
                                            plan.CONVERSATION_PORT, tcp=60, udp=60, patience=1500)
        group.wait(lambda r: r["failed"] + r["opened"] >= 120, 20, "the verdict on each")
        held = {name: len(table) for name, table in lab.tables().items()}
        report = group.finish()
        assert report["failed"] >= 60, "firewalls let strays pass"
        assert 0 < report["opened"] <= held["fw3"] + 5


def test_conntrack_lines():
    text = """ipv4     2 tcp      6 431999 ESTABLISHED \
src=192.0.2.1 dst=10.9.0.1 sport=5 dport=80 \
src=10.9.0.1 dst=10.2.0.11 sport=80 dport=5 [ASSURED] mark=0 use=1
ipv6     10 icmpv6   58 29 src=2001:db8:2::100 dst=2001:db8:9::100 type=128 code=0 id=7 \
src=2001:db8:9::100 dst=2001:db8:2::100 type=129 code=0 id=7 mark=0 use=1
ipv4     2 udp      17 29 src=10.1.0.1 dst=10.2.0.1 sport=4851 dport=4851 \
src=10.2.0.1 dst=10.1.0.1 sport=4851 dport=4851 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.
"""
    parsed = conntrack.parse(text)
    assert parsed == {conntrack.Flow("tcp", "192.0.2.1", 5, "10.9.0.1", 80),
                      conntrack.Flow("icmpv6", "2001:db8:2::100", 7, "2001:db8:9::100", 128)}
    assert conntrack.in_two_tables({"a": parsed, "b": set(), "c": set(list(parsed)[:1])}).popitem()[1] == ["a", "c"]


def test_losses_are_seen():
    """A conversation whose firewall forgets it is reported broken."""
    with Lab(Options(baseline="linux", firewalls=1)) as lab:
        lab.start_balancers()
        conversations.serve(lab.server(1), plan.CONVERSATION_PORT)
        group = conversations.Conversations(lab.client(1), lab.plan.client(1).all, lab.plan.server(1).all,
                                            plan.CONVERSATION_PORT, tcp=20, patience=1500, rate=10)
        group.wait_opened()
        lab.firewall(1).run(["conntrack", "-F"])
        group.wait(lambda r: r["broken"] == 20, 10, "the loss to be seen")
        assert group.finish()["broken"] == 20
        assert lab.dropped()["invalid"] > 0
