"""What a client is told of an endpoint that cannot answer."""

from __future__ import annotations

import logging

from starlette.responses import JSONResponse

from fairlead.errors import ConfigurationError, UnreadableFileError
from fairlead.records import Modality
from fairlead.serving.middleware import defect, refusal_response
from fairlead.serving.refusal import Refusal

logger = logging.getLogger("bentoml.fairlead")


_UNREADABLE = {
    Modality.IMAGE: ("unreadable_image", "send a whole image in a common format, JPEG or PNG for one"),
    Modality.TEXT: ("unreadable_text", "send a text that is not blank"),
}


def unreadable(reason: str, modality: Modality = Modality.IMAGE) -> Refusal:
    """Returns the refusal of a picture or a text.

    Examples:
        >>> unreadable("cat.jpg is empty").status.value
        422
    """
    code, remedy = _UNREADABLE[modality]
    return Refusal(422, code, reason, remedy)


def refused(error: Exception, request_id: str, modality: Modality = Modality.IMAGE) -> JSONResponse:
    """Returns an exception as an answer: a refusal as it is, a wrong value 400, a bad item 422, a defect 500."""
    if isinstance(error, Refusal):
        return refusal_response(error, request_id)
    if isinstance(error, UnreadableFileError):
        return refusal_response(unreadable(str(error), modality), request_id)
    if isinstance(error, ConfigurationError):  # a name or a group that the model does not know
        return refusal_response(Refusal(400, "bad_request", str(error), "see /model for what it knows"), request_id)
    logger.error("request %s failed", request_id, exc_info=error)
    return refusal_response(defect(request_id), request_id)
