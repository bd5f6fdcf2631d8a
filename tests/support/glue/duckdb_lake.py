"""Reference for the lake's content, computed by DuckDB from the same raw objects."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import duckdb

from contracts.messages.telemetry import (
    CONCENTRATION_FLOORS,
    CONCENTRATION_LIMITS,
    POLLUTANTS,
)

# A line is cut after each brace that closes an object outside strings, if another object follows.
_SPLIT = r"""
CREATE TABLE lines AS
SELECT source, hour, row_number() OVER () AS line, text
FROM (SELECT source, hour, unnest(string_split(text, chr(10))) AS text FROM objects);

CREATE TABLE characters AS
SELECT line, place, masked[place] AS c, sum((masked[place] = '"')::int) OVER before AS quotes
FROM (
    SELECT line, masked, unnest(range(1, length(masked) + 1)) AS place
    FROM (SELECT line, regexp_replace(text, '\\.', '__', 'g') AS masked FROM lines
          WHERE regexp_matches(text, '\}\s*,?\s*\{'))
)
WINDOW before AS (PARTITION BY line ORDER BY place ROWS UNBOUNDED PRECEDING);

CREATE TABLE cuts AS
SELECT line, place AS cut
FROM (
    SELECT line, place, c, sum(
        CASE WHEN quotes % 2 = 1 THEN 0 WHEN c IN ('{', '[') THEN 1 WHEN c IN ('}', ']') THEN -1
        ELSE 0 END
    ) OVER (PARTITION BY line ORDER BY place ROWS UNBOUNDED PRECEDING) AS depth
    FROM characters
)
JOIN lines USING (line)
WHERE c = '}' AND depth = 0 AND regexp_matches(substr(text, place + 1), '^\s*,?\s*\{');

CREATE TABLE texts AS
WITH borders AS (
    SELECT line, cut FROM cuts UNION ALL SELECT line, 0 FROM lines
    UNION ALL SELECT line, length(text) FROM lines
),
pieces AS (
    SELECT line, cut AS begins, lead(cut) OVER (PARTITION BY line ORDER BY cut) AS ends
    FROM borders
)
SELECT source, hour, trim(
        substr(text, begins + 1, ends - begins), ', ' || chr(9) || chr(13) || chr(65279)
    ) AS text, NULL::varchar AS thing
FROM pieces JOIN lines USING (line) WHERE ends IS NOT NULL
UNION ALL
SELECT source, hour, decode(from_base64(document ->> '$.base64OriginalPayload')),
    split_part(document ->> '$.topic', '/', 2)
FROM errors;
"""

# A reading's fields override its batch's, and the rule's stamps override both.
_BATCHES = """
CREATE TABLE bodies AS
SELECT *, CASE WHEN json_valid(text) THEN text::json END AS body FROM texts WHERE text != '';

CREATE TABLE shapes AS
SELECT *, coalesce(json_type(body, '$.readings') = 'ARRAY', false)
    AND json_array_length(body, '$.readings') > 0 AS is_batch
FROM bodies;

CREATE TABLE messages AS
WITH readings AS (
    SELECT *, unnest(json_extract(body, '$.readings[*]')) AS reading FROM shapes WHERE is_batch
)
SELECT source, hour, thing, body FROM shapes WHERE NOT is_batch
UNION ALL
SELECT source, hour, thing, CASE WHEN json_type(reading) = 'OBJECT' THEN
    json_merge_patch(
        json_merge_patch(json_merge_patch(body, '{"readings": null}'), reading),
        CASE WHEN thing IS NULL THEN json_object(
            'thing_name', body -> '$.thing_name', 'received_at', body -> '$.received_at'
        ) ELSE '{}' END
    ) ELSE '{"readings": 0}' END
FROM readings;
"""

_NUMBERS = (*POLLUTANTS, "particullate_matter", "sulfure_dioxide", "longitude", "latitude")
_INTEGERS = ("schema_version", "sequence", "received_at")
_RFC_3339 = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?"
_TEXTS = ("thing_name", "device_id", "boot_id", "timestamp")


def _is_not(names: tuple[str, ...], *types: str) -> str:
    allowed = ", ".join(f"'{type_}'" for type_ in ("NULL", *types))
    return " OR ".join(
        f"coalesce(json_type(body, '$.{name}') NOT IN ({allowed}), false)" for name in names
    )


_POSSIBLE = {
    name: f"{name} BETWEEN {CONCENTRATION_FLOORS[name]} AND {CONCENTRATION_LIMITS[name]}"
    for name in POLLUTANTS
}
_KEPT = ", ".join(
    f"CASE WHEN {is_so} THEN {name} END AS {name}" for name, is_so in _POSSIBLE.items()
)


_JUDGED = f"""
CREATE TABLE typed AS
SELECT *, body IS NULL OR json_type(body) != 'OBJECT' AS is_no_object,
    {_is_not(_NUMBERS, "DOUBLE", "UBIGINT", "BIGINT")}
    OR {_is_not(_INTEGERS, "UBIGINT", "BIGINT")} OR {_is_not(_TEXTS, "VARCHAR")} AS has_wrong_type,
    coalesce(thing, body ->> '$.thing_name') AS thing_name,
    {", ".join(f"body ->> '$.{name}' AS {name}" for name in ("device_id", "boot_id"))},
    body ->> '$.timestamp' AS written,
    CASE WHEN regexp_full_match(written, '{_RFC_3339}')
        THEN epoch_us(try_cast(written AS timestamptz)) END AS taken_at,
    {", ".join(f"try_cast(body ->> '$.{name}' AS bigint) AS {name}" for name in _INTEGERS)},
    {", ".join(f"try_cast(body ->> '$.{name}' AS double) AS {name}_" for name in _NUMBERS)},
    CASE WHEN thing IS NULL AND received_at IS NOT NULL THEN received_at * 1000
        ELSE hour END AS received,
    ozone_ AS ozone, carbon_monoxide_ AS carbon_monoxide, nitrogen_dioxide_ AS nitrogen_dioxide,
    coalesce(particulate_matter_, particullate_matter_) AS particulate_matter,
    coalesce(sulfur_dioxide_, sulfure_dioxide_) AS sulfur_dioxide
FROM messages;

CREATE TABLE judged AS
SELECT * REPLACE ({_KEPT}), CASE
    WHEN is_no_object THEN 'not_json'
    WHEN json_exists(body, '$.readings') THEN 'bad_batch'
    WHEN has_wrong_type THEN 'wrong_type'
    WHEN coalesce(thing_name, '') = '' THEN 'missing_thing_name'
    WHEN schema_version != 1 THEN 'unknown_version'
    WHEN device_id != thing_name THEN 'foreign_device'
    WHEN NOT (schema_version IS NULL AND boot_id IS NULL AND sequence IS NULL)
        AND (device_id IS NULL OR boot_id IS NULL OR sequence IS NULL) THEN 'missing_identity'
    WHEN written IS NULL THEN 'missing_time'
    WHEN taken_at IS NULL THEN 'bad_time'
    WHEN taken_at < epoch_us('2000-01-01'::timestamp) THEN 'before_2000'
    WHEN hour - taken_at > 400 * 24 * 3_600_000_000 THEN 'too_old'
    WHEN taken_at > received + 24 * 3_600_000_000 THEN 'in_the_future'
    WHEN longitude_ = 0 AND latitude_ = 0 THEN 'no_position'
    WHEN sequence < 0 OR abs(longitude_) > 180 OR abs(latitude_) > 90 THEN 'out_of_range'
    WHEN coalesce({", ".join(POLLUTANTS)}) IS NOT NULL
        AND NOT ({" OR ".join(f"coalesce({is_so}, false)" for is_so in _POSSIBLE.values())})
        THEN 'impossible_concentration'
    END AS reason, [{", ".join(POLLUTANTS)}] AS written_values
FROM typed;
"""

# Each distinct content of an identity is a reading. Without an identity, each value of a time is in
# one of as few readings as possible.
_SETS = ", ".join(
    f"list_sort(list(DISTINCT {p}) FILTER ({p} IS NOT NULL)) AS {p}" for p in POLLUTANTS
)
_MOST = ", ".join(f"len({p})" for p in POLLUTANTS)
_LAKE = f"""
WITH parts AS (
    SELECT thing_name, taken_at, {_SETS} FROM judged
    WHERE reason IS NULL AND boot_id IS NULL GROUP BY ALL
)
SELECT thing_name, boot_id, sequence, taken_at, {", ".join(POLLUTANTS)}
FROM judged WHERE reason IS NULL AND boot_id IS NOT NULL
GROUP BY thing_name, boot_id, sequence, taken_at, {", ".join(POLLUTANTS)}, written_values,
    longitude_, latitude_, schema_version, body ->> '$.firmware', body ->> '$.readings_per_hour'
UNION ALL
SELECT thing_name, NULL, NULL, taken_at, {", ".join(f"{p}[place]" for p in POLLUTANTS)}
FROM (
    SELECT *, unnest(range(1, greatest(1, {_MOST}) + 1)) AS place FROM parts
)
"""


class Reference:
    """Expected readings and quarantine of raw objects.

    Parameters
    ----------
    raw, errors
        Folders of ``YYYY/MM/DD/HH/``: Firehose's objects, and the rule's error documents.
    """

    def __init__(self, raw: Path, errors: Path) -> None:
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._damaged: list[tuple[str, str]] = []
        self._sources: set[str] = set()
        self._duckdb.execute("CREATE TABLE objects (source text, hour bigint, text text)")
        self._duckdb.execute("CREATE TABLE errors (source text, hour bigint, document json)")
        for path in sorted(raw.rglob("*.gz")):
            self._add("objects", f"telemetry/{path.relative_to(raw)}", self._text(path, raw))
        for path in sorted(errors.rglob("*.json")):
            self._add("errors", f"errors/rule/{path.relative_to(errors)}", path.read_text())
        for statements in (_SPLIT, _BATCHES, _JUDGED):
            self._duckdb.execute(statements)

    @property
    def readings(self) -> list[tuple[Any, ...]]:
        """Return device, boot, sequence, Unix time in microseconds and pollutants, sorted."""
        return sorted(self._duckdb.execute(_LAKE).fetchall(), key=repr)

    @property
    def quarantine(self) -> list[tuple[str, str]]:
        """Return reason and source of each invalid message, sorted."""
        refused = "SELECT reason, source FROM judged WHERE reason IS NOT NULL"
        rows = self._duckdb.execute(refused).fetchall() + self._damaged
        found = {source for _, source in rows}
        read = self._duckdb.execute("SELECT DISTINCT source FROM judged").fetchall()
        empty = self._sources - found - {source for (source,) in read}
        return sorted(rows + [("empty_object", source) for source in empty])

    @property
    def sound(self) -> int:
        """Return the number of valid messages, including duplicates."""
        counted = self._duckdb.execute(
            "SELECT count(*) FROM judged WHERE reason IS NULL"
        ).fetchone()
        assert counted is not None
        return int(counted[0])

    def _add(self, table: str, source: str, text: str) -> None:
        self._sources.add(source)
        year, month, day, hour = source.split("/")[-5:-1]
        self._duckdb.execute(
            f"INSERT INTO {table} VALUES (?, epoch_us(?::timestamp), ?)",
            [source, f"{year}-{month}-{day} {hour}:00:00", text],
        )

    def _text(self, path: Path, raw: Path) -> str:
        """Read byte by byte until gzip reports the end or damage."""
        text = bytearray()
        with gzip.open(path) as file:
            try:
                while byte := file.read(1):
                    text += byte
            except (EOFError, OSError):
                self._damaged.append(("damaged_object", f"telemetry/{path.relative_to(raw)}"))
        return text.decode("utf-8", "replace")
