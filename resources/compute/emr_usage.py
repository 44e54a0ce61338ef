"""What a job took of EMR: hours of instances, as EC2 and EMR bill them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from resources.compute.engine import Usage

if TYPE_CHECKING:
    from types_boto3_emr.type_defs import InstanceTypeDef


def instance_usage(
    instances: Sequence[InstanceTypeDef],
    began: datetime | None,
    ended: datetime | None,
    now: datetime,
) -> Usage | None:
    """The hours of each type, cut to the span from `began` to `ended` where one is given.

    None where no instance has been started yet. Instances count from their creation, which is up to
    some minutes before EC2 bills them.
    """
    hours: defaultdict[str, float] = defaultdict(float)
    longest = 0.0
    for each in instances:
        timeline = each["Status"].get("Timeline", {})
        if "CreationDateTime" not in timeline:
            continue
        start = max(timeline["CreationDateTime"], began or timeline["CreationDateTime"])
        end = min(timeline.get("EndDateTime", now), ended or now)
        seconds = max((end - start).total_seconds(), 0.0)
        longest = max(longest, seconds)
        hours[each["InstanceType"]] += seconds / 3600
    if not hours:
        return None
    is_spot = any(each.get("Market") == "SPOT" for each in instances)
    return Usage(seconds=longest, instance_hours=dict(hours), flexible=is_spot)
