"""Which requests are worked on, and until when."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TypeVar

from prometheus_client import Gauge

from fairlead.serving.figures import ServiceFigures
from fairlead.serving.refusal import Refusal
from fairlead.serving.settings import ServiceLimits

T = TypeVar("T")


class Admission:
    """Slots for requests that wait or are worked on. A slot is free only when its work has ended.

    A request that is answered 504 keeps its slot while its thread is still busy: else the next one would run beside
    it, and an overloaded service would take on ever more. Work that has not begun when its deadline comes is dropped.

    Args:
        limits: How many slots, and how long a request may take.
        threads: At work at a time.
        figures: What is counted.
        taken: Where the slots taken are shown; None for those of predictions.
    """

    def __init__(
        self, limits: ServiceLimits, threads: int, figures: ServiceFigures, *, taken: Gauge | None = None
    ) -> None:
        self.limits = limits
        self._figures = figures
        self._shown = figures.slots if taken is None else taken
        self._lock = threading.Lock()
        self._taken = 0
        self._reading = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fairlead-work", initializer=yield_to_others)

    @property
    def taken(self) -> int:
        """Slots that are not free."""
        return self._taken

    def check(self) -> None:
        """Refuses while no slot is free, before a body is read for nothing.

        Raises:
            Refusal: 429.
        """
        if self._taken >= self.limits.slots:
            raise _busy(f"all {self.limits.slots} slots are taken")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Counts a body that is being read, for the block: at most as many are held at a time as there are slots.

        Raises:
            Refusal: 429.
        """
        self.check()
        if self._reading >= self.limits.slots:
            raise _busy(f"{self.limits.slots} bodies are being read")
        self._reading += 1  # in the event loop alone, so that nothing comes between
        try:
            yield
        finally:
            self._reading -= 1

    async def work(self, task: Callable[[], T], until: float) -> T:
        """Does a task in a thread.

        Args:
            task: What to do; it may look at the clock itself.
            until: The deadline, by ``time.monotonic``.

        Raises:
            Refusal: 429 without a free slot; 503 for work that did not begin in time, 504 for work that did not end.
        """
        with self._lock:
            self.check()
            self._count(1)
        asked, begun = time.monotonic(), threading.Event()

        def timed() -> T:
            begun.set()
            self._figures.stages.labels("wait").observe(time.monotonic() - asked)
            if time.monotonic() > until:
                raise _late("begin", 503)
            return task()

        try:
            future: Future[T] = self._pool.submit(timed)
        except RuntimeError:  # the pool was shut down
            self._free()
            raise Refusal(503, "draining", "the service is leaving", "ask another replica") from None
        future.add_done_callback(self._free)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), max(0.0, until - time.monotonic()))
        except TimeoutError:
            raise (_late("end", 504) if begun.is_set() else _late("begin", 503)) from None

    def close(self) -> None:
        """Lets what is at work end, and drops what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _free(self, _: object = None) -> None:
        with self._lock:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._taken += change
        self._shown.set(self._taken)


def yield_to_others() -> None:
    """Lets the thread that calls, and those it starts, wait for the event loop's where the cores do not suffice.

    An overloaded service has to refuse quickly, and it is the event loop that refuses. Only Linux has a priority for
    each thread; elsewhere nothing changes. A thread that was started by one that yields yields no more than that.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, os.getpid()) + 10)


def _busy(message: str) -> Refusal:
    return Refusal(429, "busy", message, "ask again after the seconds of Retry-After")


def _late(verb: str, status: int) -> Refusal:
    return Refusal(
        status, "deadline", f"the work did not {verb} before its deadline", "ask again later, or for fewer pictures"
    )
