"""S3's event notifications in a queue of SQS: which partitions of a table to list at once.

A message is a hint and no more: what lies in a partition is what a listing says. Messages are
deleted once what they led to is on record, so one that is handled twice costs a listing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from resources.aws import AwsSettings, aws_client
from resources.aws_errors import AWS_FAILURES
from resources.errors import QueueError
from resources.partitions import ALL
from resources.table import Table

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

#: SQS gives ten messages a call; more than this wait for the next look.
_AT_ONCE, _CALLS = 10, 10
_TOKENS = {
    "yyyy": r"(?P<yyyy>\d{4})",
    "MM": r"(?P<MM>\d\d)",
    "dd": r"(?P<dd>\d\d)",
    "HH": r"(?P<HH>\d\d)",
}


@dataclass(frozen=True)
class Notices:
    """Partitions that messages named, and the receipts to delete these messages by."""

    partitions: tuple[str, ...]
    receipts: tuple[str, ...]


@dataclass(frozen=True)
class ArrivalQueue:
    """The queue of one table; `url` is its own, `below` the raw root's prefix in its bucket."""

    url: str
    aws: AwsSettings
    below: str = ""

    @cached_property
    def _client(self) -> SQSClient:
        return aws_client(self.aws, "sqs")

    def receive(self, table: Table) -> Notices:
        """Up to a hundred messages; those of other objects name nothing and are deleted too."""
        partitions: dict[str, None] = {}
        receipts: list[str] = []
        for _ in range(_CALLS):
            try:
                answer = self._client.receive_message(
                    QueueUrl=self.url, MaxNumberOfMessages=_AT_ONCE, WaitTimeSeconds=0
                )
            except AWS_FAILURES as error:
                raise QueueError(
                    f"Expected messages from {self.url}: {error}. sqs:ReceiveMessage on it is needed."
                ) from error
            messages = answer.get("Messages", [])
            for each in messages:
                receipts.append(each["ReceiptHandle"])
                for key in _keys(each["Body"]):
                    partitions.update(dict.fromkeys(partition_of(table, self.below, key)))
            if len(messages) < _AT_ONCE:
                break
        return Notices(tuple(partitions), tuple(receipts))

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete messages; one that was deleted before is no error."""
        for start in range(0, len(receipts), _AT_ONCE):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": each}
                for number, each in enumerate(receipts[start : start + _AT_ONCE])
            ]
            try:
                self._client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            except AWS_FAILURES as error:
                raise QueueError(
                    f"Expected to delete messages of {self.url}: {error}. sqs:DeleteMessage on it "
                    "is needed."
                ) from error


def partition_of(table: Table, below: str, key: str) -> list[str]:
    """The partition that an object of the bucket belongs to; nothing for what is not the table's."""
    start = f"{below}{table.raw.prefix}/"
    if not key.startswith(start):
        return []
    if table.partitions.by == "none":
        return [ALL]
    match = _pattern(table).match(key[len(start) :])
    if match is None:
        return []
    parts = [match[name] for name in ("yyyy", "MM", "dd")]
    return ["-".join([*parts, match["HH"]] if table.partitions.by == "hour" else parts)]


def _pattern(table: Table) -> re.Pattern[str]:
    """The layout as an expression; a letter that comes again must say the same again."""
    layout = table.partitions.layout
    if table.partitions.by == "day" and "HH" in layout:
        layout = layout[: layout.index("HH")].rpartition("/")[0]
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        token = match[0]
        said = f"(?P={token})" if token in seen else _TOKENS[token]
        seen.add(token)
        return said

    return re.compile(re.sub("yyyy|MM|dd|HH", group, re.escape(layout).replace(r"\-", "-")) + "/")


def _keys(body: str) -> Iterator[str]:
    """The keys of a notification, as S3 sends it itself, through SNS, or through EventBridge.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html:
    keys are URL-encoded there, and as they are in EventBridge. A message of any other form names
    none: it must not come back for ever.
    """
    try:
        said = json.loads(body)
        said = json.loads(said["Message"]) if "Message" in said else said
        records = said.get("Records", ())
        found: list[object] = [unquote_plus(each["s3"]["object"]["key"]) for each in records]
        if said.get("source") == "aws.s3":
            found.append(said["detail"]["object"]["key"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return
    yield from (each for each in found if isinstance(each, str))
