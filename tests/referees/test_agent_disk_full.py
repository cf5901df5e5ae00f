"""A full disk under the state directory: lines go on, positions follow, nothing is lost."""

import os
import subprocess
import time

import pytest
from conftest import NEEDS_ROOT, wait_until
from test_agent_loses_nothing import agent, configuration, events_accepted, received


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one mebibyte where the state is."""
    state = tmp_path / "state"
    state.mkdir()
    if os.geteuid() != 0:
        pytest.skip(f"mounting {NEEDS_ROOT}")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(state)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    yield state
    subprocess.run(["umount", "-l", str(state)], check=True)


def fill(state):
    ballast = state / "ballast"
    with open(ballast, "wb", buffering=0) as output:
        try:
            while True:
                output.write(b"x" * 4096)
        except OSError:
            pass
    return ballast


def test_a_full_disk_stops_no_line_and_a_kill_on_it_loses_none(local, tmp_path, small_disk):
    file = tmp_path / "app.log"
    config = configuration(tmp_path, local.url, file)
    expected = []

    def write(count):
        lines = [f"line {len(expected) + n}" for n in range(count)]
        with open(file, "a") as output:
            output.write("".join(line + "\n" for line in lines))
        expected.extend(lines)
        wait_until(lambda: len(received(local)) >= len(expected) if events_accepted(local) else False, 30, "the lines")

    file.touch()
    running = agent(tmp_path, config)
    write(100)
    ballast = fill(small_disk)
    for _ in range(3):
        write(100)
        time.sleep(1)
    running.kill()
    # A start on a full disk: the room that was reserved went with the old log.
    running = agent(tmp_path, config)
    write(100)
    wait_until(lambda: "positions cannot be written" in running.text(), 20, "the alarm")
    running.assert_running()
    descriptors = f"/proc/{running.child.pid}/fd"
    held = [os.readlink(f"{descriptors}/{name}") for name in os.listdir(descriptors)]
    assert not [path for path in held if "positions.new" in path]
    ballast.unlink()
    wait_until(lambda: "positions can be written again" in running.text(), 20, "the recovery without a restart")
    time.sleep(1.5)
    running.kill()
    before = sum(received(local).values())
    running = agent(tmp_path, config)
    write(100)
    assert running.stop() == 0
    assert set(received(local)) == set(expected)
    assert sum(received(local).values()) == before + 100, "nothing is sent again once positions are durable"
