"""``python -m localcloud.demo``: the whole way on this machine."""

import sys

from localcloud.demo.walkthrough import main

if __name__ == "__main__":
    sys.exit(main())
