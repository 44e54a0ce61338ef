"""S3's notifications in a queue of moto's SQS, over HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resources.arrival_queue import ArrivalQueue, partition_of
from resources.aws import AwsSettings, aws_client
from resources.errors import QueueError, SettingsError
from resources.partitions import Partitioning
from resources.table import Table
from resources.unattended_settings import unattended_settings
from tests.workshop import PLAYS, Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path / "lake")


@pytest.fixture
def table(workshop: Workshop) -> Table:
    return workshop.table


def record(key: str) -> dict[str, object]:
    """One record of the format that S3 documents, its keys URL-encoded."""
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"object": {"key": key}},
    }


def test_messages_name_partitions_and_are_deleted_when_told(
    table: Table, aws_settings: AwsSettings
) -> None:
    client = aws_client(aws_settings, "sqs")
    url = client.create_queue(QueueName="lake-plays", Attributes={"VisibilityTimeout": "0"})[
        "QueueUrl"
    ]
    direct = {"Records": [record("raw/plays/2024/05/01/05/a+b%281%29.json"), record("else/where")]}
    through_topic = {
        "Type": "Notification",
        "Message": json.dumps({"Records": [record("raw/plays/2024/05/01/07/c")]}),
    }
    bridged = {"source": "aws.s3", "detail": {"object": {"key": "raw/plays/2024/05/01/08/d e"}}}
    test_event = {"Service": "Amazon S3", "Event": "s3:TestEvent"}
    malformed = [{"Records": [{"eventSource": "aws:sqs"}]}, {"source": "aws.s3", "Records": 3}]
    for body in (direct, through_topic, bridged, test_event, [1], "text"):
        client.send_message(QueueUrl=url, MessageBody=json.dumps(body))
    for text in ("no JSON", *map(json.dumps, malformed)):
        client.send_message(QueueUrl=url, MessageBody=text)
    queue = ArrivalQueue(url, aws_settings, "raw/")

    first, again = queue.receive(table), queue.receive(table)
    queue.delete(again.receipts)

    assert sorted(first.partitions) == ["2024-05-01-05", "2024-05-01-07", "2024-05-01-08"]
    assert sorted(again.partitions) == sorted(first.partitions)
    assert len(first.receipts) == 9
    assert queue.receive(table).receipts == ()


def test_a_queue_that_is_not_there_is_told_with_what_it_needs(
    table: Table, aws_settings: AwsSettings
) -> None:
    queue = ArrivalQueue(f"{aws_settings.endpoints['sqs']}/123456789012/none", aws_settings)

    with pytest.raises(QueueError, match="sqs:ReceiveMessage"):
        queue.receive(table)


@pytest.mark.parametrize(
    ("changes", "key", "partitions"),
    [
        ("", "plays/2024/05/01/05/a.json", ["2024-05-01-05"]),
        ("", "plays/2024/05/01/a.json", []),
        ("", "played/2024/05/01/05/a.json", []),
        ("by: day", "plays/2024/05/01/05/a.json", ["2024-05-01"]),
        ("by: none", "plays/anything", ["all"]),
    ],
)
def test_keys_are_of_a_partition_or_of_none(
    workshop: Workshop, changes: str, key: str, partitions: list[str]
) -> None:
    if changes == "by: none":
        workshop.declare(
            PLAYS.replace("{by: hour, start: 2024-05-01, end: 2024-05-02}", "{by: none}")
        )
    elif changes:
        workshop.declare(PLAYS.replace("by: hour", changes))

    assert partition_of(workshop.table, "", key) == partitions


def test_a_layout_with_names_is_understood(workshop: Workshop) -> None:
    workshop.declare(
        PLAYS.replace("source: plays", "source: plays\n  layout: 'dt=yyyy-MM-dd/hour=HH'")
    )

    found = partition_of(workshop.table, "", "plays/dt=2024-05-01/hour=05/a.json")

    assert found == ["2024-05-01-05"]
    assert (
        Partitioning(layout="dt=yyyy-MM-dd/hour=HH").raw_prefix(found[0])
        == "dt=2024-05-01/hour=05/"
    )


def test_the_setting_names_a_queue_for_each_table() -> None:
    settings = unattended_settings(
        {"LAKE_ARRIVALS_QUEUE": "https://sqs.example.org/1/lake-{table}"}
    )

    assert settings.queue_of("plays") == "https://sqs.example.org/1/lake-plays"
    assert unattended_settings({}).queue_of("plays") == ""


@pytest.mark.parametrize("value", ["https://sqs.example.org/1/lake", "lake-{table}"])
def test_a_queue_for_all_tables_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="LAKE_ARRIVALS_QUEUE"):
        unattended_settings({"LAKE_ARRIVALS_QUEUE": value})
