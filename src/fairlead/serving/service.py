"""The BentoML service over any bundle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator
from types import FrameType
from typing import Any

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # read when bentoml is imported; "1" would not do
# BentoML makes three spans of each request and, unless told where to, sends them nowhere: half the cost of a refusal.
os.environ.setdefault("OTEL_SDK_DISABLED", "true")
# Read when NumPy is first imported. Else its threads, which do not yield, spin for the small products of monitoring:
# seen to take the service to two fifths of its speed on two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import bentoml
from starlette.applications import Starlette

from fairlead.bundle import usable_cores
from fairlead.serving.admission import Admission
from fairlead.serving.endpoints import Endpoints
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.middleware import Doorkeeper
from fairlead.serving.monitor_figures import MonitorFigures
from fairlead.serving.readiness import Readiness
from fairlead.serving.recording import Recorder
from fairlead.serving.served_model import ServedModel
from fairlead.serving.settings import ServiceSettings
from fairlead.serving.watching import Watching


def make_service(settings: ServiceSettings) -> Any:
    """Makes a ``bentoml.Service``; its bundle is opened when the service starts, not here.

    BentoML starts it, stops it, and gives it its page and its place on BentoCloud. ``traffic`` is left alone: its
    limits would stand outside of ours. BentoML's metrics are off, since they make a label of every path.

    Args:
        settings: Which bundle, and to whom.

    Examples:
        >>> make_service(ServiceSettings()).name
        'fairlead'
    """
    figures = ServiceFigures()
    recorder = Recorder(settings.monitor)
    figures.registry.register(MonitorFigures(recorder))

    def opened(model: ServedModel) -> None:
        recorder.start(lambda: Watching.of(model.bundle, settings.monitor))

    readiness = Readiness(settings, figures, opened=opened)
    admission = Admission(settings.limits, usable_cores(), figures)
    endpoints = Endpoints(
        limits=settings.limits, readiness=readiness, admission=admission, figures=figures, recorder=recorder
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        readiness.start()
        with leaving(readiness, settings.limits.drain):
            yield
        readiness.draining = True
        endpoints.close()
        await asyncio.to_thread(recorder.close)

    class FairleadService:
        """Answers with a bundle."""

        def __is_ready__(self) -> bool:
            return readiness.refusal() is None

    service = bentoml.service(
        name="fairlead", workers=1, metrics={"enabled": False}, logging={"access": {"enabled": False}}
    )(FairleadService)
    service.mount_asgi_app(Starlette(routes=endpoints.routes(), lifespan=lifespan), name="fairlead")
    service.add_asgi_middleware(
        Doorkeeper, settings=settings, readiness=readiness, admission=admission, figures=figures
    )
    return service


@contextlib.contextmanager
def leaving(readiness: Readiness, seconds: float) -> Any:
    """Answers for some seconds more when told to stop, while ``/readyz`` says 503; a second signal stops at once.

    A balancer needs that time to take the replica out. The server's own handler, which waits for what is in flight,
    comes after it.
    """
    if threading.current_thread() is not threading.main_thread():  # a test's server; signals are not its own
        yield
        return
    loop = asyncio.get_running_loop()
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop(number: int, frame: FrameType | None) -> None:
        handler = former[signal.Signals(number)]
        again, readiness.draining = readiness.draining, True
        if not callable(handler):
            return
        if again or not seconds:
            handler(number, frame)
        else:
            loop.call_soon_threadsafe(loop.call_later, seconds, handler, number, None)

    for number in former:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
