"""The Makefile: short doors to the command line, and what the documentation says of them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from lakecast.__main__ import app

ROOT = Path(__file__).resolve().parents[3]
MAKEFILE = (ROOT / "Makefile").read_text()
RECIPES = re.sub(r"\\\n\s*", " ", MAKEFILE).splitlines()
"""Lines of the Makefile, continued ones joined."""

OF_MAKE = {"ENV", "STATE", "PYTHON", "TESTS", "GLUE_6_PYTHON", "GLUE_IMAGE"}
"""Variables that are not options of verbs."""

IN_DOCUMENTS = re.compile(r"make ([a-z][a-z-]*)((?: [A-Z_]+=(?:'[^']*'|[^\s`'\"]*))+)")


RARELY_SAID = {
    "device": "STATIONS",
    "compact": "CLOSED_AFTER RETAIN FORCE",
    "etl": "CUT CHANNEL_FORMAT",
    "quality": "DAYS",
    "experiments": "PAGE_PORT",
    "forecast": "ORIGIN",
    "evaluate": "ORIGIN",
    "backtest": "TRAIN_END TEST_END ORIGIN_STEP ORIGIN_HOURS OUT REPORT BASELINES SEED SEEDS "
    "WEATHER JOBS",
}
"""Further variables that make takes."""


def verbs() -> dict[str, tuple[str, str]]:
    """Group and verb that a target runs."""
    found, target = {}, ""
    for line in RECIPES:
        if named := re.match(r"([a-z][a-z0-9.-]*):", line):
            target = named[1]
        elif run := re.match(r"\t.*\$\(LAKECAST\) ([a-z]+) ([a-z-]+)", line):
            found[target] = (run[1], run[2])
    return found


def documented() -> list[tuple[str, str, tuple[str, ...]]]:
    """Each ``make VERB NAME=…`` in the documentation and in messages."""
    patterns = ("*.md", "*.py", "*.toml", ":!tests")
    tracked = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return sorted(
        {
            (file, verb, tuple(re.findall(r"([A-Z_]+)=", given)))
            for file in tracked
            for verb, given in IN_DOCUMENTS.findall((ROOT / file).read_text())
        }
    )


def make(*words: str, **variables: str) -> str:
    return subprocess.run(
        ["make", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    ).stdout


def test_help_fits_a_terminal():
    lines = make("help").splitlines()
    assert [line for line in lines if len(line) > 80] == []
    targets = set(re.findall(r"^([a-z][a-z0-9.-]*):.* ## ", MAKEFILE, re.M))
    assert {line.split()[0] for line in lines if line.startswith("  ")} == targets


def test_a_recipe_is_one_short_line_without_plumbing():
    recipes = [line for line in RECIPES if line.startswith("\t")]
    assert [line for line in recipes if len(line.strip()) > 120] == []
    assert [line for line in recipes if "$(if" in line or "$(or" in line] == []


def test_every_recipe_runs_a_verb_that_exists():
    found = verbs()
    assert len(found) > 15
    for group, verb in found.values():
        assert verb in app[group], (group, verb)


def test_every_option_in_the_documentation_is_one_of_its_verb():
    found = verbs()
    wrong = []
    rare = [("Makefile", target, tuple(names.split())) for target, names in RARELY_SAID.items()]
    for file, target, given in [*documented(), *rare]:
        if target in found:
            group, verb = found[target]
            arguments = app[group][verb].assemble_argument_collection()
            names = [name for argument in arguments for name in argument.names]
            known = {name.lstrip("-").upper().replace("-", "_") for name in names}
            wrong += [(file, target, name) for name in {*given} - known - OF_MAKE]
    assert len(documented()) > 20
    assert wrong == []


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        (["DAYS=3"], {}, "3"),
        (["DATA=/a b#c"], {}, None),
        ([], {"DAYS": "9"}, None),  # a shell's own variable is no option
        (["DAYS="], {}, ""),
    ],
)
def test_only_what_is_on_makes_command_line_is_an_option(tmp_path, words, variables, expected):
    printing = tmp_path / "printing.mk"
    printing.write_text('include Makefile\nprint:\n\t@env | grep "^LAKECAST_" | sort\n')
    printed = make("-f", str(printing), "print", "ENV=dev", *words, **variables)
    seen = dict(line.split("=", 1) for line in printed.splitlines())
    assert seen["LAKECAST_ENV"] == "dev"
    assert seen["LAKECAST_STATE"] == ".lakecast"
    assert seen.get("LAKECAST_DAYS") == expected


@pytest.mark.parametrize("target", ["demo", "device", "backtest"])
def test_only_data_on_makes_command_line_is_the_option(target):
    def recipe(*words):
        variables = {"DATA": "/of/a/shell", "LAKECAST_DATA": "/of/tests"}
        lines = make("-n", target, *words, **variables).splitlines()
        return next(one for one in reversed(lines) if "bin/lakecast" in one)

    assert recipe("DATA=/a b#c").endswith(' --data "$LAKECAST_DATA"')
    for words in ([], ["DATA="]):
        assert "--data" not in recipe(*words)
        assert ("cloud run" in recipe(*words)) == (target != "demo")
    assert ("cloud run" in recipe("DATA=/a")) == (target == "device")


def test_values_reach_a_verb_as_they_were_given(tmp_path):
    printing = tmp_path / "printing.mk"
    printing.write_text('include Makefile\nprint:\n\t@env | grep "^LAKECAST_[RS]E" | sort\n')
    reason = 'it\'s "better" # by 3 %'
    printed = make("-f", str(printing), "print", f"REASON={reason}", "SET=a=1 b=2")
    assert printed.splitlines() == [f"LAKECAST_REASON={reason}", "LAKECAST_SET=a=1 b=2"]
