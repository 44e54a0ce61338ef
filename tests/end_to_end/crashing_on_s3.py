"""The same as `crashing.py` on S3 and Glue: children are killed before calls that change something.

`python crashing_on_s3.py ROOT MODE` takes from the environment where S3 and Glue are. ROOT is what
the lake has on this machine. Calls that only read are no moments: between two changes they leave
the same behind.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from botocore.endpoint import Endpoint
from botocore.model import OperationModel

from resources.aws import aws_client
from resources.catalog.glue import GlueCatalog
from resources.catalog.lease import Terms
from tests.end_to_end.crashing import Tell, World, in_child, interrupt, project_frame
from tests.workshop import StoredCompute, Workshop, environment

#: Short turns, so that the place of a killed publisher is free soon.
SHORT = Terms(seconds=3.0, skew_seconds=0.1, wait_seconds=60)


_READS = ("Get", "BatchGet", "Head", "List")


@contextmanager
def killed_before(moment: int, tell: Tell) -> Iterator[None]:
    """Kill this process the hard way right before it sends its n-th call that changes something."""
    count = 0
    send: Callable[[Endpoint, OperationModel, Mapping[str, object]], object] = Endpoint.make_request

    def watched(
        endpoint: Endpoint, action: OperationModel, request: Mapping[str, object]
    ) -> object:
        nonlocal count
        if not action.name.startswith(_READS):
            count += 1
            if count == moment:
                tell(f"{action.name} in {project_frame(sys._getframe())}")
                os.kill(os.getpid(), signal.SIGKILL)
        return send(endpoint, action, request)

    with patch.object(Endpoint, "make_request", watched):
        yield


S3 = World(lambda workshop, rows: StoredCompute(rows, storage=workshop.lake.storage), killed_before)


def lake_on_s3(root: Path, variables: Mapping[str, str]) -> Workshop:
    """The lake of the settings, whose publishers do not wait long for one that was killed."""
    workshop = Workshop(root, environment=variables)
    lake = workshop.lake
    lake.catalog = GlueCatalog(
        aws_client(lake.settings.aws, "glue"),
        lake.storage,
        lake.settings.glue.database,
        location=lake.storage.target_uri,
        terms=SHORT,
    )
    return workshop


def main(root: Path, mode: str) -> None:
    """`first`: each run is the first of its lake; `again`: each replaces what is published."""
    variables = environment()
    if mode == "again":
        workshop = lake_on_s3(root, variables)
        interrupt(lambda _: workshop, 1, S3)
        return

    def make(moment: int) -> Workshop:
        names = {
            "LAKE_ROOT": f"{variables['LAKE_ROOT']}/{moment}",
            "LAKE_GLUE_DATABASE": f"{variables['LAKE_GLUE_DATABASE']}_{moment}",
        }
        workshop = lake_on_s3(root / str(moment), {**variables, **names})
        in_child(lambda _: workshop.have_songs())
        return workshop

    interrupt(make, 1, S3)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
