"""`python -m meterhouse` is the command line."""

import sys

from meterhouse.command_line.cli import main

sys.exit(main())
