"""The policy of one job: what its role allows, narrowed to the prefixes of the lake.

A session policy allows nothing that the role does not allow. Services take 2,048 characters of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from resources.aws import AwsSettings, arn
from resources.errors import SettingsError

LONGEST = 2048
_SPECIAL = re.compile(r"[*?$]")
#: What a job needs beside S3. Which secrets and keys these are is for the role to say.
_BESIDE_S3 = (
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "rds-db:connect",
    "secretsmanager:GetSecretValue",
)


def session_policy(
    aws: AwsSettings, reads: Sequence[str], writes: Sequence[str], actions: Sequence[str] = ()
) -> str:
    """A policy, as JSON: read and write objects below these roots on S3, and do `actions`.

    Buckets may be listed as a whole: Hadoop's connector looks at the folders above a prefix. Raises
    `SettingsError` for roots so long that a service would refuse the policy.
    """
    buckets = sorted({_arn(aws, root).partition("/")[0] for root in (*reads, *writes)})
    statements = [
        _allow(["s3:ListBucket*", "s3:GetBucketLocation"], buckets),
        _allow(["s3:GetObject"], [f"{_arn(aws, root)}/*" for root in reads]),
        _allow(
            ["s3:*Object", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [f"{_arn(aws, root)}/*" for root in writes],
        ),
        _allow([*_BESIDE_S3, *actions], ["*"]),
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(policy) > LONGEST:
        raise SettingsError(
            f"LAKE_ROOT and LAKE_RAW_ROOT: expected addresses short enough for a session policy of "
            f"{LONGEST:,} characters, found {len(policy):,} with {', '.join((*reads, *writes))}"
        )
    return policy


def _allow(actions: Sequence[str], resources: Sequence[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def _arn(aws: AwsSettings, root: str) -> str:
    """A root's ARN, in which what IAM takes for a wildcard stands for itself."""
    path = root.partition("://")[2].rstrip("/")
    return arn(aws, "s3", _SPECIAL.sub(lambda found: f"${{{found[0]}}}", path))
