"""What is S3's own: uploads in parts, permissions, encryption, and errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from resources.aws import AwsSettings
from resources.errors import AlreadyThere, StorageError, StorageUnavailable
from resources.storage import S3Storage
from tests.servers.users import check_permissions_after, user_with

STATEMENTS = [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]


def test_an_address_is_spelled_for_readers_and_for_writers(s3_lake: S3Storage) -> None:
    root = f"s3://{s3_lake.bucket}/the lake/a+b%20"
    assert s3_lake.root == root
    assert s3_lake.uri("raw/[a] b.json") == f"{root}/raw/\\[a\\] b.json"
    assert s3_lake.target_uri("raw/[a] b") == f"{root}/raw/[a] b"
    assert s3_lake.uri("raw/a/") == f"{root}/raw/a/"


def test_a_whole_bucket_can_be_a_root(s3_lake: S3Storage) -> None:
    whole = S3Storage(s3_lake.bucket, "", s3_lake.aws)
    whole.write("a", b"x")
    assert [info.key for info in whole.list("")] == ["a", "the lake/a+b%20 beside"]
    assert whole.uri("a") == f"s3://{s3_lake.bucket}/a"


def test_what_lies_beside_the_prefix_is_out_of_sight(s3_lake: S3Storage) -> None:
    assert list(s3_lake.list("")) == []


def test_objects_that_others_named_oddly_are_listed_and_removed(s3_lake: S3Storage) -> None:
    odd = ["folder/", "raw/./b.json", "raw//a.json"]
    for key in odd:
        s3_lake.client.put_object(
            Bucket=s3_lake.bucket, Key=f"the lake/a+b%20/{key}", Body=key.encode()
        )
    assert [info.key for info in s3_lake.list("")] == odd
    assert [s3_lake.read(key) for key in odd] == [key.encode() for key in odd]
    with pytest.raises(StorageError, match=r"found 'raw//a\.json'"):
        s3_lake.uri("raw//a.json")
    s3_lake.delete(odd)
    assert list(s3_lake.list("")) == []


def test_a_large_object_is_written_in_parts(s3_lake: S3Storage) -> None:
    data = b"0123456789abcdef" * (5 << 20)
    s3_lake.write("large", data)
    (info,) = s3_lake.list("")
    assert (info.size, info.etag.rpartition("-")[2]) == (len(data), "5")
    assert s3_lake.read("large") == data
    assert list(s3_lake.unfinished("")) == []


def test_an_interrupted_upload_is_found_and_discarded_beside_its_object(s3_lake: S3Storage) -> None:
    s3_lake.write("refined/a", b"whole")
    where: dict[str, Any] = {"Bucket": s3_lake.bucket, "Key": "the lake/a+b%20/refined/a"}
    begun = s3_lake.client.create_multipart_upload(**where)["UploadId"]
    s3_lake.client.upload_part(**where, UploadId=begun, PartNumber=1, Body=b"half of it")
    assert [info.key for info in s3_lake.list("")] == ["refined/a"]
    assert list(s3_lake.unfinished("raw/")) == []
    (info,) = s3_lake.unfinished("refined/")
    assert (info.key, info.size, info.etag) == ("refined/a", 10, begun)
    s3_lake.discard([info])
    s3_lake.discard([info])
    assert list(s3_lake.unfinished("")) == []
    assert s3_lake.read("refined/a") == b"whole"


def test_of_many_writers_one_writes_a_key_if_absent(s3_lake: S3Storage) -> None:
    def claim(number: int) -> int | None:
        try:
            s3_lake.write("claim", str(number).encode(), if_absent=True)
        except AlreadyThere:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        (winner,) = [each for each in pool.map(claim, range(16)) if each is not None]
    assert s3_lake.read("claim") == str(winner).encode()


def test_a_write_whose_answer_was_lost_is_not_taken_for_another_writers(
    s3_lake: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = s3_lake.client.put_object

    def sent_twice(**request: object) -> object:
        put(**request)  # type: ignore[arg-type]
        return put(**request)  # type: ignore[arg-type]

    monkeypatch.setattr(s3_lake.client, "put_object", sent_twice)
    s3_lake.write("a", b"x", if_absent=True)
    with pytest.raises(AlreadyThere):
        s3_lake.write("a", b"y", if_absent=True)
    assert s3_lake.read("a") == b"x"


def test_what_is_written_is_encrypted_with_the_key_that_is_set(s3_lake: S3Storage) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    sealed = S3Storage(s3_lake.bucket, "sealed", replace(s3_lake.aws, kms_key=key))
    sealed.write("small", b"x")
    sealed.write("once", b"x", if_absent=True)
    sealed.write("large", b"x" * (64 << 20))
    for name in ("small", "once", "large"):
        head = s3_lake.client.head_object(Bucket=s3_lake.bucket, Key=f"sealed/{name}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_every_request_says_who_pays_where_that_is_set(s3_lake: S3Storage) -> None:
    payer = S3Storage(s3_lake.bucket, "raw", replace(s3_lake.aws, requester_pays=True))
    told: dict[str, str | None] = {}

    def note(request: AWSRequest, operation_name: str, **_: object) -> None:
        told[operation_name] = request.headers.get("x-amz-request-payer")

    payer.client.meta.events.register("before-sign.s3", note)
    payer.write("a", b"x")
    list(payer.list(""))
    payer.read("a")
    with payer.open_input("a") as file:
        file.read()
    payer.exists("a")
    payer.delete(["a"])
    assert set(told.values()) == {"requester"}
    assert set(told) == {
        "PutObject", "ListObjectsV2", "GetObject", "HeadObject", "DeleteObjects",
    }  # fmt: skip


def test_an_object_replaced_while_it_is_read_is_an_error(s3_lake: S3Storage) -> None:
    s3_lake.write("a", b"x" * 100_000)
    with s3_lake.open_input("a") as file:
        file.read(1)
        s3_lake.write("a", b"y" * 100_000)
        file.seek(0)
        with pytest.raises(StorageError, match="PreconditionFailed"):
            file.read(10)


def test_a_missing_bucket_is_named(aws_settings: AwsSettings) -> None:
    storage = S3Storage("no-such-bucket-at-all", "lake", aws_settings)
    for call in (
        lambda: list(storage.list("")),
        lambda: list(storage.unfinished("")),
        lambda: storage.read("a"),
        lambda: storage.write("a", b""),
        lambda: storage.delete(["a"]),
    ):
        with pytest.raises(StorageError, match="no bucket 'no-such-bucket-at-all'") as caught:
            call()
        assert not caught.value.retryable


@pytest.fixture
def writer_only(s3_lake: S3Storage, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    """The same lake for a user who may put objects and nothing else."""
    user = user_with(s3_lake.aws, s3_lake.bucket, STATEMENTS)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret)
    check_permissions_after(s3_lake.aws, "0")
    yield S3Storage(s3_lake.bucket, "lake", s3_lake.aws)
    check_permissions_after(s3_lake.aws, "inf")


def test_a_missing_permission_is_named_with_what_it_is_needed_for(writer_only: S3Storage) -> None:
    writer_only.write("a", b"x")
    bucket, objects = (
        f"arn:aws:s3:::{writer_only.bucket}",
        f"arn:aws:s3:::{writer_only.bucket}/lake/*",
    )
    for call, action, resource in (
        (lambda: list(writer_only.list("")), "s3:ListBucket", bucket),
        (lambda: writer_only.read("a"), "s3:GetObject", objects),
        (lambda: writer_only.open_input("a").read(), "s3:GetObject", objects),
        (lambda: writer_only.exists("a"), "s3:GetObject", objects),
    ):
        with pytest.raises(StorageError) as caught:
            call()
        assert f"Allow `{action}` on `{resource}`" in str(caught.value)
        assert not caught.value.retryable


@pytest.mark.parametrize(
    ("code", "status", "words", "retryable"),
    [
        ("ExpiredToken", 400, "credentials have expired", True),
        ("SlowDown", 503, "AWS could not answer", True),
        ("InternalError", 500, "AWS could not answer", True),
        ("SomethingNew", 502, "AWS could not answer", True),
        ("InvalidAccessKeyId", 403, "does not know these credentials", False),
        ("PermanentRedirect", 301, "Set LAKE_AWS_REGION", False),
        ("InvalidObjectState", 403, "InvalidObjectState", False),
    ],
)
def test_an_error_says_whether_trying_again_can_help(
    s3_lake: S3Storage, code: str, status: int, words: str, retryable: bool
) -> None:
    with Stubber(s3_lake.client) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)
        with pytest.raises(StorageError, match=words) as caught:
            s3_lake.read("a")
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDenied", StorageError), ("SlowDown", StorageUnavailable)]
)
def test_objects_that_could_not_be_deleted_are_named(
    s3_lake: S3Storage, code: str, kind: type[StorageError]
) -> None:
    with Stubber(s3_lake.client) as stub:
        stub.add_response("delete_objects", {"Errors": [{"Key": "lake/b", "Code": code}]})
        with pytest.raises(StorageError, match=r"Could not delete 1 objects .*'lake/b'") as caught:
            s3_lake.delete(["a", "b"])
    assert type(caught.value) is kind


def test_a_store_out_of_reach_can_be_tried_again(
    s3_lake: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> object:
        raise EndpointConnectionError(endpoint_url="https://s3.example")

    monkeypatch.setattr(s3_lake.client, "get_object", refused)
    with pytest.raises(StorageUnavailable, match="Check network and endpoint"):
        s3_lake.read("a")


def test_without_credentials_it_is_said_how_to_get_some(
    s3_lake: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(StorageError, match="Set LAKE_AWS_PROFILE"):
        S3Storage(s3_lake.bucket, "", s3_lake.aws).read("a")
