"""Shared by the functions behind a REST API: requests, routes, problems and the log.

It can't be called ``http``: at the root of a function's zip that name hides the standard library's.
"""
