"""`python -m kwsd`."""

import sys

from kwsd.cli import main

if __name__ == "__main__":
    sys.exit(main())
