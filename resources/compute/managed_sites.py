"""EMR Serverless and Glue as estimates need to know them.

What starting takes is what their makers and users report, until a run has shown it.
"""

from __future__ import annotations

from resources.compute.emr_serverless_settings import (
    WORKER_MEMORY_GB,
    WORKER_VCPU,
    EmrServerlessSettings,
)
from resources.compute.engine import Usage
from resources.compute.estimate import Site
from resources.compute.glue_job_settings import DPU_BY_WORKER, GlueJobSettings

_VCPU_PER_DPU, _GB_PER_DPU, _GB_PER_DPU_OF_R = 4, 16, 32
_COLD_SECONDS, _WARM_SECONDS = 90.0, 5.0
_GLUE_WAIT_SECONDS, _FLEX_WAIT_SECONDS = 45.0, 300.0
_START_SECONDS = 30.0


def emr_serverless_site(settings: EmrServerlessSettings) -> Site | None:
    """A job with all the executors that it may have; None where no role is named."""
    if not settings.is_configured:
        return None
    workers = settings.executors + 1
    return Site(
        engine="emr-serverless",
        cores=settings.executors * WORKER_VCPU,
        memory_gb=float(settings.executors * WORKER_MEMORY_GB),
        hourly=Usage(
            3600.0,
            vcpu_hours=float(workers * WORKER_VCPU),
            memory_gb_hours=float(workers * WORKER_MEMORY_GB),
        ),
        seconds_waiting=_WARM_SECONDS if settings.warm_executors else _COLD_SECONDS,
        start_seconds=_START_SECONDS,
    )


def glue_site(settings: GlueJobSettings) -> Site | None:
    """A run with all of its workers, one of which is the driver; None where no role is named."""
    if not settings.is_configured:
        return None
    dpu = DPU_BY_WORKER[settings.worker_type]
    is_flexible = settings.execution == "FLEX"
    executors = settings.workers - 1
    memory_gb = _GB_PER_DPU_OF_R if settings.worker_type.startswith("R.") else _GB_PER_DPU
    return Site(
        engine="glue",
        cores=int(executors * dpu * _VCPU_PER_DPU),
        memory_gb=executors * dpu * memory_gb,
        hourly=Usage(3600.0, dpu_hours=settings.workers * dpu, flexible=is_flexible),
        seconds_waiting=_FLEX_WAIT_SECONDS if is_flexible else _GLUE_WAIT_SECONDS,
        start_seconds=_START_SECONDS,
    )
