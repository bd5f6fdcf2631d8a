"""Units of concentrations, and their factors to µg/m³."""

from __future__ import annotations

MOLAR_MASS = {
    "ozone": 48.0,
    "carbon_monoxide": 28.01,
    "sulfur_dioxide": 64.07,
    "nitrogen_dioxide": 46.01,
}
"""g/mol of the gases."""

MOLAR_VOLUME = 24.055
"""Litres per mole at 20 °C and 101.3 kPa, the conditions of Directive 2008/50/EC, annex VI."""

_MASS = {"ng/m3": 1e-3, "ug/m3": 1.0, "ugm-3": 1.0, "mg/m3": 1e3, "mgm-3": 1e3}
_VOLUME = {"ppt": 1e-3, "ppb": 1.0, "ppm": 1e3}
KNOWN = "ng/m³, µg/m³, mg/m³, ppt, ppb or ppm"
"""Names of the units, for error messages."""

_SPELLING = str.maketrans({"µ": "u", "μ": "u", "³": "3", "⁻": "-", " ": None})


def factor(unit: str, pollutant: str) -> float | None:
    """Returns the factor from a unit to µg/m³; None if the pollutant is not given in it.

    The micro sign, superscripts, blanks and case do not matter.
    """
    name = unit.translate(_SPELLING).casefold()
    if name in _MASS:
        return _MASS[name]
    if name in _VOLUME and pollutant in MOLAR_MASS:
        return round(_VOLUME[name] * MOLAR_MASS[pollutant] / MOLAR_VOLUME, 6)
    return None
