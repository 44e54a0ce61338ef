"""The word `compute` of a declaration: where a table is refined, and what a run may cost and take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import dagster as dg
from pydantic import Field

from lake_assets.problem import Problem
from resources.compute.placement import AUTO, Placing


class ComputeModel(dg.Model, dg.Resolvable):
    """A choice of engines, and what one run may cost and take. All limits are of the estimate."""

    prefer: list[Literal["local", "emr", "emr-serverless", "glue"]] = Field(
        default_factory=list,
        description="Engines in their order: the first that may run it does. All that are "
        "configured if left out, and the cheapest of them is taken.",
    )
    max_usd: float | None = Field(default=None, gt=0, description="What a run may cost, in USD.")
    max_minutes: float | None = Field(
        default=None, gt=0, description="How long a run may take, waiting for machines included."
    )


def compute_model(value: object) -> object:
    """A choice of engines, of which the name of one or `auto` is the short form."""
    if isinstance(value, str):
        return {"prefer": [] if value == AUTO else [value]}
    return value


#: Dagster reads YAML by itself, and has to be told of the short form too.
COMPUTE_AS_YAML = dg.Resolver(
    lambda _, value: ComputeModel.model_validate(compute_model(value)),
    model_field_type=dict[str, object] | str,
)


def to_placing(model: ComputeModel) -> Placing:
    """The choice of engines as plain values."""
    return Placing(tuple(model.prefer), model.max_usd, model.max_minutes)


def compute_problems(model: ComputeModel) -> Iterator[Problem]:
    """What of a choice cannot work; places are below `compute`."""
    for name in sorted({each for each in model.prefer if model.prefer.count(each) > 1}):
        yield Problem(("prefer",), f"engine `{name}` is named twice; keep one")
