"""Units of concentrations, and their factors to µg/m³."""

from __future__ import annotations

import re

MOLAR_MASS = {
    "ozone": 48.0,
    "carbon_monoxide": 28.01,
    "sulfur_dioxide": 64.07,
    "nitrogen_dioxide": 46.01,
}
"""g/mol of the gases."""

MOLAR_VOLUME = 24.055
"""Litres per mole at 20 °C and 101.3 kPa, the conditions of Directive 2008/50/EC, annex VI."""

_MASS = {"ng/m3": 1e-3, "ug/m3": 1.0, "mg/m3": 1e3}
_VOLUME = {"ppt": 1e-3, "ppb": 1.0, "ppm": 1e3}
KNOWN = "ng/m³, µg/m³, mg/m³, ppt, ppb or ppm"
"""Names of the units, for error messages."""

_SPELLING = str.maketrans(
    {"µ": "u", "μ": "u", "³": "3", "⁻": "-", " ": None, "^": None, "*": None, ".": None}
)
_WORDS = (
    ("partspertrillion", "ppt"),
    ("partsperbillion", "ppb"),
    ("partspermillion", "ppm"),
    ("micrograms", "ug"),
    ("milligrams", "mg"),
    ("nanograms", "ng"),
    ("percubicmeter", "/m3"),
    ("cubicmeter", "m3"),
    ("m-3", "/m3"),
)
"""Other ways to write the units, such as EPA's Micrograms/cubic meter and EEA's ug.m-3."""

_CONDITIONS = re.compile(r"\((lc|25c)\)$")
"""EPA's suffixes for local conditions and 25 °C; they concern particles, which have one factor."""

_PARTS = re.compile(r"[\s_()\[\],;]+")


def factor(unit: str, pollutant: str) -> float | None:
    """Returns the factor from a unit to µg/m³; None if the pollutant is not given in it.

    The micro sign, superscripts, blanks and case do not matter.
    """
    name = _CONDITIONS.sub("", unit.translate(_SPELLING).casefold())
    for word, short in _WORDS:
        name = name.replace(word, short)
    if name in _MASS:
        return _MASS[name]
    if name in _VOLUME and pollutant in MOLAR_MASS:
        return round(_VOLUME[name] * MOLAR_MASS[pollutant] / MOLAR_VOLUME, 6)
    return None


def unit_of(column: str, pollutant: str) -> str | None:
    """Returns the unit that a column's name has, such as ppb of ``NO2 (ppb)``; None without one."""
    return next((part for part in _PARTS.split(column) if factor(part, pollutant)), None)
