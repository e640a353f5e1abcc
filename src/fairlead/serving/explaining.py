"""Explanations over HTTP."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fairlead.bundle import Explainer
from fairlead.bundle.explainer import EVALUATIONS
from fairlead.serving.admission import Admission
from fairlead.serving.failing import refused
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.readiness import Readiness
from fairlead.serving.refusal import Refusal
from fairlead.serving.request import ExplainRequest, parse_explain
from fairlead.serving.served_model import ServedModel
from fairlead.serving.settings import ServiceLimits

_ANSWERING = 0.2  # seconds kept back to draw, encode and send


class Explaining:
    """``/explain``: which parts of a picture or a text speak for a class.

    An explanation takes hundreds of evaluations where a prediction takes one. It has slots and threads of its own, few
    of them, so that predictions never wait for its place; it ends by its deadline with what it has found by then.

    Args:
        limits: What a request may take.
        readiness: Holds the model.
        figures: What is counted.
    """

    def __init__(self, *, limits: ServiceLimits, readiness: Readiness, figures: ServiceFigures) -> None:
        self._limits = limits
        self._readiness = readiness
        self._figures = figures
        own = replace(limits, slots=max(1, limits.explanations))
        self._admission = Admission(own, own.slots, figures, taken=figures.explaining)

    async def explain(self, request: Request) -> Response:
        """Answers for the item of a request."""
        request_id, until = request.state.request_id, request.state.until
        modality = self._readiness.modality
        try:
            model = self._readiness.require()
            if not self._limits.explanations:
                raise Refusal(403, "off", "explanations are switched off", "set FAIRLEAD_EXPLANATIONS to 1 or more")
            headers, body = request.headers, await request.body()
            content = await self._admission.work(
                lambda: self._explanation(model, parse_explain(headers, body, self._limits, model.modality), until),
                until,
            )
        except Exception as error:  # here, for the frameworks outside would answer it in words of their own
            return refused(error, request_id, modality)
        return JSONResponse({"request_id": request_id, "model": model.bundle.digest, **content})

    def _evaluations(self, asked: int | None) -> int | None:
        """Returns how many are made at most; None leaves it to the explainer, where it keeps within the limit."""
        most = self._limits.evaluations
        return None if asked is None and most >= EVALUATIONS else max(2, min(asked or most, most))

    def close(self) -> None:
        """Lets what is at work end, and drops what waits."""
        self._admission.close()

    def _explanation(self, model: ServedModel, asked: ExplainRequest, until: float) -> dict[str, Any]:
        begun = time.perf_counter()
        predictor = model.predictor
        slots = predictor.slots([asked.sensitive])
        read = predictor.reader.read(asked.item, max_pixels=self._limits.pixels)
        answer = predictor.answers([read], slots)[0]
        found = Explainer(predictor).explain(
            read,
            asked.label or str(answer.label),
            mask=asked.mask,
            evaluations=self._evaluations(asked.evaluations),
            until=until - _ANSWERING,
        )
        self._figures.stages.labels("explain").observe(time.perf_counter() - begun)
        content: dict[str, Any] = {"prediction": answer.to_dict(), "attribution": found.to_dict()}
        if asked.overlay:
            content["overlay"] = None
            if found.certificate.reliable:
                from fairlead.report import attribution_png  # with what reports need, which a prediction does not

                content["overlay"] = base64.b64encode(attribution_png(read.inputs, found)).decode("ascii")
        return content
