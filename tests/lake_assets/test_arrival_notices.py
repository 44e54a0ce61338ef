"""What S3 says in a queue of moto's SQS, over HTTP, on its way through the arrivals sensor's tick."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from resources.arrival_queue import ArrivalQueue
from resources.aws import AwsSettings, aws_client
from tests.servers.fixtures import aws_settings, moto_url
from tests.unattended import Unattended
from tests.workshop import PLAYS, Workshop

__all__ = ["aws_settings", "moto_url"]

NOON = datetime(2024, 5, 4, 12, 20, tzinfo=UTC)
OLDEST = "2024-05-02-12"


@pytest.fixture
def unattended(workshop: Workshop) -> Unattended:
    """A table that has been watched for some days, when nothing had arrived."""
    workshop.declare(PLAYS.replace(", end: 2024-05-02", ""))
    made = Unattended(workshop)
    made.tick(NOON)
    return made


@pytest.fixture
def queue(aws_settings: AwsSettings) -> ArrivalQueue:
    """Whose messages come again at once unless they are deleted."""
    made = aws_client(aws_settings, "sqs").create_queue(
        QueueName=f"lake-{uuid4().hex}", Attributes={"VisibilityTimeout": "0"}
    )
    return ArrivalQueue(made["QueueUrl"], aws_settings, "raw/")


def send(queue: ArrivalQueue, key: str) -> None:
    body = {"Records": [{"s3": {"object": {"key": key}}}]}
    aws_client(queue.aws, "sqs").send_message(QueueUrl=queue.url, MessageBody=json.dumps(body))


def waiting(queue: ArrivalQueue) -> int:
    """How many messages there are."""
    found = aws_client(queue.aws, "sqs").get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def reported(unattended: Unattended, seconds: int) -> list[str | None]:
    events = unattended.tick(NOON + timedelta(seconds=seconds))
    return [each.partition for each in events if isinstance(each, dg.AssetMaterialization)]


def test_a_message_has_its_hour_reported_at_once_and_is_deleted_once_that_is_on_record(
    unattended: Unattended, queue: ArrivalQueue
) -> None:
    unattended.workshop.deliver("2024/05/02/12", "a.json", {"play_id": "late"})
    assert reported(unattended, 5) == []
    unattended.queue = queue
    send(queue, "raw/plays/2024/05/02/12/a.json")
    before = unattended.cursor

    first = reported(unattended, 10)
    unattended.cursor, left = before, waiting(queue)
    after_a_crash = reported(unattended, 15)
    last = reported(unattended, 20)

    assert (first, left, waiting(queue)) == ([OLDEST], 1, 0)
    assert (after_a_crash, last) == ([], [])


def test_a_message_of_an_object_that_is_not_there_reports_nothing(
    unattended: Unattended, queue: ArrivalQueue
) -> None:
    unattended.queue = queue
    send(queue, "raw/plays/2024/05/02/12/never-came.json")

    assert [reported(unattended, 5), reported(unattended, 10)] == [[], []]
    assert waiting(queue) == 0


def test_without_the_queue_listing_goes_on(
    unattended: Unattended, aws_settings: AwsSettings, caplog: pytest.LogCaptureFixture
) -> None:
    unattended.queue = ArrivalQueue(
        f"{aws_settings.endpoints['sqs']}/123456789012/no", aws_settings
    )
    unattended.workshop.deliver("2024/05/04/11", "a.json", {"play_id": "late"})

    with caplog.at_level(logging.WARNING, "tick"):
        assert reported(unattended, 5) == ["2024-05-04-11"]

    assert "sqs:ReceiveMessage" in caplog.text
