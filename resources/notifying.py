"""Telling people of a failure: Slack, e-mail and what else Apprise knows, and topics of Amazon SNS.

An address is a URL of Apprise (https://github.com/caronc/apprise/wiki), such as a Slack webhook's
or `mailtos://…`, or the ARN of a topic, which is published to with the project's own credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import apprise

from resources.aws import AwsSettings, aws_client
from resources.aws_errors import AWS_FAILURES
from resources.errors import NotificationFailed

#: What SNS takes as a subject, in characters.
_SUBJECT = 100


@dataclass(frozen=True)
class Message:
    """What people are told: one line, and a text in Markdown with a link in it."""

    title: str
    text: str


def notify(addresses: Sequence[str], message: Message, aws: AwsSettings) -> None:
    """Tell everybody. Raises `NotificationFailed` naming those that could not be told.

    An address is named by its kind and place in the setting only: it can hold a password.
    """
    failed = []
    for place, address in enumerate(addresses, 1):
        problem = (
            _publish(address, message, aws)
            if address.startswith("arn:")
            else _send(address, message)
        )
        if problem:
            failed.append(f"address {place} ({address.partition(':')[0]}): {problem}")
    if failed:
        raise NotificationFailed(
            f"{len(failed)} of {len(addresses)} addresses of LAKE_NOTIFY could not be told of "
            f"{message.title!r}: {'; '.join(failed)}"
        )


def _send(address: str, message: Message) -> str:
    sender = apprise.Apprise()
    if not sender.add(address):
        return "not an address that Apprise knows; see https://github.com/caronc/apprise/wiki"
    done = sender.notify(
        message.text,
        title=message.title,
        notify_type=apprise.NotifyType.FAILURE,
        body_format=apprise.NotifyFormat.MARKDOWN,
    )
    return "" if done else "it was not delivered"


def _publish(topic: str, message: Message, aws: AwsSettings) -> str:
    parts = topic.split(":")
    if len(parts) != 6 or parts[2] != "sns":
        return "not a topic's ARN, as arn:aws:sns:eu-west-1:123456789012:lake"
    try:
        client = aws_client(replace(aws, region=parts[3]), "sns")
        client.publish(
            TopicArn=topic,
            Subject=message.title.encode("ascii", "replace").decode()[:_SUBJECT],
            Message=message.text,
        )
    except AWS_FAILURES as error:
        return f"{error}; sns:Publish on the topic is needed"
    return ""
