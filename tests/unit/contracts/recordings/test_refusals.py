"""Files whose values could only be read wrongly: refused with file, line, expected and got."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.recordings.column_map import ColumnMap
from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import examined, station_files, unmatched
from tests.support.recorded import read

MAP = "file_pattern = '(?P<station>.+)\\.csv'\n"
DATE = f"{MAP}time = 'date'\n"
NO2 = "[columns]\nnitrogen_dioxide = 'no2'\n"
ITALY = (
    f"{MAP}time = ['Date', 'Time']\ntime_format = '%d/%m/%Y %H.%M.%S'\n"
    "[columns]\ncarbon_monoxide = 'CO(GT)'\n"
)

REFUSED = {
    "decimal commas between commas, cut to the header's length": (
        "Date,Time,CO(GT),PT08.S1(CO),NMHC(GT)\n10/03/2004,18.00.00,2,6,1360\n"
        "10/03/2004,20.00.00,2,2,1402\n",
        ITALY,
        r"line 2: expected a number with a decimal point in CO\(GT\); got none, and times as",
    ),
    "decimal commas between commas, below columns without a name": (
        "date,no2,o3,,\n2020-01-01,2,6,7,\n2020-01-02,2,6,7,\n",
        f"{DATE}{NO2}",
        "line 2: expected 3 fields, as in line 1; got 5",
    ),
    "decimal commas between commas, the last column empty": (
        "date,no2,o3\n2020-01-01,2,6,\n2020-01-02,2,6,\n",
        f"{DATE}{NO2}",
        "line 2: expected a number with a decimal point in no2; got none, and more fields than in",
    ),
    "month before day": (
        "date,no2\n" + "".join(f"{day:02}/01/2020,{day}\n" for day in range(1, 19)),
        f"{DATE}time_format = '%m/%d/%Y'\n{NO2}",
        r"line 14, column date: .*%m/%d/%Y; got '13/01/2020'; the day may stand before the month",
    ),
    "another unit in the column's name": (
        "date,NO2 (ppb)\n2020-01-01,2\n",
        f"{DATE}[columns]\nnitrogen_dioxide = 'NO2 (ppb)'\n",
        r"line 1: expected µg/m³ in the column NO2 \(ppb\); got ppb: give its unit in \[units\]",
    ),
    "a second table with other columns": (
        "date,no2,o3\n2020-01-01,1,2\n2020-01-02,1,2\ndate,o3,no2\n2020-01-03,2,1\n",
        f"{DATE}{NO2}",
        "line 4: expected the header of line 1 again; got date, o3, no2: divide the file there",
    ),
    "several stations without their column": (
        "date,site,no2\n2020-01-01,a,1\n2020-01-01,b,2\n2020-01-02,a,1\n2020-01-02,b,2\n",
        f"{DATE}{NO2}",
        "line 3, column date: expected each time once .*a file of several stations",
    ),
    "epochs that a spreadsheet has rounded": (
        "date,no2\n1.67253E+09,1\n1.67254E+09,2\n",
        f"{DATE}time_format = '%s'\n{NO2}",
        "line 2, column date: expected seconds since 1970; got '1.67253E",
    ),
    "hours without their leading zero": (
        "date,no2\n20200101 100,1\n20200101 200,2\n",
        f"{DATE}time_format = '%Y%m%d %H%M'\n{NO2}",
        "line 2, column date: expected a time in the format %Y%m%d %H%M; got '20200101 100'",
    ),
    "any character between day and hour": (
        "date,no2\n2020010112304,1\n",
        f"{DATE}{NO2}",
        "line 2, column date: expected an ISO 8601 time",
    ),
    "no row of the map's texts": (
        "date,no2,ok\n2020-01-01,1,no\n",
        f"{DATE}where = {{ok = ['yes', 'maybe']}}\n{NO2}",
        "expected rows with ok yes or maybe; got 1 others",
    ),
    "a workbook": (b"PK\x03\x04\x14\x00", f"{DATE}{NO2}", r"a zip archive or a workbook \(.xlsx\)"),
    "a zone's name in the times": (
        "date,no2\n2020-01-01 00:00 CET,1\n",
        f"{DATE}time_format = '%Y-%m-%d %H:%M %Z'\n{NO2}",
        "line 2, column date: expected a time in the format",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_could_only_be_read_wrongly_is_refused(tmp_path: Path, name: str):
    content, columns, message = REFUSED[name]
    with pytest.raises(RecordingError, match=f"my1.csv.*{message}"):
        read(tmp_path, content, columns)


def test_whole_numbers_between_commas_are_read_if_the_map_says_so(tmp_path):
    content = "Date,Time,CO(GT)\n10/03/2004,18.00.00,2\n"
    [row], _ = read(tmp_path, content, f'decimal = "."\n{ITALY}')
    assert row.values == {"carbon_monoxide": 2}
    [row], _ = read(tmp_path, content.replace(",2\n", ",2.0\n"), ITALY)
    assert row.values == {"carbon_monoxide": 2}


def test_one_row_with_more_fields_is_left_out(tmp_path):
    content = "date,no2\n2020-01-01,1\n2020-01-02,2,\n2020-01-03,3\n"
    rows, notes = read(tmp_path, content, f"{DATE}{NO2}")
    assert [row.values["nitrogen_dioxide"] for row in rows] == [1, 3]
    assert notes == ["line 3: expected 2 fields, as in line 1; got 3"]


def test_a_file_that_holds_its_rows_twice_is_read_once(tmp_path):
    rows, notes = read(tmp_path, "date,no2\n2020-01-01,1\n2020-01-01,1\n", f"{DATE}{NO2}")
    assert [row.values["nitrogen_dioxide"] for row in rows] == [1]
    assert notes[0].startswith("line 3, column date: expected each time once")


def test_one_day_that_does_not_exist_does_not_mean_that_day_and_month_are_exchanged(tmp_path):
    content = "date,no2\n20/01/2020,1\n01/13/2020,2\n21/01/2020,3\n"
    rows, notes = read(tmp_path, content, f"{DATE}time_format = '%d/%m/%Y'\n{NO2}")
    assert [row.moment.day for row in rows] == [20, 21]
    assert notes == [
        "line 3, column date: expected a time in the format %d/%m/%Y; got '01/13/2020'"
    ]


def test_one_line_beyond_the_limit_is_left_out(tmp_path):
    content = f"date,no2\n2020-01-01,1\n2020-01-02,{'9' * 200_000}\n2020-01-03,3\n"
    rows, notes = read(tmp_path, content, f"{DATE}{NO2}")
    assert [row.moment.day for row in rows] == [1, 3]
    assert notes == ["line 3: expected at most 65,536 characters; got '2020-01-02,999999999…'"]


def test_an_hour_that_occurs_twice_is_left_out_if_no_row_tells_which_it_is(tmp_path):
    content = "date,no2\n2020-10-25 02:00,1\n2020-10-25 03:00,2\n"
    rows, notes = read(tmp_path, content, f"{DATE}time_zone = 'Europe/Berlin'\n{NO2}")
    assert [row.values["nitrogen_dioxide"] for row in rows] == [2]
    assert notes[0].startswith("line 2, column date: expected a time that occurs once in Europe")


def test_a_file_of_several_stations_without_their_column_is_left_out_as_a_whole(tmp_path):
    (tmp_path / "map.toml").write_text(
        f"file_pattern = '.*\\.csv'\ntime = 'date'\nstation = 'site'\n{NO2}"
    )
    columns = ColumnMap.from_toml(tmp_path / "map.toml")
    good, bad = tmp_path / "a.csv", tmp_path / "b.csv"
    bad.write_text("date,no2\n2020-01-01,1\n")
    with pytest.raises(RecordingError, match=r"b\.csv, line 1: expected the column site; got none"):
        station_files(tmp_path, columns)
    good.write_text("date,site,no2\n2020-01-01,x,1\n2020-01-01,y,2\ndate,site,no2\n")
    assert station_files(tmp_path, columns) == {"x": [good], "y": [good]}
    assert unmatched(tmp_path, columns)[0].startswith(f"left out, the whole file: {bad}, line 1")


def test_stations_whose_names_are_spelt_in_two_ways_are_one(tmp_path):
    for name in ("Zu\u0308rich", "Z\u00fcrich"):
        (tmp_path / f"{name}-{len(name)}.csv").touch()
    (tmp_path / "map.toml").write_text(
        f"file_pattern = '(?P<station>.+)-\\d\\.csv'\ntime = 'date'\n{NO2}"
    )
    files = station_files(tmp_path, ColumnMap.from_toml(tmp_path / "map.toml"))
    assert [(name, len(paths)) for name, paths in files.items()] == [("Z\u00fcrich", 2)]


def test_a_pattern_whose_station_is_empty_matches_no_file(tmp_path):
    (tmp_path / "b.csv").touch()
    (tmp_path / "map.toml").write_text(
        f"file_pattern = '(?P<station>a)?b\\.csv'\ntime = 'date'\n{NO2}"
    )
    with pytest.raises(RecordingError, match=r"no file in .* has a name like"):
        examined(
            station_files(tmp_path, ColumnMap.from_toml(tmp_path / "map.toml")), lambda *_: None
        )
