"""Times of recorded rows: the forms that are read, and summer time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.recordings.errors import RecordingError
from tests.support.recorded import at, own, read


@pytest.mark.parametrize(
    ("settings", "time", "text", "expected"),
    [
        ("", "'date'", "2020-01-01 00:00:39 UTC", "2020-01-01 00:00:39"),
        ("", "'date'", "2020-01-01T05:00Z", "2020-01-01 05:00"),
        ("", "'date'", "2020-01-01 05:00:00 +01:00", "2020-01-01 04:00"),
        ("", "'date'", "2020-01-01 05:00:00.000 -0130", "2020-01-01 06:30"),
        ("", "'date'", "2020-01-01", "2020-01-01"),
        ("", "'date'", "2020-12-31 24:00", "2021-01-01"),
        ("", "['date', 'b']", "2020-01-01,05:00", "2020-01-01 05:00"),
        ("time_format = '%s'", "'date'", "1672531200", "2023-01-01"),
        ("time_format = '%s'", "'date'", "1672531200.5", "2023-01-01 00:00:00.5"),
        ("time_format = '%Q'", "'date'", "1672531200000", "2023-01-01"),
        ("time_format = '%d.%m.%Y %H:%M'", "'date'", "24.12.2024 24:00", "2024-12-25"),
        ("time_format = '%Y%m%d%H'", "'date'", "2024022424", "2024-02-25"),
        ("", "['date', 'b', 'c', 'd']", "2020,2,29,24", "2020-03-01"),
        ("", "['date', 'b', 'c', 'd']", "2020.0,2,29,1", "2020-02-29 01:00"),
        ("utc_offset_hours = -3.5", "'date'", "2020-01-01 00:00", "2020-01-01 03:30"),
        ("hour_ending = true", "'date'", "2020-01-01 01:00", "2020-01-01"),
        ("time_zone = 'Europe/Berlin'", "'date'", "2020-07-01 12:00", "2020-07-01 10:00"),
        ("time_zone = 'Europe/Berlin'", "'date'", "2020-01-01 12:00", "2020-01-01 11:00"),
        ("time_zone = 'Europe/Berlin'", "'date'", "2020-01-01 12:00-05:00", "2020-01-01 17:00"),
    ],
)
def test_times_are_read_in_many_forms(tmp_path, settings, time, text, expected):
    header = "date,b,c,d"[: 4 + 2 * text.count(",")]
    [row], _ = read(tmp_path, f"{header},o3\n{text},1\n", own(settings, time=time))
    assert row.moment == at(expected)


@pytest.mark.parametrize(
    "text",
    ["2020-01-01 24:30", "2020-24-01 00:00", "2020-01-01T00:00+24:00", "2024-02-30 24:00", "24"],
)
def test_a_24_elsewhere_is_no_hour_24(tmp_path, text):
    with pytest.raises(RecordingError, match="expected an ISO 8601 time"):
        read(tmp_path, f"date,o3\n{text},1\n", own())


def test_the_hour_that_occurs_twice_in_autumn_is_read_in_the_files_order(tmp_path):
    begin, berlin = at("2020-10-24 22:00"), own("time_zone = 'Europe/Berlin'")
    local = ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00"]
    content = "date,o3\n" + "".join(f"2020-10-25 {text},1\n" for text in local)
    rows, notes = read(tmp_path, content, berlin)
    assert [row.moment for row in rows] == [begin + n * timedelta(minutes=30) for n in range(9)]
    assert notes == []
    rows, notes = read(tmp_path, content, own("utc_offset_hours = 1"))
    assert len(rows) == 7
    assert "needs time_zone" in notes[0]


def test_the_hour_that_spring_skips_is_left_out(tmp_path):
    content = "date,o3\n2020-03-29 01:00,1\n2020-03-29 02:00,2\n2020-03-29 03:00,3\n"
    rows, notes = read(tmp_path, content, own("time_zone = 'Europe/Berlin'"))
    assert [row.moment for row in rows] == [at("2020-03-29 00:00"), at("2020-03-29 01:00")]
    assert notes[0].startswith("line 3, column date: expected a time that exists in Europe/Berlin")
