"""A report survives its file, and a file that is none is refused with the reason."""

from __future__ import annotations

import json

import pytest

from contracts.names import ENVIRONMENTS
from contracts.settings.load import load
from smoke.prices import Usage, estimate
from smoke.report import FAILED, Report, ReportError
from tests.unit.smoke.reports import report, with_hop


def test_a_report_is_read_as_it_was_written():
    assert Report.from_json(report().to_json()) == report()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"started": "yesterday"}, "ISO 8601"),
        ({"hops": [{"name": "api"}]}, "missing 6 required"),
        ({"on_aws": True}, "unexpected keyword argument 'on_aws'"),
        ({"endpoints": None}, "not iterable"),
    ],
    ids=lambda one: one if isinstance(one, str) else next(iter(one)),
)
def test_a_file_that_is_no_report_is_refused(change, complaint):
    document = json.loads(report().to_json()) | change

    with pytest.raises(ReportError, match=complaint):
        Report.from_json(json.dumps(document))


def test_an_unknown_verdict_is_refused():
    text = with_hop(report(), "api", verdict="fine").to_json()

    with pytest.raises(ReportError, match=r"hop api: expected a verdict of ok, .* got 'fine'"):
        Report.from_json(text)


def test_a_missing_file_is_reported_with_the_verb_that_makes_it(tmp_path):
    with pytest.raises(ReportError, match="run `make smoke` first"):
        Report.read(tmp_path / "dev.json")


def test_it_passed_only_if_no_hop_failed_and_nothing_is_left():
    assert report().passed
    assert not report(removed=False).passed
    assert not with_hop(report(), "api", verdict=FAILED).passed


def test_costs_are_quantities_times_prices_and_units_without_a_price_are_named():
    usd, unknown = estimate([Usage("glue.dpu_hour", 2), Usage("sagemaker.ml.p9.large", 1)])

    assert usd == pytest.approx(0.88)
    assert unknown == ("sagemaker.ml.p9.large",)


def test_every_instance_type_of_the_settings_has_a_price():
    for environment in ENVIRONMENTS:
        forecast = load(environment).forecast
        for type_ in (forecast.training.instance_type, forecast.endpoint.instance_type):
            assert estimate([Usage(f"sagemaker.{type_}", 1)])[1] == (), type_
