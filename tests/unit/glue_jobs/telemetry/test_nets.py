"""Tests that one message never stops its window: it is kept, or quarantined alone."""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pyarrow.json
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.messages.telemetry import VERSIONS, field_types
from glue_jobs.telemetry import messages, parsing
from glue_jobs.telemetry.messages import Packing, rows_of_object
from glue_jobs.telemetry.nets import apart
from glue_jobs.telemetry.packing import unpacked
from glue_jobs.telemetry.parsing import MessageParser
from tests.support.glue.sound_message import DELIVERED

HOW = Packing("telemetry/", 2)
PARSER = MessageParser(field_types(VERSIONS))
KEY = "2026/06/03/10/object"


def line(**changes: Any) -> str:
    return json.dumps(DELIVERED | changes)


def read(content: bytes, name: str = "object") -> tuple[Counter[str | None], list[dict[str, Any]]]:
    """Return the counts by reason, and all rows, of an object of Firehose."""
    return _rows(
        rows_of_object(
            PARSER, HOW, messages._delivered, f"/x/2026/06/03/10/{name}", io.BytesIO(content)
        )
    )


def read_error(content: bytes) -> tuple[Counter[str | None], list[dict[str, Any]]]:
    return _rows(rows_of_object(PARSER, HOW, messages._failed, f"/x/{KEY}", io.BytesIO(content)))


def _rows(batches: Any) -> tuple[Counter[str | None], list[dict[str, Any]]]:
    counts: Counter[str | None] = Counter()
    rows: list[dict[str, Any]] = []
    for batch in batches:
        (row,) = batch.to_pylist()
        counts[row["reason"]] += row["rows"]
        rows += unpacked([row["payload"]]).to_pylist()
    assert counts.total() == len(rows)
    return counts, rows


TIMES = (
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "9999-12-31T23:59:59.999999-00:01",
    "0000-01-01T00:00:00Z",
    "0000-12-31T23:59:59-23:59",
    "9999-12-31T24:00:00Z",
)


@pytest.mark.parametrize("time", TIMES)
def test_a_time_out_of_the_range_of_a_date_is_a_bad_time(time: str) -> None:
    counts, _ = read(f"{line()}\n{line(sequence=8, timestamp=time)}\n".encode())
    assert counts == {None: 1, "bad_time": 1}


@pytest.mark.parametrize("depth", [126, 127, 128, 987, 5_000, 40_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ("[1,", "]")])
def test_a_message_has_the_same_limit_of_depth_everywhere(depth: int, start: str, end: str) -> None:
    """The message itself is the first level."""
    deep = f'{line()[:-1]}, "x": {start * depth}1{end * depth}}}'
    counts, _ = read(f"{line(sequence=8)}\n{deep}\n".encode())
    assert counts == Counter([None, None if depth <= 127 else "too_deep"])


@pytest.mark.parametrize("depth", [125, 126, 987, 40_000])
def test_a_batch_has_the_limit_of_a_message(depth: int) -> None:
    deep = f'"x": {"[" * depth}{"]" * depth}'
    batch = f'{line()[:-1]}, "readings": [{{"sequence": 0, {deep}}}, {{"sequence": 1}}]}}'
    counts, _ = read(batch.encode())
    assert counts == (Counter({None: 2}) if depth <= 125 else Counter(["too_deep"]))


@pytest.mark.parametrize("depth", [1, 900, 987, 100_000])
def test_a_rule_error_of_any_depth_is_quarantined(depth: int) -> None:
    counts, _ = read_error(b"[" * depth)
    assert set(counts) <= {"not_json", "too_deep"}
    assert counts.total() == 1
    payload = base64.b64encode(f'{{"x": {"[" * depth}'.encode()).decode()
    document = json.dumps({"topic": "telemetry/north", "base64OriginalPayload": payload})
    counts, _ = read_error(document.encode())
    assert set(counts) <= {"not_json", "too_deep"}


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.one_of(
    st.datetimes().map(lambda time: time.isoformat()),
    st.builds(lambda time, zone: time.replace(tzinfo=zone).isoformat(), st.datetimes(), offsets),
    st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", fullmatch=True),
    st.sampled_from(TIMES),
    st.text(max_size=20),
)
nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
depths = st.builds(
    lambda depth, pair: pair[0] * depth + pair[1] * depth,
    st.integers(0, 3_000),
    st.sampled_from(["[]", ("[", ""), ("[1,", "]"), ('{"a":', "}"), ('{"a":[', "]}")]),
)
sizes = st.builds(
    lambda text, count: text * count,
    st.sampled_from(["x", " ", "}", "{", '"', '\\"', '"}', "} ", "},{", "\x00", "é", "9"]),
    st.integers(0, 20_000),
)
names = st.sampled_from([*DELIVERED, "received_at", "longitude", "readings", "note"])
fields = st.dictionaries(names, nested, max_size=4)
texts = st.one_of(
    times.map(lambda time: line(timestamp=time)),
    fields.map(lambda changes: line(**changes)),
    st.tuples(names, depths).map(lambda pair: f'{line()[:-1]}, "{pair[0]}": {pair[1]}}}'),
    sizes.map(lambda text: line(note=text)),
    sizes.map(lambda text: line(thing_name=text, device_id=text)),
    sizes,
    depths,
    st.tuples(fields, st.lists(fields | nested, max_size=3)).map(
        lambda pair: json.dumps({**DELIVERED, **pair[0], "readings": pair[1]})
    ),
    st.text(max_size=60),
)
contents = st.one_of(
    st.binary(max_size=200),
    st.lists(texts, max_size=4).map(
        lambda some: "\n".join([line(), *some]).encode("utf-8", "replace")
    ),
    st.lists(
        st.binary(max_size=60) | texts.map(lambda t: t.encode("utf-8", "replace")), max_size=4
    ).map(b"\n".join),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(content=contents, zipped=st.booleans(), cut=st.none() | st.integers(0, 60))
def test_no_bytes_stop_the_reader_of_objects_nor_need_the_net(
    content: bytes, zipped: bool, cut: int | None
) -> None:
    """Whatever an object contains, each message has one row, with a reason of its own."""
    object_ = gzip.compress(content) if zipped else content
    counts, rows = read(object_[:cut], "object.gz" if zipped else "object")
    assert "etl_error" not in counts, rows
    payload = base64.b64encode(content).decode()
    document = json.dumps({"topic": "telemetry/north", "base64OriginalPayload": payload})
    for errors in (content, document.encode()):
        counts, rows = read_error(errors)
        assert "etl_error" not in counts, rows


@given(st.lists(st.sampled_from([b"\\ud800", b"\\udfff", b"\xff", b"\xfe", b"\xed\xa0\x80", b"?"])))
def test_texts_that_differ_stay_different(boot_ids: list[bytes]) -> None:
    """Otherwise a reading would be taken for a repeat of another device start's."""
    lines = [line().encode().replace(b'"b"', b'"%s"' % one) for one in boot_ids]
    counts, rows = read(b"\n".join(lines))
    assert set(counts) <= ({None} if lines else {"empty_object"})
    assert len({row.get("boot_id") for row in rows}) == max(1, len(set(boot_ids)))


class Fault(Exception):
    """An error that nobody expects."""


def raise_at(text: str) -> Any:
    def loaded(it: str, original: Any = parsing._loaded) -> Any:
        if text in it:
            raise Fault("broken")
        return original(it)

    return loaded


@pytest.mark.parametrize("bad", [0, 7, 199])
def test_an_unexpected_error_on_a_message_quarantines_that_message_alone(
    bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line(sequence=n, note="bad" if n == bad else "good") for n in range(200)]
    monkeypatch.setattr(parsing, "_loaded", raise_at('"bad"'))
    counts, rows = read("\n".join(lines).encode())
    assert counts == {None: 199, "etl_error": 1}
    (refused,) = (row for row in rows if "reason" in row)
    assert (refused["raw_line"], refused["detail"]) == (lines[bad], "Fault: broken")
    assert refused["source"] == f"telemetry/{KEY}"


@pytest.mark.parametrize("name", ["validated", "packed"])
def test_an_unexpected_error_after_parsing_quarantines_that_message_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(messages, name)

    def failing(table: pa.Table, *more: Any, **how: Any) -> Any:
        if any(row["sequence"] == 3 and not row.get("fault") for row in table.to_pylist()):
            raise Fault("broken")
        return original(table, *more, **how)

    monkeypatch.setattr(messages, name, failing)
    counts, _ = read("\n".join(line(sequence=n) for n in range(9)).encode())
    assert counts == {None: 8, "etl_error": 1}


def test_an_unexpected_error_on_a_line_or_in_the_fast_parser_spares_the_other_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = pyarrow.json.read_json

    def failing(source: Any, *options: Any) -> Any:
        if b"bad" in bytes(source.read_buffer()):
            raise Fault("broken")
        source.seek(0)
        return original(source, *options)

    monkeypatch.setattr(pyarrow.json, "read_json", failing)
    lines = [line(sequence=n, boot_id="bad" if n == 5 else "b") for n in range(300)]
    assert read("\n".join(lines).encode())[0] == {None: 299, "etl_error": 1}


def test_an_unexpected_error_on_an_object_keeps_what_was_read_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def blocks(source: Any, name: str) -> Any:
        yield f"{line()}\n".encode()
        raise Fault("broken")

    monkeypatch.setattr(messages, "blocks_of_lines", blocks)
    assert read(b"x")[0] == {None: 1, "etl_error": 1}


@given(st.lists(st.integers(0, 9), max_size=40))
def test_items_that_fail_are_alone_and_the_others_together(items: list[int]) -> None:
    def convert(part: list[int]) -> list[int]:
        return [10 // item for item in part]

    found = list(apart(items, convert, lambda part, error: (part, type(error))))
    assert found == [10 // item if item else ([0], ZeroDivisionError) for item in items]


def test_the_hour_of_the_object_is_the_arrival() -> None:
    _, (row,) = read(line().encode())
    assert row["received_at"] == datetime(2026, 6, 3, 10, tzinfo=UTC)


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b",", gzip.compress(b"", mtime=0), b"\0" * 9])
@pytest.mark.parametrize("name", ["object.gz", "object", "_a.gz", ".b.gz"])
def test_every_object_has_a_row(content: bytes, name: str) -> None:
    counts, (row,) = read(content, name)
    assert set(counts) <= {"empty_object", "not_json", "damaged_object"}
    assert row["source"] == f"telemetry/2026/06/03/10/{name}"
    assert read_error(content)[0].total() == 1
