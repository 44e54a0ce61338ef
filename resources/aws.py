"""Sessions and clients of AWS: whose credentials, which region, which endpoints, how patient.

Everything that talks to AWS takes a client that was made here. What a service is asked, and what
its answers mean, belongs to the modules that ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoRegionError, ProfileNotFound

from resources.errors import SettingsError

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from types_boto3_athena import AthenaClient
    from types_boto3_emr import EMRClient
    from types_boto3_emr_serverless import EMRServerlessClient
    from types_boto3_glue import GlueClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_rds import RDSClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_sts import STSClient

Service = Literal[
    "athena",
    "emr",
    "emr-serverless",
    "glue",
    "logs",
    "rds",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "sts",
]

#: How an assumed role's sessions are called in CloudTrail.
ROLE_SESSION = "lake-assets"
#: Adaptive: a client that is throttled slows down. Eight tries take up to about a minute.
_RETRIES: Literal["adaptive"] = "adaptive"
_ATTEMPTS, _CONNECT_SECONDS, _READ_SECONDS = 8, 10, 60


@dataclass(frozen=True)
class AwsSettings:
    """How AWS is reached; what is empty is left to boto3 (environment, profile, instance role).

    `role` is the ARN of a role to assume with the credentials found. `endpoints` are URLs by
    service, as in `{"s3": "http://127.0.0.1:5000"}`. `kms_key` encrypts what is written to S3,
    and `requester_pays` accepts the cost of reading buckets that ask for it.
    """

    region: str = ""
    profile: str = ""
    role: str = ""
    endpoints: Mapping[str, str] = field(default_factory=dict)
    kms_key: str = ""
    requester_pays: bool = False


def aws_session(settings: AwsSettings) -> boto3.Session:
    """A session; an assumed role's credentials are fetched when first needed, and refreshed.

    Opens no connection. Raises `SettingsError` for a profile that no file of AWS's tools has.
    """
    core = _core_session(settings)
    if settings.role:
        provider = _AssumedRole(_core_session(settings), settings)
        core.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=core)


@overload
def aws_client(settings: AwsSettings, service: Literal["athena"]) -> AthenaClient: ...
@overload
def aws_client(
    settings: AwsSettings, service: Literal["emr"], *, attempts: int = _ATTEMPTS
) -> EMRClient: ...
@overload
def aws_client(
    settings: AwsSettings, service: Literal["emr-serverless"]
) -> EMRServerlessClient: ...
@overload
def aws_client(
    settings: AwsSettings, service: Literal["glue"], *, attempts: int = _ATTEMPTS
) -> GlueClient: ...
@overload
def aws_client(settings: AwsSettings, service: Literal["logs"]) -> CloudWatchLogsClient: ...
@overload
def aws_client(settings: AwsSettings, service: Literal["rds"]) -> RDSClient: ...
@overload
def aws_client(settings: AwsSettings, service: Literal["s3"]) -> S3Client: ...
@overload
def aws_client(
    settings: AwsSettings, service: Literal["secretsmanager"]
) -> SecretsManagerClient: ...
@overload
def aws_client(settings: AwsSettings, service: Literal["sns"]) -> SNSClient: ...
@overload
def aws_client(settings: AwsSettings, service: Literal["sqs"]) -> SQSClient: ...
@overload
def aws_client(settings: AwsSettings, service: Literal["sts"]) -> STSClient: ...
def aws_client(settings: AwsSettings, service: Service, *, attempts: int = _ATTEMPTS) -> BaseClient:
    """A client with adaptive retries and timeouts; it may be shared between threads.

    `attempts` is 1 for a call that must not be sent twice. Raises `SettingsError` for a service
    that needs a region when none is known.
    """
    try:
        return aws_session(settings).client(
            service,
            endpoint_url=settings.endpoints.get(service),
            config=_config(settings, service, attempts),
        )
    except NoRegionError as error:
        raise SettingsError(
            f"LAKE_AWS_REGION: expected a region for {service}, such as eu-west-1; found none "
            "there, in AWS_REGION or in the profile."
        ) from error


def arn(settings: AwsSettings, service: str, resource: str) -> str:
    """An ARN without account, for messages, in the region's own partition (China, GovCloud)."""
    region = settings.region
    partition = next(
        (name for start, name in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")) if region.startswith(start)),
        "aws",
    )  # fmt: skip
    return f"arn:{partition}:{service}:::{resource}"


def _core_session(settings: AwsSettings) -> botocore.session.Session:
    core = botocore.session.Session(profile=settings.profile or None)
    try:
        core.get_scoped_config()
    except ProfileNotFound as error:
        known = ", ".join(core.available_profiles) or "none"
        raise SettingsError(
            f"LAKE_AWS_PROFILE or AWS_PROFILE: expected a profile of ~/.aws/config; {error}. "
            f"There are: {known}."
        ) from error
    if settings.region:
        core.set_config_variable("region", settings.region)
    return core


def _config(settings: AwsSettings, service: str, attempts: int = _ATTEMPTS) -> Config:
    """Buckets go into the path where an endpoint is set: its host has no name for each bucket."""
    is_path_style = service == "s3" and "s3" in settings.endpoints
    return Config(
        retries={"mode": _RETRIES, "total_max_attempts": attempts},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=32,
        tcp_keepalive=True,
        s3={"addressing_style": "path"} if is_path_style else None,
    )


class _AssumedRole(CredentialProvider):
    """Gives the credentials of a role, assumed with those that another session finds."""

    METHOD = "assume-role"
    CANONICAL_NAME = ""

    def __init__(self, source: botocore.session.Session, settings: AwsSettings) -> None:
        super().__init__()
        self._source = source
        self._settings = settings

    def load(self) -> DeferredRefreshableCredentials | None:
        """The role's credentials, or None where there are none to assume it with."""
        credentials = self._source.get_credentials()
        if credentials is None:
            return None
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=partial(
                self._source.create_client,
                endpoint_url=self._settings.endpoints.get("sts"),
                config=_config(self._settings, "sts"),
            ),
            source_credentials=credentials,
            role_arn=self._settings.role,
            extra_args={"RoleSessionName": ROLE_SESSION},
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, self.METHOD)
