"""A request means what it says: a field is read exactly as written, or refused by its name."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from boosting_container import hyperparameters as boosting
from container_runtime.errors import CustomerError, HyperparameterError, RequestError, SeriesError
from deepar_container import hyperparameters as deepar
from forecast_format.forecasts import SampledForecast
from forecast_format.invocation import MAX_SAMPLES, Configuration, answer_json
from forecast_format.series import EARLIEST, LARGEST, LARGEST_CATEGORY, LATEST, Series
from hypothesis import example, given, settings
from hypothesis import strategies as st

THOROUGH = settings(max_examples=100, deadline=None)
HORIZON = 4


class Echo:
    """A model whose forecast says what it was asked: the start's hours, and the last value."""

    prediction_length = HORIZON
    frequency = "h"
    quantile_range = (0.0, 1.0)

    def check(self, series: Series) -> None: ...

    def forecast(self, series: Sequence[Series], num_samples: int) -> list[SampledForecast]:
        return [
            SampledForecast(np.full((num_samples, HORIZON), float(one.start.ordinal)))
            for one in series
        ]


DATES = st.datetimes(datetime(1600, 1, 1), datetime(2300, 1, 1))  # noqa: DTZ001
FORMS = st.sampled_from(
    [
        *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y%m%d"),
        *("%Y-W%V", "%Y-W%V-%u", "%G-W%V-%u", "%Y-%j", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%Y"),
        *("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+01:00", "%Y-%m-%d %H:%M:%S UTC", "%s"),
        *("%Y-%m-%d %H", "%H:%M", "%Y-%m-%d 24:00:00", "%Y-%m-%d %I:%M %p", "%y-%m-%d", "%Y-%m"),
        *(" %Y-%m-%d", "%Y-%m-%d\n", "%B %d, %Y", "%Y-%m-%d %H:%M:%S.%f", "%Y.%m.%d"),
    ]
)


@THOROUGH
@given(DATES, FORMS)
@example(datetime(2024, 1, 1), "%Y-%m-%d 24:00:00")  # noqa: DTZ001
def test_a_start_is_the_time_that_is_written_or_refused(moment, form):
    text = moment.strftime(form)
    try:
        series = Series.parse({"start": text, "target": [1.0]}, "h")
    except SeriesError as error:
        assert str(error).startswith(("start ", "target must end"))
        return
    meant = datetime.fromisoformat(text)
    assert meant.tzinfo is None
    assert series.start == pd.Period(meant, freq="h")
    assert EARLIEST <= series.start.to_timestamp() < LATEST


@THOROUGH
@given(st.text(alphabet="0123456789-:T Z+.Wnowtday", max_size=24))
def test_a_text_is_a_start_only_in_the_documented_form(text):
    try:
        series = Series.parse({"start": text, "target": []}, "h")
    except SeriesError:
        return
    assert series.start == pd.Period(datetime.fromisoformat(text), freq="h")


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.sampled_from(["NaN", "nan", "1", "", "Infinity", 10**400, [], {}, [1], "1.5", 2**70]),
)


@THOROUGH
@given(st.lists(VALUES, max_size=8))
def test_a_target_is_its_numbers_and_gaps_or_refused(values):
    try:
        series = Series.parse({"start": "2024-01-01 00:00:00", "target": values}, "h")
    except SeriesError as error:
        assert "target" in str(error)
        return
    assert len(series.target) == len(values)
    for read, given_ in zip(series.target, values, strict=True):
        if given_ is None or given_ == "NaN" or given_ != given_:
            assert math.isnan(read)
        else:
            assert isinstance(given_, int | float) and not isinstance(given_, bool)
            assert read == np.float32(given_) and abs(given_) <= LARGEST


@THOROUGH
@given(st.one_of(VALUES, st.lists(VALUES, max_size=3)))
def test_categories_are_whole_numbers_that_a_model_can_hold_or_refused(value):
    try:
        series = Series.parse({"start": "2024-01-01", "target": [1.0], "cat": value}, "h")
    except SeriesError as error:
        assert str(error).startswith("cat must be a list of integers from 0 to 16777215; got ")
        return
    listed = [] if value is None else value if isinstance(value, list) else [value]
    assert list(series.cat) == listed
    assert all(type(one) is int and 0 <= one <= LARGEST_CATEGORY for one in listed)
    assert [int(np.float32(one)) for one in listed] == listed


@THOROUGH
@given(
    st.dictionaries(
        st.sampled_from(["num_samples", "output_types", "quantiles", "samples"]),
        st.one_of(
            VALUES,
            st.lists(st.sampled_from(["mean", "quantiles", "samples", "MEAN", 5, None])),
            st.lists(
                st.sampled_from(
                    [
                        *("0.5", "0.5 ", "1e-1", ".5", "0.50", 0.5, 1, "1", 0, True, "-0.1"),
                        *("5e-1", "0,5", "\u0665", "0.5\n", 1e-320, "50%", "", None, "p50"),
                        *("1e-400", "0x1p-1"),
                    ]
                )
            ),
        ),
    )
)
def test_a_configuration_is_answered_as_written_or_refused_by_name(document):
    body = {
        "instances": [{"start": "2024-01-01 00:00:00", "target": [1.0]}],
        "configuration": document,
    }
    try:
        [answer] = answer_json(Echo(), json.dumps(body).encode())["predictions"]
    except RequestError as error:
        names = ("num_samples", "output_types", "quantile", "JSON")
        assert any(name in str(error) for name in names)
        return
    wanted = document.get("output_types", ["mean", "quantiles"])
    assert set(answer) == set(wanted)
    if "quantiles" in answer:
        levels = document.get("quantiles", list(Configuration().quantiles))
        assert list(answer["quantiles"]) == list(dict.fromkeys(map(str, levels)))
        assert all(0 < float(level) < 1 for level in answer["quantiles"])
    if "samples" in answer:
        number = document.get("num_samples", Configuration().num_samples)
        assert len(answer["samples"]) == number and 1 <= number <= MAX_SAMPLES


TEXTS = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        [
            *(
                "1e3",
                "1_0",
                "\u0663",
                " 5 ",
                "0x10",
                "true",
                "None",
                "nan",
                "inf",
                "-inf",
                "9" * 5000,
            ),
            *("[1]", "[" * 9999, '["a"]', "[1e400]", "[NaN]", "[true]", "[0.1, 0.9]", "auto", "{}"),
            *("24H", "0H", "9999999999min", "1 H", "H\n", "\u06f2H", "M", "student-t", "STUDENT-T"),
        ]
    ),
)
REQUIRED = {"time_freq": "H", "prediction_length": "24", "context_length": "24", "epochs": "1"}


@pytest.mark.parametrize("module", [boosting, deepar], ids=["boosting", "deepar"])
@THOROUGH
@given(data=st.data())
def test_a_hyperparameter_is_read_as_written_or_refused_by_name(module: Any, data):
    name = data.draw(st.sampled_from(sorted(module._PARSERS)))
    text = data.draw(TEXTS)
    given_ = {key: value for key, value in REQUIRED.items() if key in module._PARSERS}
    try:
        read = getattr(module.Hyperparameters.parse({**given_, name: text}), name)
    except HyperparameterError as error:
        assert name in str(error)
        return
    json.dumps(read, allow_nan=False)
    if isinstance(read, int | float) and text.strip():
        assert read == float(text) and text.isascii() and "_" not in text


@THOROUGH
@given(st.dictionaries(st.text(max_size=5), TEXTS, max_size=3))
def test_any_hyperparameters_are_refused_as_the_customers(given_):
    for module in (boosting, deepar):
        with pytest.raises(CustomerError):
            module.Hyperparameters.parse(given_)
