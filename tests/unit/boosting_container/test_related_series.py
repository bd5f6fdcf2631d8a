"""Related series are derived from the channel's series and aligned with each series' hours."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from boosting_container.windows import LOOK_BACK
from forecast_format.related import with_related
from forecast_format.series import Series
from forecast_format.test_scores import test_scores as scores_of

from contracts.models.forecast_input import AREA, RELATED_HOURS

NAN = float("nan")


def series(cat: tuple[int, ...], target: list[float], first: int = 0, **given: object) -> Series:
    start = pd.Period("2024-01-01", freq="h") + first
    return Series(start, np.float32(target), cat, **given)  # type: ignore[arg-type]


def test_requests_have_as_many_related_hours_as_the_features_need() -> None:
    assert LOOK_BACK <= RELATED_HOURS


def test_a_series_is_related_to_its_device_and_to_the_area_at_the_same_hours() -> None:
    ozone, monoxide, elsewhere = with_related(
        [
            series((0, 0), [1, 2, 3]),
            series((0, 2), [NAN, 7], first=1),
            series((1, 0), [4, NAN, 8], first=1),
        ]
    )
    assert set(ozone.related) == {AREA, "pollutant-2"}
    np.testing.assert_array_equal(ozone.related["pollutant-2"], [NAN, NAN, 7])
    np.testing.assert_array_equal(ozone.related[AREA], [1, 3, 3])
    np.testing.assert_array_equal(monoxide.related["pollutant-0"], [2, 3])
    np.testing.assert_array_equal(elsewhere.related[AREA], [3, 3, 8])
    assert set(elsewhere.related) == {AREA}


def test_the_area_mean_is_missing_with_values_of_fewer_than_a_quarter_of_devices() -> None:
    found = with_related(
        [series((device, 0), [1.0, NAN if device else 2.0]) for device in range(8)]
    )
    np.testing.assert_array_equal(found[0].related[AREA], [1, NAN])


def test_existing_related_series_are_kept_and_series_of_other_categories_get_none() -> None:
    complete = series((0, 0), [1, 2], related={"wind": np.float32([3, 4])})
    single = series((0,), [1, 2])
    assert with_related([complete, single]) == [complete, single]
    assert with_related([single]) == [single]


def test_history_before_a_step_does_not_include_the_step() -> None:
    whole = series(
        (0, 0),
        [1, 2, 3, 4, 5],
        related={"full": np.float32([1, 2, 3, 4, 5]), "short": np.float32([4, 5])},
        dynamic_feat=np.float32([[0, 1, 2, 3, 4, 5, 6]]),
    )
    known = whole.before(4, 2, at_most=3)
    assert known.start == whole.start + 1
    np.testing.assert_array_equal(known.target, [2, 3, 4])
    np.testing.assert_array_equal(known.related["full"], [2, 3, 4])
    np.testing.assert_array_equal(known.related["short"], [4])
    np.testing.assert_array_equal(known.dynamic_feat, [[1, 2, 3, 4, 5]])
    assert len(whole.before(2, 2).related["short"]) == 0
    np.testing.assert_array_equal(whole.before(9, 2).target, whole.target)


def test_forecasts_of_the_test_channel_do_not_get_its_scored_values() -> None:
    """A model that copies the end of a related series must not see the scored values there."""

    class Copying:
        prediction_length = 2
        frequency = "h"

        def forecast(self, requested: list[Series], _: int) -> list[object]:
            assert [len(row) for one in requested for row in one.related.values()] == [3]
            raise LookupError

    target = [1.0, 2, 3, 4, 5]
    with pytest.raises(LookupError):
        scores_of(Copying(), [series((0, 0), target, related={"same": np.float32(target)})], 1, [])  # type: ignore[arg-type]


def test_a_series_survives_json() -> None:
    whole = series(
        (0, 1),
        [0.1, NAN, 1 / 3],
        related={AREA: np.float32([NAN, 0.2])},
        dynamic_feat=np.float32([[1, 2, 3]]),
    )
    text = json.dumps(whole.document(), allow_nan=False)
    again = Series.parse(json.loads(text), "h")
    np.testing.assert_array_equal(again.target, whole.target)
    np.testing.assert_array_equal(again.related[AREA], whole.related[AREA])
    np.testing.assert_array_equal(again.dynamic_feat, whole.dynamic_feat)
    assert (again.start, again.cat) == (whole.start, whole.cat)
    assert "dynamic_feat" not in series((0, 1), [1.0]).document()
