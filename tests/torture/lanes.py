"""Writers that rotate their logs in every way that is known in the field.

A lane is one log with its writer: it writes numbered lines, some of them in two halves, and rotates every second or two.
What a rotation destroys before anyone could read it is nobody's loss, so lanes that destroy lines wait until all of the file
have arrived, and lanes whose old files nobody could find again by their names wait until one of them has, and the agent
has had room to note that; all others never wait.
"""

import gzip
import os
import pathlib
import random
import shutil
import threading
import time

LINES_PER_BURST = 30
PAUSE_SECONDS = 0.1


class Lane(threading.Thread):
    """Writes to `app.log` in its own directory until told to stop."""

    pattern = "app.log"

    def __init__(self, directory, seed, judge):
        super().__init__(daemon=True, name=type(self).__name__.lower())
        self.directory = pathlib.Path(directory) / self.name
        self.directory.mkdir(parents=True)
        self.path = self.directory / "app.log"
        self.random = random.Random(f"{self.name} {seed}")
        self.judge = judge
        self.written = 0
        self.first, self.begun = 0, time.time()
        self.rotations = 0
        self.ended = threading.Event()
        self.noted = threading.Event()
        self.noted.set()
        self.rotate_now = threading.Event()
        self.failure = None
        self.output = None

    @property
    def group(self):
        return f"/torture/{self.name}"

    def line(self, number):
        """What line `number` says: its length differs, and is the same each time it is asked for."""
        return f"{self.name} {number:07d} " + "x" * (number * 7919 % 190)

    def run(self):
        try:
            self.begin()
            due = time.monotonic() + self.random.uniform(1, 2)
            while not self.ended.is_set():
                self.burst()
                if self.rotate_now.is_set() or time.monotonic() >= due:
                    self.rotate_now.clear()
                    self.rotate()
                    self.rotations += 1
                    due = time.monotonic() + self.random.uniform(1, 2)
                self.ended.wait(PAUSE_SECONDS)
            self.output.close()
        except Exception as error:  # told by the judge: a writer that dies would look like success
            self.failure = error

    def begin(self):
        self.first, self.begun = self.written, time.time()
        self.output = open(self.path, "ab", buffering=0)

    def wait_for(self, condition):
        """Waits until the judge says so; `False` if the lane ends first."""
        while not self.ended.is_set():
            if condition(self):
                return True
            self.ended.wait(0.3)
        return False

    def wait_until_seen(self):
        """Waits until the agent has seen the present file and could note it on its disk."""
        return self.wait_for(lambda lane: lane.noted.is_set() and self.judge.has_some(lane))

    def burst(self):
        """Lines in one write, the last of them sometimes in two halves with a pause between."""
        texts = [self.line(self.written + n) + "\n" for n in range(LINES_PER_BURST)]
        data = "".join(texts).encode()
        if self.random.random() < 0.3:
            cut = len(data) - self.random.randrange(1, 20)
            self.output.write(data[:cut])
            time.sleep(0.02)
            self.output.write(data[cut:])
        else:
            self.output.write(data)
        self.written += LINES_PER_BURST

    def reopen(self):
        self.output.close()
        self.begin()

    def rotate(self):
        raise NotImplementedError


class Rename(Lane):
    """Renamed out of the glob; the writer goes on in the old file for a moment, as before its signal."""

    def rotate(self):
        self.path.rename(self.directory / f"app.log.{self.rotations}")
        self.burst()
        time.sleep(0.05)
        self.burst()
        self.reopen()


class RenameWithin(Lane):
    """Renamed to a name that the glob matches as well: nothing may be sent twice for it."""

    pattern = "app*.log"

    def rotate(self):
        self.path.rename(self.directory / f"app-{self.rotations}.log")
        self.reopen()


class Copytruncate(Lane):
    """Copied out of the glob, then truncated, at once: what was not read is in the copy alone."""

    def rotate(self):
        shutil.copyfile(self.path, self.directory / f"app.log.{self.rotations}")
        os.truncate(self.path, 0)


class CopytruncateWithin(Lane):
    """The same, with a copy that the glob matches: it must not be sent a second time."""

    pattern = "app*.log"

    def rotate(self):
        # Complete before it has its name, as a copy that is renamed; a copy that grows is another test.
        beside = self.directory / "copying"
        shutil.copyfile(self.path, beside)
        beside.rename(self.directory / f"app-{self.rotations}.log")
        os.truncate(self.path, 0)


class Compress(Lane):
    """Renamed, and soon replaced by a compressed file: the tail may be in the archive alone.

    An archive of a file that was never seen is nobody's, so the file is seen before it goes.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.waiting = None

    def rotate(self):
        if not self.wait_until_seen():
            return
        old = self.directory / f"app.log.{self.rotations}"
        self.path.rename(old)
        self.reopen()
        self.compress()
        self.waiting = old

    def compress(self):
        """As logrotate with delaycompress: the one before."""
        if self.waiting:
            archive = self.waiting.with_name(self.waiting.name + ".gz")
            with open(self.waiting, "rb") as source, gzip.open(archive, "wb", compresslevel=1) as target:
                shutil.copyfileobj(source, target)
            self.waiting.unlink()


class Symlink(Lane):
    """`current` leads to another file each time; only the link is in the glob. A file is seen before the next one."""

    pattern = "current"

    def begin(self):
        self.first, self.begun = self.written, time.time()
        target = self.directory / f"file-{self.rotations}"
        self.output = open(target, "ab", buffering=0)
        beside = self.directory / "next"
        beside.symlink_to(target.name)
        beside.rename(self.directory / "current")

    def rotate(self):
        if not self.wait_until_seen():
            return
        self.output.close()
        self.rotations += 1
        self.begin()
        self.rotations -= 1


class Hardlink(Lane):
    """A second name for the file that the glob matches as well, then the first is removed."""

    pattern = "app*.log"

    def rotate(self):
        os.link(self.path, self.directory / f"app-{self.rotations}.log")
        self.burst()
        self.path.unlink()
        self.reopen()


class InodeReuse(Lane):
    """Deleted and made anew at once, so that the inode number is used again. Waits for all its lines."""

    def rotate(self):
        if not self.wait_for(self.judge.has_all):
            return
        self.output.close()
        self.path.unlink()
        self.begin()


class Truncate(Lane):
    """Emptied in place and written anew, past the old length within one burst. Waits for all its lines."""

    def rotate(self):
        if not self.wait_for(self.judge.has_all):
            return
        size = self.path.stat().st_size
        os.truncate(self.path, 0)
        self.first, self.begun = self.written, time.time()
        while self.path.stat().st_size <= size:
            self.burst()


LANES = [
    Rename, RenameWithin, Copytruncate, CopytruncateWithin, Compress, Symlink, Hardlink, InodeReuse, Truncate,
]
