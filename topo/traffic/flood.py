# SPDX-License-Identifier: ISC
"""Opens many UDP conversations of one datagram each, all with their own ports: flood.py ADDRESS COUNT [PER_SECOND]."""
import socket
import sys
import time

PORTS = range(10000, 60000)  # of the target; a further socket begins when they are used up
BURST = 64  # datagrams between two looks at the clock


def targets(address):
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            for port in PORTS:
                yield one, (address, port)


def main(address, count, rate=0):
    start = time.monotonic()
    for number, (one, target) in enumerate(targets(address)):
        if number == count:
            break
        one.sendto(b"?", target)
        if rate and number % BURST == 0:
            time.sleep(max(0.0, start + number / rate - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
