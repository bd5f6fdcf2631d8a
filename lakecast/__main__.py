"""The command line ``lakecast GROUP VERB``; each part of the project has a group.

Parts do not import each other, so this package refers to them by name and imports a group only when
it is used; the group does the same with its commands. Groups of parts that are not installed do not
exist: a station, for example, has only the device agent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from cyclopts import App, ArgumentCollection, CycloptsError, Parameter, UnknownCommandError
from cyclopts.config import Env

from contracts.errors import LakecastError

PREFIX = "LAKECAST_"
"""Environment variables of options: ``LAKECAST_DAYS=3`` is ``--days 3``."""

GROUPS = {
    "cloud": ("localcloud.cli:app", "The local cloud: AWS on this machine."),
    "estate": ("infra.cli:app", "All AWS resources that Terraform manages."),
    "device": ("device.cli:app", "Publish sensor readings over MQTT, and manage devices."),
    "lake": ("glue_jobs.operator.cli:app", "Turn raw messages into tables and training data."),
    "models": ("forecasting.cli:app", "Train, judge, release, query and monitor models."),
    "smoke": ("smoke.cli:app", "Test an applied estate from device to forecast."),
}
"""Import path and help text of each group."""


class OptionVariables(Env):
    """Environment variables of options, except of those with ``show_env_var=False``.

    That is for an option whose variable has another meaning: ``LAKECAST_DATA`` names the folder
    that the tests find their data sets in.
    """

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        read = arguments.copy()
        read[:] = [one for one in arguments if one.parameter.show_env_var]
        super().__call__(app, commands, read)


FAILED, MISUSED, INTERRUPTED = 1, 2, 130
"""Exit codes, in addition to those that a command returns."""

app = App(
    name="lakecast",
    help="From sensor readings to probabilistic forecasts.",
    config=OptionVariables(PREFIX, command=False),
    default_parameter=Parameter(negative_iterable=()),
    version_flags=(),
    suppress_keyboard_interrupt=False,
)
for _group, (_path, _about) in GROUPS.items():
    if find_spec(_path.partition(".")[0]):
        app.command(_path, name=_group, help=_about)
app.register_install_completion_command()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code; an expected failure is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _forget_empty_variables()
    try:
        code = app(words, print_error=False, exit_on_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(words, f"{_misuse(error)}; see --help", MISUSED)
    except KeyboardInterrupt as interruption:
        return _fail(words, str(interruption) or "interrupted", INTERRUPTED)
    except LakecastError as error:
        return _fail(words, str(error), FAILED)
    except Exception as error:
        if not _comes_from_aws(error):
            raise
        return _fail(words, f"AWS refuses or does not answer: {error}", FAILED)
    return code if isinstance(code, int) else 0


def _forget_empty_variables() -> None:
    """Removes empty variables, because ``make VERB OPTION=`` means no option."""
    for name, value in list(os.environ.items()):
        if name.startswith(PREFIX) and not value:
            del os.environ[name]


def _misuse(error: CycloptsError) -> str:
    if isinstance(error, UnknownCommandError) and error.app and error.unused_tokens:
        # cyclopts' own message would import every command of the group.
        known = ", ".join(name for name in error.app if not name.startswith("-"))
        return f"expected one of {known}; got {error.unused_tokens[0]!r}"
    error.verbose = False
    return " ".join(str(error).split()).removesuffix(".")


def _comes_from_aws(error: Exception) -> bool:
    botocore = sys.modules.get("botocore.exceptions")  # None if no command called AWS
    return botocore is not None and isinstance(error, botocore.BotoCoreError | botocore.ClientError)


def _fail(words: Sequence[str], message: str, code: int) -> int:
    chain, _, _ = app.parse_commands(words)
    print(f"{' '.join(('lakecast', *chain))}: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
