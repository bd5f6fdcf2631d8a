"""``python -m device``: the command line of a station and of its operator."""

import sys

from device.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
