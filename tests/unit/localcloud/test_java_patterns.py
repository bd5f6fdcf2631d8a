"""Patterns of AWS's service models, which are written for Java."""

from __future__ import annotations

import pytest

from localcloud.cloud.aws_shapes import service_model
from localcloud.cloud.java_patterns import PatternError, compiled
from localcloud.server.admission import MODELS


@pytest.mark.parametrize("service", sorted({one for all_ in MODELS.values() for one in all_}))
def test_every_pattern_of_a_service_is_understood(service):
    model = service_model(service)
    for name in model.shape_names:
        pattern = model.shape_for(name).metadata.get("pattern")
        if pattern is not None:
            compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        (r"[\p{L}\p{Z}]*", ["Ångström über", "空气"], ["PM2", "a\nb", "a_b"]),
        (r"^\P{Lu}+$", ["abc 1"], ["aB"]),
        (r"\p{Alnum}+", ["aZ9"], ["ä", "a b"]),
        (r"[^\p{Cntrl}]*", ["a b"], ["a\tb"]),
        (r"[\w-_]+", ["a-b_c"], ["a.b"]),
        ("[\\u0020-\\uD7FF\\uD800\\uDC00-\\uDBFF\\uDFFF]*", ["a😀"], ["\x00"]),
        (r"\A\S\z", ["a"], ["a\n", " "]),
        (r"^[^-]{1,3}${1,63}", ["abc"], ["a-c"]),
        (r"^(?!:|(?i)x|y)[:a-yA-Y]+$", ["ab", "Ba"], [":a", "Xa", "Ya", "ya"]),
    ],
)
def test_a_pattern_accepts_what_java_accepts(pattern, accepted, refused):
    for text in accepted:
        assert compiled(pattern).fullmatch(text), text
    for text in refused:
        assert not compiled(pattern).fullmatch(text), text


@pytest.mark.parametrize(
    "pattern", [r"[a-z&&[^b]]", r"[\P{L}]", r"\p{Nothing}", "(", "[a[b-c]]", "a(?i)b"]
)
def test_a_pattern_that_is_not_translated_is_named(pattern):
    with pytest.raises(PatternError, match=r"pattern|property"):
        compiled(pattern)
