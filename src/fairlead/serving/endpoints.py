"""What a client may ask."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fairlead.bundle import Answer, Seen
from fairlead.preprocessing import Text
from fairlead.records import Modality
from fairlead.serving.admission import Admission
from fairlead.serving.answered_request import AnsweredRequest
from fairlead.serving.explaining import Explaining
from fairlead.serving.failing import refused, unreadable
from fairlead.serving.feedback import FeedbackEndpoint
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.middleware import refusal_response
from fairlead.serving.monitor_settings import MonitorSettings
from fairlead.serving.openapi import openapi
from fairlead.serving.readiness import Readiness
from fairlead.serving.recording import Recorder
from fairlead.serving.refusal import Refusal
from fairlead.serving.request import PredictRequest, parse_predict
from fairlead.serving.served_model import ServedModel
from fairlead.serving.settings import ServiceLimits
from fairlead.serving.status import StatusEndpoint
from fairlead.serving.tracing import tell_span


class Endpoints:
    """Every endpoint over a model that is ready; what answers, what is told of it, and what monitoring says.

    Args:
        limits: What a request may take.
        readiness: Holds the model.
        admission: Does the work.
        figures: What is counted.
        recorder: Is handed what was answered.
    """

    def __init__(
        self,
        *,
        limits: ServiceLimits,
        readiness: Readiness,
        admission: Admission,
        figures: ServiceFigures,
        recorder: Recorder,
    ) -> None:
        self._limits = limits
        self._readiness = readiness
        self._admission = admission
        self._figures = figures
        self._recorder = recorder
        self._feedback = FeedbackEndpoint(readiness=readiness, recorder=recorder)
        self._status = StatusEndpoint(readiness=readiness, recorder=recorder)
        self._explaining = Explaining(limits=limits, readiness=readiness, figures=figures)

    def close(self) -> None:
        """Lets what is at work end, and drops what waits."""
        self._admission.close()
        self._explaining.close()

    def routes(self) -> list[Route]:
        """Returns them for Starlette."""
        return [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/explain", self._explaining.explain, methods=["POST"]),
            Route("/feedback", self._feedback.feedback, methods=["POST"]),
            Route("/model", self.model),
            Route("/status", self._status.page),
            Route("/status.json", self._status.json),
            Route("/metrics", self.metrics),
            Route("/docs.json", self.document),
        ]

    async def predict(self, request: Request) -> Response:
        """Answers for the pictures or texts of a request."""
        request_id, until = request.state.request_id, request.state.until
        modality = self._readiness.modality
        try:
            model = self._readiness.require()
            headers, body = request.headers, await request.body()
            asked, answers, seen = await self._admission.work(lambda: self._answers(model, headers, body, until), until)
        except Exception as error:  # here, for the frameworks outside would answer it in words of their own
            return refused(error, request_id, modality)
        if all(answer.error for answer in answers):
            return refusal_response(unreadable(answers[0].error, modality), request_id)
        self._count(answers)
        self._recorder.offer(_answered(request_id, asked, seen, self._recorder.settings))
        tell_span(model.bundle.digest, answers, self._recorder.snapshot)
        return JSONResponse(
            {
                "request_id": request_id,
                "model": model.bundle.digest,
                "predictions": [_told(answer, asked.top_k, modality) for answer in answers],
            }
        )

    def _answers(
        self, model: ServedModel, headers: Headers, body: bytes, until: float
    ) -> tuple[PredictRequest, list[Answer], list[Seen]]:
        asked = parse_predict(
            headers, body, self._limits, model.modality
        )  # here: in the event loop it would halt the probes

        def timed(stage: str, seconds: float) -> None:
            self._figures.stages.labels(stage).observe(seconds)
            if time.monotonic() > until:  # the client has its answer; what is left would be for nobody
                raise Refusal(504, "deadline", "the work did not end before its deadline", "send fewer items")

        seen: list[Seen] = []
        answers = model.answer(
            asked.items,
            asked.sensitive,
            most_pixels=self._limits.pixels,
            timed=timed,
            features=asked.features,
            observe=seen.append if self._recorder.settings.on else None,
            unmeasured=lambda error: self._recorder.failed("observe", error),
        )
        return asked, answers, seen

    def _count(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            if answer.label is not None and answer.probabilities is not None:
                self._figures.predictions.labels(answer.label).inc()
                self._figures.expected_correct.inc(answer.probabilities[answer.label])
                self._figures.confidence.observe(max(answer.probabilities.values()))

    async def model(self, request: Request) -> Response:
        """Says what is served, with its evidence."""
        try:
            return JSONResponse(self._readiness.require().describe())
        except Refusal as refusal:
            return refusal_response(refusal, request.state.request_id)

    async def metrics(self, _: Request) -> Response:
        """Gives what is counted, for Prometheus."""
        return Response(self._figures.text(), media_type=CONTENT_TYPE_LATEST)

    async def document(self, _: Request) -> Response:
        """Gives the OpenAPI document."""
        return JSONResponse(openapi(self._limits, self._readiness.modality))


def _answered(
    request_id: str, asked: PredictRequest, seen: Sequence[Seen], settings: MonitorSettings
) -> AnsweredRequest:
    inputs = {one.place: _bytes(asked.items[one.place]) for one in seen} if settings.inputs else {}
    # What is not to be kept does not wait either: a name that a client made up may be as long as a body.
    groups = tuple({name: row[name] for name in settings.groups if name in row} for row in asked.sensitive)
    return AnsweredRequest(request_id, time.time(), len(asked.items), tuple(seen), groups, inputs)


def _bytes(item: bytes | Text) -> bytes:
    """Returns an input as it is kept: a picture's bytes, a text's UTF-8, a pair as JSON."""
    if isinstance(item, bytes):
        return item
    text = item if isinstance(item, str) else json.dumps(list(item))
    return text.encode("utf-8", "replace")


def _told(answer: Answer, top_k: int | None, modality: Modality) -> dict[str, Any]:
    if answer.error:
        return {"error": unreadable(answer.error, modality).error()}
    content = answer.to_dict()
    if top_k is not None:
        ranked = sorted(content["probabilities"].items(), key=lambda pair: -pair[1])[:top_k]
        content["top"] = [{"label": label, "probability": value} for label, value in ranked]
    return content
