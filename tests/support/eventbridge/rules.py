"""Holds patterns and input transformers of rules against the events that AWS documents.

ministack matches the patterns, as its TestEventPattern does.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ministack.services import eventbridge

LONGEST_PATTERN = 2048
"""Characters: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
LONGEST_TEMPLATE = 8192
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html"""
_PLACEHOLDER = re.compile("<([^<>]*)>")
_GIVEN_BY_EVENTBRIDGE = "aws.events."

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Documented:
    """An event as AWS documents it, and further values of some of its fields."""

    documentation: str
    body: Event
    others: Mapping[str, list[Any]] = field(default_factory=dict)


@cache
def documented() -> dict[tuple[str, str], Documented]:
    """Returns the events of `events.toml` by source and detail-type."""
    text = (Path(__file__).parent / "events.toml").read_text(encoding="utf-8")
    events = {}
    for one in tomllib.loads(text)["event"]:
        body = json.loads(one["body"])
        events[body["source"], body["detail-type"]] = Documented(
            one["documentation"], body, one["others"]
        )
    return events


def faults_of_pattern(pattern: str) -> list[str]:
    """Returns why a pattern would be refused, or never match an event.

    Of every combination of a source and a detail-type, `events.toml` needs the event; each field
    of the pattern must be one of that event's, and match it once it has the pattern's value.
    """
    reason = eventbridge._event_pattern_error(pattern)
    if reason is not None:
        return [f"EventBridge refuses the pattern: {reason}"]
    found = []
    if len(pattern) > LONGEST_PATTERN:
        found.append(f"expected at most {LONGEST_PATTERN} characters; got {len(pattern)}")
    wanted = json.loads(pattern)
    for key in _kinds(wanted):
        if key not in documented():
            found.append(f"{' '.join(key)}: AWS's event is not in events.toml")
            continue
        event = documented()[key].body
        missing = [path for path, _ in _fields(wanted) if not _has(event, path)]
        found += [f"{key[1]} has no {path}" for path in missing]
        if not missing:
            found += [
                f"{key[1]} with {path} {value!r} does not match"
                for path, value, one in _examples(wanted, event)
                if not matches(pattern, one)
            ]
    return found


def near_misses(pattern: str) -> Iterator[tuple[str, Event]]:
    """Yields events that a pattern must not match, each with the field that differs."""
    wanted = json.loads(pattern)
    for key in _kinds(wanted):
        event = _filled(wanted, documented()[key].body)
        for path, accepted in _fields(wanted):
            for value in (*documented()[key].others.get(path, ()), *_almost(accepted)):
                yield f"{path} {value!r}", _with(event, path, value)


def matches(pattern: str, event: Event) -> bool:
    """Returns whether EventBridge would send an event to a rule's targets."""
    status, _, body = eventbridge._test_event_pattern(
        {"EventPattern": pattern, "Event": json.dumps(event)}
    )
    assert status == 200, body
    return bool(json.loads(body)["Result"])


def faults_of_transformer(pattern: str, paths: Mapping[str, str], template: str) -> list[str]:
    """Returns why an input transformer would be refused, or give its target a wrong input."""
    found = []
    if len(template) > LONGEST_TEMPLATE:
        found.append(f"expected at most {LONGEST_TEMPLATE} characters; got {len(template)}")
    used = set(_PLACEHOLDER.findall(template))
    unknown = {one for one in used if not one.startswith(_GIVEN_BY_EVENTBRIDGE)} - paths.keys()
    found += [f"<{one}> has no path" for one in sorted(unknown)]
    found += [f"{one} is not used" for one in sorted(paths.keys() - used)]
    found += [f"{one} begins as AWS's own do" for one in paths if one.lower().startswith("aws")]
    wanted = json.loads(pattern)
    for key in _kinds(wanted):
        event = _filled(wanted, documented()[key].body)
        missing = [
            one
            for one in paths.values()
            if not one.startswith("$.") or not _has(event, one.removeprefix("$."))
        ]
        found += [f"{key[1]} has no {one}" for one in missing]
        if not found:
            found += _faults_of_input(event, paths, template)
    return found


def _faults_of_input(event: Event, paths: Mapping[str, str], template: str) -> Iterator[str]:
    values = {name: _at(event, path.removeprefix("$.")) for name, path in paths.items()}
    text = eventbridge._render_input_template(template, values)
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        yield f"the input is no JSON: {error}: {text}"


def _kinds(wanted: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the sources and detail-types that a pattern names; it must name both."""
    return [
        (source, kind)
        for source in wanted.get("source", ["any source"])
        for kind in wanted.get("detail-type", ["any detail-type"])
    ]


def _fields(wanted: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    for name, below in wanted.items():
        if isinstance(below, dict):
            yield from _fields(below, f"{path}{name}.")
        else:
            yield f"{path}{name}", below


def _examples(wanted: Mapping[str, Any], event: Event) -> Iterator[tuple[str, Any, Event]]:
    """Yields an event for each value that the pattern names."""
    filled = _filled(wanted, event)
    yield "nothing", "else", filled
    for path, accepted in _fields(wanted):
        for value in accepted:
            if not isinstance(value, dict) and path not in ("source", "detail-type"):
                yield path, value, _with(filled, path, value)


def _filled(wanted: Mapping[str, Any], event: Event) -> Event:
    """Returns an event that has the first value that the pattern names for each field."""
    for path, accepted in _fields(wanted):
        named = [one for one in accepted if not isinstance(one, dict)]
        if named and _at(event, path) not in named:
            event = _with(event, path, named[0])
    return event


def _almost(accepted: list[Any]) -> Iterator[Any]:
    for value in accepted:
        if isinstance(value, str):
            yield f"{value}-2"
            yield value[:-1]
            yield value.swapcase()


def _has(event: Event, path: str) -> bool:
    try:
        _at(event, path)
    except (KeyError, TypeError):
        return False
    return True


def _at(event: Any, path: str) -> Any:
    for name in path.split("."):
        event = event[name]
    return event


def _with(event: Event, path: str, value: Any) -> Event:
    changed = deepcopy(dict(event))
    *parents, name = path.split(".")
    part: Any = changed
    for one in parents:
        part = part[one]
    part[name] = value
    return changed
