"""``python -m tinygrad_lite.cli`` does what ``tinygrad-lite`` does."""

import sys

from tinygrad_lite.cli import main

if __name__ == "__main__":
    sys.exit(main())
