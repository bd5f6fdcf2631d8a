"""Corrects functions of JSONata that ministack evaluates otherwise than Step Functions."""

from __future__ import annotations

from typing import Any

from ministack.services import stepfunctions

from contracts.json_text import parsed


def install() -> None:
    """Installs the corrections in ministack."""
    stepfunctions._sfn_jsonata_parse = parse


def parse(text: str) -> Any:
    """Implements ``$parse``, which reads JSON only.

    Python's parser also reads NaN and Infinity, so an execution would succeed here and fail on AWS:
    https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html

    Raises
    ------
    ValueError
        The text is not JSON; the execution fails with ``States.QueryEvaluationError``.
    """
    return parsed(text.encode())
