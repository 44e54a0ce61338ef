"""A job's messages are those of Dagster's own package, and none is lost on the way."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, cast

import dagster_pipes
import pytest

from spark import pipes

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PLACE = dagster_pipes.encode_param({"bucket": "b", "key_prefix": "jobs/messages"})
PAYLOAD = {"partition": {"key": "2024-05-01-04", "rows": 3, "note": 'ä "quoted"\n'}}


class Store:
    """What was put, by S3's PutObject; a number of requests fail before one is answered."""

    def __init__(self, failing: int = 0) -> None:
        self.objects: dict[str, bytes] = {}
        self.has_any = threading.Event()
        self._failing = failing

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | str) -> None:  # noqa: N803
        assert Bucket == "b"
        if self._failing:
            self._failing -= 1
            raise ConnectionError("no way there")
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.encode()
        self.has_any.set()

    @property
    def client(self) -> S3Client:
        return cast("S3Client", self)

    def messages(self) -> list[dict[str, object]]:
        """Every message, in the order of the objects' numbers."""
        names = [f"jobs/messages/{number + 1}.json" for number in range(len(self.objects))]
        assert sorted(names) == sorted(self.objects)
        return [
            json.loads(line) for name in names for line in self.objects[name].decode().splitlines()
        ]


def test_messages_are_those_of_dagsters_own_package(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = Store(), Store()
    context = dagster_pipes.encode_param({"data": {}})
    arguments = ["--dagster-pipes-context", context, "--dagster-pipes-messages", PLACE]
    monkeypatch.setattr("sys.argv", ["job.py", *arguments])

    with pipes.open_pipes(ours.client, PLACE) as opened:
        logging.getLogger("spark.refining").warning("%d objects", 2)
        opened.report(PAYLOAD)
    with dagster_pipes.open_dagster_pipes(
        params_loader=dagster_pipes.PipesCliArgsParamsLoader(),  # type: ignore[no-untyped-call]
        message_writer=dagster_pipes.PipesS3MessageWriter(theirs),
    ) as reference:
        reference.log.warning("%d objects", 2)
        reference.report_custom_message(PAYLOAD)

    assert ours.messages() == theirs.messages()
    assert [each["method"] for each in ours.messages()] == [
        "opened",
        "log",
        "report_custom_message",
        "closed",
    ]


def test_what_could_not_be_uploaded_goes_with_the_next_upload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipes, "UPLOAD_SECONDS", 0.01)
    store = Store(failing=3)

    with pipes.open_pipes(store.client, PLACE) as opened:
        opened.report(PAYLOAD)
        assert store.has_any.wait(30)

    said = [each["params"] for each in store.messages() if each["method"] != "log"]
    assert said == [{"extras": {}}, {"payload": PAYLOAD}, {}]


def test_a_job_whose_last_messages_cannot_be_sent_fails() -> None:
    with (
        pytest.raises(ConnectionError, match="no way there"),
        pipes.open_pipes(Store(failing=99).client, PLACE) as opened,
    ):
        opened.report(PAYLOAD)
