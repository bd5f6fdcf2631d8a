"""Settings of an environment: a TOML file with defaults, overridden by the environment's own file.

`load` reads them once into the frozen models of `schema`. Only the estate's operators use them: no
device, function or job reads them, so none of these needs pydantic.
"""
