"""`python -m commute` from a checkout, without an install."""

import sys

from commute.cli import main

if __name__ == "__main__":
    sys.exit(main())
