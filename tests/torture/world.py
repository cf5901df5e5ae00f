"""The world around the agent: the stand-in, two network namespaces with a cable between them, a small disk for state.

Without root there are no namespaces and no small disk; the outage is then made by the stand-in, and the full disk is left
out, and both are said. Everything that is made here is taken away at the end, processes by their ids.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.request

CLONE_NEWNET = 0x40000000
STATE_BYTES = "2m"
# Room in the stand-in for every event of a run: about a million, twice over.
LOG_MEMORY_MIB = "2048"


class Child:
    def __init__(self, arguments, log, environment):
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )

    def send(self, number):
        self.child.send_signal(number)

    def end(self, number=signal.SIGTERM, seconds=60):
        if self.child.poll() is None:
            self.child.send_signal(number)
        return self.child.wait(seconds)


def run(*arguments):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


class World:
    def __init__(self, directory, binaries):
        self.directory, self.binaries = pathlib.Path(directory), binaries
        self.root = os.geteuid() == 0
        self.state = self.directory / "state"
        self.state.mkdir()
        self.undo = contextlib.ExitStack()
        self.prefix, self.address = [], "127.0.0.1"
        self.agent, self.broken = None, False
        if self.root:
            self.small_disk()
            self.two_hosts()
        self.serve()

    def small_disk(self):
        run("mount", "-t", "tmpfs", "-o", f"size={STATE_BYTES},mode=750", "tmpfs", str(self.state))
        self.undo.callback(run, "umount", "-l", str(self.state))

    def two_hosts(self):
        """This process moves to the host of the stand-in; the agent will be on the other."""
        here, there = f"plimsoll-t{os.getpid()}", f"plimsoll-a{os.getpid()}"
        for name in (here, there):
            run("ip", "netns", "add", name)
            self.undo.callback(run, "ip", "netns", "del", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", here, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", there)
        for name, address in ((here, "192.0.2.1/24"), (there, "192.0.2.2/24")):
            run("ip", "-n", name, "addr", "add", address, "dev", "cable")
            run("ip", "-n", name, "link", "set", "cable", "up")
        with open(f"/run/netns/{here}") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        self.prefix, self.address = ["ip", "netns", "exec", there], "192.0.2.1"

    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {
            **kept, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def serve(self):
        ready = self.directory / "ready"
        self.local = Child(
            [self.binaries / "plimsoll-local", "serve", "--listen", f"{self.address}:0", "--ready-file", ready,
             "--region", "eu-west-1", "--account", "111122223333", "--log-memory", LOG_MEMORY_MIB],
            self.directory / "local.log", self.environment(),
        )
        self.undo.callback(self.local.end, signal.SIGKILL)
        for _ in range(200):
            if ready.exists() and ready.read_text().strip():
                self.url = ready.read_text().strip()
                return
            time.sleep(0.05)
        raise RuntimeError((self.directory / "local.log").read_text())

    def post(self, path, body=None, method="POST"):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def start_agent(self):
        self.agent = Child(
            [*self.prefix, self.binaries / "plimsoll-agent", "run", "--config", self.directory / "agent.toml"],
            self.directory / "agent.log", self.environment(),
        )

    def kill_agent(self):
        self.agent.end(signal.SIGKILL)

    def cut(self, off):
        """Takes the cable out, or puts it back."""
        if self.root:
            run("ip", "link", "set", "cable", "down" if off else "up")
        elif off:
            self.post("/_local/faults", {"service": "logs", "outage": True})

    def fill_disk(self):
        """Leaves no byte free where the agent keeps its state."""
        with open(self.state / "filler", "wb", buffering=0) as filler:
            try:
                while filler.write(b"\0" * 4096):
                    pass
            except OSError:
                pass

    def free_disk(self):
        (self.state / "filler").unlink()

    def end(self):
        if self.agent and self.agent.child.poll() is None:
            self.agent.end(signal.SIGKILL)
        self.undo.close()
