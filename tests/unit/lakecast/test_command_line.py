"""The command line of all parts: groups, options, environment variables, exit codes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest
from botocore.exceptions import EndpointConnectionError
from cyclopts import App, CycloptsError

from contracts.errors import LakecastError
from infra.cli import verbs as estate
from lakecast.__main__ import GROUPS, app, main

VERBS = [(group, verb) for group in GROUPS for verb in app[group] if not verb.startswith("-")]


def options_of(*words: str) -> dict[str, object]:
    _, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    bound.apply_defaults()
    return dict(bound.arguments)


def python(program: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize(("group", "verb"), VERBS)
def test_a_verb_is_described_once_and_each_of_its_options_is(group, verb, capsys):
    """The list of a group's verbs is shown without importing them, so it repeats a line of each."""
    found = app[group][verb]
    function = found.default_command
    assert (inspect.getdoc(function) or "").splitlines()[0] == found.help
    assert len(found.help) <= 60
    undescribed = [
        argument.name
        for argument in found.assemble_argument_collection(parse_docstring=True)
        if argument.show and not argument.parameter.help
    ]
    assert undescribed == []
    assert main([group, verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert found.help in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_help_lists_groups_and_verbs_and_imports_no_verb():
    program = (
        "import sys; from lakecast.__main__ import main\n"
        "codes = [main(['--help']), *(main([group, '--help']) for group in "
        f"{list(GROUPS)})]\n"
        "print(codes, sorted({'boto3', 'botocore', 'pandas', 'torch', 'pyspark'} & {*sys.modules}))"
    )
    done = python(program)
    assert done.stdout.splitlines()[-1] == f"{[0] * (len(GROUPS) + 1)} []", done.stderr
    assert all(verb in done.stdout for _, verb in VERBS)


def test_a_station_has_the_device_agent_and_nothing_else():
    """Neither other parts nor AWS's SDK are imported where a device runs, and none is offered."""
    others = [path.partition(".")[0] for group, (path, _) in GROUPS.items() if group != "device"]
    program = f"""
import sys
from importlib.abc import MetaPathFinder
class Blocked(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {[*others, "boto3", "botocore"]}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
def spec(name, find=__import__("importlib.util").util.find_spec):
    return None if name in {others} else find(name)
sys.meta_path.insert(0, Blocked())
__import__("importlib.util").util.find_spec = spec
from lakecast.__main__ import main
codes = [main(["--help"]), main(["device", "--help"]), main(["device", "run", "--help"]),
         main(["device", "doctor", "--thing", "absent"]), main(["estate", "plan"])]
print(codes)
"""
    done = python(program)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 1, 2]", done.stdout + done.stderr
    assert "│ estate" not in done.stdout
    assert "no connection kit in .lakecast/devices/absent" in done.stderr
    assert "expected one of device; got 'estate'" in done.stderr


def test_an_option_may_come_as_an_environment_variable_and_the_command_line_wins(monkeypatch):
    monkeypatch.setenv("LAKECAST_DAYS", "3")
    monkeypatch.setenv("LAKECAST_ENV", "dev")
    monkeypatch.setenv("DAYS", "9")
    assert options_of("lake", "quality") == {"days": 3, "env": "dev"}
    assert options_of("lake", "quality", "--days=4", "--env=prod") == {"days": 4, "env": "prod"}


@pytest.mark.parametrize(
    ("group", "verb"), [("cloud", "demo"), ("device", "fleet"), ("models", "backtest")]
)
def test_the_folder_of_the_tests_data_sets_is_not_the_option_data(
    monkeypatch, tmp_path, capsys, group, verb
):
    monkeypatch.setenv("LAKECAST_DATA", "/data/sets")
    monkeypatch.setenv("LAKECAST_DAYS", "3")
    assert "/data/sets" not in str(options_of(group, verb))
    assert str(tmp_path) in str(options_of(group, verb, "--data", str(tmp_path)))
    assert main([group, verb, "--help"]) == 0
    assert "LAKECAST_DATA" not in capsys.readouterr().out


def test_an_empty_variable_is_none(monkeypatch, capsys):
    monkeypatch.setenv("LAKECAST_PORT", "")
    assert main(["cloud", "status", "--state", "/nowhere"]) == 1
    assert main(["cloud", "up", "--help"]) == 0
    assert options_of("cloud", "up")["port"] == 4566


def test_flags_are_set_and_unset_by_variables(monkeypatch):
    monkeypatch.setenv("LAKECAST_FULL", "1")
    assert options_of("lake", "etl")["full"] is True
    monkeypatch.setenv("LAKECAST_FULL", "0")
    assert options_of("lake", "etl")["full"] is False


@pytest.mark.parametrize("name", ["LAKECAST_SEED", "LAKECAST_SEEDS"])
def test_lists_and_other_names_of_an_option_come_as_variables_too(monkeypatch, name):
    monkeypatch.setenv(name, "3,1")
    monkeypatch.setenv("LAKECAST_BASELINES", "naive-24, own-lags")
    given = options_of("models", "backtest")
    assert given["seeds"] == (3, 1)
    assert given["baselines"] == ("naive-24", "own-lags")
    monkeypatch.setenv("LAKECAST_SET", "rounds=3 folds=2")
    assert options_of("models", "retrain")["set"] == ("rounds=3", "folds=2")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["lakes"],
            "lakecast: expected one of cloud, estate, device, lake, models, smoke; got 'lakes'",
        ),
        (
            ["lake", "eat"],
            "lakecast lake: expected one of etl, compact, withdraw, reinstate, quality; got 'eat'",
        ),
        (["lake", "quality", "--day=3"], "lakecast lake quality: Unknown option: --day"),
        (["lake", "quality", "--days=no"], "lakecast lake quality: Invalid value for --days"),
        (["lake", "quality", "--env=q"], 'lakecast lake quality: Invalid value "q" for --env'),
    ],
)
def test_a_misuse_is_one_line_and_code_2(words, line, capsys):
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(line)
    assert said.err.count("\n") == 1
    assert said.err.endswith("; see --help\n")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (LakecastError("run `make up`"), 1, "lakecast estate tools: run `make up`\n"),
        (KeyboardInterrupt(), 130, "lakecast estate tools: interrupted\n"),
        (
            EndpointConnectionError(endpoint_url="http://x"),
            1,
            "lakecast estate tools: AWS refuses or does not answer: Could not connect to the "
            'endpoint URL: "http://x"\n',
        ),
    ],
)
def test_a_foreseeable_failure_is_one_line_and_its_code(error, code, line, capsys, monkeypatch):
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(estate.lifecycle, "terraform_for", failing)
    assert main(["estate", "tools"]) == code
    assert capsys.readouterr().err == line


def test_a_bug_keeps_its_traceback(monkeypatch):
    def failing(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(estate.lifecycle, "terraform_for", failing)
    with pytest.raises(KeyError, match="a bug"):
        main(["estate", "tools"])


def test_a_verb_returns_its_own_exit_code(monkeypatch):
    monkeypatch.setattr(estate, "_place", lambda *_: None)
    monkeypatch.setattr(estate.lifecycle, "plan", lambda *_, **__: [])
    assert main(["estate", "drift"]) == 0
    changed = type("Plan", (), {"is_empty": False})()
    monkeypatch.setattr(estate.lifecycle, "plan", lambda *_, **__: [changed])
    assert main(["estate", "drift"]) == estate.CHANGES == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_groups_verbs_and_options(shell):
    script = app.generate_completion(shell=shell)
    for word in ("estate", "retrain", "max-quarantined-share"):
        assert word in script


def test_every_group_is_an_app_of_its_name():
    for name, (path, about) in GROUPS.items():
        module, _, attribute = path.partition(":")
        group = getattr(import_module(module), attribute)
        assert isinstance(group, App)
        assert (group.name[0], group.help) == (name, about)


def test_an_unknown_word_raises_nothing_else():
    with pytest.raises(CycloptsError):
        app.parse_args(["estate", "nothing"], exit_on_error=False, print_error=False)
