"""Definitions shared by all parts of Lakecast: messages, the lake's layout, the API, and names.

Every part may import this package; this package imports no part.
"""
