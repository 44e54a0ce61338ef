"""The documents say what the code does: the declaration's reference, the settings, the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lake_assets import reference
from lake_assets.cli import app
from lake_assets.component import checked_references
from lake_assets.declaration import TableModel
from resources.compute.emr_settings import emr_settings
from resources.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
OPERATE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
AWS = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VARIABLE = re.compile(r"^\| `(LAKE_\w+)` \| `?([^|`]*)`? \|", re.MULTILINE)


def commands_of_lake() -> set[str]:
    return {
        each.name or (each.callback.__name__ if each.callback else "")
        for each in app.registered_commands
    } | {str(each.name) for each in app.registered_groups}


def test_the_reference_of_the_declaration_is_up_to_date() -> None:
    written = reference.FILE.read_text(encoding="utf-8")

    assert written == reference.document(), "run `make docs`"


def test_the_annotated_example_is_a_declaration_that_works() -> None:
    attributes = yaml.safe_load(reference.EXAMPLE)["attributes"]
    model = TableModel.model_validate(attributes)

    table = model.to_table(checked_references(model, {}, None))

    assert table.published.names == (
        "play_id",
        "played_at",
        "station_name",
        "song_id",
        "song_title",
    )


def test_every_word_of_a_declaration_has_a_place_in_the_reference() -> None:
    text = reference.FILE.read_text(encoding="utf-8")

    missing = [
        f"{model.__name__}.{name}"
        for _, model in reference.PARTS
        for name in model.model_fields
        if f"| `{name}` |" not in text
    ]

    assert missing == []


def test_the_table_of_settings_names_every_variable_with_its_default() -> None:
    rows = VARIABLE.findall(OPERATE + AWS)
    text = (ROOT / "resources" / "settings.py").read_text(encoding="utf-8")

    assert sorted(name for name, _ in rows) == sorted(set(re.findall(r'"(LAKE_\w+)"', text)))


@pytest.mark.parametrize(
    ("page", "module"),
    [
        ("automation.md", "resources/unattended_settings.py"),
        ("placement.md", "resources/compute/placement_settings.py"),
    ],
)
def test_settings_of_a_part_are_in_a_page_of_its_own(page: str, module: str) -> None:
    said = (ROOT / "docs" / page).read_text(encoding="utf-8")
    text = (ROOT / module).read_text(encoding="utf-8")

    missing = [
        name for name in re.findall(r'"(LAKE_[A-Z_]+)"', text) if f"| `{name}` |" not in said
    ]

    assert missing == []


def test_settings_of_emr_are_in_the_page_on_compute_with_their_defaults() -> None:
    rows = dict(VARIABLE.findall((ROOT / "docs" / "compute.md").read_text(encoding="utf-8")))
    text = (ROOT / "resources" / "compute" / "emr_settings.py").read_text(encoding="utf-8")
    found = emr_settings({})

    assert {each for each in rows if each.startswith("LAKE_EMR_")} >= set(
        re.findall(r'"(LAKE_EMR_[A-Z_]+)"', text)
    )
    assert rows["LAKE_EMR_RELEASE"] == found.release
    assert rows["LAKE_EMR_INSTANCE_TYPES"] == found.instance_types[0]
    assert rows["LAKE_EMR_CORE_INSTANCES"] == str(found.core_instances)
    assert rows["LAKE_EMR_KEEP_MINUTES"] == str(found.keep_minutes)
    assert rows["LAKE_EMR_STEP_CONCURRENCY"] == str(found.step_concurrency)


@pytest.mark.parametrize(
    ("page", "module", "prefix"),
    [
        ("compute-serverless.md", "emr_serverless_settings.py", "LAKE_EMR_SERVERLESS_"),
        ("compute-glue.md", "glue_job_settings.py", "LAKE_GLUE_JOB_"),
    ],
)
def test_settings_of_an_engine_are_in_its_page_with_their_defaults(
    page: str, module: str, prefix: str
) -> None:
    said = dict(VARIABLE.findall((ROOT / "docs" / page).read_text(encoding="utf-8")))
    code = (ROOT / "resources" / "compute" / module).read_text(encoding="utf-8")
    settings = load_settings({})
    defaults = vars(settings.glue_job if "glue" in page else settings.emr_serverless)

    assert set(said) == {f"{prefix}{name}" for name in re.findall(r"_PREFIX\}(\w+)\"", code)}
    for variable, default in said.items():
        found = defaults[variable.removeprefix(prefix).lower()]
        assert default.lower() == (str(found).removesuffix("()").lower() or "none"), variable


@pytest.mark.parametrize(
    ("variable", "field", "unit"),
    [
        ("LAKE_DATABASE_WAIT_SECONDS", "database_wait_seconds", 1),
        ("LAKE_SPARK_MASTER", "spark_master", None),
        ("LAKE_SPARK_MEMORY", "spark_memory", None),
        ("LAKE_TARGET_FILE_MB", "target_file_bytes", 1024 * 1024),
        ("LAKE_KEEP_PREVIOUS", "keep_previous", 1),
        ("LAKE_SCRATCH_DAYS", "scratch_days", 1),
    ],
)
def test_the_table_of_settings_gives_the_default(
    variable: str, field: str, unit: int | None
) -> None:
    said = dict(VARIABLE.findall(OPERATE))[variable]

    default = getattr(load_settings({}), field)

    assert default == (said if unit is None else int(said) * unit)


def test_every_command_of_lake_is_described() -> None:
    missing = [name for name in commands_of_lake() if f"lake {name}" not in OPERATE]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_only_commands_and_files_that_there_are(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    parts = re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    code = "\n".join(block or inline for block, inline in parts)

    assert [name for name in re.findall(r"\bmake ([a-z-]+)", code) if name not in targets] == []
    assert [
        name for name in re.findall(r"\blake ([a-z]+)\b", code) if name not in commands_of_lake()
    ] == []
    assert [link for link in links if not (document.parent / link).exists()] == []
