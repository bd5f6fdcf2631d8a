"""Column maps of any content: each is a map by which a file is read, or an error in one line."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.messages.limits import CONCENTRATIONS
from contracts.recordings.column_map import ColumnMap
from contracts.recordings.errors import RecordingError
from contracts.recordings.folder import column_map, examined, station_files, unmatched
from contracts.recordings.left_out import LeftOut
from contracts.recordings.recorded_file import RecordedFile

CONTENT = (
    "preamble\ndate,time,year,no2,o3,site,flag,name,value,unit\n"
    "2020-01-01,01:00,2020,1.5,2,a,V,o3,3,ppb\n2020-01-01,02:00,2020,NA,4,a,N,no2,5,ppb\n"
    "2020-01-01,03:00,2020,6,-999,b,V,o3,7,x\n02/01/2020,24:00,2020,8,9,b,V,o3,7,ppb\n"
)
USUAL = {
    "file_pattern": [r"(?P<station>.+)\.csv", r".+\.csv", "(?P<station>", "(a{9999999999})", ""],
    "time": ["date", ["date", "time"], ["year", "year", "year", "year"], "", [], "x"],
    "time_format": [
        "%Y-%m-%d %H:%M",
        "%d/%m/%Y",
        "%s",
        "%Q",
        "%",
        "%Y%m%d%H",
        "\u0000",
        "%d.%m.%y",
    ],
    "time_zone": ["Europe/Berlin", "", "..", "\u0000", "Mars"],
    "utc_offset_hours": [1, -3.5, 24, 10**400, 1e-9, True],
    "missing": ["NA", [-999, "NA"], 10**400, [[]]],
    "delimiter": [",", ";", "", "ab", "\n", "\u2028"],
    "decimal": [".", ",", "x"],
    "optional": [True, "yes"],
    "hour_ending": [True, 1],
    "parameter": ["name", "x"],
    "value": ["value", "x"],
    "unit": ["unit", "x"],
    "station": ["site", ["site", "flag"], "x"],
    "where": [{"flag": "V"}, {"flag": ["V", "N"]}, {"x": "V"}, {"flag": 1}],
    "columns": [{"ozone": "o3"}, {"ozone": ["x", "o3"], "nitrogen_dioxide": "no2"}, {}, {"x": "y"}],
    "drivers": [{"pm10": "no2"}, {"wind_direction": "flag"}],
    "factors": [{"ozone": 2}, {"ozone": 10**400}, {"ozone": -1}, {"nitrogen_dioxide": 1e300}],
    "units": [{"ozone": "ppb"}, {"ozone": "x"}],
}
ANYTHING = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", min_size=1), inner),
    max_leaves=4,
)
SETTINGS = st.fixed_dictionaries(
    {name: st.sampled_from(USUAL[name]) for name in ("file_pattern", "time", "columns")},
    optional={
        name: st.sampled_from(values) | st.sampled_from(values) | ANYTHING
        for name, values in USUAL.items()
        if name not in ("file_pattern", "time", "columns")
    },
)


def toml(value: object) -> str:
    """Write a value as TOML: JSON does, but for tables."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(SETTINGS.map(lambda found: "".join(f"{k} = {toml(v)}\n" for k, v in found.items())))
@example("x = " + "[" * 5000)
@example("x = " + "9" * 9999)
def test_any_map_reads_a_file_or_is_refused_in_one_line(tmp_path: Path, text: str):
    (tmp_path / "my1.csv").write_text(CONTENT)
    (tmp_path / "map.toml").write_text(text)
    try:
        columns = ColumnMap.from_toml(tmp_path / "map.toml")
        columns.describe()

        def rows(station: str, path: Path) -> None:
            left_out = LeftOut(path)
            for row in RecordedFile.open(path, columns, station).rows(left_out, drivers=True):
                assert all(limit.admits(row.values.get(limit.field)) for limit in CONCENTRATIONS)
            assert all("\n" not in note for note in left_out.notes())

        examined(station_files(tmp_path, columns), rows)
        unmatched(tmp_path, columns)
    except RecordingError as error:
        assert "\n" not in str(error)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_in_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "map.toml").write_bytes(content)
    try:
        column_map(tmp_path, str(tmp_path / "map.toml"))
    except RecordingError as error:
        assert "map.toml" in str(error)
    else:
        raise AssertionError(content)


def test_a_name_that_no_file_can_have_is_no_map(tmp_path: Path):
    for name in ("x" * 5000, "a\u0000b", ""):
        try:
            column_map(tmp_path, name)
        except RecordingError as error:
            assert "no such file" in str(error)
        else:
            raise AssertionError(name)
