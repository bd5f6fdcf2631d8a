"""The output of a batch transform."""

from __future__ import annotations

import pytest
from container_runtime.errors import DataError
from forecast_format.transform_output import answers


def test_blank_lines_are_no_predictions(tmp_path):
    file = tmp_path / "x.out"
    file.write_bytes(b'{"a": 1}\n\n \r\n{"a": 2}')
    assert [one["a"] for one in answers(file, "x.out")] == [1, 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "x.out, line 3: not JSON"),
        (b"[1]", r"x.out, line 3: expected an object with a prediction; got \[1\]"),
        (b"\xff", "x.out, line 3: not JSON"),
        (b"[" * 100_000, "x.out, line 3: not JSON"),
    ],
)
def test_an_invalid_line_is_named(tmp_path, line, message):
    file = tmp_path / "x.out"
    file.write_bytes(b'{"a": 1}\n\n' + line)
    with pytest.raises(DataError, match=message):
        list(answers(file, "x.out"))


def test_a_missing_output_is_named(tmp_path):
    with pytest.raises(DataError, match=r"x\.out: the transform output cannot be read"):
        list(answers(tmp_path / "x.out", "x.out"))
