"""A client that needs the standard library alone."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fairlead.errors import ConfigurationError, ServiceError

Item = Path | bytes | str | tuple[str, str]


@dataclass(frozen=True)
class Prediction:
    """What the service says of one picture or text.

    Attributes:
        label: The class; None where it could not be read.
        probabilities: Of each class by its name.
        error: Why it could not be read; empty where it could.
        truncated: Whether a text has more than was read of it.
        request_id: Of the request, for ``Client.feedback``.
        item: Its place in a request of several, for ``Client.feedback``; None where it was the only one.

    Examples:
        >>> Prediction("dog", {"cat": 0.25, "dog": 0.75}).probability
        0.75
    """

    label: str | None
    probabilities: Mapping[str, float]
    error: str = ""
    truncated: bool = False
    request_id: str = ""
    item: int | None = None

    @property
    def probability(self) -> float:
        """Of the label, calibrated; 0 where there is none."""
        return self.probabilities.get(self.label or "", 0.0)


@dataclass(frozen=True)
class Explanation:
    """What the service says of the parts of one picture or text.

    Attributes:
        label: The class.
        values: What each cell of a grid adds to its log-odds, by rows; of a text, what each word adds, in one row.
        reliable: Whether every check of it passed.
        reason: Why it is not reliable; empty where it is.
        overlay: A PNG file of a picture; None where it is not reliable.
        words: Of a text, each where its value stands; of a pair those of both, in order.

    Examples:
        >>> Explanation("dog", [[0.5, 1.5]], True, "").values[0][1]
        1.5
    """

    label: str
    values: list[list[float]]
    reliable: bool
    reason: str
    overlay: bytes | None = None
    words: tuple[str, ...] = ()


class Client:
    """Asks a running service.

    Args:
        url: Where it is, such as ``"http://127.0.0.1:3000"``.
        api_key: Where it wants one.
        timeout: Seconds to wait for an answer.

    Raises:
        ConfigurationError: no address of HTTP.

    Examples:
        >>> Client("http://127.0.0.1:3000/").url
        'http://127.0.0.1:3000'
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout: float = 30.0) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ConfigurationError(f"{url!r} is no address of a service; give one such as http://127.0.0.1:3000")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout = timeout

    def predict(
        self, items: Sequence[Item], sensitive: Sequence[Mapping[str, str | None]] | None = None
    ) -> list[Prediction]:
        """Asks for pictures or texts, in their order.

        Args:
            items: Picture files, or their contents; or texts, or pairs that are read together.
            sensitive: Values of sensitive features of each by name, for a model with a threshold for each group.

        Raises:
            ServiceError: the service refused, or there is none.
            ConfigurationError: pictures among texts.
        """
        sent = [_sent(item) for item in items]
        kinds = {name for name, _ in sent}
        if len(kinds) > 1:
            raise ConfigurationError("a service answers for pictures or for texts; ask for one kind at a time")
        request: dict[str, Any] = {f"{name}s": [content for _, content in sent] for name in kinds}
        answer = self._ask("/predict", request if sensitive is None else request | {"sensitive": list(sensitive)})
        return [
            Prediction(
                one.get("label"),
                one.get("probabilities", {}),
                one.get("error", {}).get("message", ""),
                one.get("truncated", False),
                answer.get("request_id", ""),
                place if len(sent) > 1 else None,
            )
            for place, one in enumerate(answer["predictions"])
        ]

    def explain(
        self, item: Item, *, label: str | None = None, sensitive: Mapping[str, str | None] | None = None
    ) -> Explanation:
        """Asks which cells of a picture, or which words of a text, speak for a class.

        Args:
            item: A picture file, or its content; or a text, or a pair that is read together.
            label: The class; None for the one that is decided for.
            sensitive: Values of sensitive features by name, for a model with a threshold for each group.

        Raises:
            ServiceError: the service refused, or there is none.
        """
        name, content = _sent(item)
        given = {"label": label, "sensitive": sensitive}
        request = {name: content} | ({"overlay": True} if name == "image" else {})
        answer = self._ask("/explain", request | {name: value for name, value in given.items() if value is not None})
        found, drawn = answer["attribution"], answer.get("overlay")
        certificate = found["certificate"]
        return Explanation(
            found["label"], found["values"], certificate["reliable"], certificate["reason"],
            base64.b64decode(drawn) if drawn else None, _words(item, found.get("spans", ())),
        )  # fmt: skip

    def feedback(self, request_id: str, label: str, *, item: int | None = None) -> str:
        """Tells the true class of what was answered.

        Args:
            request_id: Of the answer, ``Prediction.request_id``.
            label: The true class.
            item: Its place in a request of several, from 0; None for the only one.

        Returns:
            What became of it: ``"joined"``; ``"duplicate"``, ``"conflict"``, ``"unknown"`` or ``"ambiguous"``;
            ``"queued"`` where that is not known yet; ``"failed"`` where monitoring could not read it.

        Raises:
            ServiceError: the service refused, or there is none.
        """
        content = {"request_id": request_id, "label": label} | ({} if item is None else {"item": item})
        return str(self._ask("/feedback", content)["outcomes"][0])

    def status(self) -> dict[str, Any]:
        """Returns what monitoring says: drift, estimated quality, groups, alarms.

        Raises:
            ServiceError: the service refused, or there is none.
        """
        return self._ask("/status.json")

    def model(self) -> dict[str, Any]:
        """Returns what is served: labels, digests, the gate's verdict, the card.

        Raises:
            ServiceError: the service refused, or there is none.
        """
        return self._ask("/model")

    def ready(self) -> bool:
        """Returns whether the service may be asked; False where there is none."""
        try:
            self.check_ready()
        except ServiceError:
            return False
        return True

    def check_ready(self) -> None:
        """Returns where the service may be asked.

        Raises:
            ServiceError: it says why not; its code is ``"starting"`` while the bundle is being checked.
        """
        self._open("/readyz").close()

    def _ask(self, path: str, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
        with self._open(path, content) as answer:
            try:
                read = json.loads(answer.read())
            except ValueError:
                read = None
        if not isinstance(read, dict):
            raise ServiceError(f"{self.url} gave no JSON; is it a fairlead service?", code="no_service")
        return read

    def _open(self, path: str, content: Mapping[str, Any] | None = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        headers = self._headers | ({} if data is None else {"Content-Type": "application/json"})
        # The scheme was looked at when the client was made.
        request = urllib.request.Request(self.url + path, data, headers)  # noqa: S310
        try:
            return urllib.request.urlopen(request, timeout=self._timeout)  # noqa: S310
        except urllib.error.HTTPError as refused:
            with refused:
                raise _told(refused) from None
        except OSError as error:
            raise ServiceError(f"{self.url} cannot be reached ({error}); is it running?", code="unreachable") from error


def _sent(item: Item) -> tuple[str, Any]:
    """Returns the field that an item is sent in, and what is sent."""
    if isinstance(item, str | tuple):
        return "text", item if isinstance(item, str) else list(item)
    content = item.read_bytes() if isinstance(item, Path) else item
    return "image", base64.b64encode(content).decode()


def _words(item: Item, spans: Sequence[Mapping[str, int]]) -> tuple[str, ...]:
    if not isinstance(item, str | tuple):
        return ()
    parts = (item,) if isinstance(item, str) else item
    return tuple(parts[span["part"]][span["start"] : span["end"]] for span in spans)


def _told(refused: urllib.error.HTTPError) -> ServiceError:
    try:
        error = json.loads(refused.read())["error"]
        code, message = error["code"], f"{error['message']}; {error['remedy']}"
    except (ValueError, KeyError, TypeError):
        code, message = "refused", f"the service answered {refused.code}; is it a fairlead service?"
    wait = refused.headers.get("Retry-After", "")
    return ServiceError(message, code=code, status=refused.code, retry_after=float(wait) if wait.isdigit() else None)
