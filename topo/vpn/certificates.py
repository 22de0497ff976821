# SPDX-License-Identifier: ISC
"""Certificates by openssl: small keys, quickly made, good for a day."""
import os

from ..lab.processes import run

DAYS = "1"
# As a certificate with many names has them: together with it an IKE_AUTH is longer than a datagram of 1500 bytes.
LONG_NAMES = ",".join(f"DNS:service-{n}.long-name-of-a-department.vpn.example.net" for n in range(24))


def new_key(path):
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
    os.chmod(path, 0o600)


def self_signed(key, name, path):
    """A certificate of NAME for its own KEY."""
    run(["openssl", "req", "-new", "-x509", "-key", key, "-days", DAYS, "-subj", f"/CN={name}", "-out", path])


def signed(key, name, authority, path, names=""):
    """A certificate of NAME (also as DNS name) that AUTHORITY (its files: AUTHORITY.key, AUTHORITY.pem) signed."""
    alternatives = f"subjectAltName=DNS:{name}" + (f",{names}" if names else "")
    run(["openssl", "req", "-new", "-x509", "-key", key, "-days", DAYS, "-subj", f"/CN={name}", "-out", path,
         "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-addext", alternatives,
         "-addext", "basicConstraints=critical,CA:FALSE"])


def fingerprint(path):
    """SHA-256, as OpenVPN writes it."""
    return run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"]).stdout.strip().split("=")[1]
