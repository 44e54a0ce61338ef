"""What a job's log and state say of why it failed, in words, with what to change.

The failures that are recognised are in `known_service_failures.py` and `known_spark_failures.py`.
Nothing here asks a service.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from resources.compute.known_failure import Larger
from resources.compute.known_service_failures import ACCESS, CAPACITY, THROTTLED
from resources.compute.known_spark_failures import DATA, LOST, MEMORY, VERSIONS, YARN

#: What is further up explains what is below.
KNOWN = (*ACCESS, *CAPACITY, *YARN, *MEMORY, *VERSIONS, *DATA, *THROTTLED, *LOST)

#: How much of a line is repeated: stack traces of Spark have lines of thousands of characters.
_SHOWN = 300


@dataclass(frozen=True)
class Diagnosis:
    """Why a job failed, by one line of what it left, its `evidence`.

    `retryable` says whether the same job can succeed: by itself, or where `larger` names something
    only with more of that.
    """

    cause: str
    remedy: str
    evidence: str
    retryable: bool
    larger: Larger | None = None

    @property
    def sentence(self) -> str:
        """The whole for people."""
        return f"{self.cause}. {self.remedy}. It said: {self.evidence}"


def explain(lines: Sequence[str], detail: str = "") -> Diagnosis | None:
    """The most telling failure among a log's lines and a service's words for the job's state.

    Where several are found, causes come before what follows from them: an executor that was killed
    for its memory is lost as well. None where nothing is recognised.
    """
    said = [*lines, *detail.splitlines()]
    for known in KNOWN:
        if known.unless is not None and any(known.unless.search(line) for line in said):
            continue
        for line in reversed(said):
            if match := known.pattern.search(line):
                words = {name: value or "not said" for name, value in match.groupdict().items()}
                return Diagnosis(
                    known.cause.format(**words),
                    known.remedy.format(**words),
                    _shortened(line.strip(), match.group()),
                    known.retryable,
                    known.larger,
                )
    return None


def enlarged(config: dict[str, str], causes: Iterable[Larger]) -> dict[str, str]:
    """Spark's configuration for another try, doubled for each earlier one that lacked memory.

    At most `MOST_DOUBLINGS` times: what does not fit then will not fit, and only costs more. Disk
    and workers are the engine's own settings and stay as they are.
    """
    doublings = min(MOST_DOUBLINGS, sum(1 for each in causes if each == "memory"))
    if not doublings:
        return config
    defaults = {"spark.executor.memory": "4g", "spark.driver.memory": "4g"}
    sizes = {name: config.get(name, default) for name, default in defaults.items()}
    return {**config, **{name: _times(size, 2**doublings) for name, size in sizes.items()}}


#: How often memory is doubled before a job is given up.
MOST_DOUBLINGS = 2


def _times(size: str, factor: int) -> str:
    number = size.rstrip("kmgtb")
    return f"{int(number) * factor}{size[len(number) :]}"


def _shortened(line: str, telling: str) -> str:
    """The line, or of a long one what begins at its telling part."""
    if len(line) <= _SHOWN:
        return line
    return line[line.find(telling) :][:_SHOWN] + "…"
