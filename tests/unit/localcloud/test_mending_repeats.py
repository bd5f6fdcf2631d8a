from __future__ import annotations

import pytest

from localcloud import mending


@pytest.fixture
def create(monkeypatch: pytest.MonkeyPatch):
    rules: dict[str, dict] = {}
    monkeypatch.setattr(mending.iot, "_topic_rules", rules)

    def ministacks(name: str, payload: dict, tagging: str | None = None):
        if name in rules:
            return 409, {}, b"exists"
        rules[name] = payload
        return 200, {}, b"{}"

    return mending._answering_repeats(ministacks), rules


def test_a_repeated_call_gets_the_answer_that_was_lost(create) -> None:
    call, _ = create
    assert (
        call("rule", {"sql": "x"}, "a=b") == call("rule", {"sql": "x"}, "a=b") == (200, {}, b"{}")
    )


def test_another_rule_of_that_name_is_refused(create) -> None:
    call, _ = create
    call("rule", {"sql": "x"})
    assert call("rule", {"sql": "y"})[0] == 409


def test_a_later_call_is_not_a_repeat(create, monkeypatch: pytest.MonkeyPatch) -> None:
    call, _ = create
    call("rule", {"sql": "x"})
    monkeypatch.setattr(mending, "REPEATED_WITHIN", 0.0)
    assert call("rule", {"sql": "x"})[0] == 409


def test_a_rule_that_was_deleted_is_made_again(create) -> None:
    call, rules = create
    call("rule", {"sql": "x"})
    rules.clear()
    assert call("rule", {"sql": "x"})[0] == 200
    assert "rule" in rules
