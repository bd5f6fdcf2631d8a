"""Settings of an environment: two TOML files, one over the other, read once into frozen models.

`load` reads them, `schema` says what they may hold. They are for whoever operates the estate; no
device, function or job reads them, so pydantic is not shipped to any.
"""
