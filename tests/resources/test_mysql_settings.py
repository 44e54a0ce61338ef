"""The MySQL settings and logins, against Secrets Manager over HTTP; no database is reached."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from resources.database import DerbyDatabase, Patience
from resources.errors import DatabaseError, DatabaseUnreachable, LoginRefused, SettingsError
from resources.mysql_errors import mysql_error
from resources.mysql_login import Credentials, IamLogin, SecretLogin
from resources.mysql_settings import (
    PACKAGE,
    MySqlSettings,
    database_settings,
    is_mysql,
    spark_config_for,
)
from resources.source_database import embedded, open_database
from spark.snapshot_spec import LoginSpec
from tests.mysql import no_client
from tests.servers.moto import moto_server

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

CANARY = "c4nary-in-the-m1ne"
LOGIN = {"LAKE_DATABASE_PASSWORD": CANARY}
AWS = {"region_name": "eu-west-1", "aws_access_key_id": "k", "aws_secret_access_key": "s"}


@pytest.fixture(scope="module")
def secrets() -> Iterator[SecretsManagerClient]:
    with moto_server() as url:
        yield boto3.client("secretsmanager", endpoint_url=url, **AWS)  # type: ignore[call-overload]


def test_an_address_says_it_all() -> None:
    found = database_settings({"LAKE_DATABASE": "mysql://ada@db.example.org/music", **LOGIN})

    assert found == MySqlSettings("db.example.org", 3306, "music", "ada")
    assert found.place == "mysql://ada@db.example.org:3306/music"


def test_other_schemes_and_odd_names_are_taken() -> None:
    address = "mariadb://a%2Bb@[::1]:13306/my%20schema"

    found = database_settings({"LAKE_DATABASE": address, **LOGIN})

    assert found == MySqlSettings("::1", 13306, "my schema", "a+b")


@pytest.mark.parametrize("address", ["", "/data/database", "file:///data", "mysql"])
def test_a_folder_is_the_embedded_database(address: str) -> None:
    assert not is_mysql(address)
    assert database_settings({"LAKE_DATABASE": address}) is None
    assert spark_config_for(address) == {}


def test_the_driver_is_fetched_for_a_server_only() -> None:
    assert spark_config_for("mysql://a@b/c") == {"spark.jars.packages": PACKAGE}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"LAKE_DATABASE": f"mysql://a:{CANARY}@h/s", **LOGIN}, "without a password"),
        ({"LAKE_DATABASE": "mysql://a@h", **LOGIN}, "LAKE_DATABASE: expected an address like"),
        ({"LAKE_DATABASE": "mysql://a@h/s?sslMode=DISABLED", **LOGIN}, "expected an address like"),
        ({"LAKE_DATABASE": "mysql://a@h:70000/s", **LOGIN}, "expected a port"),
        ({"LAKE_DATABASE": "mysql://a@h:0/s", **LOGIN}, "expected a port"),
        ({"LAKE_DATABASE": "mysql://h/s", **LOGIN}, "expected a user"),
        ({"LAKE_DATABASE": "mysql://a@h/s"}, "found none"),
        ({"LAKE_DATABASE": "mysql://a@h/s", "LAKE_DATABASE_IAM": "yes"}, "true or false"),
        (
            {"LAKE_DATABASE": "mysql://a@h/s", "LAKE_DATABASE_SECRET": "x", **LOGIN},
            "LAKE_DATABASE_PASSWORD and LAKE_DATABASE_SECRET",
        ),
        (
            {
                "LAKE_DATABASE": "mysql://a@h/s",
                "LAKE_DATABASE_IAM": "true",
                "LAKE_DATABASE_TLS": "off",
            },
            "must not travel in the clear",
        ),
        ({"LAKE_DATABASE": "mysql://a@h/s", "LAKE_DATABASE_TLS": "on", **LOGIN}, "one of verify"),
        ({"LAKE_DATABASE": "mysql://a@h/s", "LAKE_DATABASE_CA": "/no/pem", **LOGIN}, "PEM file"),
    ],
)
def test_a_setting_that_cannot_work_is_named_and_no_password_is(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        database_settings(environment)

    assert CANARY not in repr(refused.value)


def test_a_secret_is_fetched_once_and_again_when_it_is_refused(
    secrets: SecretsManagerClient,
) -> None:
    name = secrets.create_secret(Name="once", SecretString=rds("ada", "old"))["ARN"]
    login = SecretLogin(lambda: secrets, name)
    first = login.credentials(fresh=False)
    secrets.put_secret_value(SecretId=name, SecretString=rds("ada", CANARY))

    kept, renewed = login.credentials(fresh=False), login.credentials(fresh=True)

    assert first == kept == Credentials("ada", "old")
    assert (renewed.user, renewed.password, login.renews) == ("ada", CANARY, True)
    assert CANARY not in repr(login) + repr(renewed)


@pytest.mark.parametrize(
    ("content", "user", "words"),
    [
        (f"{{{CANARY}", "", "expected JSON"),
        (json.dumps([CANARY]), "", "expected JSON"),
        (json.dumps({"username": "ada", "pass": CANARY}), "", "expected JSON"),
        (json.dumps({"password": CANARY}), "", "expected a `username`"),
        (
            json.dumps({"username": "ada", "password": CANARY}),
            "bob",
            "expected the password of bob",
        ),
    ],
)
def test_a_secret_of_another_layout_is_refused_without_its_content(
    secrets: SecretsManagerClient, content: str, user: str, words: str
) -> None:
    arn = secrets.create_secret(Name=f"odd-{hash((content, user))}", SecretString=content)["ARN"]

    with pytest.raises(SettingsError, match=words) as refused:
        SecretLogin(lambda: secrets, arn, user).credentials(fresh=False)

    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    assert CANARY not in str(refused.value)


def test_a_secret_that_is_not_there_is_a_setting_that_is_wrong(
    secrets: SecretsManagerClient,
) -> None:
    with pytest.raises(SettingsError, match="Correct LAKE_DATABASE_SECRET"):
        SecretLogin(lambda: secrets, "nowhere").credentials(fresh=False)


def test_no_answer_from_aws_is_worth_a_retry() -> None:
    nobody = boto3.client("secretsmanager", endpoint_url="http://127.0.0.1:9", **AWS)  # type: ignore[call-overload]

    with pytest.raises(DatabaseUnreachable, match="Secrets Manager") as refused:
        SecretLogin(lambda: nobody, "x").credentials(fresh=False)

    assert refused.value.retryable


def test_a_login_without_permission_names_the_action() -> None:
    class Denied:
        def get_secret_value(self, **_: str) -> None:
            from botocore.exceptions import ClientError  # noqa: PLC0415 only here

            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue")

    with pytest.raises(LoginRefused, match=r"Allow secretsmanager:GetSecretValue on x"):
        SecretLogin(Denied, "x").credentials(fresh=False)  # type: ignore[arg-type]


def test_an_iam_token_is_for_this_server_and_user() -> None:
    rds_client = boto3.client("rds", **AWS)  # type: ignore[call-overload]

    found = IamLogin(lambda: rds_client, "db.example.org", 3306, "ada").credentials(fresh=False)

    assert found.user == "ada"
    assert found.password.startswith("db.example.org:3306/?Action=connect&DBUser=ada&")
    assert found.password not in repr(found)


def test_iam_without_credentials_says_what_is_missing() -> None:
    def no_credentials() -> IamLogin:
        from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 only here

        raise NoCredentialsError

    with pytest.raises(LoginRefused, match="rds-db:connect"):
        IamLogin(no_credentials, "h", 3306, "ada").credentials(fresh=False)  # type: ignore[arg-type]


def test_only_the_embedded_database_can_be_loaded(tmp_path: Path) -> None:
    derby = open_database(str(tmp_path), Patience(), {}, no_client, no_client)
    server = open_database("mysql://a@h/s", Patience(), LOGIN, no_client, no_client)

    assert isinstance(embedded(derby), DerbyDatabase)
    with pytest.raises(DatabaseError, match="Unset LAKE_DATABASE"):
        embedded(server)


def rds(user: str, password: str) -> str:
    """A secret as RDS writes it."""
    return json.dumps({"username": user, "password": password, "engine": "mysql", "port": 3306})


@pytest.mark.parametrize(
    ("said", "kind", "retryable"),
    [
        ("com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure",
         DatabaseUnreachable, True),
        ("java.sql.SQLException: Access denied for user 'ada'@'h' (using password: YES)",
         LoginRefused, False),
        ("java.sql.SQLSyntaxErrorException: Access denied for user 'ada'@'h' to database 's'",
         DatabaseError, False),
        ("java.sql.SQLSyntaxErrorException: SELECT command denied to user 'ada'@'h' for table 't'",
         DatabaseError, False),
        ("java.sql.SQLException: Deadlock found when trying to get lock", DatabaseUnreachable, True),
        ("com.mysql.cj.jdbc.exceptions.CommunicationsException: x\nCaused by:"
         " javax.net.ssl.SSLHandshakeException: PKIX path building failed", DatabaseError, False),
        ("java.sql.SQLException: something else", DatabaseError, False),
    ],
)  # fmt: skip
def test_what_the_driver_says_becomes_an_error_that_knows_whether_to_retry(
    said: str, kind: type[DatabaseError], retryable: bool
) -> None:
    error = mysql_error(RuntimeError(said), MySqlSettings("h", 3306, "s", "ada"), renews=False)

    assert type(error) is kind
    assert error.retryable is retryable


@pytest.mark.parametrize("said", ["java.lang.OutOfMemoryError", "S3: SSLHandshakeException"])
def test_what_others_say_is_left_to_them(said: str) -> None:
    assert mysql_error(RuntimeError(said), MySqlSettings("h", 1, "s"), renews=False) is None


# --- A login for a job elsewhere ---


def test_a_job_elsewhere_gets_the_secrets_name_and_no_password(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    settings = {"LAKE_DATABASE_SECRET": "radio/reader", "LAKE_DATABASE_CA": str(ca)}

    source = open_database(
        "mysql://ada@db.example.org/music", Patience(), settings, no_client, no_client
    ).remote()

    assert source.login == LoginSpec("radio/reader", "ada", "db.example.org", 3306, "PEM")
    assert not {"user", "password"} & set(source.options)
    assert "trustCertificateKeyStoreUrl=file%3Alake-authorities.jks" in source.options["url"]


def test_a_password_that_only_this_process_knows_goes_nowhere() -> None:
    database = open_database(
        "mysql://ada@db.example.org/music", Patience(), LOGIN, no_client, no_client
    )

    with pytest.raises(DatabaseError, match="name it in LAKE_DATABASE_SECRET"):
        database.remote()


def test_no_other_machine_opens_the_embedded_database(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="Expected a MySQL server"):
        DerbyDatabase(tmp_path).remote()
