"""A soak: `dagster dev` with an arrival every few seconds, while its processes are killed at random.

`make soak`, or `make soak ARGS="--minutes 5"`. At its end nothing may be lost, doubled or under way.
What a soak that was not well leaves behind stays, to be looked at.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from benchmarks.living import Living, session_of, stop

#: Seconds between arrivals, between kills, and what a restart or the last runs may take.
ARRIVAL, KILL, SETTLING = (3.0, 8.0), (40.0, 90.0), 900.0
#: Which process a command line belongs to.
KINDS = {
    "dagster_webserver": "web server",
    "dagster._daemon": "daemon",
    "api grpc": "code server",
    "code-server": "code server's keeper",
    "dagster dev": "dagster dev",
    "spawn_main": "run",
    "SparkSubmit": "run's JVM",
}
KILLED = ("run", "daemon", "web server")


@dataclass
class Soak:
    """One soak; `memory` are MiB by kind and process, sampled as it goes."""

    living: Living
    chance: random.Random
    process: subprocess.Popen[bytes]
    killed: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    memory: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))

    def run(self, minutes: float) -> None:
        """Deliver, kill and restart for so long."""
        until = time.monotonic() + 60 * minutes
        arrival = kill = sample = time.monotonic()
        kill += 60
        while time.monotonic() < until:
            now = time.monotonic()
            self.keep_up()
            if now >= arrival:
                hours = timedelta(hours=self.chance.choice((0, 0, 0, 0, 1, 2)))
                self.living.send(datetime.now(UTC) - hours, count=self.chance.randint(1, 40))
                arrival = now + self.chance.uniform(*ARRIVAL)
            if now >= kill:
                self.kill()
                kill = now + self.chance.uniform(*KILL)
            if now >= sample:
                self.sample()
                sample = now + 10
            time.sleep(0.2)

    def keep_up(self) -> None:
        """Start it again when it has ended, as a service manager does."""
        if self.process.poll() is not None:
            stop(self.process, 20)
            self.process, self.restarts = self.living.start(), self.restarts + 1

    def kill(self) -> None:
        """Kill one process the hard way."""
        found = [(kind_of(each), each) for each in session_of(self.process)]
        victims = [(kind, each) for kind, each in found if kind in KILLED]
        if not victims:
            return
        kind = self.chance.choice(sorted({kind for kind, _ in victims}))
        victim = self.chance.choice([each for name, each in victims if name == kind])
        victim.send_signal(signal.SIGKILL)
        self.killed[kind] += 1
        say(f"killed: {kind} (pid {victim.pid})")

    def sample(self) -> None:
        for each in session_of(self.process):
            try:
                self.memory[kind_of(each), each.pid].append(each.memory_info().rss / 2**20)
            except psutil.NoSuchProcess:
                continue

    def settle(self, seconds: float) -> bool:
        """Wait until readers see everything and no run is left."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.keep_up()
            self.sample()
            if self.living.is_whole() and not self.living.unfinished():
                return True
            time.sleep(5)
        return False

    def report(self) -> bool:
        """Say what came out; whether all is well."""
        found = self.living.published()
        lost = self.living.sent.keys() - {beat for beat, _ in found}
        doubled = len(found) - len(dict(found))
        with self.living.instance() as instance:
            statuses = Counter(run.status.value for run in instance.get_runs())
        say(f"sent {len(self.living.sent):,} beats, published {len(found):,}")
        say(
            f"lost {len(lost):,}, doubled {doubled:,}, still under way {len(self.living.unfinished())}"
        )
        say(
            f"killed: {dict(self.killed)}; started again {self.restarts} times; runs: {dict(statuses)}"
        )
        for (kind, pid), samples in sorted(self.memory.items()):
            if len(samples) >= 18 and not kind.startswith("run"):
                third = len(samples) // 3
                early, late = min(samples[third:-third]), max(samples[-third:])
                say(f"memory of {kind} {pid}: {early:.0f} MiB, at its end {late:.0f} MiB")
        return not lost and not doubled and not self.living.unfinished()


def kind_of(process: psutil.Process) -> str:
    """Which of the parts of `dagster dev` a process is."""
    try:
        line = " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
    return next((kind for text, kind in KINDS.items() if text in line), "other")


def say(text: str) -> None:
    """A line with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def main() -> int:
    """Soak, settle, report; 0 if all is well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    living = Living(Path(tempfile.mkdtemp(prefix="lake-soak-")))
    say(f"below {living.root}")
    soak = Soak(living, random.Random(arguments.seed), living.start())
    try:
        soak.run(arguments.minutes)
        say("no more arrivals, no more kills")
        is_settled = soak.settle(SETTLING)
        is_well = soak.report() and is_settled
    finally:
        left = stop(soak.process)
    say(f"processes that had to be killed: {len(left)}")
    if is_well:
        shutil.rmtree(living.root, ignore_errors=True)
    say("well" if is_well else "NOT well")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
