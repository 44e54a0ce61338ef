"""What usage costs, against figures worked out by hand from the list prices."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from resources.compute.engine import Usage
from resources.compute.placement_settings import placement_settings
from resources.compute.prices import Prices, cost, load_prices
from resources.errors import PriceUnknown, SettingsError

HOUR = 3600.0


@pytest.mark.parametrize(
    ("engine", "usage", "usd"),
    [
        ("local", Usage(HOUR), "0"),
        ("glue", Usage(HOUR, dpu_hours=10.0), "4.40"),
        ("glue", Usage(HOUR, dpu_hours=10.0, flexible=True), "2.90"),
        ("emr-serverless", Usage(HOUR, vcpu_hours=4.0, memory_gb_hours=16.0), "0.302952"),
        ("emr-serverless", Usage(HOUR, storage_gb_hours=100.0), "0.0111"),
        # 1.008 of EC2 and 0.252 of EMR: the example in the price list.
        ("emr", Usage(HOUR, instance_hours={"r5.4xlarge": 1.0}), "1.26"),
        ("emr", Usage(HOUR, instance_hours={"m5.xlarge": 3.0, "r5.xlarge": 0.5}), "0.8775"),
        ("emr", Usage(HOUR, instance_hours={"m5.xlarge": 1.0}, flexible=True), "0.24"),
    ],
)
def test_usage_costs_what_the_price_list_says(engine: str, usage: Usage, usd: str) -> None:
    assert cost(usage, engine, Prices()) == Decimal(usd)


def test_a_job_of_half_a_minute_is_billed_a_whole_one() -> None:
    short = Usage(30.0, dpu_hours=10 * 30 / HOUR)
    minute = Usage(60.0, dpu_hours=10 * 60 / HOUR)

    assert cost(short, "glue", Prices()) == cost(minute, "glue", Prices())


def test_spot_instances_cost_the_share_that_is_said_and_emrs_part_in_full() -> None:
    usage = Usage(HOUR, instance_hours={"m5.xlarge": 1.0}, flexible=True)

    assert cost(usage, "emr", Prices(ec2_spot_share=Decimal("0.5"))) == Decimal("0.144")


def test_what_emr_serverless_bills_has_its_minimum_in_it() -> None:
    billed = Usage(30.0, vcpu_hours=4 / 60)

    assert cost(billed, "emr-serverless", Prices()) == Decimal("0.003508")


def test_a_machine_of_ones_own_is_billed_by_the_second() -> None:
    prices = Prices(local_hour=Decimal("0.36"))

    assert cost(Usage(1.0), "local", prices) == Decimal("0.0001")


def test_an_instance_type_without_a_price_is_named() -> None:
    with pytest.raises(PriceUnknown, match=r"'z1d\.metal'.*LAKE_PRICES"):
        cost(Usage(HOUR, instance_hours={"z1d.metal": 1.0}), "emr", Prices())


def test_an_engine_that_there_is_not_has_no_price() -> None:
    with pytest.raises(PriceUnknown, match="'abacus'"):
        cost(Usage(HOUR), "abacus", Prices())


def test_a_file_changes_some_prices_and_adds_instance_types(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("glue_dpu_hour: 0.5\nec2: {z1d.metal: 4.464}\n")

    prices = load_prices(str(file))

    assert prices.glue_dpu_hour == Decimal("0.5")
    assert prices.emr_share == Prices().emr_share
    assert cost(Usage(HOUR, instance_hours={"z1d.metal": 1.0}), "emr", prices) == Decimal("5.58")
    assert prices.ec2["m5.xlarge"] == Prices().ec2["m5.xlarge"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("glue_dpu: 1", "glue_dpu: Unexpected keyword argument.*glue_dpu_hour"),
        ("glue_dpu_hour: -1", "glue_dpu_hour: Input should be greater than or equal to 0"),
        ("glue_dpu_hour: cheap", "glue_dpu_hour"),
        ("ec2: {m5.xlarge: .nan}", "ec2.m5.xlarge"),
        ("- 1", "the file"),
        ("a: [", "expected a YAML file"),
    ],
)
def test_a_file_of_anything_but_prices_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)

    with pytest.raises(SettingsError, match=rf"(?s)LAKE_PRICES: .*{said}"):
        placement_settings({"LAKE_PRICES": str(file)})


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"LAKE_PRICES: expected a YAML file.*missing"):
        placement_settings({"LAKE_PRICES": "/missing.yaml"})


@pytest.mark.parametrize("text", ["-1", "two", "1e3", "nan"])
def test_a_limit_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="LAKE_MAX_USD: expected a number"):
        placement_settings({"LAKE_MAX_USD": text})
