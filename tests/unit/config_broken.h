/* SPDX-License-Identifier: ISC */
/*
 * Configs that are wrong, each one change away from a config that is right, and every line that
 * must be said about them. For test_config.c.
 */
#ifndef TESTS_UNIT_CONFIG_BROKEN_H
#define TESTS_UNIT_CONFIG_BROKEN_H

struct broken {
	const char *find;     /* in good_config, its first occurrence ... */
	const char *replace;  /* ... becomes this */
	const char *problems; /* "line: text\n", all of them, in order */
};

static const struct broken broken_lines[] = {
	{ "[sandwich]\n", "x = 1\ny = 2\n[sandwich]\n",
	  "1: 'x = 1' stands before the first section: write [sandwich] above it\n" },
	{ "name = test\n", "name = test\ngarbage\n",
	  "3: 'garbage' is no 'key = value', [section] or # comment\n" },
	{ "name = test\n", "name = test\n= 1\n",
	  "3: '= 1' is no 'key = value', [section] or # comment\n" },
	{ "name = test\n", "name = test\na\377\n",
	  "3: not text: write UTF-8 without zero bytes\n" },
	{ "name = test\n", "name = test\nupink = 1\n",
	  "3: unknown key 'upink': [sandwich] has name, mode, affinity, "
	  "tunnels, quic-lb, dtls-cid-length, sessions, pins, track, on-device-down, "
	  "on-move, secret-file, role, preempt, follow-partner, "
	  "sync-heartbeat, sync-after, sync-refresh\n" },
	{ "name = test\n", "name = test\nsesions = 1M\n",
	  "3: unknown key 'sesions', did you mean 'sessions'?\n" },
	{ "name = test\n", "name = test\ncolour = red\n",
	  "3: unknown key 'colour': [sandwich] has name, mode, affinity, "
	  "tunnels, quic-lb, dtls-cid-length, sessions, pins, track, on-device-down, "
	  "on-move, secret-file, role, preempt, follow-partner, "
	  "sync-heartbeat, sync-after, sync-refresh\n" },
	{ "name = test\n", "name = test\nsync-heartbeat = off\n",
	  "3: sync-heartbeat can't be off: write sync-heartbeat = 20ms x 3\n" },
	{ "name = test\n", "name = test\nsync-after = 2h\n",
	  "3: sync-after = 2h: write whole seconds, from 0s to 1h\n" },
	{ "name = test\n", "name = test\nrole = active\n",
	  "3: role = active: write auto or external\n" },
	{ "name = test\n", "name = test\nuplink = eth0\n",
	  "3: 'uplink' does not belong in [sandwich]: write it in [balancer in-a]\n" },
	{ "farm = eth1\n", "farm = eth1\nupink = eth0\n",
	  "18: unknown key 'upink', did you mean 'uplink'?\n" },
	{ "name = test\n", "name = test\nname = other\n",
	  "3: 'name' is already on line 2: write it once, with all its values\n" },
	{ "[health]", "[helth]",
	  "32: unknown section 'helth', did you mean 'health'?\n" },
	{ "[health]", "[zone]",
	  "32: unknown section 'zone': the sections are [sandwich], [timeouts], [side "
	  "ingress], [side egress], [balancer NAME], [device NAME] and [health]\n" },
	{ "[health]", "[health",
	  "32: expected ']' at the end of '[health'\n" },
	{ "[health]", "[]",
	  "32: unknown section '': the sections are [sandwich], [timeouts], [side "
	  "ingress], [side egress], [balancer NAME], [device NAME] and [health]\n" },
	{ "[health]", "[health all]",
	  "32: [health] takes no name: write [health]\n" },
	{ "[side egress]", "[side]",
	  "10: [side] needs a name: write [side ingress] or [side egress]\n"
	  "0: [side egress] is missing: write it, with uplink-address = 192.0.2.1/24 "
	  "and farm-address = 10.1.0.1/24\n" },
	{ "[side egress]", "[side outside]",
	  "10: [side outside]: write [side ingress] or [side egress]\n"
	  "0: [side egress] is missing: write it, with uplink-address = 192.0.2.1/24 "
	  "and farm-address = 10.1.0.1/24\n" },
	{ "[device fw2]", "[device]",
	  "28: [device] needs a name: write [device fw1]\n" },
	{ "[device fw2]", "[device fw 2]",
	  "28: 'fw 2' is no name: write 1 to 63 letters, digits, '-', '_' or '.', a "
	  "letter or digit first\n" },
	{ "[device fw2]", "[device fw1]",
	  "28: [device fw1] is already on line 24: give one of them another name\n" },
	{ "[health]", "[side ingress]\nx = 1\n[health]",
	  "32: [side ingress] is already on line 6: write it once, with all its keys\n"
	  "33: unknown key 'x': [side] has uplink-address, farm-address, "
	  "cluster-address, gateway, last-hop, uplink-vlan, farm-vlan, uplink-mac, "
	  "farm-mac\n" },
};

static const struct broken broken_values[] = {
	{ "name = test", "name = my/test",
	  "2: name = my/test: write 1 to 63 letters, digits, '-', '_' or '.', a "
	  "letter or digit first\n" },
	{ "mode = firewall", "mode = router",
	  "3: mode = router: write firewall or vpn\n" },
	{ "mode = firewall\n", "mode = firewall\naffinity = source\n",
	  "4: affinity = source: write pair or client or server or flow or tunnel\n" },
	{ "mode = firewall\n", "mode = firewall\nsessions = 512\n",
	  "4: sessions = 512: write a number from 1k to 64M\n" },
	{ "mode = firewall\n", "mode = firewall\nsessions = 128M\n",
	  "4: sessions = 128M: write a number from 1k to 64M\n" },
	{ "mode = firewall\n", "mode = firewall\nsessions = 1T\n",
	  "4: sessions = 1T: write a number from 1k to 64M\n" },
	{ "mode = firewall\n", "mode = firewall\npins = many\n",
	  "4: pins = many: write a number from 1k to 64M\n" },
	{ "= /etc/sandwich/secret", "= secret",
	  "4: secret-file = secret: write the whole path, such as "
	  "/etc/sandwich/secret\n" },
	{ "[side ingress]", "[timeouts]\ntcp-syn = 120\n[side ingress]",
	  "7: tcp-syn = 120: no unit: write 120s, or use m, h or d\n" },
	{ "[side ingress]", "[timeouts]\nudp = 20ms\n[side ingress]",
	  "7: udp = 20ms: write whole seconds, from 1s to 365d\n" },
	{ "[side ingress]", "[timeouts]\nudp = soon\n[side ingress]",
	  "7: udp = soon: write a duration such as 30s, 5m, 2h or 5d\n" },
	{ "[side ingress]", "[timeouts]\ntcp-established = 400d\n[side ingress]",
	  "7: tcp-established = 400d: write whole seconds, from 1s to 365d\n" },
	{ "192.0.2.1/24", "192.0.2.1",
	  "7: uplink-address = 192.0.2.1: 192.0.2.1 has no prefix length: write "
	  "192.0.2.1/24\n" },
	{ "192.0.2.1/24", "2001:db8::1",
	  "7: uplink-address = 2001:db8::1: 2001:db8::1 has no prefix length: write "
	  "2001:db8::1/64\n" },
	{ "192.0.2.1/24", "192.0.2.1/33",
	  "7: uplink-address = 192.0.2.1/33: '192.0.2.1/33' is no address with prefix "
	  "length: write 192.0.2.1/24 or 2001:db8::1/64\n" },
	{ "192.0.2.1/24", "192.0.2.1/24, ::ffff:192.0.2.2/120",
	  "7: uplink-address = 192.0.2.1/24, ::ffff:192.0.2.2/120: "
	  "'::ffff:192.0.2.2/120' is no address with prefix length: write "
	  "192.0.2.1/24 or 2001:db8::1/64\n" },
	{ "192.0.2.1/24", "192.0.2.0/24",
	  "7: uplink-address = 192.0.2.0/24: 192.0.2.0/24 is the network or its "
	  "broadcast: write an address in it\n" },
	{ "192.0.2.1/24", "192.0.2.255/24 300.0.0.1/24",
	  "7: uplink-address = 192.0.2.255/24 300.0.0.1/24: 192.0.2.255/24 is the "
	  "network or its broadcast: write an address in it\n"
	  "7: uplink-address = 192.0.2.255/24 300.0.0.1/24: '300.0.0.1/24' is no "
	  "address with prefix length: write 192.0.2.1/24 or 2001:db8::1/64\n" },
	{ "192.0.2.1/24", "127.0.0.1/8",
	  "7: uplink-address = 127.0.0.1/8: 127.0.0.1/8 is no address a host can "
	  "have\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\ngateway = 192.0.2.254/24\n",
	  "9: gateway = 192.0.2.254/24: 192.0.2.254/24: write the address without its "
	  "prefix length\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\ngateway = router\n",
	  "9: gateway = router: 'router' is no address: write one such as "
	  "192.0.2.254\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\ngateway = 224.0.0.1\n",
	  "9: gateway = 224.0.0.1: 224.0.0.1 is no address a host can have\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\ngateway = ,\n",
	  "9: gateway = ,: write 192.0.2.254, or leave the key out\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\nlast-hop = maybe\n",
	  "9: last-hop = maybe: write on or off\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\nfarm-vlan = 4095\n",
	  "9: farm-vlan = 4095: write a VLAN from 1 to 4094, none (untagged) or keep "
	  "(as frames come)\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\nuplink-mac = 02:73\n",
	  "9: uplink-mac = 02:73: write a MAC such as 02:73:00:00:00:01, or leave the "
	  "key out\n" },
	{ "farm-address = 10.1.0.1/24\n",
	  "farm-address = 10.1.0.1/24\nuplink-mac = 01:00:5e:00:00:01\n",
	  "9: uplink-mac = 01:00:5e:00:00:01: no station can have this MAC: write a "
	  "unicast one\n" },
	{ "side = ingress", "side = inside",
	  "15: side = inside: write ingress or egress\n" },
	{ "uplink = eth0", "uplink = averylonginterface0",
	  "16: uplink = averylonginterface0: 'averylonginterface0' has 19 characters: "
	  "an interface name has at most 15\n" },
	{ "uplink = eth0", "uplink = eth0 eth2",
	  "16: uplink = eth0 eth2: 'eth0 eth2' is no interface name: write one such "
	  "as eth0\n" },
	{ "farm = eth1", "farm = eth1 a/b",
	  "17: farm = eth1 a/b: 'a/b' is no interface name: write one such as eth0\n" },
	{ "farm = eth1\n", "farm = none,\n",
	  "17: farm = none,: 'none' is no interface name: write one such as eth0\n" },
	{ "farm = eth1\n", "farm = eth1,#1\n",
	  "17: farm = eth1,#1: '#1' is no interface name: write one such as eth0\n" },
	{ "farm = eth1\n", "farm = eth1\nsync = 172.31.0.1:0\n",
	  "18: sync = 172.31.0.1:0: '172.31.0.1:0' is no address and port: write "
	  "172.31.0.1:4850 or [2001:db8::1]:4850\n" },
	{ "farm = eth1\n", "farm = eth1\nsync = 0.0.0.0:4850\n",
	  "18: sync = 0.0.0.0:4850: 0.0.0.0:4850 is no address to send to: write "
	  "172.31.0.1:4850\n" },
	{ "farm = eth1\n", "farm = eth1\npriority = 0\n",
	  "18: priority = 0: write a number from 1 to 255\n" },
	{ "farm = eth1\n", "farm = eth1\nmetrics = 9850\n",
	  "18: metrics = 9850: '9850' is no address and port: write 127.0.0.1:9850 or "
	  "[2001:db8::1]:9850\n" },
	{ "farm = eth1\n", "farm = eth1\ndatapath = dpdk\n",
	  "18: datapath = dpdk: write auto or xdp or xdp-generic or pcap\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 fw1.example",
	  "25: ingress = 10.1.0.11 fw1.example: 'fw1.example' is no address: write "
	  "one such as 10.1.0.11\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11/24",
	  "25: ingress = 10.1.0.11/24: 10.1.0.11/24: write the address without its "
	  "prefix length\n" },
	{ "ingress = 10.1.0.11", "ingress = uplink",
	  "25: ingress = uplink: 'uplink': write an address, a MAC, vlan:N or "
	  "port:NAME\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 02:00:00:00:00:0g",
	  "25: ingress = 10.1.0.11 02:00:00:00:00:0g: '02:00:00:00:00:0g' is no "
	  "address: write one such as 10.1.0.11\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 port:averylonginterface0",
	  "25: ingress = 10.1.0.11 port:averylonginterface0: 'averylonginterface0' "
	  "has 19 characters: an interface name has at most 15\n" },
	{ "ingress = 10.1.0.11", "ingress = ",
	  "25: ingress = : write 10.1.0.11\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 vlan:0",
	  "25: ingress = 10.1.0.11 vlan:0: vlan:0: write vlan:1 to vlan:4094\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 vlan:1 vlan:2",
	  "25: ingress = 10.1.0.11 vlan:1 vlan:2: write one vlan: a device's frames "
	  "carry one tag\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 port:eth1 port:eth1",
	  "25: ingress = 10.1.0.11 port:eth1 port:eth1: write one port: a device is "
	  "on one\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 ff:ff:ff:ff:ff:ff",
	  "25: ingress = 10.1.0.11 ff:ff:ff:ff:ff:ff: ff:ff:ff:ff:ff:ff: no station "
	  "can have this MAC\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\nweight = 0\n",
	  "27: weight = 0: write a number from 1 to 255\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\nid = 256\n",
	  "27: id = 256: write a number from 1 to 255\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\nmax-sessions = -1\n",
	  "27: max-sessions = -1: write a number from 1 to 64M\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\nstate = down\n",
	  "27: state = down: write enabled or disabled\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\npool = 10.99.1.1/24\n",
	  "27: pool = 10.99.1.1/24: 10.99.1.1/24 is an address in a network: write "
	  "10.99.1.0/24\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\npool = here 224.0.0.0/24\n",
	  "27: pool = here 224.0.0.0/24: 'here' is no network: write one such as "
	  "10.99.1.0/24\n"
	  "27: pool = here 224.0.0.0/24: no host can have an address in 224.0.0.0/24\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\npool = fd00::/64\n",
	  "27: a pool needs mode = vpn in [sandwich]; in firewall mode the hash says where a "
	  "host's frames go: leave it out\n" },
	{ "path = 20ms x 3", "path = 2ms x 3",
	  "33: path = 2ms x 3: write an interval from 5ms to 1h\n" },
	{ "path = 20ms x 3", "path = 20ms",
	  "33: path = 20ms: write an interval and a count, such as 20ms x 3, or off\n" },
	{ "path = 20ms x 3", "path = 2h x 3",
	  "33: path = 2h x 3: write an interval from 5ms to 1h\n" },
	{ "path = 20ms x 3", "path = 20ms x 0",
	  "33: path = 20ms x 0: write a count from 1 to 100 behind the x\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\npath-port = 70000\n",
	  "34: path-port = 70000: write a port from 1 to 65535\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nrise = 0\n",
	  "34: rise = 0: write a number from 1 to 100\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nlink = off\n",
	  "34: link = off: write on, or leave it out: carrier is always watched\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nicmp = device\n",
	  "34: icmp = device: 'device': write on, or an address\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\narp = on 1ms x 3\n",
	  "34: arp = on 1ms x 3: write an interval from 10ms to 1h\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\ntcp = 0\n",
	  "34: tcp = 0: '0': write a port such as 22, or 10.1.0.11:22\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\ntcp = 10.1.0.11\n",
	  "34: tcp = 10.1.0.11: '10.1.0.11': write a port such as 22, or "
	  "10.1.0.11:22\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\ntcp = 22, 1s x 3\n",
	  "34: tcp = 22, 1s x 3: no target: write a port such as 22, or 10.1.0.11:22\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\ntcp = 22 1s x\n",
	  "34: tcp = 22 1s x: '1s x': write an interval and a count, such as 1s x 3, "
	  "last\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nhttp = https://10.1.0.11/\n",
	  "34: http = https://10.1.0.11/: 'https://10.1.0.11/': write :80/health, or "
	  "http://10.1.0.11:80/health\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nhttp = 10.1.0.11:80\n",
	  "34: http = 10.1.0.11:80: '10.1.0.11:80': write :80/health, or "
	  "http://10.1.0.11:80/health\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nike = gw1\n",
	  "34: ike = gw1: 'gw1': write on, a port such as 4500, or 10.1.0.11:500\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nike = on 50ms x 3\n",
	  "34: ike = on 50ms x 3: write an interval from 100ms to 1h\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nscript = check.sh 1s x 3\n",
	  "34: script = check.sh 1s x 3: 'check.sh': write the program's absolute path, such as "
	  "/etc/sandwich/check 5s x 3\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nscript = /bin/true,\n",
	  "34: script = /bin/true,: no program: write an absolute path, such as "
	  "/etc/sandwich/check\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nscript = /bin/true 1s x 3 2s\n",
	  "34: script = /bin/true 1s x 3 2s: each run's time, behind the pace, is from 50ms to "
	  "the interval\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nsilence = 10ms x 3\n",
	  "34: silence = 10ms x 3: write an interval from 100ms to 1h\n" },
	{ "path = 20ms x 3\n", "path = 20ms x 3\nsilence = 1s x 3\n",
	  "34: [balancer in-a] has no 'sync', by which the sides tell each other what comes out "
	  "of a device: write sync = 172.31.0.1:4850, an address of its own, or silence = off\n"
	  "34: [balancer out-a] has no 'sync', by which the sides tell each other what comes out "
	  "of a device: write sync = 172.31.0.1:4850, an address of its own, or silence = off\n" },
};

static const struct broken broken_cross[] = {
	{ "name = test\n", "",
	  "1: [sandwich] has no 'name': write name = branch\n" },
	{ "mode = firewall\n", "",
	  "1: [sandwich] has no 'mode': write mode = firewall\n" },
	{ "[sandwich]\nname = test\nmode = firewall\nsecret-file = /etc/sandwich/secret\n", "",
	  "0: [sandwich] is missing: write it, with name = branch and mode = "
	  "firewall\n"
	  "0: no secret-file, which authenticates sync and the path heartbeat: make "
	  "one with (umask 077; head -c 32 /dev/urandom | base64 "
	  ">/etc/sandwich/secret) and write secret-file = /etc/sandwich/secret\n" },
	{ "farm-address = 10.2.0.1/24\n", "",
	  "10: [side egress] has no 'farm-address': write farm-address = 10.1.0.1/24\n" },
	{ "farm-address = 10.2.0.1/24\n", "farm-address = none\n",
	  "12: [side egress] has no 'farm-address': write farm-address = 10.1.0.1/24\n" },
	{ "[side egress]\nuplink-address = 10.9.0.1/16\nfarm-address = 10.2.0.1/24\n", "",
	  "0: [side egress] is missing: write it, with uplink-address = 192.0.2.1/24 "
	  "and farm-address = 10.1.0.1/24\n" },
	{ "side = egress\nuplink", "uplink",
	  "19: [balancer out-a] has no 'side': write side = ingress\n" },
	{ "[balancer out-a]\nside = egress\nuplink = eth0\nfarm = eth1\n", "",
	  "0: no balancer on the egress side: write [balancer out-a] with side = "
	  "egress, uplink = eth0 and farm = eth1\n" },
	{ "[device fw1]\ningress = 10.1.0.11\negress = 10.2.0.11\n\n[device fw2]\n"
	  "ingress = 10.1.0.12\negress = 10.2.0.12\n",
	  "",
	  "0: no device: write [device fw1] with ingress = 10.1.0.11 and egress = "
	  "10.2.0.11\n" },
	{ "ingress = 10.1.0.11\n", "",
	  "24: [device fw1] has no 'ingress': write ingress = 10.1.0.11\n" },
	{ "secret-file = /etc/sandwich/secret\n", "",
	  "1: no secret-file, which authenticates sync and the path heartbeat: make "
	  "one with (umask 077; head -c 32 /dev/urandom | base64 "
	  ">/etc/sandwich/secret) and write secret-file = /etc/sandwich/secret\n" },
	{ "farm-address = 10.1.0.1/24", "farm-address = 192.0.2.2/24",
	  "8: 192.0.2.2/24 overlaps 192.0.2.1/24, the uplink-address of [side "
	  "ingress]: give each port a subnet of its own\n"
	  "25: 10.1.0.11 is in no subnet of [side ingress]'s farm-address: write one "
	  "that is, or add an address in its subnet there\n"
	  "29: 10.1.0.12 is in no subnet of [side ingress]'s farm-address: write one "
	  "that is, or add an address in its subnet there\n" },
	{ "farm-address = 10.2.0.1/24", "farm-address = 10.1.0.2/24",
	  "12: 10.1.0.2/24 overlaps 10.1.0.1/24, the farm-address of [side ingress]: "
	  "give each port a subnet of its own\n"
	  "26: 10.2.0.11 is in no subnet of [side egress]'s farm-address: write one "
	  "that is, or add an address in its subnet there\n"
	  "30: 10.2.0.12 is in no subnet of [side egress]'s farm-address: write one "
	  "that is, or add an address in its subnet there\n" },
	{ "uplink-address = 10.9.0.1/16", "uplink-address = 192.0.2.9/25",
	  "11: 192.0.2.9/25 overlaps 192.0.2.1/24, the uplink-address of [side "
	  "ingress]: give each port a subnet of its own\n" },
	{ "ingress = 10.1.0.12", "ingress = 10.1.0.11",
	  "29: 10.1.0.11 is already the ingress of [device fw1]: give each its own "
	  "address\n" },
	{ "ingress = 10.1.0.12", "ingress = 10.1.0.1",
	  "29: 10.1.0.1 is already the farm-address of [side ingress]: give each its "
	  "own address\n" },
	{ "ingress = 10.1.0.12", "ingress = 10.7.0.12",
	  "29: 10.7.0.12 is in no subnet of [side ingress]'s farm-address: write one "
	  "that is, or add an address in its subnet there\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\ngateway = 10.3.0.1\n",
	  "9: 10.3.0.1 is in no subnet of [side ingress]'s uplink-address: write one "
	  "that is, or add an address in its subnet there\n" },
	{ "farm-address = 10.1.0.1/24\n",
	  "farm-address = 10.1.0.1/24\ngateway = 192.0.2.253 192.0.2.254\n",
	  "9: 2 IPv4 gateways: write one for each family, or none and let the "
	  "kernel's routes tell\n" },
	{ "farm-address = 10.1.0.1/24\n", "farm-address = 10.1.0.1/24\ngateway = 192.0.2.1\n",
	  "9: 192.0.2.1 is already the uplink-address of [side ingress]: give each "
	  "its own address\n" },
	{ "192.0.2.1/24\n", "192.0.2.1/24 2001:db8::1/64\ngateway = 2001:db8::2 2001:db8::3\n",
	  "8: 2 IPv6 gateways: write one for each family, or none and let the "
	  "kernel's routes tell\n" },
	{ "farm-address = 10.1.0.1/24\n",
	  "farm-address = 10.1.0.1/24\ncluster-address = 192.0.2.10\n",
	  "9: a cluster address needs mode = vpn in [sandwich]; in firewall mode "
	  "clients write to the servers themselves: leave it out\n" },
	{ "mode = firewall\nsecret-file = /etc/sandwich/secret\n\n[side ingress]\n",
	  "mode = vpn\naffinity = server\nsecret-file = /s\n[side ingress]\n"
	  "cluster-address = 192.0.2.10\n",
	  "4: affinity = server puts everything that comes to the cluster address on "
	  "one device: write affinity = client\n" },
	{ "mode = firewall\nsecret-file = /etc/sandwich/secret\n\n[side ingress]\n",
	  "mode = vpn\naffinity = flow\nsecret-file = /s\n[side ingress]\n"
	  "cluster-address = 192.0.2.10\n",
	  "4: affinity = flow parts a client's IKE from its ESP: write affinity = "
	  "client\n" },
	{ "farm-address = 10.2.0.1/24\n",
	  "farm-address = 10.2.0.1/24\ncluster-address = 192.0.2.10\n",
	  "13: clients connect to the cluster address from the ingress side: write "
	  "cluster-address in [side ingress]\n" },
	{ "uplink = eth0", "uplink = eth1",
	  "17: eth1 is the uplink and a farm port: write another, or a VLAN interface "
	  "such as eth1.100\n" },
	{ "farm = eth1", "farm = eth1 eth1",
	  "17: eth1 is there twice: write it once\n" },
	{ "farm = eth1\n",
	  "farm = eth1\n"
	  "control = "
	  "/run/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.sock\n",
	  "18: the control socket's path has 130 bytes, a socket's has at most 107: "
	  "write a shorter one, such as /run/sandwich/NAME.sock\n" },
	{ "[balancer out-a]",
	  "[balancer in-b]\nside = ingress\nuplink = eth0\nfarm = eth1\nsync = 172.31.0.2\n\n"
	  "[balancer out-a]",
	  "14: [balancer in-a] has a twin and no 'sync': write sync = "
	  "172.31.0.1:4850, an address of its own\n" },
	{ "farm = eth1\n\n[balancer out-a]",
	  "farm = eth1\nsync = 172.31.0.1\n\n[balancer in-b]\nside = ingress\nuplink = eth0\n"
	  "farm = eth1\nsync = 172.31.0.2\n[balancer in-c]\nside = ingress\nuplink = eth0\n"
	  "farm = eth1\nsync = 172.31.0.1:4850\n\n[balancer out-a]",
	  "25: [balancer in-c] is one too many: the ingress side has an active and a "
	  "standby\n"
	  "29: 172.31.0.1:4850 is already the sync address of [balancer in-a]: each "
	  "balancer needs its own\n" },
	{ "egress = 10.2.0.11\n", "egress = 10.2.0.11\nid = 2\n",
	  "29: [device fw1] and [device fw2] both have id 2 (by position): write id = "
	  "1 here\n" },
	{ "egress = 10.2.0.12\n", "egress = 10.2.0.12\nid = 1\n",
	  "31: [device fw1] and [device fw2] both have id 1: write id = 2 here\n" },
	{ "ingress = 10.1.0.11",
	  "ingress = 10.1.0.11 02:00:00:00:00:01\n[device fw3]\negress = 10.2.0.13\n"
	  "ingress = 02:00:00:00:00:01\n[device fw4]\ningress = 10.1.0.14",
	  "24: [device fw1] has no 'egress': write egress = 10.2.0.11\n"
	  "28: 02:00:00:00:00:01 of 'ingress' is already the ingress of [device fw1]: "
	  "write another\n" },
	{ "farm-address = 10.1.0.1/24\n",
	  "farm-address = 10.1.0.1/24\nuplink-mac = 02:00:00:00:00:01\n"
	  "farm-mac = 02:00:00:00:00:01\n",
	  "10: 02:00:00:00:00:01 of 'farm-mac' is already the uplink-mac of [side "
	  "ingress]: write another\n" },
	{ "ingress = 10.1.0.11", "ingress = port:eth1",
	  "25: [device fw1] has an address or MAC on the other side and none here: "
	  "write one, or leave both sides without (a transparent device)\n" },
	{ "ingress = 10.1.0.11", "ingress = 10.1.0.11 port:eth2",
	  "25: port:eth2 is no farm port of [balancer in-a]: write one that is, or "
	  "add it there\n" },
	{ "ingress = 10.1.0.11\negress = 10.2.0.11\n\n[device fw2]\ningress = 10.1.0.12\n"
	  "egress = 10.2.0.12\n",
	  "ingress = port:eth1\negress = port:eth1 vlan:2\n\n[device fw2]\n"
	  "ingress = port:eth1\negress = port:eth1 vlan:3\n",
	  "29: nothing tells [device fw2] from [device fw1] here: give each its own "
	  "address, MAC, vlan:N or port:NAME\n" },
};

#endif
