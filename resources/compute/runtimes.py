"""Which Spark and Python a release of an engine runs, as far as that is known without starting it.

Sources: Amazon EMR release notes for 7.13.0 and emr-spark-8.0.0, AWS Glue release notes for 5.1 and
6.0. The job looks again where it runs (`spark/job.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from resources.errors import SettingsError


@dataclass(frozen=True)
class Runtime:
    """What a family of releases runs: `spark` as in 3.5, `pythons` from the default on."""

    spark: str
    pythons: tuple[str, ...]


#: By how a release's label begins.
EMR_RELEASES = {
    "emr-7.": Runtime("3.5", ("3.9", "3.11")),
    "emr-spark-8.": Runtime("4.0", ("3.11", "3.12", "3.13")),
}
GLUE_RELEASES = {
    "5.0": Runtime("3.5", ("3.11",)),
    "5.1": Runtime("3.5", ("3.11",)),
    "6.0": Runtime("4.1", ("3.13",)),
}


def require_runtime(variable: str, release: str, known: dict[str, Runtime]) -> Runtime:
    """What the release runs; raises `SettingsError`, naming the variable, unless it is known."""
    for start, runtime in known.items():
        if release.startswith(start):
            return runtime
    families = "; ".join(
        f"{start}… (Spark {each.spark}, Python {', '.join(each.pythons)})"
        for start, each in known.items()
    )
    raise SettingsError(
        f"{variable}: expected a release that runs what is shipped (Spark 3.5 to 4.1, Python 3.9 or "
        f"later), found {release!r}. There are: {families}."
    )
