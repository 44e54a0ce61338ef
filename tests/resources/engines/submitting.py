"""A process that submits a job, to be killed while it asks for something.

`python -m tests.resources.engines.submitting ENGINE KEY` takes the lake and the engine from the
environment.
"""

from __future__ import annotations

import logging
import os
import sys

from resources.compute.engine import JobRequest, Submitted
from resources.compute.opening import open_engine
from resources.compute.pace import Pace
from resources.settings import load_settings

_LAKE = "LAKE_"


def submit(environment: dict[str, str], engine: str, key: str) -> Submitted:
    """Submit the job of a key, as often as the service asks to be tried again."""
    settings = load_settings(environment)
    opened = open_engine(settings, engine)
    request = JobRequest(
        key=key,
        name="refined/plays 2026-11-01-05",
        entry_point=f"{settings.root}/code/job.py",
        code=f"{settings.root}/code/shipped.zip",
        arguments=("--do", "nothing"),
    )
    pace = Pace(patience_seconds=60.0)
    return pace.patiently(lambda: opened.submit(request), engine, logging.getLogger(__name__))


if __name__ == "__main__":
    submit(
        {name: value for name, value in os.environ.items() if name.startswith(_LAKE)},
        sys.argv[1],
        sys.argv[2],
    )
