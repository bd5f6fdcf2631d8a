"""Rows of recorded files: formats that people have, and what is left out of them."""

from __future__ import annotations

import csv
import gzip
import io
import time
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.messages.limits import CONCENTRATIONS
from contracts.recordings.column_map import ColumnMap
from contracts.recordings.errors import RecordingError
from contracts.recordings.recorded_file import Row
from tests.support.recorded import at, own, read


def test_names_of_columns_match_without_regard_to_case_and_blanks(tmp_path):
    for header in ("date,no2,o3,pm2.5", "Date, NO2 ,O3,PM25", '"date", "no2", "O3", "PM2.5"'):
        [row], notes = read(tmp_path, f"{header}\n2020-01-01 00:00:00, 27.1,1.5,40\n")
        assert row == Row(
            0,
            at("2020-01-01"),
            {"nitrogen_dioxide": 27.1, "ozone": 1.5, "particulate_matter": 40},
        )
        assert notes == []


def test_a_map_that_matches_no_pollutant_is_an_error_that_names_the_columns_found(tmp_path):
    with pytest.raises(
        RecordingError,
        match=r"my1\.csv, line 1: expected at least one of the columns o3, pm25 or .*got none; "
        r"the columns are date, nox, wind",
    ):
        read(tmp_path, "date,nox,wind\n2020-01-01,1,2\n")


def test_a_required_column_that_is_missing_is_an_error_that_names_the_columns_found(tmp_path):
    columns = own(columns="ozone = 'O3'\ncarbon_monoxide = 'CO'")
    with pytest.raises(RecordingError, match=r"expected the column CO; got none; the columns are"):
        read(tmp_path, "date,O3\n2020-01-01,1\n", columns)


def test_a_header_without_the_time_is_an_error_that_names_the_columns_found(tmp_path):
    with pytest.raises(RecordingError, match=r"columns \(date\).*line 1 has day, no2"):
        read(tmp_path, "day,no2\n2020-01-01,1\n")


def test_a_mapped_column_that_occurs_twice_is_an_error(tmp_path):
    with pytest.raises(RecordingError, match="expected the column no2 once; got it 2 times"):
        read(tmp_path, "date,no2,NO2\n2020-01-01,1,2\n")


@pytest.mark.parametrize("sign", ["-999", "-999.0", "-9.99e2", "NA", "NaN", "", " "])
def test_a_sign_of_a_missing_value_is_null_in_any_notation(tmp_path, sign):
    rows, notes = read(tmp_path, f"date,no2,o3\n2020-01-01 00:00,{sign},60\n")
    assert rows[0].values == {"nitrogen_dioxide": None, "ozone": 60}
    assert notes == []


def test_one_text_for_missing_values_is_not_read_as_characters(tmp_path):
    content = "date,o3\n2020-01-01 00:00,-999\n2020-01-01 01:00,9\n"
    rows, _ = read(tmp_path, content, own("missing = '-999'"))
    assert [row.values["ozone"] for row in rows] == [None, 9]


@pytest.mark.parametrize(
    ("bad", "note"),
    [
        ("2099-01-01 00:00,3,4", "line 3, column date: expected a time from 2000-01-01 to 20"),
        ("9999-12-31 23:59,3,4", "line 3, column date: expected a time from"),
        ("1970-01-01 00:00,3,4", "line 3, column date: expected a time from 2000-01-01 to"),
        ("yesterday,3,4", "line 3, column date: expected an ISO 8601 time"),
        ("2020-01-01 00:00,3,4", "line 3, column date: expected each time once"),
        ("2020-01-01 01:00,3", "line 3: expected 3 fields, as in line 1; got 2"),
        ("2020-01-01 01:00,3,4,5", "line 3: expected 3 fields, as in line 1; got 4"),
        ('2020-01-01 01:00,3,"4', "line 3: expected a row of CSV"),
        ("2020-01-01 01:00,3\0,4", "line 3, column no2: expected a number"),
    ],
)
def test_one_bad_row_hides_no_other(tmp_path, bad, note):
    content = f"date,no2,o3\n2020-01-01 00:00,1,2\n{bad}\n2020-01-01 02:00,5,6\n"
    rows, notes = read(tmp_path, content)
    assert [row.place for row in rows if row.values["nitrogen_dioxide"]] == [0, 2]
    assert [row.moment.hour for row in (rows[0], rows[-1])] == [0, 2]
    assert len(notes) == 1
    assert notes[0].startswith(note)


@pytest.mark.parametrize("bad", ["-11", "1e30", "inf", "nan", "1_0", "x", "0x10", "5001"])
def test_an_impossible_value_is_null_and_its_row_is_kept(tmp_path, bad):
    content = f"date,no2,o3\n2020-01-01 00:00,1,2\n2020-01-01 01:00,{bad},4\n"
    rows, notes = read(tmp_path, content, own(columns="ozone = 'o3'\nnitrogen_dioxide = 'no2'"))
    assert [row.values for row in rows][1] == {"nitrogen_dioxide": None, "ozone": 4}
    assert notes[0].startswith("line 3, column no2: expected ")
    assert notes[0].endswith(f"got '{bad}'")


def test_what_is_left_out_is_counted_per_column_with_the_first_case(tmp_path):
    content = "date,no2\n" + "".join(f"2020-01-01 {hour:02}:00,{hour - 15}\n" for hour in range(24))
    _, notes = read(tmp_path, content)
    assert notes == [
        "line 2, column no2: expected nitrogen_dioxide from -10 to 5,000; got '-15' (5 such)"
    ]


def test_columns_without_a_name_and_blank_rows_may_follow(tmp_path):
    rows, notes = read(tmp_path, "date,no2,,\n2020-01-01,1,,\n,,,\n\n2020-01-02,2\n , ,\n")
    assert [(row.place, row.values["nitrogen_dioxide"]) for row in rows] == [(0, 1), (2, 2)]
    assert notes == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected a header and rows of CSV; got neither"),
        ("date,no2\n", "no rows after its header, line 1"),
        ("date,no2\n2020-01-01,1,5\n2020-01-02,2,5\n", "line 2: expected 2 fields.*got 3"),
        ("date,no2\n01/02/2020,1\n2020-01-02,2\n02/02/2020,1\n", "2 of 3 rows cannot be read"),
        ("date,no2\n2020-01-01,a\n2020-01-02,b\n", r"column no2: expected a number.*got 'a'"),
        ("date,no2\n2020-01-01,-50\n", "no value of the file can be used"),
        ("date,no2\n1999-01-01,5\n", "expected a time from 2000-01-01"),
        ("date," + "x" * 70_000, "expected at most 65,536 characters"),
    ],
)
def test_a_file_that_does_not_fit_the_map_is_an_error_at_once(tmp_path, content, message):
    with pytest.raises(RecordingError, match=message) as refused:
        read(tmp_path, content)
    assert "my1.csv" in str(refused.value)


UK_AIR = """\
Data supplied by UK-air on 20/01/2020
All Data GMT hour ending
Status: R = Ratified / "P = Provisional

Date,time,Ozone,status,unit,PM<sub>2.5</sub> particulate matter (Hourly measured),status,unit,\
Carbon monoxide,status,unit
01-01-2020,01:00,1.5,R,ugm\u207b\u00b3,7,R,\u00b5g/m\u00b3,0.25,R,mgm-3
01-01-2020,24:00,No data,,,8,R,\u00b5g/m\u00b3,,,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_uk_air_has_a_preamble_repeated_columns_and_hours_that_end(tmp_path, encoding):
    rows, notes = read(tmp_path, UK_AIR.encode(encoding), ColumnMap.named("uk-air"))
    assert [row.moment for row in rows] == [at("2020-01-01 00:00"), at("2020-01-01 23:00")]
    assert [dict(row.values) for row in rows] == [
        {"ozone": 1.5, "particulate_matter": 7, "carbon_monoxide": 250},
        {"ozone": None, "particulate_matter": 8, "carbon_monoxide": None},
    ]
    assert notes == []


def test_latin_1_and_other_line_ends_are_read(tmp_path):
    content = UK_AIR.replace("\u207b\u00b3", "\u00b3").replace("\n", "\r\n").encode("latin-1")
    rows, notes = read(tmp_path, content, ColumnMap.named("uk-air"))
    assert (len(rows), notes) == (2, [])


def test_a_bad_row_below_a_preamble_has_the_files_own_line_number(tmp_path):
    _, notes = read(tmp_path, UK_AIR + "01-02-2020,1.5\n", ColumnMap.named("uk-air"))
    assert notes == ["line 8: expected 11 fields, as in line 5; got 2"]


OPENAQ = """\
location_id,sensors_id,location,datetime,lat,lon,parameter,units,value
7,71,Mesa,2022-06-01T01:00:00-06:00,35.1,-106.5,pm25,\u00b5g/m\u00b3,5.2
7,72,Mesa,2022-06-01T01:00:00-06:00,35.1,-106.5,o3,ppm,0.031
7,73,Mesa,2022-06-01T01:00:00-06:00,35.1,-106.5,temperature,c,21
7,71,Mesa,2022-06-01T02:00:00-06:00,35.1,-106.5,pm25,\u00b5g/m\u00b3,-999
7,72,Mesa,2022-06-01T02:00:00-06:00,35.1,-106.5,o3,grains,0.03
"""


def test_openaqs_long_format_has_one_value_and_its_unit_per_row(tmp_path):
    rows, notes = read(tmp_path, OPENAQ, ColumnMap.named("openaq"))
    assert rows == [
        Row(0, at("2022-06-01 07:00"), {"particulate_matter": 5.2}),
        Row(1, at("2022-06-01 07:00"), {"ozone": 61.858242}),
        Row(3, at("2022-06-01 08:00"), {"particulate_matter": None}),
        Row(4, at("2022-06-01 08:00"), {"ozone": None}),
    ]
    assert [note.split(":")[0] for note in notes[1:]] == [
        "line 5, column value",
        "line 6, column units",
    ]
    assert notes[0].endswith("my1.csv: not measured, of the column parameter: temperature")


def test_a_long_file_without_the_maps_parameters_is_an_error_that_names_those_found(tmp_path):
    columns = own(
        "parameter = 'parameter'\nvalue = 'value'", columns="ozone = 'O3'", time="'datetime'"
    )
    with pytest.raises(
        RecordingError, match=r"column parameter: expected one of O3; got pm25, pm1"
    ):
        read(tmp_path, OPENAQ.replace(",o3,", ",pm1,"), columns)


def test_purpleairs_epochs_and_sensor_communitys_semicolons_are_read(tmp_path):
    [row], _ = read(
        tmp_path,
        "time_stamp,sensor_index,pm2.5_atm\n1672531200,131075,5.2\n",
        ColumnMap.named("purpleair"),
    )
    assert row == Row(0, at("2023-01-01"), {"particulate_matter": 5.2})
    [row], _ = read(
        tmp_path,
        "sensor_id;lat;lon;timestamp;P1;durP1;P2\n12345;48.7;9.2;2020-01-01T00:02:35;9;;8.25\n",
        ColumnMap.named("sensor-community"),
        drivers=True,
    )
    assert row == Row(0, at("2020-01-01 00:02:35"), {"particulate_matter": 8.25, "pm10": 9})


ITALY = """Date;Time;CO(GT);PT08.S1(CO);NMHC(GT);NO2(GT);T;;
10/03/2004;18.00.00;2,6;1360;150;113;13,6;;
10/03/2004;19.00.00;-200;1292;112;-200,0;13,3;;
;;;;;;;;
"""


def test_decimal_commas_are_read_and_points_are_not_taken_for_them(tmp_path):
    italy = ColumnMap.named("uci-air-quality")
    rows, notes = read(tmp_path, ITALY, italy)
    assert [row.values for row in rows] == [
        {"carbon_monoxide": 2600, "nitrogen_dioxide": 113},
        {"carbon_monoxide": None, "nitrogen_dioxide": None},
    ]
    assert notes == []
    rows, notes = read(tmp_path, ITALY.replace("-200;", "1.234;"), italy)
    assert rows[1].values["carbon_monoxide"] is None
    assert "expected a number, with a decimal comma" in notes[0]


def test_a_decimal_comma_between_commas_is_an_error(tmp_path):
    columns = own(
        "time_format = '%d/%m/%Y %H.%M.%S'", "carbon_monoxide = 'CO(GT)'", "['Date', 'Time']"
    )
    content = "Date,Time,CO(GT),NO2(GT)\n10/03/2004,18.00.00,2,6,113\n10/03/2004,20.00.00,2,2,92\n"
    with pytest.raises(RecordingError, match=r"line 2: expected 4 fields, as in line 1; got 5"):
        read(tmp_path, content, columns)


def test_drivers_are_read_where_they_are_wanted(tmp_path):
    content = (
        "year,month,day,hour,PM2.5,PM10,SO2,NO2,CO,O3,TEMP,PRES,DEWP,RAIN,wd,WSPM\n"
        "2016,3,1,0,6,18,5,7,800,88,-0.1,1021.1,-18.6,0,NNW,4.4\n"
        "2016,3,1,1,6,18,5,7,800,88,-500,1021.1,NA,0,up,4.4\n"
    )
    beijing = ColumnMap.named("uci-beijing")
    first, second = read(tmp_path, content, beijing, drivers=True)[0]
    drivers = {"temperature": -0.1, "wind_direction": 337.5, "dew_point": -18.6, "pm10": 18}
    assert drivers.items() <= first.values.items()
    assert (second.values["temperature"], second.values["wind_direction"]) == (None, None)
    assert "temperature" not in read(tmp_path, content, beijing)[0][0].values


def test_compressed_files_are_recognised_by_their_content(tmp_path):
    rows, _ = read(tmp_path, gzip.compress(b"date,o3\n2020-01-01,1\n"))
    assert rows[0].values == {"ozone": 1}


@pytest.mark.parametrize("damage", [lambda c: c[:-20], lambda c: c[:30] + b"\xff" * 9 + c[39:]])
def test_a_damaged_archive_is_an_error(tmp_path, damage):
    content = gzip.compress("".join(f"2020-01-01 00:{n},1\n" for n in range(1000)).encode())
    with pytest.raises(RecordingError, match=r"my1\.csv: expected a readable text file; got"):
        read(tmp_path, damage(content))


TIMES = ("2020-01-01 00:00", "2020-01-01 24:00", "2099-01-01", "yesterday")


@pytest.mark.parametrize("text", ["24" * 30_000, "0" * 60_000, "," * 60_000, '"' * 60_000])
def test_a_long_row_costs_as_little_as_a_long_text(tmp_path, text):
    content = f"date,o3\n2020-01-01,1\n{text},2\n2020-01-03,{text}\n2020-01-02,3\n"
    begun = time.process_time()
    rows, _ = read(tmp_path, content, own("time_format = '%Y-%m-%d'"))
    assert time.process_time() - begun < 1
    assert [row.values["ozone"] for row in rows if row.values["ozone"]] == [1, 3]


VALUES = (
    "1",
    "2.5",
    "-3",
    "1e400",
    "inf",
    "NA",
    "",
    "x",
    '"',
    "24",
    "\0",
    "\u2028",
    "é",
    "9" * 400,
)
fields = st.sampled_from([*TIMES, *VALUES])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.lists(fields, max_size=5).map(",".join), max_size=6), st.randoms())
def test_whatever_stands_in_a_file_its_good_rows_are_read(tmp_path, lines, dice):
    """The readable rows are the majority here; otherwise the map would count as wrong."""
    good = [f"2019-05-01 {hour:02}:00,{hour},{hour + 0.5}" for hour in range(12)]
    mixed = [*good, *lines]
    dice.shuffle(mixed)
    rows, _ = read(tmp_path, "\n".join(["date,no2,o3", *mixed]))
    found = {row.moment: row.values for row in rows if row.moment.year == 2019}
    assert found == {
        at(f"2019-05-01 {hour:02}:00"): {"nitrogen_dioxide": hour, "ozone": hour + 0.5}
        for hour in range(12)
    }
    for row in rows:
        assert all(limit.admits(row.values.get(limit.field)) for limit in CONCENTRATIONS)


@given(
    st.lists(
        st.tuples(
            st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1)),  # noqa: DTZ001
            st.none() | st.floats(0, 5000),
        ),
        unique_by=lambda row: row[0],
        min_size=1,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_what_a_csv_writer_writes_is_read(tmp_path, values):
    content = io.StringIO()
    writer = csv.writer(content, quoting=csv.QUOTE_ALL)
    writer.writerows([["date", "o3"], *([moment.isoformat(), value] for moment, value in values)])
    rows, notes = read(tmp_path, content.getvalue())
    assert notes == []
    assert [(row.moment.replace(tzinfo=None), row.values["ozone"]) for row in rows] == values
