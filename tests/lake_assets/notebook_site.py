"""The lake's cluster for notebooks, as a test sees it: EMR, Livy and YARN as they are documented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.settings import Settings, load_settings
from tests.servers.emr import Cluster, EmrServer, serving
from tests.servers.emr_sessions import no_steps
from tests.servers.json_http import json_server
from tests.servers.livy import Livy
from tests.servers.yarn_rest import YarnRest

ROLES = {"LAKE_EMR_SERVICE_ROLE": "service", "LAKE_EMR_INSTANCE_PROFILE": "instances"}


@dataclass
class Site:
    """EMR, with the Livy and the YARN of whichever cluster there is."""

    emr: EmrServer
    livy: Livy
    yarn: YarnRest
    settings: Settings

    @property
    def clusters(self) -> list[Cluster]:
        return list(self.emr.clusters.values())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("COLUMNS", "300")
    emr = EmrServer(no_steps, tmp_path / "emr", lambda *_: None)
    livy, yarn = Livy(), YarnRest()
    with serving(emr) as url, json_server(livy.answer) as one, json_server(yarn.answer) as two:
        environment = {
            **ROLES,
            "LAKE_ROOT": "s3://bucket/lake",
            "LAKE_AWS_REGION": "eu-west-1",
            "LAKE_EMR_ENDPOINT": url,
            "LAKE_EMR_NOTEBOOK_LIVY": one,
            "LAKE_EMR_NOTEBOOK_YARN": two,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield Site(emr, livy, yarn, load_settings(environment))
