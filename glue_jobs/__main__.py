"""``python -m glue_jobs``: the verbs of the jobs' operator."""

import sys

from glue_jobs.operator.main import main

if __name__ == "__main__":
    sys.exit(main())
