"""A clean-up of a lake on S3: uploads that a crash left, beside objects that must stay."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from resources.catalog.local import LocalCatalog
from resources.cleanup import Removal, cleanup
from resources.storage import S3Storage

MANIFEST = "refined/plays/_manifest/all/verdict.json"


@pytest.mark.parametrize("dry_run", [True, False])
def test_interrupted_uploads_go_and_objects_of_the_same_key_stay(
    s3_lake: S3Storage, tmp_path: Path, dry_run: bool
) -> None:
    s3_lake.write(MANIFEST, b"{}")
    where: dict[str, Any] = {"Bucket": s3_lake.bucket, "Key": f"the lake/a+b%20/{MANIFEST}"}
    begun = s3_lake.client.create_multipart_upload(**where)["UploadId"]
    s3_lake.client.upload_part(**where, UploadId=begun, PartNumber=1, Body=b"half of it")

    report = cleanup(
        s3_lake,
        LocalCatalog(str(tmp_path), s3_lake),
        keep_previous=1,
        older_than=timedelta(days=7),
        scratch_older_than=timedelta(days=14),
        dry_run=dry_run,
    )

    assert report.removals == (Removal("refined/plays/_manifest/all", 1, 10),)
    assert len(list(s3_lake.unfinished(""))) == (1 if dry_run else 0)
    assert s3_lake.read(MANIFEST) == b"{}"
