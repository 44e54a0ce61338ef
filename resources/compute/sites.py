"""The engines that the settings configure, as estimates need to know them."""

from __future__ import annotations

import os
import re

from resources.compute.emr_site import emr_site
from resources.compute.engine import Usage
from resources.compute.estimate import Site
from resources.compute.managed_sites import emr_serverless_site, glue_site
from resources.settings import Settings
from resources.storage import is_on_s3

#: What Spark in process takes of input for each byte of its memory. Ten times the events in the
#: same 2 GB took a tenth more memory (docs/performance.md), so this is on the safe side.
_INPUT_OVER_MEMORY = 2.0
_CORES = re.compile(r"local\[(\d+)\]")


def sites(settings: Settings) -> tuple[Site, ...]:
    """Every engine that can be used, Spark in process first.

    The others see nothing of this machine: they can be used where the lake and its raw objects are
    on S3.
    """
    if not (is_on_s3(settings.root) and is_on_s3(settings.raw_root)):
        return (_local(settings),)
    elsewhere = (
        emr_site(settings.emr),
        emr_serverless_site(settings.emr_serverless),
        glue_site(settings.glue_job),
    )
    return (_local(settings), *(each for each in elsewhere if each is not None))


def _local(settings: Settings) -> Site:
    memory = _bytes(settings.spark_memory)
    return Site(
        engine="local",
        cores=_cores(settings.spark_master),
        memory_gb=memory / 1e9,
        hourly=Usage(3600.0),
        seconds_waiting=5.0,
        start_seconds=15.0,
        bills_waiting=True,
        max_input_bytes=int(memory * _INPUT_OVER_MEMORY),
    )


def _cores(master: str) -> int:
    """As Spark reads it: `local` is one core, `local[*]` all that there are."""
    if found := _CORES.fullmatch(master):
        return max(1, int(found[1]))
    return 1 if master == "local" else os.cpu_count() or 1


def _bytes(memory: str) -> int:
    return int(memory[:-1]) * (1 << 30 if memory.endswith("g") else 1 << 20)
