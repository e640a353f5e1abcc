"""What a client may ask."""

from __future__ import annotations

import time
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fairlead.bundle import Answer
from fairlead.records import Modality
from fairlead.serving.admission import Admission
from fairlead.serving.explaining import Explaining
from fairlead.serving.failing import refused, unreadable
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.middleware import refusal_response
from fairlead.serving.openapi import openapi
from fairlead.serving.readiness import Readiness
from fairlead.serving.refusal import Refusal
from fairlead.serving.request import PredictRequest, parse_predict
from fairlead.serving.served_model import ServedModel
from fairlead.serving.settings import ServiceLimits


class Endpoints:
    """``/predict``, ``/explain``, ``/model``, ``/metrics`` and ``/docs.json`` over a model that is ready.

    Args:
        limits: What a request may take.
        readiness: Holds the model.
        admission: Does the work.
        figures: What is counted.
    """

    def __init__(
        self, *, limits: ServiceLimits, readiness: Readiness, admission: Admission, figures: ServiceFigures
    ) -> None:
        self._limits = limits
        self._readiness = readiness
        self._admission = admission
        self._figures = figures
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
            Route("/model", self.model),
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
            asked, answers = await self._admission.work(lambda: self._answers(model, headers, body, until), until)
        except Exception as error:  # here, for the frameworks outside would answer it in words of their own
            return refused(error, request_id, modality)
        if all(answer.error for answer in answers):
            return refusal_response(unreadable(answers[0].error, modality), request_id)
        for answer in answers:
            if answer.label is not None and answer.probabilities is not None:
                self._figures.predictions.labels(answer.label).inc()
                self._figures.expected_correct.inc(answer.probabilities[answer.label])
        return JSONResponse(
            {
                "request_id": request_id,
                "model": model.bundle.digest,
                "predictions": [_told(answer, asked.top_k, modality) for answer in answers],
            }
        )

    def _answers(
        self, model: ServedModel, headers: Headers, body: bytes, until: float
    ) -> tuple[PredictRequest, list[Answer]]:
        asked = parse_predict(
            headers, body, self._limits, model.modality
        )  # here: in the event loop it would halt the probes

        def timed(stage: str, seconds: float) -> None:
            self._figures.stages.labels(stage).observe(seconds)
            if time.monotonic() > until:  # the client has its answer; what is left would be for nobody
                raise Refusal(504, "deadline", "the work did not end before its deadline", "send fewer items")

        answers = model.answer(
            asked.items, asked.sensitive, most_pixels=self._limits.pixels, timed=timed, features=asked.features
        )
        return asked, answers

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


def _told(answer: Answer, top_k: int | None, modality: Modality) -> dict[str, Any]:
    if answer.error:
        return {"error": unreadable(answer.error, modality).error()}
    content = answer.to_dict()
    if top_k is not None:
        ranked = sorted(content["probabilities"].items(), key=lambda pair: -pair[1])[:top_k]
        content["top"] = [{"label": label, "probability": value} for label, value in ranked]
    return content
