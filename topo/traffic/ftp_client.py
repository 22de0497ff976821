#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Logs in to an FTP server and makes one transfer for each line ("active" or "passive") on stdin. Answers in JSON."""
import ftplib
import json
import sys
import time

TIMEOUT = 8


def say(answer):
    print(json.dumps(answer), flush=True)


def login(server, source):
    ftp = ftplib.FTP(timeout=TIMEOUT, source_address=(source, 0) if source else None)
    ftp.connect(server, 21)
    ftp.login()
    ftp.trust_server_pasv_ipv4_address = True
    address, port = ftp.sock.getsockname()[:2]
    say({"ok": True, "client": address, "port": port, "server": server})
    return ftp


def transfer(ftp, mode):
    """One RETR. The answer says how many bytes came."""
    began, got = time.monotonic(), []
    ftp.set_pasv(mode == "passive")
    try:
        ftp.retrbinary("RETR file", lambda data: got.append(len(data)))
    except (OSError, EOFError, ftplib.Error) as error:
        return {"ok": False, "error": repr(error), "bytes": sum(got)}
    return {"ok": True, "bytes": sum(got), "ms": round((time.monotonic() - began) * 1000)}


def main():
    try:
        ftp = login(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "")
    except (OSError, EOFError, ftplib.Error) as error:
        say({"ok": False, "error": repr(error)})
        return
    for line in sys.stdin:
        say(transfer(ftp, line.strip()))


if __name__ == "__main__":
    main()
