"""Tests of the table that a crawler infers from objects."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.services.glue.crawlers.inference import (
    SAMPLED_OBJECTS,
    UnknownFormatError,
    common_type,
    identifier,
    infer,
    json_type,
    partitions_of,
    sample,
)


def test_json_types_become_hive_types() -> None:
    examples = {
        "boolean": True,
        "int": 5,
        "bigint": 2**40,
        "double": 1.5,
        "string": "x",
        "array<double>": [1, 2.5],
        "struct<a:int,b:string>": {"a": 1, "b": None},
    }
    assert {json_type(value) for value in examples.values()} == set(examples)


def test_columns_of_all_objects_are_widened_and_keep_their_order() -> None:
    bodies = {
        "a.gz": gzip.compress(b'{"X": 1, "y": null}\nnot json\n{"X": 2.5}\n'),
        "b": b'{"z": "t", "y": 1}\n{"X": 3}\n',
        "empty": b"",
    }
    table = infer(sorted(bodies), bodies.__getitem__)
    assert table.columns == (("x", "double"), ("y", "int"), ("z", "string"))
    assert (table.classification, table.compression, table.records) == ("json", "gzip", 4)
    assert table.partition_keys == ()


def test_folders_are_partitions_by_name_or_by_position() -> None:
    named, partitions = partitions_of(["date=1/hour=2/x", "date=1/hour=3/y"])
    assert [name for name, _ in named] == ["date", "hour"]
    assert partitions == {("1", "2"): "date=1/hour=2", ("1", "3"): "date=1/hour=3"}
    by_position, partitions = partitions_of(["2026/06/x", "2026/07/x", "stray"])
    assert [name for name, _ in by_position] == ["partition_0", "partition_1"]
    assert set(partitions) == {("2026", "06"), ("2026", "07")}


def test_a_partition_key_is_not_a_column() -> None:
    table = infer(["kind=a/x"], lambda _: b'{"kind": "a", "v": 1}')
    assert table.columns == (("v", "int"),)


@pytest.mark.parametrize(
    ("bodies", "reason"),
    [
        ({"x": b"plain text"}, "x is neither JSON Lines nor Parquet"),
        ({"x": b""}, "the sampled objects are empty: x"),
    ],
)
def test_objects_without_a_table_are_an_error(bodies: dict[str, bytes], reason: str) -> None:
    with pytest.raises(UnknownFormatError, match=reason):
        infer(list(bodies), bodies.__getitem__)


types = st.sampled_from(["", "int", "bigint", "double", "boolean", "string", "array<int>"])


@given(types, types, types)
def test_widening_does_not_depend_on_the_order(one: str, other: str, third: str) -> None:
    assert common_type(one, other) == common_type(other, one)
    left = common_type(common_type(one, other), third)
    assert left == common_type(one, common_type(other, third))


@given(st.integers(1, 200))
def test_samples_include_the_first_and_the_last_object(count: int) -> None:
    keys = [f"{number:03}" for number in range(count)]
    sampled = sample(keys)
    assert len(sampled) == len(set(sampled)) == min(count, SAMPLED_OBJECTS)
    assert (sampled[0], sampled[-1]) == (keys[0], keys[-1])


def test_names_become_valid_hive_identifiers() -> None:
    assert identifier("Raw-Telemetry.v1") == "raw_telemetry_v1"
    assert identifier("…") == "data"
