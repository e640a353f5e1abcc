"""What was answered, on its way to monitoring: off the path of the requests."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any

from fairlead.records import Feedback, Observation
from fairlead.serving.admission import yield_to_others
from fairlead.serving.answered_request import AnsweredRequest
from fairlead.serving.monitor_settings import MonitorSettings
from fairlead.serving.monitor_snapshot import MonitorSnapshot
from fairlead.serving.watching import Watching

logger = logging.getLogger("bentoml.fairlead")

STEPS = ("open", "observe", "log", "watch", "feedback", "state", "report", "thread")
_BATCH, _PAUSE, _STALLED, _SILENT = 64, 0.1, 60.0, 60.0  # a batch of ten costs a fifth of ten batches of one
_FEEDBACK = 500  # bytes of a label that waits, about


class Recorder:
    """A bounded queue, and one thread that reads it in batches; no answer ever waits for either.

    ``offer`` and ``tell`` are called by one thread, that of the event loop. What has come and what has gone are two
    counters, of which each has one writer, so that there is no lock to wait for. What finds the queue full is dropped
    and counted. Whatever fails in the thread is counted by its step, told in the log once a minute, and the service
    answers on.

    Args:
        settings: How much may wait.
        every: Seconds after which the state is saved, and a new report made.
        closing: Seconds in which what waits is still read when the service ends.

    Examples:
        >>> recorder = Recorder(MonitorSettings(queue=1))
        >>> [recorder.offer(AnsweredRequest(name, 1.0, 1, ())) for name in ("r1", "r2")], recorder.dropped
        ([True, False], 1)
    """

    def __init__(self, settings: MonitorSettings, *, every: float = 10.0, closing: float = 5.0) -> None:
        self.settings = settings
        self.dropped = 0
        self.errors: Counter[str] = Counter()
        self.snapshot: MonitorSnapshot | None = None
        self._every, self._closing = every, closing
        self._queue: deque[tuple[int, AnsweredRequest | tuple[tuple[Feedback, ...], Future[list[str]]]]] = deque()
        self._came = self._gone = 0  # bytes
        self._counted: Counter[str] = Counter()
        self._said: dict[str, float] = {}
        self._asked, self._read = False, False
        self._beat = time.monotonic()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._watching: Watching | None = None

    def start(self, opens: Callable[[], Watching]) -> None:
        """Begins to read.

        Args:
            opens: Makes what to watch with, in the thread.
        """
        if self.settings.on and self._thread is None:
            thread = threading.Thread(target=self._run, args=(opens,), name="fairlead-monitor", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads are to be had; the service opens without
                self.failed("thread", error)
            self._thread = thread

    @property
    def alive(self) -> bool:
        """Whether the thread is there, has opened what it watches with, and did not stay away for a minute."""
        there = self._thread is not None and self._thread.is_alive() and not self._stopping.is_set()
        return there and self._watching is not None and time.monotonic() - self._beat < _STALLED

    def offer(self, answered: AnsweredRequest) -> bool:
        """Hands a request over; returns whether there was room for it. It never waits, and never raises."""
        try:
            ended = self._thread is not None and not self._thread.is_alive()
            if not self.settings.on:
                return False
            if not ended and self._put(answered.size, answered):
                return True
            self.dropped += len(answered.seen) or 1
        except Exception as error:  # whatever it is, the answer has to leave
            self.failed("observe", error)
        return False

    def tell(self, feedback: Sequence[Feedback]) -> Future[list[str]] | None:
        """Hands labels over, behind the answers before them; None where there is no room, or nobody reads.

        Returns:
            What will become of each, as ``Watch.told`` says it.
        """
        future: Future[list[str]] = Future()
        if not self.alive or not self._put(_FEEDBACK * len(feedback), (tuple(feedback), future)):
            return None
        return future

    def ask(self) -> None:
        """Asks for a new snapshot, soon."""
        self._asked = True

    def close(self) -> None:
        """Lets what waits be read, within bounds, and saves the state."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._closing + 1)

    def failed(self, step: str, error: BaseException) -> None:
        """Counts a failure by one of ``STEPS``, and tells the first of a minute in the log."""
        self.errors[step] += 1
        now = time.monotonic()
        if now - self._said.get(step, -_SILENT) >= _SILENT:
            self._said[step] = now
            logger.error("monitoring failed at %s, the service answers on: %s: %s", step, type(error).__name__, error)

    def _put(self, size: int, content: Any) -> bool:
        waiting = self._came - self._gone
        if len(self._queue) >= self.settings.queue or waiting + size > self.settings.queue_bytes:
            return False
        self._came += size
        self._queue.append((size, content))
        return True

    # -- the thread ------------------------------------------------------------------------------------

    def _run(self, opens: Callable[[], Watching]) -> None:
        yield_to_others()
        try:
            with self._guarded("open"):
                self._watching = opens()
            if self._watching is not None:
                self._read_on(self._watching)
        except BaseException as error:  # a thread that ends is not seen by anyone
            self.failed("thread", error)
        finally:
            self._leave()

    def _read_on(self, watching: Watching) -> None:
        saved = made = time.monotonic()
        self._snap(watching)
        busy = False
        # What is due by the clock is looked for between batches: under steady traffic the queue is never seen empty.
        while not (self._stopping.is_set() if busy else self._stopping.wait(_PAUSE)):
            busy = self._drain(watching)
            self._beat = now = time.monotonic()
            if now - saved >= self._every:
                saved = now
                self._save(watching)
            if now - made >= (_PAUSE if self._asked else self._every):
                made = now
                self._snap(watching)
        end = time.monotonic() + self._closing
        while self._drain(watching) and time.monotonic() < end:
            pass
        self._leave()
        self._count(watching)
        self._read = True
        self._save(watching)
        with self._guarded("log"):
            watching.close()

    def _leave(self) -> None:
        """Counts what nobody reads any more, and lets nobody wait for it."""
        while self._queue:
            size, content = self._queue.popleft()
            self._gone += size
            if isinstance(content, AnsweredRequest):
                self.dropped += len(content.seen) or 1
            else:
                with suppress(Exception):  # of a future that nobody waits for any more
                    content[1].set_result(["failed"] * len(content[0]))

    def _count(self, watching: Watching) -> None:
        """Has the watch know what was lost, for the page and the report."""
        for name, number in (("dropped", self.dropped), ("errors", sum(self.errors[step] for step in STEPS))):
            if (more := number - self._counted[name]) > 0:
                with self._guarded("watch"):
                    watching.watch.count(name, more)
                    self._counted[name] = number

    def _drain(self, watching: Watching) -> bool:
        """Reads a batch; returns whether there was any."""
        taken: list[Any] = []
        while self._queue and len(taken) < _BATCH:
            size, content = self._queue.popleft()
            self._gone += size
            taken.append(content)
        answered: list[AnsweredRequest] = []
        for content in taken:
            if isinstance(content, AnsweredRequest):
                answered.append(content)
                continue
            self._observe(watching, answered)
            answered = []
            self._tell(watching, *content)
        self._observe(watching, answered)
        self._count(watching)
        self._read = self._read or bool(taken)
        return bool(taken)

    def _observe(self, watching: Watching, answered: Sequence[AnsweredRequest]) -> None:
        if not answered:
            return
        try:
            parts = [(watching.observed(answered), answered)]
        except Exception:  # one of them cannot be read: the others can
            parts = []
            for one in answered:
                with self._guarded("observe"):
                    parts.append((watching.observed([one]), [one]))
        for observations, requests in parts:
            with self._guarded("log"):
                if watching.log is not None:
                    watching.log.write(observations, (), _inputs(requests))
            self._watch(watching, observations)

    def _watch(self, watching: Watching, observations: list[Observation]) -> None:
        with self._guarded("watch"):
            watching.watch.add(observations)

    def _tell(self, watching: Watching, feedback: tuple[Feedback, ...], future: Future[list[str]]) -> None:
        with self._guarded("log"):
            if watching.log is not None:
                watching.log.write((), feedback)
        outcomes: list[str] = []
        with self._guarded("feedback"):
            outcomes = watching.watch.told(feedback)
        with suppress(Exception):  # of a future that nobody waits for any more
            future.set_result(outcomes or ["failed"] * len(feedback))

    def _save(self, watching: Watching) -> None:
        if self._read:
            with self._guarded("state"):
                watching.save()
                self._read = False
        with self._guarded("log"):  # an idle service deletes what is too old as well
            if watching.log is not None:
                watching.log.tidy()

    def _snap(self, watching: Watching) -> None:
        self._asked = False
        with self._guarded("report"):
            self.snapshot = MonitorSnapshot.of(watching.watch)

    @contextmanager
    def _guarded(self, step: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # monitoring fails alone
            self.failed(step, error)


def _inputs(requests: Sequence[AnsweredRequest]) -> dict[str, bytes] | None:
    kept = {request.name(place): content for request in requests for place, content in request.inputs.items()}
    return kept or None
