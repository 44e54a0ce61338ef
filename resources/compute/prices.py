"""What a job's usage costs, by a table of prices of which every one can be set.

The table is a YAML file that `LAKE_PRICES` names; what it leaves out keeps its default. Defaults
are list prices in USD of us-east-1, from the pages aws.amazon.com/{glue,emr,ec2}/pricing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from resources.compute.engine import Usage
from resources.errors import PriceUnknown, SettingsError

#: What each service bills at the least: Glue a run, EMR an instance, EMR Serverless a worker. The
#: latter's figures have it in them.
MINIMUM_SECONDS = 60.0
_WITHOUT_MINIMUM = ("glue", "emr")
Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]

#: On-demand, by the hour. EMR takes a quarter of it on top: 0.252 for an r5.4xlarge at 1.008.
_EC2: dict[str, Decimal] = {
    name: Decimal(price)
    for name, price in {
        "m5.xlarge": "0.192",
        "m5.2xlarge": "0.384",
        "m5.4xlarge": "0.768",
        "m6g.xlarge": "0.154",
        "m6g.2xlarge": "0.308",
        "m6i.xlarge": "0.192",
        "m6i.2xlarge": "0.384",
        "m7g.xlarge": "0.1632",
        "m7g.2xlarge": "0.3264",
        "c5.xlarge": "0.17",
        "c5.2xlarge": "0.34",
        "r5.xlarge": "0.252",
        "r5.2xlarge": "0.504",
        "r5.4xlarge": "1.008",
        "r6g.xlarge": "0.2016",
        "r6g.2xlarge": "0.4032",
    }.items()
}


@dataclass(frozen=True)
class Prices:
    """Prices in USD: of an hour of something, except `emr_share`, a share of the on-demand EC2 price.

    `local_hour` is what an hour of the machine that runs Dagster costs; nothing unless said.
    `ec2` is by instance type, `ec2_spot_share` what spot instances cost of that: all of it unless
    said, so that their cost is an upper bound.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    local_hour: Price = Decimal(0)
    glue_dpu_hour: Price = Decimal("0.44")
    glue_flex_dpu_hour: Price = Decimal("0.29")
    emr_share: Price = Decimal("0.25")
    ec2_spot_share: Price = Decimal(1)
    emr_serverless_vcpu_hour: Price = Decimal("0.052624")
    emr_serverless_memory_gb_hour: Price = Decimal("0.0057785")
    emr_serverless_storage_gb_hour: Price = Decimal("0.000111")
    ec2: Mapping[str, Price] = field(default_factory=lambda: dict(_EC2))


_PRICES = TypeAdapter(Prices)


def load_prices(file: str) -> Prices:
    """The defaults, changed by a YAML file; the defaults alone where `file` is empty.

    Raises `SettingsError` for a file that is not there or holds anything but prices.
    """
    if not file:
        return Prices()
    try:
        said = yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
        found = _PRICES.validate_python(said)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(
            f"LAKE_PRICES: expected a YAML file, found {file!r}: {error}"
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingsError(
            f"LAKE_PRICES: expected prices in USD in {file!r}; {where}: {first['msg']}. There are: "
            f"{', '.join(Prices.__dataclass_fields__)}."
        ) from error
    return replace(found, ec2={**_EC2, **found.ec2})


def cost(usage: Usage, engine: str, prices: Prices) -> Decimal:
    """What usage on an engine costs in USD, a job shorter than a minute billed as one.

    Raises `PriceUnknown` for an instance type without a price, and for an engine that there is not.
    """
    whole = _whole(usage, engine, prices)
    if engine in _WITHOUT_MINIMUM and 0 < usage.seconds < MINIMUM_SECONDS:
        whole *= Decimal(MINIMUM_SECONDS) / Decimal(usage.seconds)
    return whole.quantize(Decimal("0.000001"))


def _whole(usage: Usage, engine: str, prices: Prices) -> Decimal:
    if engine == "local":
        return Decimal(usage.seconds) / 3600 * prices.local_hour
    if engine == "glue":
        price = prices.glue_flex_dpu_hour if usage.flexible else prices.glue_dpu_hour
        return Decimal(usage.dpu_hours) * price
    if engine == "emr-serverless":
        return (
            Decimal(usage.vcpu_hours) * prices.emr_serverless_vcpu_hour
            + Decimal(usage.memory_gb_hours) * prices.emr_serverless_memory_gb_hour
            + Decimal(usage.storage_gb_hours) * prices.emr_serverless_storage_gb_hour
        )
    if engine == "emr":
        share = (prices.ec2_spot_share if usage.flexible else 1) + prices.emr_share
        hours = usage.instance_hours.items()
        return sum((Decimal(n) * _ec2(each, prices) * share for each, n in hours), Decimal(0))
    raise PriceUnknown(f"expected the price of an engine, found {engine!r}")


def _ec2(instance_type: str, prices: Prices) -> Decimal:
    price = prices.ec2.get(instance_type)
    if price is None:
        raise PriceUnknown(
            f"expected a price of the EC2 instance type {instance_type!r}, found none; add it "
            "under `ec2` to the file that LAKE_PRICES names, in USD an hour"
        )
    return price
