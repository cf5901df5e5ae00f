"""Counts what arrived, through boto3: no code of ours decides whether a line was lost."""

import collections
import json
import threading
import time
import urllib.request

import boto3
from botocore.config import Config

# Positions are made durable about once a second; writing them takes some time of its own.
DURABLE_SECONDS = 1.5
# A put that was on its way when the cable was taken out may have taken effect without an answer.
UNANSWERED_SECONDS = 2


class Judge:
    def __init__(self, url):
        self.logs = boto3.client(
            "logs", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="local",
            aws_secret_access_key="local", config=Config(retries={"total_max_attempts": 5}),
        )
        self.lock = threading.Lock()

    def has_all(self, lane):
        """Whether every line of the lane's present file has arrived."""
        return self.since(lane) >= {lane.line(number) for number in range(lane.first, lane.written)}

    def has_some(self, lane):
        """Whether a line of the lane's present file has arrived, so that the agent has seen it."""
        return bool(self.since(lane) & {lane.line(number) for number in range(lane.first, lane.written)})

    def since(self, lane):
        """What arrived since the lane's present file was begun: events have the time of their reading."""
        return {text for text, _ in self.events(lane.group, startTime=int(lane.begun * 1000))}

    def events(self, group, **narrower):
        """Every event of the group, with when it was taken in."""
        with self.lock:
            try:
                pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=group, **narrower)
                return [(event["message"], event["ingestionTime"] / 1000) for page in pages for event in page["events"]]
            except self.logs.exceptions.ResourceNotFoundException:
                return []


class LostAnswers(threading.Thread):
    """Notes every put that took effect and whose answer was cut off, from the stand-in's record of calls."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.seen, self.ended = url + "/_local/calls.json", {}, threading.Event()

    def run(self):
        while not self.ended.wait(0.1):
            with urllib.request.urlopen(self.url, timeout=30) as answer:
                for call in json.load(answer)["recent"]:
                    if call["operation"] == "PutLogEvents" and call["fault"] == "reset_after":
                        self.seen[call["at"], call["request_bytes"]] = call["items"]

    def count(self):
        self.ended.set()
        self.join()
        return sum(self.seen.values())


class Moments:
    """When what was done to the agent: an event taken in during one of these spans may come again."""

    def __init__(self):
        self.spans = []
        self.disk_full_since = None

    def killed(self):
        now = time.time()
        begun = min(now, self.disk_full_since or now)
        self.spans.append((begun - DURABLE_SECONDS, now))

    def cut(self):
        now = time.time()
        self.spans.append((now - UNANSWERED_SECONDS, now + UNANSWERED_SECONDS))

    def cover(self, at):
        return any(begin <= at <= end for begin, end in self.spans)


def verdict(lane, events, moments):
    """Lines of a lane: written, delivered, lost, duplicates, and how many of its events may come twice."""
    counts = collections.Counter(text for text, _ in events)
    lost = [n for n in range(lane.written) if lane.line(n) not in counts]
    foreign = len(counts) - (lane.written - len(lost))
    return {
        "lane": lane.name, "rotations": lane.rotations, "written": lane.written, "lost": lost, "foreign": foreign,
        "duplicates": len(events) - len(counts), "in_flight": sum(moments.cover(at) for _, at in events),
    }
