"""The services that may run something for a lake: those whose engines are configured."""

from __future__ import annotations

from collections.abc import Callable

from resources.aws import AwsSettings
from resources.compute.orphans import Service
from resources.compute.orphans_emr import EmrClusters
from resources.compute.orphans_emr_serverless import EmrServerlessRuns
from resources.compute.orphans_glue import GlueRuns
from resources.compute.sites import sites
from resources.settings import Settings

_SERVICES: dict[str, Callable[[AwsSettings, str], Service]] = {
    "emr": EmrClusters,
    "emr-serverless": EmrServerlessRuns,
    "glue": GlueRuns,
}


def services_of(settings: Settings) -> list[Service]:
    """Those services. Nothing is asked yet."""
    return [
        _SERVICES[site.engine](settings.aws, settings.root)
        for site in sites(settings)
        if site.engine in _SERVICES
    ]
