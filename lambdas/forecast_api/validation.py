"""From what a caller sent to a request that can be carried out, or to all that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contracts.messages.telemetry import POLLUTANTS, json_schema
from contracts.models.forecast_input import HORIZON, QUANTILES
from forecast_api.problems import body_too_large, invalid_request

DEFAULT_QUANTILES = ("0.1", "0.5", "0.9")
MAX_BATCH = 50
MAX_PAGE = 1000
DEFAULT_PAGE = 100
MAX_BODY_BYTES = 64 * 1024
"""Five times the largest sensible batch."""

_DEVICE_ID = re.compile(json_schema()["properties"]["device_id"]["pattern"])
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:00:00(Z|\+00:00)", re.ASCII)

Query = Mapping[str, Sequence[str]]
"""Values of each query parameter, as often as it was given."""


@dataclass(frozen=True)
class ForecastRequest:
    """A forecast that is asked for.

    Parameters
    ----------
    horizon
        Hours, 1 to 24.
    quantiles
        Levels as `contracts.models.forecast_input.QUANTILES` writes them, ascending, each once.
    origin
        First hour to forecast, UTC; None is the hour after the last one with data.
    """

    device_id: str
    pollutant: str
    horizon: int = HORIZON
    quantiles: tuple[str, ...] = DEFAULT_QUANTILES
    origin: datetime | None = None


@dataclass(frozen=True)
class DevicesRequest:
    """A page of devices that is asked for: at most ``limit``, after the device ``after``."""

    limit: int = DEFAULT_PAGE
    after: str | None = None


class _Complaints:
    """All that is wrong with a request, gathered so that a caller learns it at once."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []

    def read(self, at: str, parse: Callable[[Any], Any], value: Any) -> Any:
        """``parse(value)``, or None and a complaint."""
        try:
            return parse(value)
        except ValueError as error:
            self.errors.append({"at": at, "detail": str(error)})
            return None

    def only(self, given: Mapping[str, Any], known: Sequence[str], at: str = "") -> None:
        """Complain about what the contract does not know: most often it is a misspelling."""
        for name in given:
            if name not in known:
                detail = f"is not known here; known are {', '.join(known)}"
                self.errors.append({"at": f"{at}{name}", "detail": detail})

    def raise_any(self) -> None:
        if self.errors:
            raise invalid_request(self.errors)


def forecast_from_query(device_id: str, query: Query) -> ForecastRequest:
    """Read ``GET /v1/devices/{device_id}/forecast``.

    Raises
    ------
    Problem
        400, with everything that is wrong.
    """
    complaints = _Complaints()
    complaints.only(query, ("pollutant", "horizon", "quantiles", "origin"))
    fields: dict[str, Any] = {
        "device_id": complaints.read("device_id", _device_id, device_id),
        "pollutant": complaints.read("pollutant", _once(_pollutant), query.get("pollutant", ())),
    }
    parsers: dict[str, Callable[[Any], Any]] = {
        "horizon": _once(lambda text: _integer(text, 1, HORIZON)),
        "quantiles": _once(lambda text: _quantiles(text.split(","))),
        "origin": _once(_hour),
    }
    for name, parse in parsers.items():
        if name in query:
            fields[name] = complaints.read(name, parse, query[name])
    complaints.raise_any()
    return ForecastRequest(**fields)


def forecasts_from_body(body: bytes) -> list[ForecastRequest]:
    """Read ``POST /v1/forecasts``.

    Raises
    ------
    Problem
        413 for a body that is too large; 400, with everything that is wrong.
    """
    if len(body) > MAX_BODY_BYTES:
        raise body_too_large(len(body), MAX_BODY_BYTES)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        detail = f"must be a JSON object; it cannot be read: {error}"
        raise invalid_request([{"at": "body", "detail": detail}]) from None
    complaints = _Complaints()
    items = complaints.read("/requests", _requests, document)
    complaints.raise_any()
    complaints.only(document, ("requests",), "/")
    requests = [_request(item, f"/requests/{i}", complaints) for i, item in enumerate(items)]
    complaints.raise_any()
    return [request for request in requests if request is not None]


def devices_from_query(query: Query) -> DevicesRequest:
    """Read ``GET /v1/devices``.

    Raises
    ------
    Problem
        400, with everything that is wrong.
    """
    complaints = _Complaints()
    complaints.only(query, ("limit", "after"))
    fields = {}
    if "limit" in query:
        parse = _once(lambda text: _integer(text, 1, MAX_PAGE))
        fields["limit"] = complaints.read("limit", parse, query["limit"])
    if "after" in query:
        fields["after"] = complaints.read("after", _once(_device_id), query["after"])
    complaints.raise_any()
    return DevicesRequest(**fields)


def is_device_id(text: str) -> bool:
    """Whether the telemetry contract allows a device of that id."""
    return _DEVICE_ID.fullmatch(text) is not None


def _request(item: Any, at: str, complaints: _Complaints) -> ForecastRequest | None:
    if not isinstance(item, dict):
        complaints.errors.append({"at": at, "detail": f"must be an object; got {_shown(item)}"})
        return None
    parsers: dict[str, Callable[[Any], Any]] = {
        "device_id": _device_id,
        "pollutant": _pollutant,
        "horizon": _json_horizon,
        "quantiles": _json_quantiles,
        "origin": _hour,
    }
    complaints.only(item, tuple(parsers), f"{at}/")
    fields = {
        name: complaints.read(f"{at}/{name}", parse, item.get(name))
        for name, parse in parsers.items()
        if name in item or name in ("device_id", "pollutant")
    }
    return None if complaints.errors else ForecastRequest(**fields)


def _requests(document: Any) -> list[Any]:
    requests = document.get("requests") if isinstance(document, dict) else None
    if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_BATCH:
        came = f"{len(requests)} of them" if isinstance(requests, list) else _shown(requests)
        raise ValueError(f"must be a list of 1 to {MAX_BATCH} requests; got {came}")
    return requests


def _once(parse: Callable[[str], Any]) -> Callable[[Sequence[str]], Any]:
    """A parser of a query parameter that must be given exactly once."""

    def parse_once(values: Sequence[str]) -> Any:
        if len(values) != 1:
            raise ValueError(f"must be given once; it was given {len(values)} times")
        return parse(values[0])

    return parse_once


def _device_id(value: Any) -> str:
    if not isinstance(value, str) or not is_device_id(value):
        raise ValueError(f"must match {_DEVICE_ID.pattern}; got {_shown(value)}")
    return value


def _pollutant(value: Any) -> str:
    if value not in POLLUTANTS:
        raise ValueError(f"must be one of {', '.join(POLLUTANTS)}; got {_shown(value)}")
    return str(value)


def _integer(text: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise ValueError(f"must be a whole number from {low} to {high}; got {_shown(text)}")
    return int(text)


def _json_horizon(value: Any) -> int:
    if type(value) is int and 1 <= value <= HORIZON:  # True is an int to isinstance
        return value
    raise ValueError(f"must be a whole number from 1 to {HORIZON}; got {_shown(value)}")


def _quantiles(levels: Sequence[Any]) -> tuple[str, ...]:
    if not levels or len(levels) > len(QUANTILES):
        raise ValueError(f"must name 1 to {len(QUANTILES)} quantiles; got {len(levels)}")
    for level in levels:
        if level not in QUANTILES:
            raise ValueError(f"must be of {', '.join(QUANTILES)}; got {_shown(level)}")
    return tuple(sorted(set(levels)))


def _json_quantiles(value: Any) -> tuple[str, ...]:
    if type(value) is list:
        return _quantiles(value)
    raise ValueError(f"must be a list of quantiles written as text; got {_shown(value)}")


def _hour(value: Any) -> datetime:
    expected = f"must be a full hour in UTC like 2026-01-31T13:00:00Z; got {_shown(value)}"
    if not isinstance(value, str) or not _HOUR.fullmatch(value):
        raise ValueError(expected)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        raise ValueError(f"{expected}, which is no day and hour") from None


def _shown(value: Any) -> str:
    """What came, short enough to be told back."""
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
