"""S3 that fails a tenth of all calls: what is written is there, what is read is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from resources.errors import AlreadyThere
from resources.storage import S3Storage
from tests.servers.faulty import FAULTS, Faulty, a_tenth, faulty_proxy

KEYS = [f"{number:03d}" for number in range(60)]


@pytest.fixture
def faulty(s3_lake: S3Storage) -> Iterator[Faulty]:
    with faulty_proxy(s3_lake.aws.endpoints["s3"], a_tenth(seed=1)) as proxy:
        yield proxy


@pytest.fixture
def storage(s3_lake: S3Storage, faulty: Faulty) -> S3Storage:
    """The same lake behind the proxy."""
    aws = replace(s3_lake.aws, endpoints={"s3": faulty.url})
    return S3Storage(s3_lake.bucket, "lake", aws)


@pytest.mark.slow
def test_no_object_is_lost_or_broken_by_a_tenth_of_calls_that_fail(
    storage: S3Storage, faulty: Faulty
) -> None:
    for key in KEYS:
        storage.write(key, key.encode() * 1000, if_absent=True)
    with pytest.raises(AlreadyThere):
        storage.write(KEYS[0], b"another's", if_absent=True)

    assert [info.key for info in storage.list("")] == KEYS
    for key in KEYS:
        assert storage.read(key) == key.encode() * 1000
        with storage.open_input(key) as file:
            file.seek(-3, 2)
            assert file.read() == key.encode()
    storage.delete(KEYS[:10])
    assert [storage.exists(key) for key in KEYS[8:12]] == [False, False, True, True]
    assert set(faulty.met) == set(FAULTS)
    assert 0.05 < faulty.met.total() / faulty.calls < 0.15
