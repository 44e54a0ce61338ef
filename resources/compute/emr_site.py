"""A cluster of EMR as estimates need to know it."""

from __future__ import annotations

import re

from resources.compute.emr_settings import EmrSettings
from resources.compute.engine import Usage
from resources.compute.estimate import Site

#: EC2's names say how large an instance is: `m5.4xlarge` has 16 vCPU, `large` two.
_SIZE = re.compile(r"(?P<family>[a-z]+)\d\w*(-\w+)*\.((?P<times>\d*)x)?large")
#: GB for each vCPU, by the family's first letter; others have 4.
_GB_PER_CORE = {"c": 2, "r": 8}
#: From RunJobFlow to the first step, where no run has shown it: some minutes of provisioning.
_BOOT_SECONDS, _START_SECONDS = 360.0, 40.0


def emr_site(settings: EmrSettings) -> Site | None:
    """The cluster that the settings ask for; None where they name no roles."""
    if not settings.is_configured:
        return None
    kind = settings.instance_types[0]
    workers = settings.core_instances or 1
    cores, memory_gb = _size(kind)
    return Site(
        engine="emr",
        cores=workers * cores,
        memory_gb=float(workers * memory_gb),
        hourly=Usage(
            3600.0,
            instance_hours={kind: float(1 + settings.core_instances)},
            flexible=settings.spot,
        ),
        seconds_waiting=_BOOT_SECONDS,
        start_seconds=_START_SECONDS,
        bills_waiting=True,
    )


def _size(kind: str) -> tuple[int, int]:
    """VCPU and GB of an instance type; those of `xlarge` where its name does not say."""
    match = _SIZE.fullmatch(kind)
    if match is None:
        return 4, 16
    times = match["times"]
    cores = 2 if times is None else 4 * int(times or 1)
    return cores, cores * _GB_PER_CORE.get(match["family"][0], 4)
