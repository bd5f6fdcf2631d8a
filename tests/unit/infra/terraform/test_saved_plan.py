from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.names import Names
from contracts.settings.load import load as load_settings
from infra.estate.place import Place
from infra.terraform.plan_report import NO_CHANGES, Change, StackPlan
from infra.terraform.saved_plan import PLAN_FILE, SavedPlanError, load, save, spend

CHANGED = StackPlan("data", (Change("aws_s3_bucket.raw", "aws_s3_bucket", "create"),), "Plan: 1")
UNCHANGED = StackPlan("serving", (), NO_CHANGES)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(
        names=Names("dev", "123456789012", "eu-west-1"),
        settings=load_settings("dev"),
        endpoint_url="http://127.0.0.1:4566",
        backend="local",
        home=tmp_path,
        commit="0123456789ab",
    )
    made.stack_folder("data").mkdir(parents=True)
    (made.stack_folder("data") / PLAN_FILE).write_bytes(b"plan")
    return made


def test_a_plan_is_applied_where_it_was_made(place):
    save(place, [CHANGED, UNCHANGED])

    assert load(place).stacks == (CHANGED, UNCHANGED)
    assert load(place).commit == "0123456789ab"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"names": Names("dev", "210987654321", "eu-west-1")}, "account 123456789012, and this is"),
        ({"endpoint_url": None}, "cloud emulator at http://127.0.0.1:4566, and this is AWS"),
        ({"backend": "s3"}, "was made for state"),
    ],
)
def test_a_plan_made_elsewhere_is_refused(place, changes, complaint):
    save(place, [CHANGED])

    with pytest.raises(SavedPlanError, match=complaint):
        load(replace(place, **changes))


def test_a_plan_is_applied_once(place):
    save(place, [CHANGED])
    spend(place)

    with pytest.raises(SavedPlanError, match=r"no saved plan.*make plan ENV=dev"):
        load(place)


def test_a_plan_without_its_file_is_refused(place):
    save(place, [CHANGED])
    (place.stack_folder("data") / PLAN_FILE).unlink()

    with pytest.raises(SavedPlanError, match="saved plan of data is gone"):
        load(place)
