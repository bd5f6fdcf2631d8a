"""Code shared by the functions behind a REST API: requests, routes, problems and the log.

The package cannot be named ``http``: at the root of a function's zip, that name would hide the
standard library's module.
"""
