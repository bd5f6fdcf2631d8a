"""``python -m localcloud``: AWS on this laptop."""

import sys

from localcloud.cli import main

if __name__ == "__main__":
    sys.exit(main())
