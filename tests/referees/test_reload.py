"""SIGHUP: a good configuration is taken up while the agent runs, a bad one is refused and the old one runs on."""

import signal

from conftest import wait_until
from test_agent_loses_nothing import agent, configuration, received


def section(path, group):
    return f'\n[[logs.file]]\npath = "{path}"\nstart = "beginning"\ngroup = "{group}"\nstream = "one"\n'


def test_a_configuration_is_read_again_on_sighup_and_a_bad_one_is_refused(local, tmp_path):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_text("first 1\n")
    second.write_text("second 1\n")
    config = configuration(tmp_path, local.url, first)
    good = config.read_text()
    running = agent(tmp_path, config)

    def has(group, *texts):
        groups = [g["logGroupName"] for g in local.client("logs").describe_log_groups()["logGroups"]]
        return group in groups and set(texts) <= set(received(local, group))

    def hang_up(text):
        config.write_text(text)
        running.child.send_signal(signal.SIGHUP)

    wait_until(lambda: has("/torture", "first 1"), 20, "the first line")

    hang_up(good + section(second, "/second") + 'flush = "soon"\n')
    wait_until(lambda: "the configuration is not taken" in running.text(), 20, "the refusal")
    mistake = next(line for line in running.text().splitlines() if "logs.file[1].flush" in line)
    assert f"{config}:" in mistake and " ERROR " in mistake
    with open(first, "a") as output:
        output.write("first 2\n")
    wait_until(lambda: has("/torture", "first 2"), 20, "a line after the refusal")
    assert not has("/second")

    hang_up(good + section(second, "/second"))
    wait_until(lambda: has("/second", "second 1"), 20, "a line of the new file")
    with open(first, "a") as output:
        output.write("first 3\n")
    wait_until(lambda: has("/torture", "first 3"), 20, "a line of the file that stayed")
    running.assert_running()
    assert running.stop() == 0
    assert received(local) == {"first 1": 1, "first 2": 1, "first 3": 1}
