"""Files of a channel with any content: each is read, or named with the place that is wrong."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from container_runtime.errors import DataError
from forecast_format.channels import read_channel
from hypothesis import given, settings
from hypothesis import strategies as st

GOOD = json.dumps({"start": "2024-01-01 00:00:00", "target": [1.0, None, 3.0]})
QUICK = settings(max_examples=60, deadline=None)


def written(tmp_path_factory, name, content):
    folder = tmp_path_factory.mktemp("channel") / "train"
    file = folder / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return folder


@QUICK
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".json", ".json.gz", ".parquet"]))
def test_any_bytes_are_refused_by_the_name_of_their_file(tmp_path_factory, content, suffix):
    with pytest.raises(DataError, match=r"^(a/b\.|channel 'train' holds no series)"):
        read_channel(written(tmp_path_factory, f"a/b{suffix}", content), "h")


@QUICK
@given(cut=st.integers(1, 60), changed=st.integers(0, 255))
def test_a_damaged_archive_is_refused_or_read(tmp_path_factory, cut, changed):
    content = bytearray(gzip.compress(f"{GOOD}\n{GOOD}\n".encode()))
    content[-cut] = changed
    try:
        series = read_channel(written(tmp_path_factory, "a.json.gz", bytes(content)), "h")
    except DataError as error:
        assert str(error).startswith("a.json.gz")
    else:
        assert len(series) == 2


def test_lines_are_counted_with_the_blank_ones_and_files_by_their_paths(tmp_path_factory):
    lines = f"\n{GOOD}\n\n{GOOD}\n".encode()
    assert len(read_channel(written(tmp_path_factory, "x/a.json", lines), "h")) == 2
    with pytest.raises(DataError, match=r"^x/a\.json, line 6: target is missing"):
        bad = lines + b'\n{"start": "2024-01-01"}'
        read_channel(written(tmp_path_factory, "x/a.json", bad), "h")
    with pytest.raises(DataError, match=r"^x/a\.json, line 6: not a JSON object"):
        read_channel(written(tmp_path_factory, "x/a.json", lines + b"\n" + b"[" * 100_000), "h")


def test_a_row_of_a_parquet_file_is_named(tmp_path):
    times = pa.array(["2024-01-01", "1600-01-01"])
    table = pa.table({"start": times, "target": [[1.0], [2.0]]})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"^a\.parquet, row 2: start must lie from 1700 to 2200"):
        read_channel(tmp_path, "h")


def test_a_column_of_times_is_read_as_text_is(tmp_path):
    times = pa.array([np.datetime64("2024-01-01T05:00:00", "us")])
    pq.write_table(pa.table({"start": times, "target": [[1.0]]}), tmp_path / "a.parquet")
    (series,) = read_channel(tmp_path, "h")
    assert str(series.start) == "2024-01-01 05:00"
