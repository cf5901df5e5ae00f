"""What the agent says about this host, against psutil, df, ss, the node exporter and /proc read by other code.

The agent measures each second and sends to the stand-in; boto3 reads it back. Meanwhile a recorder reads the same
things by other means several times a second. A value must lie between what the recorder saw just before and just after
it, a sum of changes between those of the counters.
"""

import collections
import datetime
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import psutil
import pytest

from conftest import Process, binary, free_port, static_credentials, wait_until

TICKS = 8
# A tick reads right after its second, on a busy machine a little later.
EARLY, LATE = 0.25, 0.9
# What a machine that works allocates between two looks.
MEMORY = 48e6
STATES = "close close_wait closing established fin_wait1 fin_wait2 last_ack listen none syn_sent syn_recv time_wait"
CPU = "active guest guest_nice idle iowait irq nice softirq steal system user"
DISK = ["device", "fstype", "path"]
# Name: unit, own dimensions. The names, units and dimensions of the amazon-cloudwatch-agent, written down once more.
THEIRS = {
    **{f"cpu_usage_{word}": ("Percent", ["cpu"]) for word in CPU.split()},
    **{f"cpu_time_{word}": ("None", ["cpu"]) for word in CPU.split()},
    **{f"mem_{word}": ("Bytes", []) for word in
       "active available buffered cached free inactive shared total used".split()},
    "mem_available_percent": ("Percent", []), "mem_used_percent": ("Percent", []),
    "swap_free": ("Bytes", []), "swap_used": ("Bytes", []), "swap_used_percent": ("Percent", []),
    **{f"disk_{word}": ("Bytes", DISK) for word in "free total used".split()},
    **{f"disk_inodes_{word}": ("Count", DISK) for word in "free total used".split()},
    "disk_used_percent": ("Percent", DISK),
    **{f"diskio_{word}": ("Count", ["name"]) for word in "reads writes iops_in_progress".split()},
    **{f"diskio_{word}": ("Bytes", ["name"]) for word in "read_bytes write_bytes".split()},
    **{f"diskio_{word}": ("Milliseconds", ["name"]) for word in "read_time write_time io_time".split()},
    **{f"net_bytes_{word}": ("Bytes", ["interface"]) for word in "sent recv".split()},
    **{f"net_{word}": ("Count", ["interface"]) for word in
       "packets_sent packets_recv drop_in drop_out err_in err_out".split()},
    **{f"netstat_tcp_{word}": ("Count", []) for word in STATES.split()},
    "netstat_udp_socket": ("Count", []),
    **{f"processes_{word}": ("Count", []) for word in
       "blocked dead idle paging running sleeping stopped total total_threads wait".split()},
    "processes_zombies": ("None", []),
}


class Recorder:
    """Reads numbers until it is told to stop."""

    def __init__(self, *readers):
        self.readings = []
        self.ended = threading.Event()

        def follow():
            while not self.ended.wait(0.08):
                seen = {}
                began = time.time()
                for read in readers:
                    seen.update(read())
                self.readings.append((began, time.time(), seen))

        self.thread = threading.Thread(target=follow, daemon=True)
        self.thread.start()

    def stop(self):
        self.ended.set()
        self.thread.join(20)

    def around(self, key, at):
        """The least and the most that was read around a time."""
        values = [
            seen[key] for began, ended, seen in self.readings
            if key in seen and ended > at - EARLY and began < at + LATE
        ]
        assert values, f"nothing was read of {key} around {at}"
        return min(values), max(values)


class Told:
    """What the stand-in has of one namespace, read with boto3."""

    def __init__(self, local, namespace):
        self.cloudwatch = local.client("cloudwatch")
        self.namespace = namespace
        pages = self.cloudwatch.get_paginator("list_metrics").paginate(Namespace=namespace)
        self.metrics = [metric for page in pages for metric in page["Metrics"]]

    def series(self, name, /, **own):
        """Value by second of the series of this name with these own dimensions, and its unit."""
        fits = [
            metric["Dimensions"] for metric in self.metrics
            if metric["MetricName"] == name
            and {d["Name"]: d["Value"] for d in metric["Dimensions"] if d["Name"].lower() != "host"} == own
        ]
        assert len(fits) == 1, (name, own, fits)
        now = datetime.datetime.now(datetime.timezone.utc)
        points = self.cloudwatch.get_metric_statistics(
            Namespace=self.namespace, MetricName=name, Dimensions=fits[0], Period=1, Statistics=["Sum", "SampleCount"],
            StartTime=now - datetime.timedelta(minutes=10), EndTime=now + datetime.timedelta(minutes=1),
        )["Datapoints"]
        assert all(point["SampleCount"] == 1 for point in points)
        return {point["Timestamp"].timestamp(): point["Sum"] for point in points}, {p["Unit"] for p in points}

    def own_values(self, name, dimension):
        found = [
            d["Value"] for m in self.metrics if m["MetricName"] == name for d in m["Dimensions"] if d["Name"] == dimension
        ]
        return sorted(set(found))


def run(local, directory, metrics, *readers):
    """Lets agent and recorder look at the host at the same time, and gives what both saw."""
    config = directory / "agent.toml"
    config.write_text(
        f'[agent]\nstate_dir = "{directory}/state"\n[aws]\nregion = "eu-west-1"\nendpoint_url = "{local.url}"\n'
        f'[metrics]\ninterval = "1s"\n{metrics}\n'
    )
    (directory / "state").mkdir()
    recorder = Recorder(*readers)
    agent = Process([binary("plimsoll-agent"), "run", "--config", str(config)], directory / "agent.log",
                    static_credentials())
    # Something must happen, or every change is zero.
    scratch = directory / "traffic"
    for n in range(TICKS + 4):
        agent.assert_running()
        scratch.write_bytes(os.urandom(400_000))
        with open(scratch, "rb") as file:
            os.fsync(file.fileno())
        time.sleep(0.9)
    assert agent.stop() == 0, agent.text()
    time.sleep(LATE)
    recorder.stop()
    assert "host metrics are missing" not in agent.text(), agent.text()
    return recorder


def like(told, recorder, name, /, slack=0.0, least=TICKS - 3, **own):
    """Each value lies between what was read before and after it, but for the slack. What moves meanwhile may have
    moved as far between two looks of the recorder."""
    points, _ = told.series(name, **own)
    # The last one is of the drain and carries another time.
    compared = 0
    for at, value in sorted(points.items()):
        low, high = recorder.around(" ".join([name, *own.values()]), at)
        room = slack + 1e-6 * abs(high) + (high - low)
        assert low - room <= value <= high + room, f"{name} {own} at {at}: {value} is not in {low} to {high}"
        compared += 1
    assert compared >= least, f"{name} {own}: only {compared} values"


def adds_up(told, recorder, name, /, slack=0.0, scale=1.0, rate=False, **own):
    """The sum of all changes lies between the differences of the counter. Of a rate, each counts for the time since
    the one before, which is known to a tenth."""
    points, _ = told.series(name, **own)
    # The first one is of a shorter time: since the start.
    first, *times = sorted(points)
    assert len(times) >= TICKS - 4, f"{name} {own}: only {len(times)} values"
    key = " ".join([name, *own.values()])
    first_low, first_high = recorder.around(key, first)
    last_low, last_high = recorder.around(key, times[-1])
    low, high = (last_low - first_high) * scale, (last_high - first_low) * scale
    lengths = [later - earlier if rate else 1 for earlier, later in zip([first, *times], times)]
    total = sum(points[at] * length for at, length in zip(times, lengths))
    room = slack + (0.1 * high if rate else 0)
    assert low - room <= total <= high + room, f"{name} {own}: {total} is not in {low} to {high}"


def flat(name, **values):
    return {f"{name}_{key}": value for key, value in values.items()}


def memory():
    m, s = psutil.virtual_memory(), psutil.swap_memory()
    # psutil 7 takes another sum for what is used.
    used = m.total - m.free - m.buffers - m.cached
    return {
        **flat("mem", active=m.active, available=m.available, buffered=m.buffers, cached=m.cached, free=m.free,
               inactive=m.inactive, shared=m.shared, total=m.total, used=used, used_percent=100 * used / m.total,
               available_percent=100 * m.available / m.total),
        **flat("swap", free=s.free, used=s.used, used_percent=s.percent),
    }


def processor_times():
    t = psutil.cpu_times()
    words = {word: getattr(t, word) for word in CPU.split() if word != "active"}
    words["active"] = sum(words.values()) - words["idle"] - words["guest"] - words["guest_nice"]
    return {f"cpu_time_{word} cpu-total": value for word, value in words.items()}


def root_disk():
    usage, inodes = psutil.disk_usage("/"), os.statvfs("/")
    return flat("disk", total=usage.total, used=usage.used, free=usage.free,
                used_percent=100 * usage.used / (usage.used + usage.free), inodes_total=inodes.f_files,
                inodes_free=inodes.f_ffree, inodes_used=inodes.f_files - inodes.f_ffree,
                inodes_used_percent=100 * (1 - inodes.f_ffree / max(inodes.f_files, 1)))


def devices():
    found = {}
    for name, c in psutil.disk_io_counters(perdisk=True, nowrap=False).items():
        values = flat("diskio", reads=c.read_count, writes=c.write_count, read_bytes=c.read_bytes,
                      write_bytes=c.write_bytes, read_time=c.read_time, write_time=c.write_time, io_time=c.busy_time)
        found.update({f"{key} {name}": value for key, value in values.items()})
    return found


def interfaces():
    found = {}
    for name, c in psutil.net_io_counters(pernic=True, nowrap=False).items():
        values = flat("net", bytes_sent=c.bytes_sent, bytes_recv=c.bytes_recv, packets_sent=c.packets_sent,
                      packets_recv=c.packets_recv, drop_in=c.dropin, drop_out=c.dropout, err_in=c.errin,
                      err_out=c.errout)
        found.update({f"{key} {name}": value for key, value in values.items()})
    return found


def sockets():
    """By ss, which asks the kernel by netlink."""
    rows = subprocess.run(["ss", "-Htan"], capture_output=True, text=True, check=True).stdout.split("\n")
    states = collections.Counter(row.split()[0] for row in rows if row.strip())
    udp = subprocess.run(["ss", "-Huan"], capture_output=True, text=True, check=True).stdout
    return {
        "netstat_tcp_listen": states["LISTEN"], "netstat_tcp_established": states["ESTAB"],
        "netstat_tcp_close_wait": states["CLOSE-WAIT"], "netstat_tcp_time_wait": states["TIME-WAIT"],
        "netstat_udp_socket": len(udp.splitlines()),
        "open": states["ESTAB"] + states["CLOSE-WAIT"],
    }


def processes():
    pids = psutil.pids()
    threads = 0
    for pid in pids:
        try:
            threads += int(re.search(r"^Threads:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
        except (OSError, TypeError):
            pass
    return {"processes_total": len(pids), "processes_total_threads": threads}


def kernel():
    files = pathlib.Path("/proc/sys/fs/file-nr").read_text().split()
    found = {"file_descriptors_used": int(files[0])}
    stat = pathlib.Path("/proc/stat").read_text()
    found["context_switches"] = int(re.search(r"^ctxt (\d+)", stat, re.M)[1])
    for name in ("cpu", "memory", "io"):
        path = pathlib.Path("/proc/pressure") / name
        if path.exists():
            for kind, total in re.findall(r"^(some|full) .* total=(\d+)", path.read_text(), re.M):
                found[f"pressure_{name}_{kind}"] = int(total)
    tcp = [line.split() for line in pathlib.Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Tcp:")]
    tcp = dict(zip(*tcp))
    found["netstat_tcp_retransmits"] = int(tcp["RetransSegs"])
    found["load_1"], found["load_5"], found["load_15"] = os.getloadavg()
    return found


@pytest.fixture
def connections():
    """Sockets in known states: two connections, one of them half closed, and three that listen."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    clients = [socket.create_connection(listeners[0].getsockname()) for _ in range(2)]
    accepted = [listeners[0].accept()[0] for _ in range(2)]
    clients[0].shutdown(socket.SHUT_WR)
    yield
    for one in [*listeners, *clients, *accepted]:
        one.close()


def test_the_host_is_told_exactly_as_the_amazon_cloudwatch_agent_does(local, tmp_path, connections):
    scrapers = '"cpu", "memory", "swap", "disk", "diskio", "net", "netstat", "processes"'
    metrics = (
        f'compatibility = "cloudwatch-agent"\nscrapers = [{scrapers}]\n[metrics.cpu]\nper_core = true\n'
        '[metrics.disk]\ninclude = ["/"]\n[metrics.net]\nexclude = []\n[metrics.diskio]\nexclude = []'
    )
    readers = [memory, processor_times, root_disk, devices, interfaces, sockets, processes]
    recorder = run(local, tmp_path, metrics, *readers)
    told = Told(local, "CWAgent")

    # Names, units and dimensions.
    up = [name for name, stats in psutil.net_if_stats().items() if stats.isup and name != "lo"]
    expected = {name: what for name, what in THEIRS.items() if up or not name.startswith("net_")}
    seen = {}
    for metric in told.metrics:
        names = sorted(d["Name"] for d in metric["Dimensions"])
        assert "host" in names, metric
        seen[metric["MetricName"]] = [name for name in names if name != "host"]
    assert seen == {name: dimensions for name, (_, dimensions) in expected.items()}
    cores = [f"cpu{n}" for n in range(psutil.cpu_count())]
    assert told.own_values("cpu_usage_active", "cpu") == sorted(["cpu-total", *cores])
    assert told.own_values("diskio_reads", "name") == sorted(psutil.disk_io_counters(perdisk=True))
    assert told.own_values("net_bytes_sent", "interface") == sorted(up)
    own = {name: {d["Name"]: d["Value"] for d in next(m for m in told.metrics if m["MetricName"] == name)["Dimensions"]
                  if d["Name"] != "host"} for name in expected}
    for name, (unit, _) in expected.items():
        assert told.series(name, **own[name])[1] == {unit}, name

    # Values.
    for name in memory():
        share = 100 * MEMORY / psutil.virtual_memory().total
        moves = name not in ("mem_total", "swap_used_percent")
        like(told, recorder, name, slack=(share if name.endswith("percent") else MEMORY) if moves else 0.01)
    for key in processor_times():
        like(told, recorder, key.split()[0], slack=0.011, cpu="cpu-total")
    on_root = own["disk_total"]
    assert on_root["path"] == "/"
    source, kind = subprocess.run(
        ["df", "--output=source,fstype", "/"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1].split()
    if source.startswith("/dev/") and source != "/dev/root":
        assert on_root["device"] == source.removeprefix("/dev/")
    assert on_root["fstype"] == kind
    recorder.readings = [
        (a, b, {**seen, **{f"{key} {' '.join(on_root.values())}": v for key, v in seen.items()}})
        for a, b, seen in recorder.readings
    ]
    for name in root_disk():
        if name in THEIRS:
            like(told, recorder, name, **on_root)
    for key in devices():
        name, device = key.split()
        adds_up(told, recorder, name, name=device)
    for key in interfaces():
        name, interface = key.split()
        if interface in up:
            adds_up(told, recorder, name, interface=interface)
    for name in sockets():
        if name in THEIRS:
            like(told, recorder, name)
    # Processes come and go between two looks of the recorder.
    like(told, recorder, "processes_total", slack=3)
    like(told, recorder, "processes_total_threads", slack=20)

    # Shares of the whole run.
    for word in CPU.split():
        points, _ = told.series(f"cpu_usage_{word}", cpu="cpu-total")
        assert 0 <= min(points.values()) and max(points.values()) <= 100 + 1e-9, word
    points, _ = told.series("cpu_usage_idle", cpu="cpu-total")
    idle, _ = told.series("cpu_time_idle", cpu="cpu-total")
    times = sorted(set(points) & set(idle))
    spent = (idle[times[-1]] - idle[times[0]]) / psutil.cpu_count() / (times[-1] - times[0]) * 100
    mean = sum(points[at] for at in times[1:]) / (len(times) - 1)
    assert abs(mean - spent) < 3, f"{mean} and {spent}"


def test_the_agents_own_names_agree_with_other_readers(local, tmp_path, connections):
    metrics = (
        '[metrics.scheduler]\n[metrics.disk]\ninclude = ["/"]\n[metrics.net]\nexclude = []\n'
        '[metrics.pressure]\nfull = true'
    )
    readers = [memory, root_disk, devices, interfaces, sockets, processes, kernel]
    spin = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nwhile True: pass"
    spinning = subprocess.Popen([sys.executable, "-c", spin])
    try:
        recorder = run(local, tmp_path, metrics, *readers)
    finally:
        spinning.kill()
        spinning.wait()
    told = Told(local, "Plimsoll/Host")
    like(told, recorder, "mem_total")
    like(told, recorder, "mem_available", slack=MEMORY)
    like(told, recorder, "swap_used", slack=MEMORY)
    for name in ["load_1", "load_5", "load_15"]:
        like(told, recorder, name, slack=0.01)
    recorder.readings = [
        (a, b, {**seen, **{f"{key} /": v for key, v in seen.items() if key.startswith("disk_")},
                "netstat_tcp_established": seen["open"]})
        for a, b, seen in recorder.readings
    ]
    for name in ["total", "free", "used_percent", "inodes_used_percent"]:
        like(told, recorder, f"disk_{name}", path="/")
    like(told, recorder, "file_descriptors_used", slack=64)
    like(told, recorder, "netstat_tcp_established")
    like(told, recorder, "netstat_tcp_time_wait")
    like(told, recorder, "processes_total", slack=3)
    # Rates are of the time between two ticks, which is a second but for a little.
    adds_up(told, recorder, "context_switches", rate=True)
    for name in ("cpu_some", "memory_some", "memory_full", "io_some", "io_full"):
        if pathlib.Path("/proc/pressure").exists():
            # Microseconds of a second are ten-thousandths of a percent.
            adds_up(told, recorder, f"pressure_{name}", scale=1e-4, rate=True, slack=0.5)
    for interface in told.own_values("net_bytes_recv", "interface"):
        for name in ("bytes_sent", "bytes_recv", "packets_sent", "packets_recv"):
            adds_up(told, recorder, f"net_{name}", rate=True, interface=interface)
    assert "lo" in told.own_values("net_bytes_recv", "interface")
    for device in told.own_values("diskio_write_bytes", "name"):
        for name in ("reads", "writes", "read_bytes", "write_bytes"):
            adds_up(told, recorder, f"diskio_{name}", rate=True, name=device)
    # The kernel rounds each line of /proc/stat for itself, to a tick: a hundredth of a core's second.
    average, busiest = (told.series(f"cpu_usage_{word}")[0] for word in ("active", "active_max_core"))
    for at in average:
        assert average[at] <= busiest[at] + 1 and busiest[at] <= 100 + 1e-6
    # One processor had no rest; the first and the last look are of other times.
    assert min(busiest[at] for at in sorted(busiest)[1:-1]) > 90


def exporter():
    path = os.environ.get("PLIMSOLL_NODE_EXPORTER") or shutil.which("prometheus-node-exporter")
    if not path or not pathlib.Path(path).exists():
        pytest.skip("the node exporter is not here: ./test takes it from Debian where it can")
    return path


# Ours: theirs, and by what theirs is multiplied.
EXPORTED = {
    "mem_total": ("node_memory_MemTotal_bytes", 1),
    "mem_available": ("node_memory_MemAvailable_bytes", 1),
    "load_1": ("node_load1", 1),
    "run_queue": ("node_procs_running", 1),
    "file_descriptors_used": ("node_filefd_allocated", 1),
    "netstat_tcp_established": ("node_netstat_Tcp_CurrEstab", 1),
    "netstat_tcp_time_wait": ("node_sockstat_TCP_tw", 1),
    "clock_error_max": ("node_timex_maxerror_seconds", 1000),
    "clock_offset": ("node_timex_offset_seconds", 1000),
    "clock_synchronised": ("node_timex_sync_status", 1),
    "oom_kills": ("node_vmstat_oom_kill", 1),
    "netstat_listen_overflows": ("node_netstat_TcpExt_ListenOverflows", 1),
    "netstat_listen_drops": ("node_netstat_TcpExt_ListenDrops", 1),
    "conntrack_used": ("node_nf_conntrack_entries", 1),
}


def test_the_node_exporter_sees_the_same_host(local, tmp_path, connections):
    port = free_port()
    server = Process([exporter(), f"--web.listen-address=127.0.0.1:{port}"], tmp_path / "exporter.log",
                     static_credentials())
    url = f"http://127.0.0.1:{port}/metrics"

    def read():
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        found = {}
        for ours, (theirs, factor) in EXPORTED.items():
            value = re.search(rf"^{theirs} (\S+)", text, re.M)
            if value:
                found[ours] = float(value[1]) * factor
        return found

    def ready():
        server.assert_running()
        try:
            return read()
        except OSError:
            return None

    first = wait_until(ready, 20, "the node exporter")
    recorder = run(local, tmp_path, "[metrics.scheduler]", read)
    server.stop()
    told = Told(local, "Plimsoll/Host")
    changes = ["oom_kills", "netstat_listen_overflows", "netstat_listen_drops"]
    for name in changes:
        if name in first:
            adds_up(told, recorder, name)
    # The number of threads that run changes a thousand times between two looks, and while the exporter answers it
    # sees the connection that asks.
    slack = {
        "load_1": 0.01, "run_queue": 50, "file_descriptors_used": 64, "mem_available": MEMORY, "clock_error_max": 2,
        "netstat_tcp_established": 4,
    }
    compared = [name for name in first if name not in changes]
    assert len(compared) >= 9, compared
    for name in compared:
        like(told, recorder, name, slack=slack.get(name, 0))
