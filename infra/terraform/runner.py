"""Runs Terraform in a stack's folder and reads its messages.

https://developer.hashicorp.com/terraform/internals/machine-readable-ui
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.errors import LakecastError
from infra.terraform.plan_report import StackPlan, read
from infra.terraform.saved_plan import PLAN_FILE

OnMessage = Callable[[Mapping[str, Any]], None]
LOCK_TIMEOUT = "120s"


class TerraformError(LakecastError):
    """Terraform failed.

    Parameters
    ----------
    summary
        Terraform's summary of the first error.
    """

    def __init__(self, message: str, summary: str) -> None:
        super().__init__(message)
        self.summary = summary


@dataclass(frozen=True)
class Terraform:
    """Terraform with its CLI configuration.

    Parameters
    ----------
    configuration
        Terraform's CLI configuration file.
    plugin_cache
        Folder for downloaded providers; None with a mirror.
    variables
        Values of input variables, in JSON. A stack that does not declare one ignores it.
    """

    binary: Path
    configuration: Path
    plugin_cache: Path | None
    variables: Mapping[str, str] = field(default_factory=dict)

    def init(self, folder: Path, data: Path) -> None:
        """Initialises a stack's folder, unless it has the same providers and state already."""
        document = json.loads((folder / "cdk.tf.json").read_text(encoding="utf-8"))
        needed = json.dumps(document["terraform"], sort_keys=True, allow_nan=False)
        needed += self.configuration.read_text(encoding="utf-8")
        digest = hashlib.sha256(needed.encode()).hexdigest()
        done = data / "lakecast-init"
        locked = folder / ".terraform.lock.hcl"
        if locked.exists() and done.exists() and done.read_text() == digest:
            return
        if self.plugin_cache is not None:
            self.plugin_cache.mkdir(parents=True, exist_ok=True)
        data.mkdir(parents=True, exist_ok=True)
        answer = subprocess.run(
            self._command(folder, "init", "-input=false", "-reconfigure", "-no-color"),
            capture_output=True,
            text=True,
            check=False,
            env=self._environment(data),
        )
        if answer.returncode != 0:
            raise TerraformError(
                f"terraform init of {folder.name} failed: {_first_fault(answer.stderr)}", "init"
            )
        done.write_text(digest)

    def plan(
        self,
        folder: Path,
        data: Path,
        on_message: OnMessage,
        *,
        save: bool = True,
        lock: bool = True,
    ) -> StackPlan:
        """Plans a stack and, with ``save``, saves the plan.

        Parameters
        ----------
        lock
            Whether to hold the state's lock, a file beside it. Who may only read can't write it:
            https://developer.hashicorp.com/terraform/language/backend/s3

        Raises
        ------
        TerraformError
            Terraform failed; the message holds its first error.
        """
        arguments = [f"-out={PLAN_FILE}"] if save else []
        arguments += [] if lock else ["-lock=false"]
        messages = self._run(folder, data, on_message, "plan", *arguments)
        return read(folder.name, messages)

    def apply(self, folder: Path, data: Path, on_message: OnMessage) -> str:
        """Applies the saved plan and returns Terraform's summary line.

        Raises
        ------
        TerraformError
            Terraform failed; the message holds its first error. The summary of a stale plan is
            ``Saved plan is stale``.
        """
        try:
            messages = self._run(folder, data, on_message, "apply", "-auto-approve", PLAN_FILE)
        finally:
            (folder / PLAN_FILE).unlink(missing_ok=True)
        return _summary(messages)

    def destroy(self, folder: Path, data: Path, on_message: OnMessage) -> str:
        """Destroys all resources in the stack's state and returns Terraform's summary line.

        Raises
        ------
        TerraformError
            Terraform failed; the message holds its first error.
        """
        return _summary(self._run(folder, data, on_message, "destroy", "-auto-approve"))

    def _run(
        self, folder: Path, data: Path, on_message: OnMessage, verb: str, *arguments: str
    ) -> list[Mapping[str, Any]]:
        options = ["-json", "-input=false", f"-lock-timeout={LOCK_TIMEOUT}"]
        command = self._command(folder, verb, *options, *arguments)
        log = folder / f"{verb}.log"
        messages = []
        with (
            log.open("w", encoding="utf-8") as record,
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=self._environment(data),
            ) as process,
        ):
            for line, message in _messages(process):
                record.write(line)
                messages.append(message)
                on_message(message)
        if process.returncode != 0:
            raise _failure(folder.name, verb, messages, log)
        return messages

    def _command(self, folder: Path, verb: str, *arguments: str) -> list[str]:
        return [str(self.binary), f"-chdir={folder}", verb, *arguments]

    def _environment(self, data: Path) -> dict[str, str]:
        variables = {
            **os.environ,
            "TF_CLI_CONFIG_FILE": str(self.configuration.absolute()),
            "TF_DATA_DIR": str(data.absolute()),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            **{f"TF_VAR_{name}": value for name, value in self.variables.items()},
        }
        if self.plugin_cache is not None:
            variables["TF_PLUGIN_CACHE_DIR"] = str(self.plugin_cache.absolute())
        return variables


def _summary(messages: list[Mapping[str, Any]]) -> str:
    """Returns the last summary; the first one is the plan's."""
    return next(
        (m["@message"] for m in reversed(messages) if m.get("type") == "change_summary"), ""
    )


def _messages(process: subprocess.Popen[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields Terraform's lines and messages; only the output of a crash is not JSON."""
    stream = process.stdout
    if stream is None:
        raise RuntimeError("Terraform was started without a pipe to read from")
    for line in stream:
        message: Mapping[str, Any] = {"type": "text", "@message": line.rstrip()}
        with contextlib.suppress(ValueError):
            message = json.loads(line)
        yield line, message


def _failure(stack: str, verb: str, messages: list[Mapping[str, Any]], log: Path) -> TerraformError:
    faults = [
        message["diagnostic"]
        for message in messages
        if message.get("type") == "diagnostic" and message["diagnostic"]["severity"] == "error"
    ]
    if not faults:
        last = next((m["@message"] for m in reversed(messages) if m.get("@message")), "nothing")
        return TerraformError(f"terraform {verb} of {stack} failed; last message: {last}", "failed")
    first = faults[0]
    where = f" at {first['address']}" if first.get("address") else ""
    detail = " ".join(first.get("detail", "").split())
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    text = f"{first['summary']}{': ' + detail if detail else ''}"
    return TerraformError(
        f"terraform {verb} of {stack} failed{where}: {text}{more}; see {log}", first["summary"]
    )


def _first_fault(text: str) -> str:
    """Returns the first error in Terraform's text output, on one line."""
    lines = [line.strip(" ╷│╵") for line in text.splitlines()]
    start = next((i for i, line in enumerate(lines) if line.startswith("Error:")), 0)
    return " ".join(line for line in lines[start : start + 6] if line) or "no output"


def forget(folder: Path, data: Path) -> None:
    """Removes a stack's folders after its destruction."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)
