"""What both scripts begin with: binaries to try, and a Python that has boto3."""

import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
VENV = ROOT / "target" / "venv"
REQUIREMENTS = ROOT / "tests" / "referees" / "requirements.txt"


def end_properly():
    """Lets SIGTERM end the script as Ctrl-C does, so that what it has made is taken away."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def with_boto3():
    """Runs the script again with the virtual environment's Python if this one has no boto3; makes it if need be."""
    try:
        import boto3  # noqa: F401
    except ImportError:
        python = VENV / "bin" / "python"
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)], check=True)
            (VENV / "requirements.txt").write_bytes(REQUIREMENTS.read_bytes())
        os.execv(python, [str(python), *sys.argv])


def binaries_of(options):
    """The directory of binaries that was named, or of release binaries that are built now."""
    if options.binaries:
        return options.binaries
    packages = ["-p", "plimsoll-agent", "-p", "plimsoll-local"]
    subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=ROOT, check=True)
    return ROOT / "target" / "release"
