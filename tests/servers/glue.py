"""Glue and Athena as tests see them: a client of moto's server, the calls counted, and faults on demand."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from types_boto3_athena import AthenaClient
    from types_boto3_glue import GlueClient

Fault = Callable[[Mapping[str, object]], "tuple[int, object] | None"]
REGION = "eu-west-1"
_ONCE = Config(retries={"total_max_attempts": 1})
_READS = ("Get", "BatchGet")


def glue_client(url: str) -> GlueClient:
    """A client that sends everything to `url`, without retries of its own."""
    return _session().client("glue", endpoint_url=url, config=_ONCE)


def athena_client(url: str) -> AthenaClient:
    """The same of Athena."""
    return _session().client("athena", endpoint_url=url, config=_ONCE)


def _session() -> boto3.Session:
    return boto3.Session("testing", "testing", region_name=REGION)


class Calls:
    """Counts the requests that a client sends, by action, and answers some in the service's stead."""

    def __init__(self, client: GlueClient | AthenaClient) -> None:
        self.count: Counter[str] = Counter()
        self._faults: dict[str, Fault] = {}
        # The stubs know only hooks without an answer; this one's takes the place of the request.
        event = f"before-send.{client.meta.service_model.service_name}"
        client.meta.events.register(event, self._before_send)  # type: ignore[arg-type]

    @property
    def writes(self) -> int:
        """Requests since the last `reset` that change anything."""
        return sum(number for action, number in self.count.items() if not action.startswith(_READS))

    def reset(self) -> None:
        """Count from zero again."""
        self.count.clear()

    def answer(self, action: str, fault: Fault) -> None:
        """Ask `fault` about every request of an action: a status and a body, or None to send it."""
        self._faults[action] = fault

    def _before_send(
        self, request: AWSPreparedRequest, event_name: str, **_: object
    ) -> AWSResponse | None:
        action = event_name.rpartition(".")[2]
        self.count[action] += 1
        fault = self._faults.get(action)
        answer = fault(json.loads(cast("bytes", request.body))) if fault else None
        if answer is None:
            return None
        status, body = answer
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.1"})
        return AWSResponse(request.url, status, headers, _Raw(json.dumps(body).encode()))


class _Raw(io.BytesIO):
    """What botocore expects of a response that it reads."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def refusing(code: str, message: str = "", times: int = 1_000_000) -> Fault:
    """Refuse the first requests with an error of that code."""
    left = [times]

    def fault(_: Mapping[str, object]) -> tuple[int, object] | None:
        left[0] -= 1
        return (400, {"__type": code, "message": message or code}) if left[0] >= 0 else None

    return fault
