"""JSON from outside: RFC 8259, limited in depth and in the range of numbers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.json_text import MAX_DEPTH, parsed

values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
    )
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_a_document_is_parsed_as_python_does(value):
    assert parsed(json.dumps(value).encode()) == value


@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:-0123456789eE.NaInfty ').map(str.encode))
def test_any_bytes_are_a_value_that_json_can_write_or_a_value_error(text):
    try:
        value = parsed(text)
    except ValueError:
        return
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1e400", "range of a double; got 1e400"),
        (b'{"a": [-1e999]}', "range of a double"),
        (b"NaN", "has no NaN"),
        (b"[-Infinity]", "has no -Infinity"),
        (b"\xef\xbb\xbf{}", "without a byte order mark"),
        ("{}".encode("utf-16"), "in UTF-8"),
        ("{}".encode("utf-16-le"), "Expecting property name"),
        ("é".encode("latin-1"), "in UTF-8"),
        (b"", "Expecting value"),
        (b"[" * 60_000, "nested"),
        (b"[" * 60_000 + b"]" * 60_000, "nested"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested"),
    ],
)
def test_what_json_lacks_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parsed(text)


def test_the_depth_is_limited_and_brackets_in_texts_are_not_depth():
    assert parsed(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(ValueError, match=f"at most {MAX_DEPTH} nested"):
        parsed(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert parsed(json.dumps("[" * 1000).encode()) == "[" * 1000
    assert parsed(b"[" + b"[]," * 1000 + b"1]")[-1] == 1
