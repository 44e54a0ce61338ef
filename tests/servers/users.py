"""Users of moto's server that policies hold to what they allow."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from resources.aws import AwsSettings, aws_session


class User(NamedTuple):
    """A user's access key."""

    key: str
    secret: str


def user_with(aws: AwsSettings, name: str, statements: Sequence[Mapping[str, object]]) -> User:
    """Make a user whom only these statements of a policy allow anything."""
    # The stubs have no IAM.
    iam: Any = aws_session(aws).client("iam", endpoint_url=aws.endpoints["s3"])
    iam.create_user(UserName=name)
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="allowed", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return User(key["AccessKeyId"], key["SecretAccessKey"])


def check_permissions_after(aws: AwsSettings, calls: str) -> None:
    """Moto lets everybody do everything until it is told after how many calls to look."""
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{aws.endpoints['s3']}/moto-api/reset-auth",
        data=calls.encode(),
        headers={"Content-Type": "text/plain"},
    )
    with urllib.request.urlopen(request):  # noqa: S310
        pass
