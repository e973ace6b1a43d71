"""``python -m lorentznet`` is the command line."""

import sys

from lorentznet.cli import main

if __name__ == "__main__":  # worker processes import this file under another name
    sys.exit(main())
