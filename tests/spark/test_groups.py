from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark.groups import BYTES_PER_TASK, pack
from spark.places import IndexedObject
from spark.spec import RawObject

FILE_BYTES = 128 * 1024 * 1024


def objects(sizes: list[int]) -> list[IndexedObject]:
    """One gzip object a partition."""
    return [
        IndexedObject(i, i, RawObject(f"{i}.gz", f"file:/raw/{i}.gz", size))
        for i, size in enumerate(sizes)
    ]


@given(st.lists(st.integers(0, 3 * FILE_BYTES), max_size=40), st.integers(1, 8))
def test_every_object_is_in_one_group(sizes: list[int], cores: int) -> None:
    groups = pack(objects(sizes), cores, FILE_BYTES)

    packed = [each.index for group in groups for each in group.objects]

    assert sorted(packed) == list(range(len(sizes)))


def test_partitions_of_equal_weight_give_every_core_as_much() -> None:
    groups = pack(objects([1000] * 168), 2, FILE_BYTES)

    assert [len(group.objects) for group in groups] == [84, 84]


def test_more_than_a_task_takes_gives_more_groups_a_multiple_of_the_cores() -> None:
    groups = pack(objects([BYTES_PER_TASK // 10] * 50), 2, FILE_BYTES)

    assert len(groups) == 6


def test_objects_of_one_partition_stay_together() -> None:
    halves = [IndexedObject(i, 0, RawObject(f"{i}.gz", f"file:/{i}.gz", 1000)) for i in range(4)]

    assert [group.partitions for group in pack(halves, 2, FILE_BYTES)] == [{0}]


def test_a_partition_too_large_for_one_file_is_spread() -> None:
    groups = pack(objects([3 * FILE_BYTES, 1000]), 2, FILE_BYTES)

    assert [(group.tasks, len(group.objects)) for group in groups] == [(3, 1), (1, 1)]


def test_empty_objects_are_packed_too() -> None:
    assert [len(group.objects) for group in pack(objects([0, 0, 0]), 2, FILE_BYTES)] == [3]
