"""Athena as moto's server has it: no query runs, each takes the next of the queued results."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.servers.glue import REGION


def queue_result(
    url: str, columns: Sequence[tuple[str, str]], *rows: Sequence[str | None], header: bool = True
) -> None:
    """Queue a result of columns (name, Athena's type); `header` as a SELECT's has one."""
    names = [name for name, _ in columns]
    lines = [names, *rows] if header else list(rows)
    result = {
        "rows": [{"Data": [_field(value) for value in line]} for line in lines],
        "column_info": [_column(name, kind) for name, kind in columns],
    }
    _post(f"{url}/moto-api/static/athena/query-results", {"region": REGION, "results": [result]})


@contextmanager
def slow_queries(url: str, looks: int) -> Iterator[None]:
    """Meanwhile a query's state moves on at every so manieth look only."""
    model = {"model_name": "athena::execution"}
    transition = {"progression": "manual", "times": looks}
    _post(f"{url}/moto-api/state-manager/set-transition", {**model, "transition": transition})
    try:
        yield
    finally:
        _post(f"{url}/moto-api/state-manager/unset-transition", model)


def _field(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}


def _column(name: str, kind: str) -> dict[str, object]:
    base, _, inside = kind.removesuffix(")").partition("(")
    column: dict[str, object] = {"Name": name, "Label": name, "Type": base}
    if inside:
        precision, scale = inside.split(",")
        column |= {"Precision": int(precision), "Scale": int(scale)}
    return column


def _post(url: str, body: object) -> None:
    request = urllib.request.Request(  # noqa: S310 - of the server that the test started
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()
