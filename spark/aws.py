"""AWS as a job needs it: the files that it starts from, and the login of a database.

boto3 is on every engine's machines, with their role's credentials. Nothing else here imports it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from spark.errors import LoginMissing

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from spark.snapshot_spec import LoginSpec


def s3_client() -> S3Client:
    """A client with the machine's own credentials and region."""
    import boto3  # noqa: PLC0415 - only an engine has it

    return boto3.client("s3")


def read_text(client: S3Client, address: str) -> str:
    """The object at an `s3://` address, as UTF-8."""
    bucket, key = _parts(address)
    return client.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


def is_there(client: S3Client, address: str) -> bool:
    """Whether there is an object at an `s3://` address."""
    bucket, key = _parts(address)
    found = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return bool(found["KeyCount"])


def database_login(login: LoginSpec) -> tuple[str, str]:
    """User and password: of a secret in RDS's layout, or a token where no secret is named."""
    import boto3  # noqa: PLC0415 - only an engine has it

    secret = login.secret
    if not secret:
        return login.user, boto3.client("rds").generate_db_auth_token(
            DBHostname=login.host, Port=login.port, DBUsername=login.user
        )
    said = json.loads(
        boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    )
    if not isinstance(said, dict) or not isinstance(said.get("password"), str):
        raise LoginMissing(
            f"Secret {secret}: expected JSON with the texts `username` and `password`, as RDS "
            "writes it, found something else. Correct the secret."
        )
    return login.user or str(said["username"]), said["password"]


def _parts(address: str) -> tuple[str, str]:
    bucket, _, key = address.partition("://")[2].partition("/")
    return bucket, key
