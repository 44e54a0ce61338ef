"""Every setting of the project, read from the environment in one place and checked at once.

Without any setting the lake is a folder named `.lake` beside the project, with an embedded database
in it and Spark in process. Nothing here opens or connects to anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from resources.aws import AwsSettings
from resources.compute.emr_notebook_settings import EmrNotebookSettings, emr_notebook_settings
from resources.compute.emr_serverless_settings import (
    EmrServerlessSettings,
    emr_serverless_settings,
)
from resources.compute.emr_settings import EmrSettings, emr_settings
from resources.compute.glue_job_settings import GlueJobSettings, glue_job_settings
from resources.compute.placement_settings import PlacementSettings, placement_settings
from resources.environment import is_true, matching, optional, whole_number
from resources.errors import SettingsError
from resources.mysql_settings import database_settings
from resources.storage import is_on_s3, open_storage

_PROJECT = Path(__file__).resolve().parents[1]
_MEMORY = re.compile(r"[1-9][0-9]*[mg]")
_REMOTE = re.compile(r"sc://[^\s/:]+(:\d{1,5})?(/.*)?|emr://j-\w+/[\w-]+")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
#: A key's ARN, its id, or an alias.
_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:.+|alias/.+|(mrk-)?[0-9a-f-]{32,36}")
#: Athena takes these in queries without quotes.
_GLUE_NAME = re.compile(r"[a-z_][a-z0-9_]*")
#: Our variable for each service whose endpoint can be set; beside it boto3's own are read.
_ENDPOINTS = {
    "s3": "LAKE_S3_ENDPOINT",
    "glue": "LAKE_GLUE_ENDPOINT",
    "secretsmanager": "LAKE_SECRETS_MANAGER_ENDPOINT",
    "sts": "LAKE_STS_ENDPOINT",
    "athena": "LAKE_ATHENA_ENDPOINT",
    "emr": "LAKE_EMR_ENDPOINT",
    "sns": "LAKE_SNS_ENDPOINT",
    "sqs": "LAKE_SQS_ENDPOINT",
    "emr-serverless": "LAKE_EMR_SERVERLESS_ENDPOINT",
    "logs": "LAKE_LOGS_ENDPOINT",
}
_BOTO3_ENDPOINTS = {
    "s3": "AWS_ENDPOINT_URL_S3",
    "glue": "AWS_ENDPOINT_URL_GLUE",
    "secretsmanager": "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "sts": "AWS_ENDPOINT_URL_STS",
    "athena": "AWS_ENDPOINT_URL_ATHENA",
    "emr": "AWS_ENDPOINT_URL_EMR",
    "sns": "AWS_ENDPOINT_URL_SNS",
    "sqs": "AWS_ENDPOINT_URL_SQS",
    "emr-serverless": "AWS_ENDPOINT_URL_EMR_SERVERLESS",
    "logs": "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
}


@dataclass(frozen=True)
class GlueSettings:
    """Where published tables are registered, and the Athena work group that queries them.

    `athena_scan_limit_bytes` is what one query may scan, 0 for any amount.
    """

    database: str = "lake"
    table_prefix: str = ""
    athena_work_group: str = "primary"
    athena_scan_limit_bytes: int = 0


@dataclass(frozen=True)
class Settings:
    """What can be set; every field has a default. See `docs/operate.md` for the variables.

    `root` is where the lake lies and `raw_root` where raw objects do; `local_folder` is where on
    this machine the local catalog lies. `database` is the folder of the embedded database or the
    address of a server, whose password is no setting: it is read where it is used.
    `spark_master` and `spark_memory` are Spark's own spellings; `spark_remote` is the address of a
    Spark Connect server for notebooks, empty for Spark in their own process. `read_back` is the engine that
    counts what was published.
    """

    root: str
    raw_root: str
    database: str
    local_folder: str
    database_wait_seconds: float = 1800.0
    spark_master: str = "local[*]"
    spark_memory: str = "2g"
    spark_remote: str = ""
    target_file_bytes: int = 128 * 1024 * 1024
    keep_previous: int = 2
    scratch_days: int = 14
    catalog: Literal["local", "glue"] = "local"
    read_back: Literal["athena", "duckdb"] = "duckdb"
    glue: GlueSettings = field(default_factory=GlueSettings)
    aws: AwsSettings = field(default_factory=AwsSettings)
    placement: PlacementSettings = field(default_factory=PlacementSettings)
    emr: EmrSettings = field(default_factory=EmrSettings)
    emr_notebook: EmrNotebookSettings = field(default_factory=EmrNotebookSettings)
    emr_serverless: EmrServerlessSettings = field(default_factory=EmrServerlessSettings)
    glue_job: GlueJobSettings = field(default_factory=GlueJobSettings)

    @property
    def is_on_s3(self) -> bool:
        """Whether anything that Spark reads or writes is on S3."""
        return is_on_s3(self.root) or is_on_s3(self.raw_root)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raises `SettingsError` naming the variable, its value and what it takes."""
    env = os.environ if environment is None else environment
    root = _root(env, "LAKE_ROOT") or str(_home() / ".lake" / "lake")
    local_folder = env.get("LAKE_LOCAL_FOLDER") or _local_folder(root)
    if is_on_s3(local_folder):
        raise SettingsError(
            f"LAKE_LOCAL_FOLDER: expected a folder of this machine, found {local_folder!r}"
        )
    database_settings(env)
    catalog = _catalog(env, root)
    return Settings(
        root=root,
        raw_root=_root(env, "LAKE_RAW_ROOT") or f"{root.rstrip('/')}/raw",
        local_folder=local_folder,
        database=env.get("LAKE_DATABASE") or f"{_path(local_folder).rstrip('/')}/database",
        database_wait_seconds=whole_number(env, "LAKE_DATABASE_WAIT_SECONDS", 1800, at_least=1),
        spark_master=matching(env, "LAKE_SPARK_MASTER", "local[*]", r"local(\[(\*|\d+)\])?"),
        spark_memory=matching(env, "LAKE_SPARK_MEMORY", "2g", _MEMORY.pattern),
        spark_remote=optional(env, "LAKE_SPARK_REMOTE", _REMOTE, "sc://127.0.0.1:15002"),
        target_file_bytes=whole_number(env, "LAKE_TARGET_FILE_MB", 128, at_least=1) * 1024 * 1024,
        keep_previous=whole_number(env, "LAKE_KEEP_PREVIOUS", 2, at_least=1),
        scratch_days=whole_number(env, "LAKE_SCRATCH_DAYS", 14, at_least=1),
        catalog=catalog,
        read_back=_read_back(env, catalog),
        glue=GlueSettings(
            matching(env, "LAKE_GLUE_DATABASE", "lake", _GLUE_NAME.pattern),
            optional(env, "LAKE_GLUE_TABLE_PREFIX", _GLUE_NAME, "raw_"),
            matching(env, "LAKE_ATHENA_WORK_GROUP", "primary", r"[\w.-]{1,128}"),
            # In Athena's units, whose own limits begin at 10,000,000 bytes.
            whole_number(env, "LAKE_ATHENA_SCAN_LIMIT_MB", 0, at_least=0) * 1_000_000,
        ),
        aws=_aws(env),
        placement=placement_settings(env),
        emr=emr_settings(env),
        emr_notebook=emr_notebook_settings(env),
        emr_serverless=emr_serverless_settings(env),
        glue_job=glue_job_settings(env),
    )


def _aws(env: Mapping[str, str]) -> AwsSettings:
    """What is said for the lake, then what AWS's other tools read.

    boto3 leaves out AWS_REGION, and Spark the endpoints. AWS_PROFILE is read by both, and weighed
    against keys in the environment alike.
    """
    region = next(
        (name for name in ("LAKE_AWS_REGION", "AWS_REGION") if env.get(name)), "AWS_DEFAULT_REGION"
    )
    return AwsSettings(
        region=optional(env, region, _REGION, "eu-west-1"),
        profile=optional(env, "LAKE_AWS_PROFILE", re.compile(r"\S+"), "analytics"),
        role=optional(env, "LAKE_AWS_ROLE", _ROLE, "arn:aws:iam::123456789012:role/lake"),
        endpoints={
            service: url for service in _ENDPOINTS if (url := _endpoint(env, service)) is not None
        },
        kms_key=optional(env, "LAKE_S3_KMS_KEY", _KMS_KEY, "alias/lake"),
        requester_pays=is_true(env, "LAKE_S3_REQUESTER_PAYS"),
    )


def _endpoint(env: Mapping[str, str], service: str) -> str | None:
    for name in (_ENDPOINTS[service], _BOTO3_ENDPOINTS[service], "AWS_ENDPOINT_URL"):
        url = env.get(name, "").strip()
        if not url:
            continue
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
            raise SettingsError(
                f"{name}: expected a URL such as https://s3.eu-west-1.amazonaws.com, found {url!r}"
            )
        return url.rstrip("/")
    return None


def _catalog(env: Mapping[str, str], root: str) -> Literal["local", "glue"]:
    name = env.get("LAKE_CATALOG", "").strip() or "local"
    if name not in ("local", "glue"):
        raise SettingsError(f"LAKE_CATALOG: expected 'local' or 'glue', found {name!r}")
    if name == "glue" and not is_on_s3(root):
        raise SettingsError(
            f"LAKE_CATALOG: expected 'local' for a lake in a folder, found 'glue' with LAKE_ROOT "
            f"{root!r}. Athena reads S3 only: set LAKE_ROOT to an address like s3://bucket/lake."
        )
    return cast("Literal['local', 'glue']", name)


def _read_back(env: Mapping[str, str], catalog: str) -> Literal["athena", "duckdb"]:
    name = env.get("LAKE_READ_BACK", "").strip() or ("athena" if catalog == "glue" else "duckdb")
    if name not in ("athena", "duckdb"):
        raise SettingsError(f"LAKE_READ_BACK: expected 'athena' or 'duckdb', found {name!r}")
    if name == "athena" and catalog != "glue":
        raise SettingsError(
            f"LAKE_READ_BACK: expected 'duckdb' for a local catalog, found {name!r}. Athena sees "
            "only what is in Glue: set LAKE_CATALOG to glue."
        )
    return cast("Literal['athena', 'duckdb']", name)


def _root(env: Mapping[str, str], name: str) -> str:
    """The address of a store, as it stands once one has been made of it."""
    root = env.get(name, "")
    if not is_on_s3(root):
        return root
    try:
        return open_storage(root).root
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from error


def _local_folder(root: str) -> str:
    """The lake itself, or for one on S3 a folder of its own beside the project."""
    if not is_on_s3(root):
        return root
    return str(_home() / ".lake" / "s3" / root.removeprefix("s3://"))


def _home() -> Path:
    """The checkout that this package lies in, or the working directory of an installed one."""
    return _PROJECT if (_PROJECT / "pyproject.toml").is_file() else Path.cwd()


def _path(root: str) -> str:
    return root.removeprefix("file://")
