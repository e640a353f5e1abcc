"""How torch's threads wait for one another."""

from __future__ import annotations

import os


def wait_passively() -> None:
    """Lets idle threads sleep instead of spin; must run before torch is imported.

    On a machine of one's own it makes no difference that can be measured. Where other work runs beside it, threads that
    spin take the core from the thread they wait for: a training step of ResNet-18 took 1.1 s instead of 0.4 s on
    two busy cores. A value the user has set is kept.

    Examples:
        >>> wait_passively()
        >>> "OMP_WAIT_POLICY" in os.environ
        True
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
