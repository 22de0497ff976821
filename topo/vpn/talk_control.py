# SPDX-License-Identifier: ISC
"""Traffic through a lab's tunnels: started, ended, and what came of it."""
import json
import os
import subprocess
import sys

from ..lab.errors import LabError
from . import plan

TALK = os.path.join(os.path.dirname(__file__), "talk.py")
SETTLED = 1.0   # seconds at the end of a report in which every question has to have an answer


class Flow:
    """The questions of one client to the server, or of the server to one client's inner address."""

    def __init__(self, number, inward, row):
        self.number, self.inward = number, inward
        self.sent, self.answered = row["sent"], row["answered"]

    @property
    def lost(self):
        return self.answered.count(None)

    @property
    def alive(self):
        """The last questions were all answered."""
        end = self.sent[-1]
        return all(answer for sent, answer in zip(self.sent, self.answered) if sent > end - SETTLED)

    def back_after(self, moment):
        """Seconds from MOMENT to the first answer after the last loss; 0.0 without a loss, None when it is not back."""
        lost = [i for i, answer in enumerate(self.answered) if answer is None]
        if not lost:
            return 0.0
        later = [answer for answer in self.answered[lost[-1] + 1:] if answer]
        return later[0] - moment if later else None

    def __repr__(self):
        return f"{'to' if self.inward else 'from'} client{self.number}: {self.lost} of {len(self.sent)} lost"


class Asking:
    """Questions in both directions, at a steady pace, until finish()."""

    def __init__(self, talk, clients, pace):
        self.keys = [(number, inward) for number in clients for inward in (False, True)]
        words = ["ask", 600, pace, plan.ECHO_PORT, *(talk.place(*key) for key in self.keys)]
        self.process, self.lab = talk.run(words), talk.lab

    def finish(self):
        """[Flow], after all questions have had half a second to be answered."""
        self.process.terminate()
        text = self.process.communicate(timeout=30)[0]
        self.lab.processes.forget(self.process)
        if not text:
            raise LabError(self.lab.tail(self.process.log))
        return [Flow(*key, row) for key, row in zip(self.keys, json.loads(text)["flows"])]


class Talk:
    """talk.py in the namespaces of a lab."""

    def __init__(self, lab):
        self.lab = lab
        self.server = lab.plan.server(1).ipv4

    def place(self, number, inward):
        """A conversation of client NUMBER with the server; INWARD: the server opens it."""
        client, server = self.lab.client(number), self.lab.server(1)
        ends = (server, self.server, client.inner) if inward else (client, client.inner, self.server)
        return f"{ends[0].net},{ends[1]},{ends[2]}"

    def run(self, words):
        process = self.lab.processes.start([sys.executable, TALK, *map(str, words)], self.lab.path("talk.log"),
                                           stdout=subprocess.PIPE)
        if words[0] != "swap" and process.stdout.readline().strip() != b"ready":
            raise LabError(self.lab.tail(process.log))
        return process

    def serve(self):
        """Echo at the server and at all inner addresses."""
        places = [f"{self.lab.server(1).net},{self.server}"]
        places += [f"{self.lab.client(c.number).net},{c.inner}" for c in self.lab.clients]
        self.run(["echo", plan.ECHO_PORT, *places])

    def swap(self, clients, inward, size=100_000, limit=30):
        """SIZE bytes there and back over TCP for each of CLIENTS, all at once; {number: row}."""
        process = self.run(["swap", plan.ECHO_PORT, size, limit, *(self.place(n, inward) for n in clients)])
        text = process.communicate(timeout=limit + 30)[0]
        self.lab.processes.forget(process)
        if not text:
            raise LabError(self.lab.tail(process.log))
        return dict(zip(clients, json.loads(text)))

    def ask(self, clients, pace=200):
        """Questions every PACE milliseconds in both directions, in the background."""
        return Asking(self, list(clients), pace)
