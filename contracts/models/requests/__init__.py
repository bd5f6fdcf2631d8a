"""Pure functions that build requests to SageMaker.

The command line passes values. State machines pass JSONata expressions in ``{% %}`` for values that
are known only at run time, and get the same request. Every function returns the arguments of the
operation that its docstring names.
"""
