"""Models are no part of the Glue jobs, so the lane of Spark 4 lacks what these tests need."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("jsonata") else ["test_*.py"]
