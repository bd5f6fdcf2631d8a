"""Evaluates metric math expressions.

The grammar of metric math is a subset of Python's, apart from a few operators, so Python's parser
reads it; only the nodes that are named here are evaluated.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import ast
import math
import operator
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Series = dict[int, float]
"""Values by the start of their period, in seconds since the epoch."""
Value = float | Series | list[Series]


class ExpressionError(ValueError):
    """An expression that cannot be evaluated; the message says what was expected."""


@dataclass(frozen=True)
class Scope:
    """Values that an expression can refer to.

    Parameters
    ----------
    series
        Series by the identifiers of their queries.
    times
        Starts of all periods of the request, oldest first.
    period
        Length of a period in seconds.
    metrics
        Identifiers of the queries for metrics, which ``METRICS()`` returns.
    """

    series: Mapping[str, Series]
    times: Sequence[int]
    period: int
    metrics: frozenset[str] = frozenset()


def evaluate(expression: str, scope: Scope) -> list[Series]:
    """Returns the time series of an expression; several for an array.

    Raises
    ------
    ExpressionError
        It is no expression, has an unknown identifier or function, or is not a time series.
    """
    value = _value(_parsed(expression).body, scope)
    if isinstance(value, float):
        raise ExpressionError(
            f"expected a time series or an array of them; {expression} is a scalar"
        )
    return value if isinstance(value, list) else [value]


def identifiers(expression: str) -> set[str]:
    """Returns the identifiers of queries that an expression names."""
    nodes = list(ast.walk(_parsed(expression)))
    functions = [node.func for node in nodes if isinstance(node, ast.Call)]
    return {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and node not in functions and node.id[0].islower()
    }


def _parsed(expression: str) -> ast.Expression:
    text = re.sub(r"&&|\bAND\b", " and ", re.sub(r"\|\||\bOR\b", " or ", expression))
    try:
        return ast.parse(text.replace("^", "**").strip(), mode="eval")
    except SyntaxError as error:
        raise ExpressionError(f"expected a metric math expression; got {expression!r}") from error


def _value(node: ast.AST, scope: Scope) -> Any:
    if isinstance(node, ast.Constant) and not isinstance(node.value, bool):
        if isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node.value, str):
            return node.value
    if isinstance(node, ast.Name):
        return _named(node.id, scope)
    if isinstance(node, ast.List):
        return [_series(_value(one, scope)) for one in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _map(operator.neg, _value(node.operand, scope))
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        left, right = _value(node.left, scope), _value(node.right, scope)
        return _combined(_ARITHMETIC[type(node.op)], left, right)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        compare = _COMPARISONS.get(type(node.ops[0]))
        if compare is not None:
            left, right = _value(node.left, scope), _value(node.comparators[0], scope)
            return _combined(lambda a, b: float(compare(a, b)), left, right)
    if isinstance(node, ast.BoolOp):
        logic = all if isinstance(node.op, ast.And) else any
        found = _value(node.values[0], scope)
        for one in node.values[1:]:
            found = _combined(lambda a, b: float(logic((a, b))), found, _value(one, scope))
        return found
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, node.args, scope)
    raise ExpressionError(f"the local cloud does not support {ast.unparse(node)!r}")


def _named(name: str, scope: Scope) -> Any:
    if name in ("REPEAT", "LINEAR"):
        return name
    if name not in scope.series:
        raise ExpressionError(f"expected the Id of a query; got {name!r}")
    return scope.series[name]


def _call(name: str, arguments: Sequence[ast.AST], scope: Scope) -> Any:
    if name not in FUNCTIONS:
        raise ExpressionError(
            f"the local cloud does not support the function {name}: "
            f"expected one of {', '.join(sorted(FUNCTIONS))}"
        )
    values = [_value(one, scope) for one in arguments]
    try:
        return FUNCTIONS[name](scope, *values)
    except TypeError as error:
        raise ExpressionError(f"{name} does not take these arguments") from error


def _combined(combine: Callable[[float, float], float], left: Any, right: Any) -> Any:
    """Combines values; of two series, only the times that both have."""
    if isinstance(left, list) or isinstance(right, list):
        pairs: Any
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                raise ExpressionError("expected two arrays of the same length")
            pairs = zip(left, right, strict=True)
        else:
            pairs = (
                [(one, right) for one in left]
                if isinstance(left, list)
                else [(left, one) for one in right]
            )
        return [_combined(combine, one, other) for one, other in pairs]
    if isinstance(left, str) or isinstance(right, str):
        raise ExpressionError("expected a number or a time series; got a string")
    if isinstance(left, float) and isinstance(right, float):
        return combine(left, right)
    if isinstance(left, float):
        return _finite({time: combine(left, value) for time, value in right.items()})
    if isinstance(right, float):
        return _finite({time: combine(value, right) for time, value in left.items()})
    return _finite({time: combine(left[time], right[time]) for time in left if time in right})


def _divided(a: float, b: float) -> float:
    return a / b if b else math.nan  # a point that cannot be computed is left out


def _power(a: float, b: float) -> float:
    try:
        found = a**b
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return math.nan if isinstance(found, complex) else found


_ARITHMETIC: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divided,
    ast.Pow: _power,
}
_COMPARISONS: Mapping[type, Callable[[float, float], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _finite(series: Series) -> Series:
    return {time: value for time, value in series.items() if math.isfinite(value)}


def _map(function: Callable[[float], float], value: Any) -> Any:
    if isinstance(value, list):
        return [_map(function, one) for one in value]
    if isinstance(value, float):
        return function(value)
    return _finite({time: function(one) for time, one in _series(value).items()})


def _series(value: Any) -> Series:
    if not isinstance(value, dict):
        raise ExpressionError(f"expected a time series; got {value!r}")
    return value


def _aggregate(function: Callable[[list[float]], float]) -> Callable[[Scope, Any], Any]:
    """Returns a function with a scalar for a series, and a series for an array of series."""

    def aggregate(_scope: Scope, value: Any) -> Any:
        if isinstance(value, list):
            times = sorted({time for one in value for time in one})
            return {time: function([one[time] for one in value if time in one]) for time in times}
        numbers = list(_series(value).values())
        if not numbers:
            raise ExpressionError("expected a time series with values; it has none")
        return function(numbers)

    return aggregate


def _metrics(scope: Scope, part: str = "") -> list[Series]:
    return [scope.series[name] for name in sorted(scope.metrics) if part in name]


def _fill(scope: Scope, value: Any, filler: Any) -> Any:
    if isinstance(value, list):
        return [_fill(scope, one, filler) for one in value]
    series = _series(value)
    if isinstance(filler, float):
        return {time: series.get(time, filler) for time in scope.times}
    if filler not in ("REPEAT", "LINEAR"):
        raise ExpressionError(f"FILL expects a number, REPEAT or LINEAR; got {filler!r}")
    known = sorted(series)
    found: Series = {}
    for time in scope.times:
        before = [one for one in known if one <= time]
        after = [one for one in known if one >= time]
        if time in series:
            found[time] = series[time]
        elif filler == "REPEAT" and before:
            found[time] = series[before[-1]]
        elif filler == "LINEAR" and before and after:
            first, last = before[-1], after[0]
            share = (time - first) / (last - first)
            found[time] = series[first] + share * (series[last] - series[first])
    return found


def _if(_scope: Scope, condition: Any, then: Any, otherwise: Any = None) -> Any:
    if isinstance(condition, float):
        chosen = then if condition else otherwise
        return {} if chosen is None else chosen
    found: Series = {}
    for time, holds in _series(condition).items():
        chosen = then if holds else otherwise
        if isinstance(chosen, dict):
            chosen = chosen.get(time)
        if chosen is not None:
            found[time] = float(chosen)
    return found


def _differences(value: Any, of: Callable[[float, int], float]) -> Any:
    if isinstance(value, list):
        return [_differences(one, of) for one in value]
    series = _series(value)
    times = sorted(series)
    return {
        time: of(series[time] - series[before], time - before) for before, time in pairwise(times)
    }


def _running_sum(value: Any) -> Any:
    if isinstance(value, list):
        return [_running_sum(one) for one in value]
    total, found = 0.0, {}
    for time in sorted(_series(value)):
        total += value[time]
        found[time] = total
    return found


def _period(scope: Scope, _value: Any) -> float:
    return float(scope.period)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "ABS": lambda _scope, value: _map(abs, value),
    "AVG": _aggregate(statistics.fmean),
    "CEIL": lambda _scope, value: _map(lambda one: float(math.ceil(one)), value),
    "DIFF": lambda _scope, value: _differences(value, lambda change, _seconds: change),
    "FILL": _fill,
    "FLOOR": lambda _scope, value: _map(lambda one: float(math.floor(one)), value),
    "IF": _if,
    "MAX": _aggregate(max),
    "METRICS": _metrics,
    "METRIC_COUNT": lambda _scope, value: float(len(value)) if isinstance(value, list) else 1.0,
    "MIN": _aggregate(min),
    "PERIOD": _period,
    "RATE": lambda _scope, value: _differences(value, lambda change, seconds: change / seconds),
    "RUNNING_SUM": lambda _scope, value: _running_sum(value),
    "STDDEV": _aggregate(statistics.pstdev),
    "SUM": _aggregate(sum),
}
"""Functions that the local cloud has of metric math."""
