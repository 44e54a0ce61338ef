"""The engine that a name stands for, as the settings configure it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from resources.compute.emr import EmrEngine
from resources.compute.emr_serverless import EmrServerless
from resources.compute.engine import Engine
from resources.compute.glue_jobs import GlueJobs
from resources.compute.job_run import Terms
from resources.compute.remote import RemoteCompute
from resources.compute.remote_config import remote_spark_config
from resources.errors import SettingsError
from resources.settings import Settings
from resources.storage import Storage, is_on_s3

_PLAIN = re.compile(r"[\w/.:=+@-]+", re.ASCII)


def open_engine(settings: Settings, name: str) -> Engine:
    """Make the engine; raises `SettingsError` for one that is not configured, or that there is not."""
    if name not in _ENGINES:
        known = ", ".join(sorted(_ENGINES))
        raise SettingsError(f"Expected the name of an engine ({known}), found {name!r}.")
    return _ENGINES[name](settings)


def _emr(settings: Settings) -> Engine:
    if not settings.emr.is_configured:
        raise SettingsError(
            "LAKE_EMR_SERVICE_ROLE and LAKE_EMR_INSTANCE_PROFILE: expected the roles of a cluster, "
            "found none. docs/compute.md says how to make them."
        )
    return EmrEngine(settings.emr, settings.root, settings.aws)


def _emr_serverless(settings: Settings) -> Engine:
    if not settings.emr_serverless.is_configured:
        raise SettingsError(
            "LAKE_EMR_SERVERLESS_ROLE: expected the ARN of the role that jobs run as, found none. "
            "docs/compute-serverless.md has its policy."
        )
    return EmrServerless(settings.aws, settings.emr_serverless, settings.root, settings.raw_root)


def _glue(settings: Settings) -> Engine:
    if not settings.glue_job.is_configured:
        raise SettingsError(
            "LAKE_GLUE_JOB_ROLE: expected the ARN of the role that jobs run as, found none. "
            "docs/compute-glue.md has its policy."
        )
    return GlueJobs(settings.aws, settings.glue_job, settings.root, settings.raw_root)


_ENGINES: dict[str, Callable[[Settings], Engine]] = {
    "emr": _emr,
    "emr-serverless": _emr_serverless,
    "glue": _glue,
}


def remote_compute(
    settings: Settings, storage: Storage, name: str, run: str, log: logging.Logger
) -> RemoteCompute:
    """Jobs on an engine, for a run; raises `SettingsError` for a lake that no engine can reach."""
    engine = open_engine(settings, name)
    if not is_on_s3(settings.root) or not is_on_s3(settings.raw_root):
        raise SettingsError(
            f"LAKE_ROOT and LAKE_RAW_ROOT: expected addresses on S3 for {name}, which sees nothing "
            f"of this machine, found {settings.root!r} and {settings.raw_root!r}"
        )
    if not _PLAIN.fullmatch(settings.root):
        raise SettingsError(
            "LAKE_ROOT: expected letters, digits and /_.:=+@- only, which is what spark-submit takes "
            f"for the address of a program, found {settings.root!r}"
        )
    return RemoteCompute(engine, storage, run, Terms(remote_spark_config(settings)), log)
