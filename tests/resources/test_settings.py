"""Settings: every one has a default, and a wrong one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from resources.errors import SettingsError
from resources.settings import load_settings

ROOT = Path(__file__).parents[2]


def test_without_any_setting_the_lake_is_a_folder_beside_the_project() -> None:
    settings = load_settings({})

    assert settings.root == str(ROOT / ".lake" / "lake")
    assert settings.raw_root == f"{settings.root}/raw"
    assert settings.database == f"{settings.root}/database"
    assert settings.spark_master == "local[*]"
    assert settings.keep_previous == 2


def test_an_empty_setting_is_none() -> None:
    names = (
        "LAKE_ROOT LAKE_RAW_ROOT LAKE_DATABASE LAKE_SPARK_MASTER LAKE_SPARK_MEMORY "
        "LAKE_TARGET_FILE_MB LAKE_KEEP_PREVIOUS LAKE_DATABASE_WAIT_SECONDS"
    ).split()

    assert load_settings(dict.fromkeys(names, "")) == load_settings({})


def test_raw_objects_and_database_lie_below_the_root_unless_set() -> None:
    settings = load_settings({"LAKE_ROOT": "/data/lake/", "LAKE_RAW_ROOT": "/in"})

    assert settings.raw_root == "/in"
    assert settings.database == "/data/lake/database"


def test_a_root_may_be_a_file_url() -> None:
    settings = load_settings({"LAKE_ROOT": "file:///data/lake"})

    assert settings.root == "file:///data/lake"
    assert settings.database == "/data/lake/database"


def test_sizes_and_times_are_read_with_their_units() -> None:
    settings = load_settings(
        {
            "LAKE_TARGET_FILE_MB": "64",
            "LAKE_DATABASE_WAIT_SECONDS": " 60 ",
            "LAKE_SPARK_MASTER": "local[2]",
            "LAKE_SPARK_MEMORY": "1g",
        }
    )

    assert settings.target_file_bytes == 64 * 1024 * 1024
    assert settings.database_wait_seconds == 60
    assert (settings.spark_master, settings.spark_memory) == ("local[2]", "1g")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LAKE_TARGET_FILE_MB", "0"),
        ("LAKE_TARGET_FILE_MB", "-1"),
        ("LAKE_TARGET_FILE_MB", "1.5"),
        ("LAKE_TARGET_FILE_MB", "128M"),
        ("LAKE_KEEP_PREVIOUS", "0"),
        ("LAKE_KEEP_PREVIOUS", "many"),
        ("LAKE_DATABASE_WAIT_SECONDS", "0"),
        ("LAKE_SPARK_MASTER", "yarn"),
        ("LAKE_SPARK_MASTER", "local[x]"),
        ("LAKE_SPARK_MEMORY", "2"),
        ("LAKE_SPARK_MEMORY", "2 g"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_its_name_and_value(
    name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load_settings({name: value})

    assert "expected" in str(caught.value)
    assert repr(value) in str(caught.value)


def test_the_environment_is_read_when_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_KEEP_PREVIOUS", "7")

    assert load_settings().keep_previous == 7
