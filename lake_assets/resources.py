"""The resources that assets ask for, made from the settings in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import PrivateAttr, TypeAdapter

from resources.compute.local import local_spark_config
from resources.lake import Lake
from resources.settings import Settings, load_settings
from spark.errors import LakeError

#: How often, and how many seconds apart, a step is tried again when its error says that helps.
RETRIES, RETRY_SECONDS = 3, 10
_SETTINGS = TypeAdapter(Settings)


class LakeResource(dg.ConfigurableResource[Lake]):
    """The lake: its storage, catalog and database. The settings are the fields of `Settings`.

    They are checked where they are read, in `resources/settings.py`; whatever fields there are pass
    through Dagster unchanged.
    """

    settings: dict[str, Any]
    _lake: Lake | None = PrivateAttr(default=None)

    @property
    def lake(self) -> Lake:
        """The lake, made when first asked for."""
        if self._lake is None:
            self._lake = Lake(_SETTINGS.validate_python(self.settings))
        return self._lake


def lake_resources(settings: Settings | None = None) -> dict[str, dg.ConfigurableResource[object]]:
    """Every resource of the code location, by the name that assets use."""
    settings = settings or load_settings()
    return {
        "lake": LakeResource(settings=asdict(settings)),
        "pyspark": LazyPySparkResource(spark_config=local_spark_config(settings)),
    }


@contextmanager
def lake_errors() -> Iterator[None]:
    """Let Dagster retry what a retry can cure, and fail at once with the error's words otherwise."""
    try:
        yield
    except LakeError as error:
        if error.retryable:
            raise dg.RetryRequested(RETRIES, RETRY_SECONDS) from error
        raise dg.Failure(description=str(error), allow_retries=False) from error
