"""What the doctor finds of a lake in a folder, on S3 with too little allowed, and beside a server."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import SparkSession

from resources.aws import AwsSettings
from resources.database import DerbyDatabase, Patience, exclusive_lock
from resources.doctor.base import Check, Doubt, Finding, NotTried, Secrets, State, examine
from resources.doctor.engine import java
from resources.doctor.lake import Declared, examine_lake
from resources.doctor.places import root_checks
from resources.errors import SettingsError, StorageError, StorageUnavailable
from resources.storage import FolderStorage, S3Storage
from resources.table import Reference
from spark.contract import Column, Contract
from tests.servers.glue import Calls, glue_client, refusing
from tests.servers.mariadb import READER_PASSWORD, MariaDb
from tests.servers.users import check_permissions_after, user_with

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

CANARY = "c4nary-in-the-m1ne"
_EVERYWHERE = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
SONGS = Reference("songs", "songs", ("id",), Contract((Column("id", "int", nullable=False),)))
Findings = dict[tuple[str, str], Finding]


def by_name(found: Iterator[Finding] | Sequence[Finding]) -> Findings:
    return {(each.place, each.tried): each for each in found}


def states(found: Findings, place: str) -> list[str]:
    return [each.state.value for each in found.values() if each.place == place]


def said(found: Findings) -> str:
    return "\n".join(each.said for each in found.values())


# --- checks ---


def test_a_check_that_fails_hides_none_after_it() -> None:
    def broken() -> str:
        raise KeyError("surprise")

    def refused() -> str:
        raise StorageError("denied")

    def doubtful() -> str:
        raise Doubt("works")

    def untried() -> str:
        raise NotTried("no reason")

    runs: list[Callable[[], str]] = [broken, refused, doubtful, untried, lambda: "fine"]
    found = list(examine([Check("a", str(n), run) for n, run in enumerate(runs)], Secrets()))

    assert [each.state.value for each in found] == [
        "failed",
        "failed",
        "warning",
        "not tried",
        "ok",
    ]
    assert "surprise" in found[0].said


def test_a_place_that_does_not_answer_is_asked_once() -> None:
    calls: list[str] = []

    def silent() -> str:
        calls.append("root")
        raise StorageUnavailable("no answer")

    checks = [Check("root", "list", silent), Check("root", "read", silent)]
    found = list(examine([*checks, Check("java", "run", lambda: "17")], Secrets()))

    assert calls == ["root"]
    assert [each.state for each in found] == [State.failed, State.not_tried, State.ok]


def test_no_secret_is_shown_whatever_an_error_says() -> None:
    environment = {"LAKE_DATABASE_PASSWORD": CANARY, "AWS_SECRET_ACCESS_KEY": f"{CANARY}2"}

    def leaks() -> str:
        raise StorageError(
            f"{CANARY} and {CANARY}2 at mysql://me:{CANARY}3@host and http://h:1/a@b"
        )

    [found] = examine([Check("a", "b", leaks)], Secrets.of(environment))

    assert "c4nary" not in found.said
    assert "mysql://me:[hidden]@host" in found.said
    assert "http://h:1/a@b" in found.said


# --- a lake in a folder ---


def test_a_lake_in_a_folder_is_well_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    found = by_name(
        examine_lake(
            {**_EVERYWHERE, "LAKE_ROOT": str(tmp_path / "lake")}, Declared(), with_spark=False
        )
    )

    assert {each.state for each in found.values()} == {State.ok, State.not_tried}, said(found)
    left = [path.name for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert left == ["database.lock"]


def test_a_root_that_is_a_file_and_a_setting_that_cannot_work_are_said(tmp_path: Path) -> None:
    environment = {**_EVERYWHERE, "LAKE_ROOT": str(tmp_path), "LAKE_KEEP_PREVIOUS": "none"}

    found = by_name(examine_lake(environment, Declared(), with_spark=False))

    assert states(found, "settings") == ["failed"]
    assert states(found, "java") == ["ok"]
    assert "LAKE_KEEP_PREVIOUS: expected a whole number" in said(found)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("java.base@11.0.2\njdk.incubator.vector@11.0.2", "expected Java 17 or later .* found 11"),
        ("java.base@21\njava.sql@21", "without the module jdk.incubator.vector"),
        ("Unrecognized option", "cannot list its modules"),
    ],
)
def test_a_java_that_spark_cannot_use_is_named(tmp_path: Path, output: str, words: str) -> None:
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
    program.chmod(0o755)

    with pytest.raises(SettingsError, match=words):
        java({"JAVA_HOME": str(tmp_path)})
    with pytest.raises(SettingsError, match="PATH: expected Java, found none"):
        java({"PATH": str(tmp_path)})


def test_a_store_that_ignores_a_condition_is_refused(tmp_path: Path) -> None:
    class Heedless(FolderStorage):
        def write(self, key: str, data: bytes, *, if_absent: bool = False) -> None:  # noqa: ARG002
            super().write(key, data)

    found = by_name(examine(root_checks(Heedless(tmp_path)), Secrets()))

    assert "This server ignores the condition" in said(found)
    assert list(tmp_path.iterdir()) == []


# --- a lake on S3 ---

Ask = Callable[..., Findings]
_USERS = itertools.count()


@pytest.fixture
def ask(s3_lake: S3Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Ask]:
    """Gives what is found for a user who may do just these actions."""

    def examined(*actions: str, **more: str) -> Findings:
        statements = [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]
        user = user_with(s3_lake.aws, f"{s3_lake.bucket}-{next(_USERS)}", statements)
        s3_lake.write("raw/plays/a.json", b"{}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret)
        check_permissions_after(s3_lake.aws, "0")
        environment = {
            **_EVERYWHERE,
            "LAKE_ROOT": s3_lake.root,
            "LAKE_LOCAL_FOLDER": str(tmp_path),
            "LAKE_AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": s3_lake.aws.endpoints["s3"],
            "AWS_SECRET_ACCESS_KEY": user.secret,
            **more,
        }
        found = by_name(examine_lake(environment, Declared(["plays"]), with_spark=False))
        check_permissions_after(s3_lake.aws, "inf")
        assert user.secret not in said(found)
        return found

    yield examined
    check_permissions_after(s3_lake.aws, "inf")


POLICY = (
    "s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads",
)  # fmt: skip


def test_a_lake_on_s3_is_well_and_nothing_is_left_in_it(s3_lake: S3Storage, ask: Ask) -> None:
    found = ask(*POLICY)

    assert {each.state for each in found.values()} == {State.ok, State.not_tried}, said(found)
    assert found["raw root", "read an object of plays"].said == "plays/a.json"
    assert f":user/{s3_lake.bucket}-" in said(found)
    assert [each.key for each in s3_lake.list("")] == ["raw/plays/a.json"]
    assert list(s3_lake.unfinished("")) == []


@pytest.mark.parametrize(
    ("action", "place", "tried"),
    [
        ("s3:ListBucket", "root", "list"),
        ("s3:PutObject", "root", "write an object"),
        ("s3:GetObject", "root", "read it back"),
        ("s3:GetObject", "root", "be refused a second write if absent"),
        ("s3:GetObject", "raw root", "read an object of plays"),
        ("s3:DeleteObject", "root", "delete it"),
        ("s3:ListBucketMultipartUploads", "root", "begin, list and abort an upload"),
    ],
)
def test_a_missing_permission_is_named_and_the_rest_is_tried(
    s3_lake: S3Storage, ask: Ask, action: str, place: str, tried: str
) -> None:
    found = ask(*(each for each in POLICY if each != action))

    [finding] = [
        each for each in found.values() if each.place == place and each.tried.startswith(tried)
    ]
    assert finding.state is State.failed
    assert f"`{action}` on `arn:aws:s3:::{s3_lake.bucket}" in finding.said
    assert State.ok in {each.state for each in found.values() if each.place == "root"}


def test_a_missing_bucket_is_named(ask: Ask) -> None:
    found = ask(*POLICY, LAKE_ROOT="s3://no-such-bucket-at-all/lake")

    assert "no bucket 'no-such-bucket-at-all'" in found["root", "write an object"].said
    assert states(found, "catalog") == ["ok", "ok"]


def test_a_key_that_the_server_ignores_is_seen(s3_lake: S3Storage, ask: Ask) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    found = ask(*POLICY, LAKE_S3_KMS_KEY=key)
    refused = ask(*POLICY[:2], LAKE_S3_KMS_KEY=key)

    assert found["root", "find it encrypted with the KMS key"].said == key
    assert f"`kms:GenerateDataKey` and `kms:Decrypt` on `{key}`" in said(refused)


def test_glue_is_read_and_what_only_publishing_proves_is_said(ask: Ask) -> None:
    reads = ("glue:GetDatabase", "glue:GetTables")

    found = ask(*POLICY, *reads, LAKE_CATALOG="glue", LAKE_GLUE_DATABASE="nowhere")

    assert states(found, "catalog") == ["warning", "ok", "not tried"]
    assert "needs glue:CreateDatabase on arn:aws:glue:us-east-1:<account>:catalog" in said(found)
    assert "proven only by publishing" in said(found)


def test_what_glue_does_not_allow_is_named(
    ask: Ask, moto_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denying(_: AwsSettings, service: str) -> GlueClient:
        if service != "glue":
            raise SettingsError("only Glue is asked here")
        client = glue_client(moto_url)
        calls = Calls(client)
        for action in ("GetDatabase", "GetTables"):
            calls.answer(action, refusing("AccessDeniedException", "not authorized"))
        return client

    monkeypatch.setattr("resources.doctor.accounts.aws_client", denying)
    monkeypatch.setattr("resources.catalog.opening.aws_client", denying)

    found = ask(*POLICY, LAKE_CATALOG="glue")

    assert states(found, "catalog") == ["warning", "failed", "not tried"]
    assert "Allow glue:GetDatabase on arn:aws:glue:eu-west-1:<account>:catalog" in said(found)
    assert "Allow glue:GetTables on" in found["catalog", "list its tables"].said


# --- the embedded database ---


def test_references_are_read_of_the_embedded_database_and_others_use_is_seen(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.doctor.engine.local_spark_config", lambda _: {})
    songs = spark.createDataFrame([(1,)], "id int")
    DerbyDatabase(tmp_path / "database").load_table(spark, "songs", songs, ["id"])
    environment = {**_EVERYWHERE, "LAKE_ROOT": str(tmp_path)}
    declared = Declared([], [SONGS, replace(SONGS, name="plays", table="plays")])

    found = by_name(examine_lake(environment, declared, with_spark=True))
    with exclusive_lock(tmp_path / "database.lock", "another run", Patience(0)):
        used = by_name(examine_lake(environment, declared, with_spark=False))

    assert states(found, "database") == ["ok", "ok", "failed"], said(found)
    assert "PLAYS" in found["database", "read a row of plays"].said
    assert states(used, "database") == ["warning", "not tried", "not tried"]
    assert "for another run" in said(used)


# --- a server ---


def at_server(
    spark: SparkSession, server: MariaDb, tmp_path: Path, *references: Reference, **more: str
) -> Findings:
    """What is found with the session of all tests, which has the driver."""
    environment = {
        **_EVERYWHERE,
        "LAKE_ROOT": str(tmp_path),
        "LAKE_DATABASE": server.url("doctored"),
        "LAKE_DATABASE_CA": str(server.ca),
        "LAKE_DATABASE_PASSWORD": READER_PASSWORD,
        **more,
    }
    return by_name(examine_lake(environment, Declared([], references), with_spark=True))


@pytest.fixture
def server(mariadb: MariaDb, monkeypatch: pytest.MonkeyPatch) -> MariaDb:
    mariadb.run(
        "CREATE OR REPLACE DATABASE doctored; USE doctored;"
        "CREATE TABLE songs (id INT PRIMARY KEY); INSERT INTO songs VALUES (1)"
    )
    monkeypatch.setattr("resources.doctor.engine.local_spark_config", lambda _: {})
    return mariadb


def test_a_server_is_logged_in_to_and_its_references_are_read(
    spark: SparkSession, server: MariaDb, tmp_path: Path
) -> None:
    title = Column("title", "string")
    untitled = replace(SONGS, name="titled", contract=Contract((*SONGS.contract.columns, title)))
    missing = replace(SONGS, name="plays", table="plays")

    found = at_server(spark, server, tmp_path, SONGS, missing)
    lacking = at_server(spark, server, tmp_path, untitled)

    assert states(found, "database") == ["ok", "ok", "ok", "ok", "ok", "failed"], said(found)
    assert "Expected a table or view plays" in said(found)
    assert "expected table songs to have title" in said(lacking)
    assert READER_PASSWORD not in said(found)


def test_a_wrong_password_is_said_and_not_shown(
    spark: SparkSession, server: MariaDb, tmp_path: Path
) -> None:
    found = at_server(spark, server, tmp_path, SONGS, LAKE_DATABASE_PASSWORD=CANARY)

    assert states(found, "database") == ["ok", "ok", "failed", "not tried", "not tried"]
    assert "Correct LAKE_DATABASE_PASSWORD" in said(found)
    assert CANARY not in said(found)


def test_a_user_who_may_write_and_a_port_that_is_shut_are_said(
    spark: SparkSession, server: MariaDb, tmp_path: Path
) -> None:
    server.run(
        f"CREATE OR REPLACE USER writer IDENTIFIED BY '{CANARY}';"
        "GRANT SELECT, INSERT ON doctored.* TO writer"
    )
    wide = at_server(
        spark, server, tmp_path,
        LAKE_DATABASE=server.url("doctored", "writer"), LAKE_DATABASE_PASSWORD=CANARY,
    )  # fmt: skip
    shut = at_server(spark, server, tmp_path, LAKE_DATABASE="mysql://reader@localhost:1/doctored")

    assert states(wide, "database") == ["ok", "ok", "ok", "warning"], said(wide)
    assert "may also INSERT" in said(wide)
    assert states(shut, "database") == ["failed", "not tried", "not tried", "not tried"]
    assert "open the server's firewall" in said(shut)
    assert CANARY not in said(wide)
