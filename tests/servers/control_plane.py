"""An AWS service as an HTTP server of this process: requests by its model, and faults on demand.

The contract is boto3's own model of the service: what a request lacks, or has too long, is refused
as the service refuses it. What the service does is the business of its subclass, by a method for
each action.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.session import get_session
from botocore.utils import parse_timestamp
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

Params = dict[str, Any]


@dataclass
class RefusedError(Exception):
    """An answer other than the one asked for."""

    code: str
    message: str
    status: int = 400


@dataclass
class Clock:
    """The service's time, which runs `speed` times as fast and can be put forward."""

    speed: float = 1.0
    skipped: timedelta = timedelta()
    _began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _monotonic: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        passed = (time.monotonic() - self._monotonic) * self.speed
        return self._began + timedelta(seconds=passed) + self.skipped

    def skip(self, **amount: float) -> None:
        """Put it forward, as in `skip(hours=3)`."""
        self.skipped += timedelta(**amount)


class ControlPlane:
    """One service. `calls` counts requests by action; `requests` are those carried out."""

    service: str
    invalid: str = "ValidationException"

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.calls: Counter[str] = Counter()
        self.requests: list[tuple[str, Params]] = []
        self.url = ""
        #: Called with the action once a request is carried out, before it is answered.
        self.after: Callable[[str], None] = lambda _: None
        self._faults: dict[str, list[RefusedError]] = {}
        self._lost: Counter[str] = Counter()
        self._throttled_every = 0
        self._lock = threading.RLock()
        self._model = get_session().get_service_model(self.service)
        self._routes = [
            (model.http["method"], _pattern(model.http["requestUri"]), model)
            for model in map(self._model.operation_model, self._model.operation_names)
        ]

    def refuse(self, action: str, error: RefusedError, times: int = 1) -> None:
        """Refuse the next requests of an action."""
        self._faults.setdefault(action, []).extend([error] * times)

    def lose_answer(self, action: str) -> None:
        """Carry out the next request of an action, and answer it with an error."""
        self._lost[action] += 1

    def throttle(self, every: int) -> None:
        """Refuse each so manieth request from now on."""
        self._throttled_every = every

    def requested(self, action: str) -> list[Params]:
        """What was asked of an action, in order."""
        return [params for name, params in self.requests if name == action]

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer at `url` meanwhile."""
        server = make_server(
            "127.0.0.1", 0, Request.application(self._answer), threaded=True, request_handler=_Quiet
        )
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _answer(self, request: Request) -> Response:
        try:
            model, found = self._route(request)
            with self._lock:
                return _json(self._carried_out(model.name, _params(model, request, found), model))
        except RefusedError as error:
            body = {"__type": error.code, "message": error.message}
            return _json(body, error.status, {"x-amzn-ErrorType": error.code})

    def _carried_out(self, action: str, params: Params, model: OperationModel) -> Params:
        self.calls[action] += 1
        if self._throttled_every and self.calls.total() % self._throttled_every == 0:
            raise RefusedError("ThrottlingException", "Rate exceeded")
        if faults := self._faults.get(action):
            raise faults.pop(0)
        if model.input_shape is not None:
            self._check(model.input_shape, params, action)
        self.requests.append((action, params))
        carry_out: Callable[[Params], Params] | None = getattr(self, xform_name(action), None)
        if carry_out is None:
            raise RefusedError("UnknownOperationException", f"{action} is not served here", 404)
        answer = carry_out(params)
        self.after(action)
        if self._lost[action]:
            self._lost[action] -= 1
            raise RefusedError("InternalServerException", "the answer got lost", 500)
        return answer

    def _route(self, request: Request) -> tuple[OperationModel, Mapping[str, str]]:
        if target := request.headers.get("X-Amz-Target"):
            return self._model.operation_model(target.rpartition(".")[2]), {}
        for method, pattern, model in self._routes:
            if method == request.method and (found := pattern.fullmatch(request.path)):
                return model, found.groupdict()
        raise RefusedError("UnknownOperationException", f"{request.method} {request.path}", 404)

    def _check(self, shape: Shape, value: Any, where: str) -> None:
        """Refuse what the service's model does not allow."""
        if isinstance(shape, StructureShape):
            for name in shape.required_members:
                if value.get(name) is None:
                    raise RefusedError(self.invalid, f"{where}.{name} is required")
            for name, each in value.items():
                self._check(shape.members[name], each, f"{where}.{name}")
        elif isinstance(shape, ListShape):
            self._check_limits(shape, len(value), value, where)
            for each in value:
                self._check(shape.member, each, where)
        elif isinstance(shape, MapShape):
            self._check_limits(shape, len(value), value, where)
            for name, each in value.items():
                self._check(shape.key, name, where)
                self._check(shape.value, each, f"{where}.{name}")
        elif shape.type_name == "string":
            self._check_text(shape, value, where)
        elif shape.type_name in ("integer", "long", "double"):
            self._check_limits(shape, value, value, where)

    def _check_text(self, shape: Shape, value: str, where: str) -> None:
        self._check_limits(shape, len(value), value, where)
        if (allowed := shape.metadata.get("enum")) and value not in allowed:
            raise RefusedError(self.invalid, f"{where}: {value!r} is none of {allowed}")
        try:
            pattern = re.compile(shape.metadata.get("pattern", ".*"), re.DOTALL)
        except re.error:
            return  # of Java's, which Python cannot read
        if not pattern.fullmatch(value):
            raise RefusedError(self.invalid, f"{where}: {value!r} does not match {pattern.pattern}")

    def _check_limits(self, shape: Shape, size: float, value: Any, where: str) -> None:
        low, high = shape.metadata.get("min", size), shape.metadata.get("max", size)
        if not low <= size <= high:
            raise RefusedError(self.invalid, f"{where}: {value!r:.200} is not {low} to {high} long")


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write nothing: `calls` counts."""


def _pattern(uri: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(uri)))


def _params(model: OperationModel, request: Request, found: Mapping[str, str]) -> Params:
    """The request's parameters, from wherever the model has them: address, query or body."""
    params: Params = json.loads(request.data or b"{}")
    for name, shape in model.input_shape.members.items() if model.input_shape else ():
        place = shape.serialization.get("location")
        key = shape.serialization.get("name", name)
        if place == "uri":
            params[name] = found[key]
        elif place == "querystring" and key in request.args:
            texts = request.args.getlist(key)
            params[name] = texts if shape.type_name == "list" else _value(shape, texts[0])
    return params


def _value(shape: Shape, text: str) -> object:
    if shape.type_name in ("integer", "long"):
        return int(text)
    return parse_timestamp(text) if shape.type_name == "timestamp" else text


def _json(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    text = json.dumps(body, default=_seconds)
    return Response(text, status, headers, content_type="application/x-amz-json-1.1")


def _seconds(value: object) -> float:
    assert isinstance(value, datetime)
    return value.timestamp()
