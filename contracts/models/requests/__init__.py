"""Requests to SageMaker as pure functions of values.

Verbs give values. State machines give JSONata expressions in ``{% %}`` where a value is known only
while they run, and get the same request. Every function returns the arguments of the operation
that its docstring names.
"""
