"""`python -m meterhouse` is the command line."""

import sys

from meterhouse.cli import main

sys.exit(main())
