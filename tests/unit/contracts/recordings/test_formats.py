"""Files in formats that people have: read with right values by a few lines of TOML."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.recordings.column_map import ColumnMap
from contracts.recordings.folder import column_map, examined, station_files
from contracts.recordings.left_out import LeftOut
from contracts.recordings.recorded_file import RecordedFile

NO2, O3, PM, CO, SO2 = (
    *("nitrogen_dioxide", "ozone", "particulate_matter"),
    *("carbon_monoxide", "sulfur_dioxide"),
)
Rows = list[tuple[str, dict[str, float | None]]]


@dataclass(frozen=True)
class Format:
    """A file, its column map, and what is in it.

    Parameters
    ----------
    columns
        A map in TOML, or the name of a built-in one.
    rows
        Times in UTC, and values, by station.
    notes
        Beginnings of the notes, without the file.
    """

    file: str
    content: str | bytes
    columns: str
    rows: dict[str, Rows]
    notes: list[str] = field(default_factory=list)


FORMATS = {
    "EEA, UTF-16, one pollutant per file": Format(
        "AT_5_2019_timeseries.csv",
        "Countrycode,AirQualityStation,AirPollutant,Concentration,UnitOfMeasurement,DatetimeBegin,"
        "DatetimeEnd,Validity,Verification\n"
        "AT,STA1,O3,53.1,\u00b5g/m3,2019-01-01 00:00:00 +01:00,2019-01-01 01:00:00 +01:00,1,1\n"
        "AT,STA1,O3,-9999,\u00b5g/m3,2019-01-01 01:00:00 +01:00,2019-01-01 02:00:00 +01:00,-1,1\n"
        "AT,STA1,O3,55,mg/m3,2019-01-01 02:00:00 +01:00,2019-01-01 03:00:00 +01:00,2,1\n".encode(
            "utf-16"
        ),
        "file_pattern = '(?P<station>AT_\\d+)_\\d+_timeseries\\.csv'\ntime = 'DatetimeBegin'\n"
        "parameter = 'AirPollutant'\nvalue = 'Concentration'\nunit = 'UnitOfMeasurement'\n"
        "where = {Validity = ['1', '2', '3']}\n[columns]\nozone = 'O3'\n",
        {"AT_5": [("2018-12-31 23:00", {O3: 53.1}), ("2019-01-01 01:00", {O3: None})]},
        ["line 4, column Concentration: expected ozone from"],
    ),
    "AirBase, semicolons and decimal commas": Format(
        "IT0001A.csv",
        "Data;Ora;NO2 [\u00b5g/m3];CO [mg/m3]\r\n01/12/2018;1;12,5;0,4\r\n"
        "01/12/2018;24;1.000;n.d.\r\n",
        "file_pattern = '(?P<station>IT\\w+)\\.csv'\ntime = ['Data', 'Ora']\n"
        "time_format = '%d/%m/%Y %H'\nhour_ending = true\nutc_offset_hours = 1\ndelimiter = ';'\n"
        "decimal = ','\nmissing = 'N.D.'\nunits = {carbon_monoxide = 'mg/m\u00b3'}\n[columns]\n"
        "nitrogen_dioxide = 'NO2 [\u00b5g/m\u00b3]'\ncarbon_monoxide = 'CO [mg/m3]'\n",
        {
            "IT0001A": [
                ("2018-11-30 23:00", {NO2: 12.5, CO: 400}),
                ("2018-12-01 22:00", {NO2: None, CO: None}),
            ]
        },
        ["line 3, column NO2 [\u00b5g/m3]: expected a number, with a decimal comma"],
    ),
    "Sensor.Community, a month of many sensors": Format(
        "2020-01_sds011.csv",
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
        "92;SDS011;42;48.8;9.2;2020-01-01T00:00:01;9.9;;;7.25;;\n"
        "140;SDS011;61;48.7;9.1;2020-01-01T00:00:01;1.5;;;1.0;;\n"
        "92;SDS011;42;48.8;9.2;2020-01-01T00:02:29;9.5;;;7;;\n",
        "file_pattern = '\\d{4}-\\d\\d_sds011\\.csv'\nstation = 'sensor_id'\ntime = 'timestamp'\n"
        "delimiter = ';'\n[columns]\nparticulate_matter = 'P2'\n",
        {
            "140": [("2020-01-01 00:00:01", {PM: 1})],
            "92": [("2020-01-01 00:00:01", {PM: 7.25}), ("2020-01-01 00:02:29", {PM: 7})],
        },
    ),
    "AQS, quoted, several sites and durations": Format(
        "hourly_44201_2019.csv",
        '"State Code","County Code","Site Num","Parameter Code","Date Local","Time Local",'
        '"Sample Measurement","Units of Measure"\n'
        '"01","003","0010","44201","2019-03-01","15:00","0.041","Parts per million"\n'
        '"01","003","0011","44201","2019-03-01","15:00","0.05","Parts per million"\n'
        '"01","003","0010","62101","2019-03-01","15:00","70","Degrees Fahrenheit"\n',
        "file_pattern = 'hourly_.*\\.csv'\nstation = ['State Code', 'County Code', 'Site Num']\n"
        "time = ['Date Local', 'Time Local']\nutc_offset_hours = -6\nparameter = 'Parameter Code'\n"
        "value = 'Sample Measurement'\nunit = 'Units of Measure'\n[columns]\nozone = '44201'\n",
        {
            "01-003-0010": [("2019-03-01 21:00", {O3: 81.812513})],
            "01-003-0011": [("2019-03-01 21:00", {O3: 99.771357})],
        },
        ["not measured, of the column Parameter Code: 62101"],
    ),
    "Defra, signs of a missing value and a final line": Format(
        "MY1_2019.csv",
        "London Marylebone Road\n\nDate,time,PM<sub>2.5</sub> particulate matter (Hourly measured),"
        "status,unit,Ozone,status,unit\n01-01-2019,01:00,11,R,ugm-3,M,,\n"
        "01-01-2019,02:00,No Data,,,4.5,R,ugm-3\nEnd,,,,,,,\n",
        "uk-air",
        {
            "MY1": [
                ("2019-01-01 00:00", {PM: 11, O3: None}),
                ("2019-01-01 01:00", {PM: None, O3: 4.5}),
            ]
        },
        [
            "line 4, column Ozone: expected a number",
            "line 6, column Date, time: expected a time in the format",
        ],
    ),
    "OpenAQ, version 3": Format(
        "location-2178-20230601.csv.gz",
        gzip.compress(
            '"location_id","sensors_id","location","datetime","lat","lon","parameter","units",'
            '"value"\n2178,3916,"Del Norte, NM","2023-06-01T01:00:00-06:00",35.1,-106.5,"pm25",'
            '"\u00b5g/m\u00b3",5.2\n2178,3918,"Del Norte, NM","2023-06-01T01:00:00-06:00",35.1,7,'
            '"no2","ppm",0.01\n'.encode()
        ),
        "openaq",
        {"2178": [("2023-06-01 07:00", {PM: 5.2}), ("2023-06-01 07:00", {NO2: 19.127001})]},
    ),
    "PurpleAir, several channels": Format(
        "131075.csv",
        "time_stamp,sensor_index,humidity,pm2.5_atm_a,pm2.5_atm_b,pm2.5_atm\n"
        "1672531200,131075,45,5.0,5.4,5.2\n",
        "purpleair",
        {"131075": [("2023-01-01", {PM: 5.2})]},
    ),
    "PurpleAir, downloaded, with units in the names": Format(
        "Roof (outside) (47.6 -122.3) Primary 2020.csv",
        "created_at,entry_id,PM2.5_CF1_ug/m3,PM2.5_ATM_ug/m3,Temperature_F,\n"
        "2020-01-01 00:00:39 UTC,1,6.1,5.9,40,\n",
        "file_pattern = '(?P<station>\\w+) \\(outside\\).*\\.csv'\ntime = 'created_at'\n[columns]\n"
        "particulate_matter = 'PM2.5_ATM_ug/m3'\n",
        {"Roof": [("2020-01-01 00:00:39", {PM: 5.9})]},
    ),
    "Clarity": Format(
        "clarity.csv",
        "datasourceId,startOfPeriod,endOfPeriod,pm2_5ConcMass1HourMean.value,"
        "no2Conc1HourMean.value\nDABC1,2023-02-01T00:00:00.000Z,2023-02-01T01:00:00.000Z,8.51,7.5\n"
        "DXYZ2,2023-02-01T00:00:00.000Z,2023-02-01T01:00:00.000Z,,9\n",
        "file_pattern = 'clarity.*\\.csv'\nstation = 'datasourceId'\ntime = 'startOfPeriod'\n"
        "units = {nitrogen_dioxide = 'ppb'}\n[columns]\n"
        "nitrogen_dioxide = 'no2Conc1HourMean.value'\n"
        "particulate_matter = 'pm2_5ConcMass1HourMean.value'\n",
        {
            "DABC1": [("2023-02-01", {PM: 8.51, NO2: 14.34525})],
            "DXYZ2": [("2023-02-01", {PM: None, NO2: 17.2143})],
        },
    ),
    "Aeroqual, lines before the header and a clock with 12 hours": Format(
        "AQY-7.csv",
        'Monitor: "AQY 7"\nTime,UTC+12\nUnits: \u00b5g/m\u00b3\n\nTime,O3 raw,O3 (ppm),Inlet\n'
        "1/02/2021 12:00 AM,1,0.020,1\n1/02/2021 1:00 PM,1,0.021,1\n",
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = 'Time'\ntime_format = '%d/%m/%Y %I:%M %p'\n"
        "utc_offset_hours = 12\nunits = {ozone = 'ppm'}\n[columns]\nozone = 'O3 (ppm)'\n",
        {
            "AQY-7": [
                ("2021-01-31 12:00", {O3: 39.908543}),
                ("2021-02-01 01:00", {O3: 41.90397}),
            ]
        },
    ),
    "Excel, UTF-16, tabs": Format(
        "site.txt",
        "Date/Time\tNO\u2082\r\n2020-03-01 05:00\t7.5\r\n".encode("utf-16"),
        "file_pattern = '(?P<station>.+)\\.txt'\ntime = 'Date/Time'\n"
        'delimiter = "\\t"\n[columns]\n'
        "nitrogen_dioxide = 'NO2'\n",
        {"site": [("2020-03-01 05:00", {NO2: 7.5})]},
    ),
    "Excel, separator line, byte order mark, empty columns": Format(
        "my1.csv",
        "\ufeffsep=,\r\n,date,,no2,,\r\n,2020-01-01 00:00,,1,,\r\n,,,,,\r\n"
        ",2020-01-01 01:00,,2,,\r\n",
        "london",
        {"my1": [("2020-01-01 00:00", {NO2: 1}), ("2020-01-01 01:00", {NO2: 2})]},
    ),
    "quoted fields of several lines": Format(
        "my1.csv",
        'date,"no2\n(hourly)",note\n2020-01-01 00:00,1,"two\nlines, ""quoted"""\n'
        '2020-01-01 01:00,2,"three\n\nlines"\n2020-01-01 02:00,3,5" pipe\n2020-01-01 03:00,4,\n',
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = 'date'\n[columns]\n"
        "nitrogen_dioxide = 'no2 (hourly)'\n",
        {
            "my1": [
                ("2020-01-01 00:00", {NO2: 1}),
                ("2020-01-01 01:00", {NO2: 2}),
                ("2020-01-01 03:00", {NO2: 4}),
            ]
        },
        ["line 8: expected a row of CSV (each quotation mark"],
    ),
    "units below the header, a header again, a row of totals": Format(
        "my1.csv",
        "date,no2,o3\n,\u00b5g/m\u00b3,\u00b5g/m\u00b3\n2020-01-01 00:00,1,2\ndate,no2,o3\n"
        '2020-01-01 01:00,<0.5,3\n2020-01-01 02:00,5,"1,234"\nMean,1,3\n',
        "london",
        {
            "my1": [
                ("2020-01-01 00:00", {NO2: 1, O3: 2}),
                ("2020-01-01 01:00", {NO2: None, O3: 3}),
                ("2020-01-01 02:00", {NO2: 5, O3: None}),
            ]
        },
        [
            "line 2, column date: expected an ISO 8601 time",
            "line 4: expected one header; got 'that of line 1 again'",
            "line 5, column no2: expected a number",
            "line 6, column o3: expected a number",
        ],
    ),
    "milliseconds, newest first, a duplicate": Format(
        "node.csv",
        "ts,pm25\n1672534800000,5\n1672531200000,4.5\n1672531200000,9\n",
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = 'ts'\ntime_format = '%Q'\n[columns]\n"
        "particulate_matter = 'pm25'\n",
        {"node": [("2023-01-01 01:00", {PM: 5}), ("2023-01-01", {PM: 4.5})]},
        ["line 4, column ts: expected each time once"],
    ),
    "years of two digits and months by name": Format(
        "my1.csv",
        "when,so2\n31-Jan-19 23:00,4\n1-Feb-19 00:00,5\n",
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = 'when'\ntime_format = '%d-%b-%y %H:%M'\n"
        "[columns]\nsulfur_dioxide = 'SO2'\n",
        {"my1": [("2019-01-31 23:00", {SO2: 4}), ("2019-02-01", {SO2: 5})]},
    ),
    "a table of R, with row names without a column's name": Format(
        "my1.csv",
        '"","date","no2"\n"1",2020-01-01T00:00:00Z,1.5\n"2",2020-01-01T01:00:00Z,NA\n',
        "london",
        {"my1": [("2020-01-01 00:00", {NO2: 1.5}), ("2020-01-01 01:00", {NO2: None})]},
    ),
    "pandas, an index without a name": Format(
        "my1.csv",
        ",no2\n2020-01-01 00:00:00+00:00,1.5\n",
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = ''\n[columns]\nnitrogen_dioxide = 'no2'\n",
        {"my1": [("2020-01-01 00:00", {NO2: 1.5})]},
    ),
    "Madrid, a day per row, with a flag for each hour": Format(
        "ene_mo19.csv",
        "PROVINCIA;MUNICIPIO;ESTACION;MAGNITUD;ANO;MES;DIA;"
        + ";".join(f"H{hour:02};V{hour:02}" for hour in range(1, 25))
        + "\n28;79;4;8;2019;1;31;"
        + ";".join(f"{hour + 0.5};{'V' if hour in (1, 3, 24) else 'N'}" for hour in range(1, 25))
        + "\n28;79;8;14;2019;1;31;"
        + ";".join(f"{hour};{'V' if hour == 2 else 'N'}" for hour in range(1, 25)),
        "file_pattern = '.*_mo\\d\\d\\.csv'\nstation = 'ESTACION'\ndelimiter = ';'\n"
        "time = ['ANO', 'MES', 'DIA', 'hour']\nutc_offset_hours = 1\nhour_ending = true\n"
        "parameter = 'MAGNITUD'\nvalue = 'value'\nwhere = {flag = 'V'}\n"
        "hours = {value = 'H01..H24', flag = 'V01..V24'}\n[columns]\nozone = '14'\n"
        "nitrogen_dioxide = '8'\n",
        {
            "4": [
                ("2019-01-30 23:00", {NO2: 1.5}),
                ("2019-01-31 01:00", {NO2: 3.5}),
                ("2019-01-31 22:00", {NO2: 24.5}),
            ],
            "8": [("2019-01-31 00:00", {O3: 2})],
        },
    ),
    "Taiwan, a day per row": Format(
        "train.csv",
        "day,site,item,"
        + ",".join(f"{hour:02}" for hour in range(24))
        + "\n2014/1/1,a,PM2.5,"
        + ",".join(str(hour + 0.25) for hour in range(23))
        + ",NR\n",
        "file_pattern = 'train\\.csv'\nstation = 'site'\ntime = ['day', 'hour']\n"
        "time_format = '%Y/%m/%d %H'\nutc_offset_hours = 8\nparameter = 'item'\nvalue = 'value'\n"
        "missing = 'NR'\nhours = {value = '00..23'}\n[columns]\nparticulate_matter = 'PM2.5'\n",
        {
            "a": [
                (
                    str(datetime(2013, 12, 31, 16) + timedelta(hours=hour)),  # noqa: DTZ001
                    {PM: hour + 0.25 if hour < 23 else None},
                )
                for hour in range(24)
            ]
        },
    ),
    "summer time, newest first": Format(
        "my1.csv",
        "date;o3\n2020-10-25 03:30;6\n2020-10-25 02:30;5\n2020-10-25 02:00;4\n2020-10-25 02:30;3\n"
        "2020-10-25 02:00;2\n2020-10-25 01:30;1\n",
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = 'date'\ntime_zone = 'Europe/Berlin'\n"
        "delimiter = ';'\n[columns]\nozone = 'o3'\n",
        {
            "my1": [
                ("2020-10-25 02:30", {O3: 6}),
                ("2020-10-25 01:30", {O3: 5}),
                ("2020-10-25 01:00", {O3: 4}),
                ("2020-10-25 00:30", {O3: 3}),
                ("2020-10-25 00:00", {O3: 2}),
                ("2020-10-24 23:30", {O3: 1}),
            ]
        },
    ),
    "compact times, hours to 24": Format(
        "my1.csv",
        "date,hour,no2\n20200131,0100,1\n20200131,100,9\n20200131,2400,2\n",
        "file_pattern = '(?P<station>.+)\\.csv'\ntime = ['date', 'hour']\n"
        "time_format = '%Y%m%d %H%M'\n[columns]\nnitrogen_dioxide = 'no2'\n",
        {"my1": [("2020-01-31 01:00", {NO2: 1}), ("2020-02-01", {NO2: 2})]},
        [
            "line 3, column date, hour: expected a time in the format %Y%m%d %H%M; got"
            " '20200131 100'"
        ],
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_that_people_have_is_read_with_right_values(tmp_path: Path, name: str):
    one = FORMATS[name]
    path = tmp_path / one.file
    path.write_bytes(one.content if isinstance(one.content, bytes) else one.content.encode())
    if "\n" in one.columns:
        assert one.columns.count("\n") <= 13
        (tmp_path / "map.toml").write_text(one.columns)
        columns = ColumnMap.named(str(tmp_path / "map.toml"))
    else:
        columns = column_map(tmp_path, None)
        assert columns == ColumnMap.named(one.columns)
    notes: list[str] = []

    def rows(station: str, file: Path) -> Rows:
        left_out = LeftOut(path)
        read = list(RecordedFile.open(file, columns, station).rows(left_out))
        notes.extend(left_out.notes())
        return [(f"{row.moment:%Y-%m-%d %H:%M:%S}", dict(row.values)) for row in read]

    found, whole_files = examined(station_files(tmp_path, columns), rows)
    expected = {
        station: [
            (f"{datetime.fromisoformat(at).replace(tzinfo=UTC):%Y-%m-%d %H:%M:%S}", values)
            for at, values in listed
        ]
        for station, listed in one.rows.items()
    }
    assert {station: read for station, [read] in found.items()} == expected
    assert whole_files == []
    given = [note.removeprefix("left out: ").removeprefix(str(path))[2:] for note in notes]
    assert [note[: len(start)] for note, start in zip(given, one.notes, strict=True)] == one.notes
