"""Messages reach a webhook, a mailbox and a topic; who cannot be told is named without a password."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from resources.aws import AwsSettings, aws_client
from resources.errors import NotificationFailed
from resources.notifying import Message, notify
from resources.unattended_settings import unattended_settings

FAILED = Message("Lake: refined/plays failed", "**Partition:** 2024-05-01-12\n\nno space left")


class Webhook(HTTPServer):
    """A web server that keeps what is posted to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.posted: list[dict[str, str]] = []


class _Post(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Mailbox:
    """What a mail server was handed."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(content.decode())
        return "250 OK"


def test_a_webhook_is_told(webhook: Webhook) -> None:
    notify([f"json://127.0.0.1:{webhook.server_port}"], FAILED, AwsSettings())

    (posted,) = webhook.posted
    assert posted["title"] == FAILED.title
    assert "no space left" in posted["message"]


def test_a_mailbox_is_told() -> None:
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Controller(mailbox, hostname="127.0.0.1", port=port)
    server.start()
    try:
        address = (
            f"mailto://127.0.0.1:{port}/?from=lake@example.org&to=ada@example.org&mode=insecure"
        )
        notify([address], FAILED, AwsSettings())
    finally:
        server.stop()

    (mail,) = mailbox.mails
    assert f"Subject: {FAILED.title}" in mail
    assert "no space left" in mail


def test_a_topic_is_told_in_its_own_region(aws_settings: AwsSettings) -> None:
    aws = replace(aws_settings, region="eu-west-1")
    topics, queues = aws_client(aws, "sns"), aws_client(aws, "sqs")
    topic = topics.create_topic(Name="failures")["TopicArn"]
    queue = queues.create_queue(QueueName="told")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    topics.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
        ReturnSubscriptionArn=True,
    )

    notify([topic], FAILED, aws_settings)

    (message,) = queues.receive_message(QueueUrl=queue)["Messages"]
    told = json.loads(message["Body"])
    assert (told["Subject"], told["Message"]) == (FAILED.title, FAILED.text)


def test_one_who_cannot_be_told_keeps_nobody_else_from_it(webhook: Webhook) -> None:
    addresses = [
        "nonsense://secret",
        "json://user:secret@127.0.0.1:9",
        f"json://127.0.0.1:{webhook.server_port}",
        "arn:aws:sqs:eu-west-1",
    ]

    with pytest.raises(NotificationFailed) as caught:
        notify(addresses, FAILED, AwsSettings())

    assert len(webhook.posted) == 1
    said = str(caught.value)
    assert "3 of 4 addresses" in said
    assert "address 1 (nonsense): not an address" in said
    assert "address 2 (json): it was not delivered" in said
    assert "address 4 (arn): not a topic's ARN" in said
    assert "secret" not in said


def test_addresses_are_not_shown_with_the_settings() -> None:
    settings = unattended_settings({"LAKE_NOTIFY": "json://user:secret@a  json://b"})

    assert settings.notify == ("json://user:secret@a", "json://b")
    assert "secret" not in repr(settings)
