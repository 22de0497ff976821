# SPDX-License-Identifier: ISC
"""The scenes of the VPN demo: one farm, its clients, and what they do to it. See topo/farm."""
import signal
import time

from ..lab.processes import poll
from ..scenes import say, title, verdict
from . import plan

PICTURE = """
   client1 .. {last:<2} ───────┬─ 192.0.2.0/24 ─[ ingress ]─┬──[ gw1 ]──┬─[ egress ]─ 10.9.0.0/16 ─ server1
                         │                            ├──[ gw2 ]──┤
   client{first} .. {all:<2} ─[ NAT ]                           └──[ gw3 ]──┘
                        .20
   All clients connect to {cluster}. Each of the gateways has it on its loopback, and the same keys.
"""
ROAMER = 1


def show_tunnels(lab):
    """Who has whom, by the gateways' own tables, beside what the balancers say of their devices."""
    owners, home = lab.owners(), set(lab.at_home)
    rows = lab.balancers.devices("ingress")
    say(f"{'gateway':8} {'state':9} {'tunnels':>7} {'behind the NAT':>15}   clients")
    for gateway in lab.gateways:
        held = sorted(number for number, name in owners.items() if name == gateway.name)
        state = rows.get(gateway.name, {}).get("state", "?")
        say(f"{gateway.name:8} {state:9} {len(held):>7} {len(home.intersection(held)):>15}   "
            f"{' '.join(map(str, held)) or '-'}")
    return owners


def check_sound(lab):
    asymmetric = lab.balancers.asymmetric()
    return verdict(not asymmetric, f"conversations seen on two gateways: {asymmetric}")


def connect(lab):
    title(f"{len(lab.clients)} clients connect to {plan.CLUSTER}")
    began = time.monotonic()
    lab.start()
    owners = lab.wait_connected()
    say(f"all of them are in after {time.monotonic() - began:.1f} s")
    show_tunnels(lab)
    return verdict(len(owners) == len(lab.clients), f"{len(owners)} tunnels, each on one gateway")


def swap(lab, inward):
    rows = lab.talk.swap(lab.numbers, inward)
    done = sum(row["ok"] for row in rows.values())
    who = "the inside opens a connection to every client" if inward else "every client sends to the inside"
    return verdict(done == len(rows), f"{who}: {done} of {len(rows)} transfers of 100 kB there and back are whole")


def transfers(lab):
    title("Transfers through the tunnels")
    return swap(lab, False) & swap(lab, True) & check_sound(lab)


def lost_by(flows, numbers):
    return sum(flow.lost for flow in flows if flow.number in numbers)


def alive(flows):
    return verdict(all(flow.alive for flow in flows), "in the end every question is answered, in both directions")


def rebind(lab):
    """The NAT's clients get other ports."""
    home = lab.at_home
    title(f"The NAT forgets its bindings: clients {home[0]} to {home[-1]} get other ports, in mid-transfer")
    time.sleep(lab.vpn.rest)
    before, asking = lab.owners(), lab.talk.ask(home)
    time.sleep(1)
    lab.rebind_nat()
    time.sleep(8)
    if not lab.vpn.floats_by_identifier:
        say("data does not say whose it is: who is sent to another gateway connects anew, as its protocol has it")
        poll(lab.one_each, 2 * lab.vpn.patience, "each client to have one tunnel again", 0.5)
        time.sleep(2)
    good = alive(asking.finish())
    if lab.vpn.floats_by_identifier:
        good &= verdict(lab.owners() == before, "everyone is on the gateway where they were")
    return good & check_sound(lab)


def roam(lab):
    """One client gets another address."""
    before = lab.owners()[ROAMER]
    address = plan.ROAMING[0] if lab.options.affinity == "tunnel" else lab.address_elsewhere(before)
    title(f"client{ROAMER} roams: from {lab.client(ROAMER).address} to {address}, in mid-transfer")
    asking = lab.talk.ask([ROAMER], pace=100)
    time.sleep(1)
    lab.roam(ROAMER, address)
    poll(lambda: ROAMER in lab.owners(), lab.vpn.patience, f"client{ROAMER} to have a tunnel again", 0.3)
    time.sleep(3)
    flows, after = asking.finish(), lab.owners()[ROAMER]
    say(f"it was on {before}, and is on {after}; {lost_by(flows, [ROAMER])} of {sum(len(f.sent) for f in flows)} "
        "questions were lost")
    good = alive(flows)
    if lab.vpn.floats_by_identifier and lab.options.affinity == "tunnel":
        good &= verdict(after == before, "it keeps its gateway")
    return good & check_sound(lab)


def death(lab):
    """The busiest gateway loses its power, and comes back."""
    before = lab.owners()
    victim = lab.busiest(before)
    victims = [number for number, name in before.items() if name == victim]
    others = [number for number in before if number not in victims]
    title(f"{victim} loses its power, with {len(victims)} tunnels")
    asking = lab.talk.ask(lab.numbers)
    time.sleep(1)
    moment = lab.kill_firewall(victim, "power")
    lab.balancers.wait_states({victim: "down"})
    say(f"both balancers know after {(time.monotonic() - moment) * 1000:.0f} ms", "bad")
    arrived = lab.firewall(victim).arrived()
    poll(lambda: set(victims) <= set(lab.owners()), lab.vpn.patience, "its clients to come back", 0.2)
    time.sleep(3)
    flows = asking.finish()
    waits = sorted(flow.back_after(moment) for flow in flows if flow.number in victims and flow.lost and flow.alive)
    if waits:
        say(f"its clients are back after {waits[len(waits) // 2]:.1f} s in the median, {waits[-1]:.1f} s at worst: "
            "their own protocol takes that long")
    show_tunnels(lab)
    good = alive(flows)
    lost = lost_by(flows, others)
    good &= verdict(not lost, f"the others notice nothing: {lost} questions lost")
    late = sum(lab.firewall(victim).arrived().values()) - sum(arrived.values())
    good &= verdict(not late, f"packets to the dead gateway once both sides knew: {late}")
    return good & check_sound(lab) & comes_back(lab, victim)


def comes_back(lab, name):
    title(f"{name} comes back, with no tunnels")
    before = lab.owners()
    lab.firewall(name).revive()
    lab.balancers.wait_states({gateway.name: "up" for gateway in lab.gateways})
    time.sleep(1)
    good = verdict(lab.owners() == before, "it takes no tunnel away")
    return good & swap(lab, False) & check_sound(lab)


def keep_up(lab):
    """Wait for Ctrl-C, telling what there is to play with."""
    title("It stays up. Ctrl-C here stops it and removes everything.")
    ctl, ingress = lab.balancers.program("sandwichctl"), lab.balancers.socket("ingress")
    for words in ("show devices", "show pins", f"show sessions server={plan.CLUSTER}", "drain gw1 --deadline 30s"):
        print(f"    {ctl} -s {ingress} {words}")
    print(f"    {ctl} -s {lab.balancers.socket('egress')} show pins      # who is where, seen from the inside")
    print(f"    nsenter --net={lab.client(1).net} ping {lab.talk.server}")
    print(f"    nsenter --net={lab.server(1).net} ping {lab.clients[0].inner}")
    print(f"  the configuration: {lab.balancers.config}\n  logs: {lab.directory}", flush=True)
    while True:
        signal.pause()


def play(lab, keep=False):
    """All of it; whether every promise was kept. With KEEP stays until a signal comes."""
    home = lab.at_home
    print(PICTURE.format(last=home[0] - 1, first=home[0], all=home[-1], cluster=plan.CLUSTER))
    good = connect(lab) & transfers(lab)
    if keep:
        keep_up(lab)
    for scene in (rebind, roam, death):
        good &= scene(lab)
    print()
    return verdict(good, "the sandwich kept its promises" if good else "something is wrong, see above")
