"""Parameters of tests are the same in every process.

Their values are parts of the tests' names, and processes that collect different names in parallel
run nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.unit.architecture.test_arns import ROOT

CHANGING = {"compress", "now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}
CHANGING |= {"uuid1", "uuid4", "token_hex", "token_bytes", "urandom", "random", "randint", "getpid"}
CHANGING |= {"set", "frozenset"}
"""Names of functions whose result depends on the time, the process or chance; the header of gzip
holds the time unless ``mtime`` is given."""


def changing(text: str) -> Iterator[int]:
    """Yield the lines of calls in ``parametrize`` whose result differs between processes."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(attr="parametrize"), args=given):
                inner = [part for value in given[1:] for part in ast.walk(value)]
                for call in inner:
                    match call:
                        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                            known = {one.arg for one in call.keywords}
                            if name in CHANGING and not {"mtime", "key"} & known:
                                yield call.lineno
                        case ast.Set():
                            yield call.lineno


def test_parameters_do_not_depend_on_time_process_or_chance() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in Path(ROOT, "tests").rglob("*.py")
        for line in changing(path.read_text(encoding="utf-8"))
    }
    assert not found, f"give values that are the same in every process: {sorted(found)}"


def test_calls_are_recognised() -> None:
    text = (
        "import gzip, time\n"
        "@pytest.mark.parametrize('x', [gzip.compress(b'')])\n"
        "@pytest.mark.parametrize('x', [gzip.compress(b'', mtime=0)])\n"
        "@pytest.mark.parametrize('x', [time.time(), 3])\n"
        "@pytest.mark.parametrize('x', {'a', 'b'})\n"
        "def test_it(x): time.time()\n"
    )
    assert sorted(changing(text)) == [2, 4, 5]
