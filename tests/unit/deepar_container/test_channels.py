"""Channels: three equivalent formats, and errors for invalid ones."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from container_runtime.errors import DataError
from deepar_container.hyperparameters import Hyperparameters
from deepar_container.network import FeatureShape
from forecast_format.channels import read_channel
from forecast_format.series import Series

from tests.support.models.deepar_bench import TINY

ROWS = [
    {
        "start": "2024-01-01 00:00:00",
        "target": [1.0, None, 3.0],
        "cat": [0, 4],
        "dynamic_feat": [[0.0, 1.0, 2.0]],
    },
    {
        "start": "2024-01-02 05:00:00",
        "target": [4.0, 5.0, 6.0],
        "cat": [1, 0],
        "dynamic_feat": [[3.0, 4.0, 5.0]],
    },
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)


def write_json(folder):
    (folder / "part-0.json").write_text(LINES)


def write_gzip(folder):
    (folder / "part-0.json.gz").write_bytes(gzip.compress(LINES.encode()))


def write_parquet(folder):
    table = pa.Table.from_pylist(
        ROWS,
        schema=pa.schema(
            {
                "start": pa.string(),
                "target": pa.list_(pa.float64()),
                "cat": pa.list_(pa.int32()),
                "dynamic_feat": pa.list_(pa.list_(pa.float64())),
            }
        ),
    )
    pq.write_table(table, folder / "part-0.zstd.parquet", compression="zstd")


@pytest.mark.parametrize("write", [write_json, write_gzip, write_parquet])
def test_all_formats_are_equivalent(tmp_path, write):
    write(tmp_path)
    (tmp_path / "_SUCCESS").touch()  # Spark writes it next to its files
    first, second = read_channel(tmp_path, "h")
    assert str(first.start) == "2024-01-01 00:00"
    np.testing.assert_array_equal(first.target, [1.0, np.nan, 3.0])
    assert (first.cat, second.cat) == ((0, 4), (1, 0))
    np.testing.assert_array_equal(second.dynamic_feat, [[3.0, 4.0, 5.0]])


def test_nan_is_missing_as_null_is(tmp_path):
    (tmp_path / "a.json").write_text(
        '{"start": "2024-01-01 00:00:00", "target": [1, "NaN", null, NaN]}'
    )
    (series,) = read_channel(tmp_path, "h")
    np.testing.assert_array_equal(series.target, [1, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "a.json, line 1: not a JSON object"),
        ("[1, 2]", "a.json, line 1: expected an object"),
        ('{"target": [1]}', "a.json, line 1: start is missing"),
        ('{"start": "2024-01-01"}', "a.json, line 1: target is missing"),
        ('{"start": "soon", "target": [1]}', "start must be a time"),
        ('{"start": "2024-01-01T00:00:00Z", "target": [1]}', "start must have no time zone"),
        ('{"start": "2024-01-01", "target": 7}', "target must be a list of numbers; got 7"),
        ('{"start": "2024-01-01", "target": [1, "x"]}', "target must be a list of numbers"),
        ('{"start": "2024-01-01", "target": [1, Infinity]}', "target must be finite"),
        ('{"start": "2024-01-01", "target": [1], "cat": [-1]}', "cat must be a list of integers"),
        ('{"start": "2024-01-01", "target": [1], "cat": ["a"]}', "cat must be a list of integers"),
        (
            '{"start": "2024-01-01", "target": [1], "dynamic_feat": [[null]]}',
            r"dynamic_feat\[0\] must have no missing value",
        ),
        (
            '{"start": "2024-01-01", "target": [1], "dynamic_feat": [[1], [1, 2]]}',
            "dynamic_feat must hold lists of one length",
        ),
    ],
)
def test_an_invalid_line_is_named_with_its_error(tmp_path, line, message):
    (tmp_path / "a.json").write_text(line)
    with pytest.raises(DataError, match=message):
        read_channel(tmp_path, "h")


def test_a_missing_channel_is_named(tmp_path):
    with pytest.raises(DataError, match="channel 'train' is missing"):
        read_channel(tmp_path / "train", "h")


def test_an_empty_channel_is_rejected(tmp_path):
    with pytest.raises(DataError, match="holds no series"):
        read_channel(tmp_path, "h")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"not parquet", "a.parquet: not a Parquet file"),
        ("a.json.gz", b"not gzip", "a.json.gz: cannot be read"),
        ("a.csv", b"1,2", "a.csv: expected a name ending in"),
    ],
)
def test_a_file_of_another_format_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_channel(tmp_path, "h")


def hyperparameters(**given: str) -> Hyperparameters:
    return Hyperparameters.parse({**TINY, **given})


def test_categories_that_would_exhaust_the_memory_are_refused():
    series = [Series.parse({**ROWS[0], "cat": [0, 16_000_000]}, "h")]
    with pytest.raises(DataError, match=r"cat must be numbered from 0 without gaps, .*16000001"):
        FeatureShape.of(hyperparameters(embedding_dimension="10"), series)


def test_a_dynamic_feature_that_never_changes_is_only_centred():
    """Rounding gives a constant in 32 bits a tiny deviation, which is no divisor."""
    values = [[0.1 + 1e9] * 3001]
    series = [
        Series.parse({"start": "2024-01-01", "target": [1.0] * 3001, "dynamic_feat": values}, "h")
    ]
    shape = FeatureShape.of(hyperparameters(), series)
    assert shape.dynamic_scales[0][1] == 1.0
    assert abs(shape.standardised(np.float32([[values[0][0] + 64]]))).max() < 1e3
