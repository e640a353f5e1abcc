"""Whether a service may answer, and why not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fairlead import __version__
from fairlead.errors import FairleadError
from fairlead.records import Modality
from fairlead.serving.admission import yield_to_others
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.refusal import Refusal
from fairlead.serving.served_model import ServedModel
from fairlead.serving.settings import ServiceSettings

logger = logging.getLogger("bentoml.fairlead")  # BentoML's handlers print it


class Readiness:
    """Opens the bundle in a thread, so that probes are answered meanwhile; keeps why it cannot be served.

    Args:
        settings: Which bundle.
        figures: Where ``fairlead_ready`` and ``fairlead_build_info`` are set.
        opened: Is handed the model before the first request is.

    Examples:
        >>> readiness = Readiness(ServiceSettings(), ServiceFigures())
        >>> readiness.start()
        >>> readiness.wait(10)
        >>> readiness.reason.code, readiness.reason.status.value
        ('not_servable', 503)
    """

    def __init__(
        self,
        settings: ServiceSettings,
        figures: ServiceFigures,
        *,
        opened: Callable[[ServedModel], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._told = opened
        self._figures = figures
        self._opened = threading.Event()
        self.draining = False
        self.model: ServedModel | None = None
        self.reason = Refusal(503, "starting", "the bundle is being checked", "ask again in a moment")

    def start(self) -> None:
        """Begins to open the bundle."""
        threading.Thread(target=self._open, name="fairlead-open", daemon=True).start()

    def wait(self, seconds: float) -> None:
        """Waits until it is known whether the bundle may be served."""
        self._opened.wait(seconds)

    def refusal(self) -> Refusal | None:
        """Returns why ``/readyz`` answers 503, or None."""
        if self.draining:
            return Refusal(503, "draining", "the service is leaving", "ask another replica")
        return None if self.model is not None else self.reason

    @property
    def modality(self) -> Modality:
        """What the model answers for; images, as long as there is none."""
        return Modality.IMAGE if self.model is None else self.model.modality

    def require(self) -> ServedModel:
        """Returns the model.

        Raises:
            Refusal: there is none; while draining there still is.
        """
        if self.model is None:
            raise self.reason
        return self.model

    def _open(self) -> None:
        yield_to_others()  # here, for the threads of ONNX Runtime have the priority of the one that makes them
        try:
            model = ServedModel.open(self._settings)
            self._figures.build.labels(__version__, model.bundle.digest, model.gate).set(1)
            self._figures.ready.set(1)
            self._told(model)
            self.model = model
        except FairleadError as error:
            self._refuse("not_servable", str(error), "mend the bundle or name another, then start the service again")
        except Exception:  # the thread must say that it failed, whatever it was
            logger.exception("the bundle could not be opened")
            self._refuse("internal", "the bundle could not be opened", "read the service's log")
        finally:
            self._opened.set()

    def _refuse(self, code: str, message: str, remedy: str) -> None:
        self.reason = Refusal(503, code, message, remedy, {"Retry-After": "30"})
        logger.error("not ready: %s", message)
