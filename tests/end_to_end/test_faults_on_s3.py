"""The radio data on S3 and Glue, a tenth of whose calls fail: nothing is lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.radio_on_s3 import HOURS, require_every_play_once, take_to_s3
from tests.servers.faulty import FAULTS, a_tenth, faulty_proxy


@pytest.mark.big
def test_a_tenth_of_calls_that_fail_change_no_row(
    radio: Path, moto_url: str, tmp_path: Path
) -> None:
    with faulty_proxy(moto_url, a_tenth(seed=1)) as proxy:
        done = take_to_s3(radio, moto_url, proxy.url, "faulty", tmp_path)

    require_every_play_once(done, radio)
    assert sorted(done.locations) == sorted(HOURS)
    assert set(proxy.met) == set(FAULTS)
    assert 0.05 < proxy.met.total() / proxy.calls < 0.15
