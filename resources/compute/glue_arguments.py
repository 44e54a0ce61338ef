"""The arguments of a run on Glue: its own ones, what it passes on, and what it could not carry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from resources.compute.engine import RUN_TAG, JobRequest
from resources.errors import EngineError

#: The argument by which a run is found again: Glue has no token for that, and no tags for runs.
JOB_ARGUMENT = "--lake-assets-job"
#: The argument that says whose it is: what a tag says elsewhere.
RUN_ARGUMENT = "--lake-assets-run"
#: What Glue takes in all (AWS Glue quotas: arguments of a job, 260 KB).
LONGEST_BYTES = 260 * 1024
#: What the type of worker decides on Glue.
_OF_WORKERS = ("spark.driver.memory", "spark.executor.memory")
#: Special parameters of Glue, which it does not leave to a script.
_OF_GLUE = re.compile(
    r"--(JOB_NAME|JOB_ID|JOB_RUN_ID|TempDir|conf|scriptLocation|mode|debug|class|job-.*|enable-.*"
    r"|extra-.*|additional-python-modules|user-jars-first|continuous-log-.*|custom-logGroup-prefix"
    r"|lake-assets-(job|run))"
)


def run_arguments(request: JobRequest, *, autoscaling: bool) -> dict[str, str]:
    """All arguments of a run; raises `EngineError` for a request that Glue cannot carry."""
    arguments = {
        "--scriptLocation": request.entry_point,
        "--extra-py-files": request.code,
        "--extra-jars": ",".join(request.jars),
        "--conf": _conf(
            {name: each for name, each in request.spark_config.items() if name not in _OF_WORKERS}
        ),
        "--job-bookmark-option": "job-bookmark-disable",
        "--enable-auto-scaling": "true" if autoscaling else "",
        JOB_ARGUMENT: request.key,
        RUN_ARGUMENT: request.tags.get(RUN_TAG, ""),
        **_pairs(request.arguments),
    }
    arguments = {name: value for name, value in arguments.items() if value}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in arguments.items())
    if size > LONGEST_BYTES:
        raise EngineError(
            f"Expected at most {LONGEST_BYTES:,} bytes of arguments for a job on Glue, found "
            f"{size:,}. Put what is long into the specification."
        )
    return arguments


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    names, values = arguments[::2], arguments[1::2]
    wrong = [name for name in names if not name.startswith("--") or _OF_GLUE.fullmatch(name)]
    if wrong or len(names) != len(values) or len(set(names)) != len(names) or not all(values):
        raise EngineError(
            "Expected arguments for a job on Glue as pairs of a name with -- and a value, each name "
            f"once and none of Glue's own; found {' '.join(arguments)[:200]!r}."
        )
    return dict(zip(names, values, strict=True))


def _conf(config: Mapping[str, str]) -> str:
    """Glue has one `--conf`; others follow in its value, where nothing can be quoted."""
    wrong = [name for name, value in config.items() if re.search(r"\s", f"{name}{value}")]
    if wrong:
        raise EngineError(
            f"Expected Spark's settings without blanks for a job on Glue, found {wrong[0]} as "
            f"{config[wrong[0]]!r}."
        )
    return " --conf ".join(f"{name}={value}" for name, value in config.items())
