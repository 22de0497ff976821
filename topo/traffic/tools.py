# SPDX-License-Identifier: ISC
"""Everyday traffic: downloads, ping, iperf3, and the scripts that craft packets."""
import json
import os
import re
import subprocess
import sys

HTTP_SERVER = os.path.join(os.path.dirname(__file__), "http_server.py")
CRAFTED = os.path.join(os.path.dirname(__file__), "crafted.py")
FLOOD = os.path.join(os.path.dirname(__file__), "flood.py")


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def serve_http(space, port=80):
    process = space.start([sys.executable, HTTP_SERVER, port], log=f"{space.name}-http")
    space.wait_port(port)
    return process


def serve_iperf(space):
    process = space.start(["iperf3", "-s"])
    space.wait_port(5201)
    return process


def start_download(space, server, size, seconds=0.0, source="", limit=60):
    """A curl in the background; download_result() says how it went."""
    argv = ["curl", "-s", "-o", "/dev/null", "--max-time", limit,
            "-w", "%{size_download} %{time_total} %{local_port}"]
    argv += ["--interface", source] if source else []
    process = space.start(argv + [f"http://{bracketed(server)}/{size}/{seconds}"], stdout=subprocess.PIPE,
                          log=f"{space.name}-curl")
    process.wanted = size
    return process


def download_result(space, process, timeout=60):
    """{"ok", "bytes", "seconds", "port", "exit"}: whether all of it came."""
    words = process.communicate(timeout=timeout)[0].split()
    space.lab.processes.forget(process)
    size = int(words[0]) if words else 0
    return {"ok": process.returncode == 0 and size == process.wanted, "bytes": size, "exit": process.returncode,
            "seconds": float(words[1]) if words else 0.0, "port": int(words[2]) if words else 0}


def download(space, server, size, **options):
    return download_result(space, start_download(space, server, size, **options))


def ping(space, target, count=3, size=56, source="", wait=1, fragment=True):
    """How many of COUNT came back."""
    argv = ["ping", "-n", "-c", count, "-i", "0.02", "-W", wait, "-s", size]
    argv += ["-I", source] if source else []
    argv += [] if fragment else ["-M", "do"]
    text = space.run(argv + [target], check=False).stdout
    match = re.search(r"(\d+) received", text)
    return int(match.group(1)) if match else 0


def iperf(space, server, seconds=2, *more):
    """bits per second that arrived, 0 when it failed."""
    done = space.run(["iperf3", "-J", "-c", server, "-t", seconds, *more], check=False, timeout=seconds + 30)
    try:
        return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"]
    except (ValueError, KeyError):
        return 0.0


def flood(space, address, count, rate=0):
    """COUNT new UDP conversations of one datagram each, from one CPU; RATE a second, 0: as fast as it goes."""
    space.run(["taskset", "-c", "0", sys.executable, FLOOD, address, count, rate], timeout=120)


def crafted(space, what, *words, timeout=30):
    """One of crafted.py's exchanges, run in SPACE to its end; its JSON answer."""
    return json.loads(space.run([sys.executable, CRAFTED, what, *words], timeout=timeout).stdout)


def start_crafted(space, what, *words):
    """One of crafted.py's servers, in the background. It says "ready" when it is."""
    process = space.start([sys.executable, CRAFTED, what, *words], stdout=subprocess.PIPE, log=f"{space.name}-{what}")
    if process.stdout.readline().strip() != b"ready":
        raise RuntimeError(space.lab.tail(process.log))
    return process
