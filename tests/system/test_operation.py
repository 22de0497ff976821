# SPDX-License-Identifier: ISC
"""What an operator does while traffic runs: reload, drain, disable, stop; and a session table that is full."""
import json
import os
import signal
import subprocess

import pytest

import flows
from topo.lab import Lab, Options, plan
from topo.lab.processes import poll
from topo.traffic import tools

pytestmark = pytest.mark.daemons


def hundred_downloads(lab, seconds):
    """100 downloads from many addresses, all running."""
    pairs = []
    for number in range(100):
        client, server = lab.plan.client(1 + number % 2), lab.plan.server(1 + number // 2 % 2)
        pick = (lambda host: host.ipv4s) if number % 4 < 2 else (lambda host: host.ipv6s)
        pairs.append((lab.client(1 + number % 2), pick(client)[1 + number % 15], pick(server)[1 + number // 15]))
    downloads = [(node, tools.start_download(node, target, 200_000, seconds, source))
                 for node, source, target in pairs]
    poll(lambda: sum(f.target_port == 80 for f in flows.places(lab)) >= 100, 10, "100 downloads to run")
    return downloads


def results(downloads):
    return [tools.download_result(node, process) for node, process in downloads]


def http_places(lab):
    return {flow: name for flow, name in flows.places(lab).items() if flow.target_port == 80}


def test_reload_with_a_hundred_transfers(healthy):
    """SIGHUP, with the file changed: no reset, no move."""
    lab = healthy
    downloads = hundred_downloads(lab, 6)
    before = http_places(lab)
    for weight in (2, 1):
        lab.options.settings["device fw2"] = {"weight": weight}
        lab.balancers.write_config()
        lab.balancers.reload()
        poll(lambda w=weight: all(lab.balancers.devices(side)["fw2"]["weight"] == w for side in ("ingress", "egress")),
             5, f"both balancers to have the weight {weight}")
    after = http_places(lab)
    lost = [r for r in results(downloads) if not r["ok"]]
    assert not lost, f"{len(lost)} of 100 transfers lost: {lost[:3]}"
    assert flows.moved(before, after, [f.name for f in lab.firewalls]) == {}
    flows.assert_symmetric(lab)


def test_broken_file_is_refused_on_reload(healthy):
    """The old configuration stays, and so does the traffic."""
    lab = healthy
    with open(lab.balancers.config, "a", encoding="ascii") as out:
        out.write("\n[device fw9]\ningres = 10.1.0.99\n")
    lab.balancers.reload()
    try:
        groups = flows.open_both_sides(lab, 64)
        flows.rounds(groups, 1)
        flows.assert_all_alive(flows.finish(groups))
        assert "fw9" not in lab.balancers.devices("ingress")
    finally:
        lab.balancers.write_config()
        lab.balancers.reload()


def test_check_names_file_line_and_remedy(healthy):
    lab = healthy
    path = lab.path("broken.conf")
    with open(lab.balancers.config, encoding="ascii") as good:
        lines = good.read().splitlines() + ["[device fw9]", "ingres = 10.1.0.99"]
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")
    done = subprocess.run([lab.balancers.program("sandwich-ingress"), "-c", path, "-n", "ingress", "--check"],
                          capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 1
    assert f"{path}:{len(lines)}:" in done.stdout + done.stderr
    assert "ingress" in done.stdout + done.stderr, "it was to say what to write instead"


def test_drain_disable_enable(healthy):
    """A drained device keeps what it has and gets nothing new; enabled, it gets new ones and nothing moves.

    One side is told, and both do it. (Pairs of hosts that talk through the device already are not strangers to it.)
    """
    lab = healthy
    groups = flows.open_both_sides(lab, 160, rate=5)
    flows.rounds(groups, 2)
    before = flows.places(lab)
    lab.balancers.ask("ingress", "drain", "fw1")
    lab.balancers.wait_states({"fw1": "draining"})
    fresh = flows.open_both_sides(lab, 160, rate=5)
    flows.rounds(fresh, 2)
    now = flows.places(lab)
    assert flows.moved(before, now, [f.name for f in lab.firewalls]) == {}
    pairs = {frozenset((f.source, f.target)) for f, name in before.items() if name == "fw1"}
    strangers = [f for f, name in now.items() if name == "fw1" and frozenset((f.source, f.target)) not in pairs]
    assert not strangers, f"{len(strangers)} new conversations on a draining device"
    lab.balancers.ask("ingress", "enable", "fw1")
    lab.balancers.wait_states({"fw1": "up"})
    flows.rounds(groups + fresh, 2)
    assert flows.moved(now, flows.places(lab), [f.name for f in lab.firewalls]) == {}
    flows.assert_symmetric(lab)
    flows.assert_all_alive(flows.finish(groups + fresh))


def test_disable_takes_a_device_away(healthy):
    lab = healthy
    lab.balancers.ask("ingress", "disable", "fw2")
    lab.balancers.wait_states({"fw2": "disabled"})
    lab.firewall("fw2").run(["conntrack", "-F"], check=False)
    groups = flows.open_both_sides(lab, 160)
    flows.rounds(groups, 1)
    assert not [name for name in flows.places(lab).values() if name == "fw2"]
    flows.assert_all_alive(flows.finish(groups))
    lab.balancers.ask("ingress", "enable", "fw2")
    lab.balancers.wait_states({"fw2": "up"})


def test_unknown_words_are_refused(healthy):
    code, error = healthy.balancers.refused("ingress", "drain", "nobody")
    assert code == 1 and "nobody" in error
    assert healthy.balancers.refused("ingress", "frobnicate")[0] == 2


def test_full_session_table_forwards_on(make_lab):
    """2,000 conversations through tables of 1,000: visibility is lost, traffic is not."""
    lab = make_lab(sessions="1k", aliases=16)
    groups = flows.open_both_sides(lab, 2000)
    flows.rounds(groups, 2)
    assert lab.doubles() == {}
    for side in ("ingress", "egress"):
        assert len(lab.balancers.sessions(side, "limit", "100000")) <= 1024
        counters = lab.balancers.counters(side)
        assert counters["sessions_unrecorded_total"] + counters["sessions_replaced_total"] > 0, "it was never full"
    flows.assert_all_alive(flows.finish(groups))


def test_replay_agrees_with_live(make_lab):
    """A capture of what clients sent, run through the engine offline, names the devices that live traffic used.

    On a lab of its own: a capture knows nothing of pins that were made before it began. It is taken at the switch's
    end of the cable, since what XDP redirects is seen by no capture on the balancer.
    """
    lab = make_lab()
    capture = lab.path("uplink.pcap")
    watch = lab.node("switch-in").start(["tcpdump", "-i", "ingress", "-Q", "out", "-U", "-w", capture], log="capture")
    poll(lambda: "listening on" in lab.tail(watch.log), 5, "tcpdump")
    groups = flows.open_both_sides(lab, 160)
    flows.rounds(groups, 1)
    lab.processes.stop(watch, first=signal.SIGINT)
    places = flows.places(lab)
    flows.finish(groups)
    argv = [lab.balancers.program("sandwichctl"), "-j", "replay", capture, "-c", lab.balancers.config, "-n", "ingress"]
    answer = json.loads(lab.balancer("ingress").run(argv).stdout)
    assert answer["packets"] > 0
    assert sum(answer["reasons"].values()) == answer["packets"]
    compared, wrong = 0, []
    for row in answer["conversations"]:
        ends = (row["client"], row["client_port"], row["server"], row["server_port"])
        for flow, firewall in places.items():
            own = (flow.source, flow.source_port, flow.target, flow.target_port)
            turned = (flow.target, flow.target_port, flow.source, flow.source_port)
            from_client = flow.source.startswith(("192.0.2.", "2001:db8:2:"))
            if from_client and row["protocol"] == flow.protocol and ends in (own, turned):
                compared += 1
                if row["devices"] != [firewall]:
                    wrong.append((row, firewall))
    assert compared >= 60
    assert not wrong


def test_a_stranger_on_the_farm_is_forwarded_and_teaches_nothing(healthy):
    lab = healthy
    stranger, server = lab.add_stranger(), lab.plan.server(1)
    before = lab.balancers.counters("egress")
    watch = lab.server(1).start(["tcpdump", "-nlp", "-i", "eth0", "-c", "6", "net", "10.2.0.99/32", "or", "host",
                                 plan.STRANGER[1]], log="stranger")
    poll(lambda: "listening on" in lab.tail(watch.log), 5, "tcpdump")
    for target in (server.ipv4, server.ipv6):
        tools.ping(stranger, target, 3)
    watch.wait(5)
    after = lab.balancers.counters("egress")
    assert after["unknown_source_total"] >= before["unknown_source_total"] + 6
    assert after["learned_total"] == before["learned_total"]
    learned = [row for address in plan.STRANGER for row in lab.balancers.sessions("egress", f"client={address}")
               if row["origin"] == "learned"]
    assert not learned


def interfaces(space):
    """What a daemon could leave behind in its namespace: links with their modes, rules, addresses."""
    links = space.run(["ip", "-d", "link", "show"]).stdout
    rules = space.run(["nft", "list", "ruleset"]).stdout
    addresses = space.run(["ip", "-o", "address", "show"]).stdout
    qdiscs = space.run(["tc", "qdisc", "show"]).stdout
    settings = space.run(["sysctl", "-a", "--pattern", r"^net\.(ipv4|ipv6)\."], check=False).stdout
    offloads = "".join(space.run(["ethtool", "-k", device]).stdout for device in ("eth0", "eth1"))
    return links, rules, addresses, qdiscs, settings, offloads


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_daemon_leaves_nothing_behind(how):
    with Lab(Options(bindir=os.environ.get("SANDWICH_BINDIR", "build/bin"))) as lab:
        before = {side: interfaces(lab.balancer(side)) for side in ("ingress", "egress")}
        files = set(os.listdir(lab.directory))
        lab.start_balancers()
        assert tools.ping(lab.client(1), lab.plan.server(1).ipv4, 3) == 3
        for side in ("ingress", "egress"):
            assert lab.balancers.stop_side(side, first=how) == 0
            assert not os.path.exists(lab.balancers.socket(side))
            assert interfaces(lab.balancer(side)) == before[side]
        left = {name for name in set(os.listdir(lab.directory)) - files if not name.endswith((".log", ".conf"))}
        assert left <= {"secret", "bpf"}
        pins = [name for name in os.listdir(lab.bpffs) if not name.endswith(".debug")]  # those are the kernel's own
        assert not pins, "of a fast path that has been stopped"


def test_kernel_never_forwards_what_the_balancer_has(make_lab):
    """With ip_forward on in the balancer's box, nothing is duplicated and the kernel answers for nothing of ours."""
    lab = make_lab()
    for side in ("ingress", "egress"):
        lab.balancer(side).forward()
    server = lab.plan.server(1)
    for target in (server.ipv4, server.ipv6):
        text = lab.client(1).run(["ping", "-n", "-c", "20", "-i", "0.02", "-W", "1", target], check=False).stdout
        assert "20 received" in text and "duplicates" not in text and "DUP" not in text, text
    for target in (*plan.CLIENT_GATEWAY,):
        assert tools.ping(lab.client(1), target, 3) == 3, f"echo of the floating address {target}"


def test_reset_lets_both_ends_reconnect_at_once(make_lab):
    """on-device-down = reset: a broken TCP conversation is told so, well before any timer of its own."""
    lab = make_lab(on_device_down="reset")
    groups = flows.open_both_sides(lab, 160, reopen=True, patience=8000, rate=10)
    flows.rounds(groups, 3)
    lab.kill_firewall("fw2")
    for group in groups:
        group.wait_calm()
    report = flows.finish(groups)
    flows.assert_all_alive(report)
    assert any(c["reopened"] for c in report["conversations"] if c["protocol"] == "tcp")
    assert report["longest_ms"] < 4000, "they waited for their own timers"
