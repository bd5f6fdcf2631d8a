"""ministack's answers mended where they differ from AWS's and Terraform would stumble over it.

Each mend says what goes wrong without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ministack.services import apigateway_v1, iot

Answer = tuple[int, dict[str, str], bytes]

REPEATED_WITHIN = 10.0  # seconds; an SDK's retries come sooner


def install() -> None:
    """Put the mends in ministack's way."""
    apigateway_v1._create_api_key = _generating_values(apigateway_v1._create_api_key)
    iot._create_topic_rule = _answering_repeats(iot._create_topic_rule)


def _generating_values(
    create: Callable[[dict[str, Any]], Answer],
) -> Callable[[dict[str, Any]], Answer]:
    """An API key whose value is empty is given one.

    Terraform's provider sends an empty value where none is configured. API Gateway then makes one
    up; ministack refuses it as too short.
    """

    def create_api_key(data: dict[str, Any]) -> Answer:
        return create(
            {name: value for name, value in data.items() if (name, value) != ("value", "")}
        )

    return create_api_key


def _answering_repeats(create: Callable[..., Answer]) -> Callable[..., Answer]:
    """The same topic rule created twice within seconds is one call that was repeated.

    An SDK repeats a call whose answer it did not get. The second one would be told that the rule
    exists, and Terraform would end with a rule that it does not know as its own. That was seen
    once; what AWS says then is not known to us.
    """
    answered: dict[str, tuple[float, tuple[Any, ...], Answer]] = {}

    def create_topic_rule(name: str, *request: Any) -> Answer:
        now = time.monotonic()
        when, earlier, answer = answered.get(name, (0.0, (), (0, {}, b"")))
        if earlier == request and now - when < REPEATED_WITHIN and name in iot._topic_rules:
            return answer
        answer = create(name, *request)
        if answer[0] == 200:
            answered[name] = (now, request, answer)
        return answer

    return create_topic_rule
