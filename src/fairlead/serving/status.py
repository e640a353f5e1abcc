"""What monitoring says, as a page and as JSON."""

from __future__ import annotations

import asyncio
import time

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from fairlead.serving.failing import refused
from fairlead.serving.monitor_snapshot import MonitorSnapshot
from fairlead.serving.readiness import Readiness
from fairlead.serving.recording import Recorder
from fairlead.serving.refusal import Refusal
from fairlead.serving.served_model import ServedModel

_FRESH, _PATIENCE, _STEP = 3.0, 1.0, 0.03


class StatusEndpoint:
    """``/status`` and ``/status.json``, from a snapshot that the thread of monitoring makes.

    Args:
        readiness: Holds the model.
        recorder: Has the snapshots.
    """

    def __init__(self, *, readiness: Readiness, recorder: Recorder) -> None:
        self._readiness = readiness
        self._recorder = recorder
        self._drawn: tuple[MonitorSnapshot, str] | None = None

    async def page(self, request: Request) -> Response:
        """Draws the page, once of each snapshot."""
        try:
            model, snapshot = self._readiness.require(), await self._snapshot()
            if self._drawn is None or self._drawn[0] is not snapshot:
                page = await asyncio.to_thread(lambda: _page(snapshot, model))
                self._drawn = snapshot, page
        except Exception as error:  # here, for the frameworks outside would answer it in words of their own
            return refused(error, request.state.request_id)
        # No script, and nothing from anywhere: the page is text that came from outside in part.
        policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        return HTMLResponse(self._drawn[1], headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})

    async def json(self, request: Request) -> Response:
        """Gives the report."""
        try:
            self._readiness.require()
            snapshot = await self._snapshot()
            return JSONResponse(snapshot.report.to_dict(), headers={"Cache-Control": "no-store"})
        except Exception as error:  # here, for the frameworks outside would answer it in words of their own
            return refused(error, request.state.request_id)

    async def _snapshot(self) -> MonitorSnapshot:
        """Waits a moment for one that is a few seconds old at most; then takes what there is.

        Raises:
            Refusal: monitoring is off, or has said nothing yet.
        """
        recorder = self._recorder
        if not recorder.settings.on:
            raise Refusal(403, "off", "monitoring is switched off", "set FAIRLEAD_MONITOR to true")
        end = time.monotonic() + _PATIENCE
        while True:
            snapshot, now = recorder.snapshot, time.monotonic()
            if snapshot is not None and (now - snapshot.made < _FRESH or now > end):
                return snapshot
            if now > end:
                raise Refusal(503, "monitor_silent", "monitoring has said nothing yet", "read the service's log")
            recorder.ask()
            await asyncio.sleep(_STEP)


def _page(snapshot: MonitorSnapshot, model: ServedModel) -> str:
    from fairlead.report import status_page  # with what reports need, and a prediction does not: not in the event loop

    return status_page(snapshot.report, model.describe())
