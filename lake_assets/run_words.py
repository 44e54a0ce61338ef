"""Why a step failed, in words for a person."""

from __future__ import annotations

import dagster as dg


def words_of(event: dg.DagsterEvent) -> str:
    """What a failed step said: the project's own words, or the last line of what it raised."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error.cause if data.error and data.error.cause else data.error
    return error.message.strip() if error is not None else (event.message or "no reason given")
