"""The ends of log streams in CloudWatch Logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from resources.aws import AwsSettings, aws_client
from resources.compute.service import NotThere, Refused, Service

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

#: Pages to turn back at the most; the service gives empty ones at the end of a stream.
_PAGES = 5


class _Page(TypedDict, total=False):
    nextToken: str


class LogStreams:
    """Reads streams with the credentials of whoever asks for the log."""

    def __init__(self, aws: AwsSettings) -> None:
        refused = Refused("CloudWatch Logs", "logs", "logs.amazonaws.com", "")
        self._service: Service[CloudWatchLogsClient] = Service(
            lambda: aws_client(aws, "logs"), refused
        )

    def tail(self, group: str, stream: str, lines: int) -> list[str]:
        """The last lines of a stream; none where there is no such stream (yet)."""
        found: list[str] = []
        page: _Page = {}
        place = f"log-group:{group}:log-stream:{stream}"
        try:
            with self._service.asked("GetLogEvents", place) as client:
                for _ in range(_PAGES):
                    answer = client.get_log_events(
                        logGroupName=group,
                        logStreamName=stream,
                        limit=lines,
                        startFromHead=False,
                        **page,
                    )
                    said = [each.get("message", "") for each in answer["events"]]
                    found = [line for message in said for line in message.splitlines()] + found
                    before = answer["nextBackwardToken"]
                    if len(found) >= lines or before == page.get("nextToken"):
                        break
                    page = {"nextToken": before}
        except NotThere:
            return []
        return found[-lines:]
