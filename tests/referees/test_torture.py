"""A short run of tests/torture/torture on the binaries of the tests; the long one is for people."""

import subprocess
import sys

from conftest import BINARIES, ROOT, tell


def test_nine_kinds_of_rotation_lose_no_line_through_kills_freezes_a_cut_and_a_full_disk():
    command = [sys.executable, ROOT / "tests" / "torture" / "torture", "--binaries", BINARIES.resolve()]
    run = subprocess.run(
        [*map(str, command), "--seconds", "40", "--kills", "4"], capture_output=True, text=True, timeout=400
    )
    tell(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lost 0, never written 0" in run.stdout
