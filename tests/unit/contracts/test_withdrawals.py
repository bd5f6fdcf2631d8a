"""Tests the documents that take readings out of the lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.lake.withdrawals import Withdrawal, key_of

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
FIELDS: dict[str, Any] = {
    "device_id": "north",
    "start": NOON,
    "end": NOON + timedelta(hours=3),
    "why": "in a greenhouse",
    "made": NOON + timedelta(days=2),
}


@pytest.mark.parametrize("boot_id", [None, "b"])
def test_a_withdrawal_is_read_back_from_its_document(boot_id: str | None) -> None:
    one = Withdrawal(**FIELDS, boot_id=boot_id)
    assert Withdrawal.from_json(one.to_json()) == one
    assert one.key == key_of(one.id)
    assert one.key.startswith("_withdrawn/20260603T120000Z-")


def test_a_later_withdrawal_of_the_same_readings_has_another_id() -> None:
    later = FIELDS | {"made": NOON + timedelta(days=3)}
    assert Withdrawal(**FIELDS).id != Withdrawal(**later).id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"device_id": "../x"}, "expected a device's name"),
        ({"end": NOON}, "expected the start before the end"),
    ],
)
def test_an_impossible_withdrawal_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Withdrawal(**FIELDS | change)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", "5", '{"device_id": "a", "boot_id": null, "start": 5}', b"\xff"]
)
def test_another_document_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|JSON|decode|delimiter|property name"):
        Withdrawal.from_json(text)


@pytest.mark.parametrize("id_", ["", "../x", "20260603T120000Z", "a/20260603T120000Z-1a2b3c4d"])
def test_an_id_does_not_lead_out_of_the_folder(id_: str) -> None:
    with pytest.raises(ValueError, match="expected an id"):
        key_of(id_)
