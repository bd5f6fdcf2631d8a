"""Patterns of AWS's service models, which are written for Java."""

from __future__ import annotations

import pytest

from tests.support.aws_shapes import service_model
from tests.support.java_patterns import PatternError, compiled

SERVICES = (
    "apigateway", "athena", "budgets", "cloudwatch", "dynamodb", "ecr", "events", "firehose",
    "glue", "iam", "iot", "iot-data", "kms", "lambda", "logs", "s3", "sagemaker",
    "sagemaker-runtime", "sns", "stepfunctions", "sts",
)  # fmt: skip
"""The services of the estate."""
NOT_TRANSLATED = {("budgets", "BudgetName")}
"""Shapes whose pattern sets a flag halfway; Terraform alone sends budgets."""


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_a_service_is_understood(service):
    model = service_model(service)
    for name in model.shape_names:
        pattern = model.shape_for(name).metadata.get("pattern")
        if pattern is None:
            continue
        if (service, name) in NOT_TRANSLATED:
            with pytest.raises(PatternError, match="is not understood"):
                compiled(pattern)
        else:
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
    ],
)
def test_a_pattern_accepts_what_java_accepts(pattern, accepted, refused):
    for text in accepted:
        assert compiled(pattern).fullmatch(text), text
    for text in refused:
        assert not compiled(pattern).fullmatch(text), text


@pytest.mark.parametrize("pattern", [r"[a-z&&[^b]]", r"[\P{L}]", r"\p{Nothing}", "(", "[a[b-c]]"])
def test_a_pattern_that_is_not_translated_is_named(pattern):
    with pytest.raises(PatternError, match=r"pattern|property"):
        compiled(pattern)
