"""Column maps: their settings, and the built-in ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from contracts.messages.telemetry import POLLUTANTS
from contracts.recordings.column_map import SHIPPED, UCI_BEIJING, ColumnMap
from contracts.recordings.errors import RecordingError
from contracts.recordings.units import factor

MAP = "file_pattern = '(?P<station>.)'\ntime = 'x'\n"


def read(tmp_path, text: str) -> ColumnMap:
    path = tmp_path / "columns.toml"
    path.write_text(text)
    return ColumnMap.from_toml(path)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("time = 'x'\n[columns]\nozone = 'O3'", "file_pattern"),
        ("file_pattern = 'a'\ntime = 'x'\ncolumns = {ozone = 'o'}", "no group"),
        (f"{MAP}columns = {{radon = 'Rn'}}", "got radon"),
        (f"{MAP}columns = {{}}", "at least one pollutant"),
        ("file_pattern = '(?P<station>.'\ntime = 'x'\ncolumns = {ozone = 'o'}", "unterminated"),
        (f"{MAP}columns = {{ozone = 'o'}}\ncolour = 1", "got colour"),
        ("not toml", "columns.toml"),
        ("x = " + "[" * 9000, "nested too deeply"),
        ("file_pattern = 'a{4294967299}'\ntime = 'x'\ncolumns = {ozone = 'o'}", "too large"),
        ("file_pattern = '" + "(" * 900 + "'\ntime = 'x'\ncolumns = {ozone = 'o'}", "columns.toml"),
        (f"{MAP}[columns]\nozone = 'o'\nmissing = '-9'", "got missing .*stand above the tables"),
    ],
)
def test_an_invalid_map_is_an_error_that_names_the_setting(tmp_path, toml, message):
    with pytest.raises(RecordingError, match=message):
        read(tmp_path, toml)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("missing = true", "missing must be a text, a number, or a list of them; got True"),
        ("missing = [['x']]", "missing must be"),
        ("utc_offset_hours = '8'", "utc_offset_hours must be a number; got '8'"),
        ("utc_offset_hours = 24", "between -24 and 24"),
        ("utc_offset_hours = nan", "between -24 and 24"),
        ("optional = 'yes'", "optional must be true or false; got 'yes'"),
        ("hour_ending = 1", "hour_ending must be true or false"),
        ("delimiter = ';;'", "one character"),
        ("delimiter = 7", "delimiter must be a text"),
        ("decimal = ','", "differ from the delimiter"),
        ("decimal = 'x'", "decimal must be"),
        ("time_format = '%k:%M'", "time_format must be one of strptime"),
        ("time_format = '%H:%M'", "must have year, month and day"),
        ("time_format = '%d/%m/%Y %H:%M %p'", "must have %I and %p"),
        ("time_format = '%d/%m/%Y %I:%M'", "must have %I and %p"),
        ("time_zone = 'Europe/Paradise'", "a name of the IANA database"),
        ("time_zone = '../etc'", "a name of the IANA database"),
        ("time_zone = 'Europe/Berlin'\nutc_offset_hours = 1", "not both"),
        ("factors = {ozone = '2'}", "factors must be a table of numbers"),
        ("factors = {ozone = 0}", "positive"),
        ("factors = 3", "factors must be a table"),
        ("units = {ozone = 'furlong'}", r"ozone must be .*; got 'furlong'"),
        ("units = {particulate_matter = 'ppb'}", "particulate_matter must be"),
        ("units = {ozone = 'ppb'}\nfactors = {ozone = 2}", "a factor and a unit"),
        ("parameter = 'p'", "both parameter and value"),
        ("unit = 'u'", "of the long format"),
        ("drivers = {humidity = 'h'}", r"\[drivers\] may name .*got humidity"),
        ("station = 's'", "a group .* or station, not both"),
        ("hours = {value = 'H01..H12'}", "must be like H01..H24, .*got 'H01..H12'"),
        ("hours = {value = 'H01..K24'}", "must be like H01..H24"),
        ("hours = {value = 'H01..H24', flag = 'V00..V23'}", "the same hours in each line"),
        ("where = 'ok'", "where must be a table of texts, or lists of them; got 'ok'"),
        ("factors = {ozone = 1" + "0" * 400 + "}", "a positive number below"),
    ],
)
def test_each_setting_is_checked(tmp_path, setting, message):
    with pytest.raises(RecordingError, match=message):
        read(tmp_path, f"{MAP}{setting}\n[columns]\nozone = 'o'\n")


@pytest.mark.parametrize(
    "time", ["[]", "['y', 'm', 'd']", "['y', 'm', 'd', 'h', 'min']", "3", "['y', 3]"]
)
def test_a_time_has_one_two_or_four_columns_or_a_format(tmp_path, time):
    with pytest.raises(RecordingError, match="time "):
        read(tmp_path, f"file_pattern = '(?P<station>.)'\ntime = {time}\ncolumns = {{ozone='o'}}")


@pytest.mark.parametrize(
    ("setting", "missing"),
    [
        ("'-999'", ("-999",)),
        ("-999", ("-999",)),
        ("[-999, 'NA', -99.5]", ("-999", "NA", "-99.5")),
    ],
)
def test_signs_of_a_missing_value_are_a_text_a_number_or_a_list(tmp_path, setting, missing):
    columns = read(tmp_path, f"{MAP}missing = {setting}\n[columns]\nozone = 'o'\n")
    assert columns.missing == missing


def test_the_examples_of_the_manual_are_valid_maps(tmp_path):
    page = Path("docs/how-to/read-recorded-files.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        assert read(tmp_path, example).columns
    assert all(f"| `{name}` |" in page for name in SHIPPED)


def test_built_in_maps_are_valid_and_an_unknown_name_is_an_error():
    assert (
        *("london", "openaq", "purpleair", "sensor-community"),
        *("uci-air-quality", "uci-beijing", "uk-air"),
    ) == SHIPPED
    assert all(ColumnMap.named(name).columns for name in SHIPPED)
    with pytest.raises(RecordingError, match="no such file, and none of london, openaq"):
        ColumnMap.named("paris")


def test_the_identity_of_a_beijing_replay_never_changes():
    """Otherwise a replay after an upgrade would add every reading to the lake a second time."""
    assert UCI_BEIJING.describe() == (
        "[('carbon_monoxide', 'CO'), ('nitrogen_dioxide', 'NO2'), ('ozone', 'O3'), "
        "('particulate_matter', 'PM2.5'), ('sulfur_dioxide', 'SO2')] "
        "('year', 'month', 'day', 'hour') 8 ('', 'NA')"
    )
    assert ColumnMap.named("uci-air-quality").describe() == (
        "[('carbon_monoxide', 'CO(GT)'), ('nitrogen_dioxide', 'NO2(GT)')] ('Date', 'Time') 1 "
        "('', '-200') factors [('carbon_monoxide', 1000)] time_format '%d/%m/%Y %H.%M.%S' "
        "delimiter ';' decimal ','"
    )


def test_each_setting_that_changes_readings_changes_their_identity():
    def described(pattern: str = "(?P<station>.)", **settings: object) -> str:
        return ColumnMap(pattern, {"ozone": "O3"}, ("t",), **settings).describe()

    others = [
        {"factors": {"ozone": 2.0}},
        {"units": {"ozone": "ppb"}},
        {"decimal": ",", "delimiter": ";"},
        {"delimiter": ";"},
        {"time_format": "%Y-%m-%d"},
        {"optional": True},
        {"missing": ("x",)},
        {"utc_offset_hours": 1},
        {"time_zone": "Europe/Berlin"},
        {"hour_ending": True},
        {"parameter": "p", "value": "v"},
        {"parameter": "p", "value": "v", "unit": "u"},
        {"pattern": ".*", "station": ("s",)},
        {"where": {"status": "ok"}},
        {"hours": {"value": "00..23"}},
    ]
    assert len({described(), *(described(**other) for other in others)}) == len(others) + 1
    assert described(drivers={"rain": "R"}) == described(decimal=".") == described()


@pytest.mark.parametrize(
    ("unit", "pollutant", "expected"),
    [
        ("µg/m³", "ozone", 1),
        ("ug.m-3", "ozone", 1),
        ("µg m-3", "ozone", 1),
        ("ug/m**3", "ozone", 1),
        ("mg.m-3", "carbon_monoxide", 1000),
        ("Micrograms/cubic meter (LC)", "particulate_matter", 1),
        ("Parts per billion", "nitrogen_dioxide", 1.9127),
        ("ug/Nm3", "ozone", None),
        ("μg/m3", "ozone", 1),
        ("ugm-3", "particulate_matter", 1),
        ("mg/m³", "carbon_monoxide", 1000),
        ("ppm", "ozone", 1995.427146),
        ("PPB", "nitrogen_dioxide", 1.9127),
        ("ppm", "carbon_monoxide", 1164.414883),
        ("ppb", "particulate_matter", None),
        ("°C", "ozone", None),
    ],
)
def test_units_are_converted_at_20_degrees(unit, pollutant, expected):
    assert factor(unit, pollutant) == expected


def test_every_gas_has_a_molar_mass():
    assert all(factor("ppb", name) for name in POLLUTANTS if name != "particulate_matter")
