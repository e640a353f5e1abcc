"""Warnings are dropped in the thread that asks, and nowhere else."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

from fairlead.preprocessing.silence import silenced


def test_silence_is_for_one_thread_alone() -> None:
    def warn() -> str:
        try:
            warnings.warn("from another thread", UserWarning, stacklevel=1)
        except UserWarning as warning:
            return str(warning)
        return "silenced"

    with ThreadPoolExecutor(1) as pool:
        with silenced():
            assert warn() == "silenced"
            assert pool.submit(warn).result() == "from another thread"
        assert warn() == "from another thread"


def test_silence_outlives_filters_put_before_it_and_leaves_one_entry() -> None:
    def ours() -> int:
        return sum(type(entry[1]).__name__ == "_WhileSilenced" for entry in warnings.filters)

    for _ in range(5):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with silenced():
                warnings.warn("quiet", UserWarning, stacklevel=1)
            assert ours() == 1
            warnings.filterwarnings("error", message="another")
            with silenced():
                warnings.warn("another", UserWarning, stacklevel=1)
            assert ours() == 1
        with silenced():
            warnings.warn("quiet", UserWarning, stacklevel=1)
    assert ours() == 1
