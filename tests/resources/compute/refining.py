"""A process that refines on EMR, to be killed from outside.

`python -m tests.resources.compute.refining ROOT S3 EMR ATTEMPT` begins, or takes on, the job of the
run `run-1`, and prints the attempt that was reported.
"""

from __future__ import annotations

import logging
import sys

from resources.aws import AwsSettings
from resources.compute.emr import EmrEngine
from resources.compute.job_run import Terms
from resources.compute.pace import Pace
from resources.compute.remote import RemoteCompute
from resources.storage import open_storage
from tests.resources.compute.conftest import OWN
from tests.resources.compute.jobs import refine_of


def main(root: str, s3: str, emr: str, attempt: str) -> None:
    """Refine to the end."""
    aws = AwsSettings(region="us-east-1", endpoints={"s3": s3, "emr": emr})
    terms = Terms(pace=Pace(0.1, 0.1, 0.1))
    engine = EmrEngine(OWN, root, aws)
    log = logging.getLogger("refining")
    compute = RemoteCompute(engine, open_storage(root, aws), "run-1", terms, log)
    print(compute.refine(refine_of(attempt=attempt)).attempt, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
