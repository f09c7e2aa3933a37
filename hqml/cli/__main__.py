"""`python -m hqml.cli`, for places where the script `hqml` is not on the path."""

import sys

from hqml.cli import main

sys.exit(main())
