"""Recipes: each file reads as the index of one run, from raw data to what a person can use."""

import time

from fairlead.cli.threads import wait_passively

# Before any heavy import, so that a run can say what its imports cost.
STARTED = time.perf_counter()
wait_passively()
