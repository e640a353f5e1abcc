"""What the person who runs a service decides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from fairlead.errors import ConfigurationError, UnreadableFileError
from fairlead.evidence import Override
from fairlead.serving.monitor_settings import MonitorSettings

_PREFIX = "FAIRLEAD_"
_TRUE, _FALSE = ("1", "true", "yes"), ("", "0", "false", "no")


@dataclass(frozen=True, kw_only=True)
class ServiceLimits:
    """What one request, and all of them together, may take.

    Attributes:
        body_bytes: The largest body that is read.
        pixels: Larger pictures are refused before they are decoded.
        pictures: The most in one request; of texts too.
        slots: Requests that may wait or be worked on at a time; more are answered 429 at once.
        deadline: Seconds a request may take; later it is answered 503 or 504.
        explanations: At work at a time; 0 switches ``/explain`` off.
        evaluations: Of the model for one explanation at most.
        drain: Seconds for which a service told to stop still answers, while ``/readyz`` says that it leaves.

    Raises:
        ConfigurationError: one that is not above zero.

    Examples:
        >>> ServiceLimits().pictures
        32
    """

    body_bytes: int = 20_000_000
    pixels: int = 40_000_000
    pictures: int = 32
    slots: int = 16
    deadline: float = 10.0
    explanations: int = 1
    evaluations: int = 400
    drain: float = 0.0

    def __post_init__(self) -> None:
        for name in ("body_bytes", "pixels", "pictures", "slots", "deadline"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"{_PREFIX}{name.upper()} is above 0, got {getattr(self, name)}")
        if self.evaluations < 2:
            raise ConfigurationError(f"{_PREFIX}EVALUATIONS is at least 2, got {self.evaluations}")
        for name in ("explanations", "drain"):
            if not getattr(self, name) >= 0:
                raise ConfigurationError(f"{_PREFIX}{name.upper()} is at least 0, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Which bundle is served, and to whom.

    Attributes:
        bundle: Its folder; None is told by ``/readyz``, so that a container says what it lacks.
        key: Public key that the bundle must be signed by; None checks no signature.
        override: Who answers for serving a bundle that its gate blocks; held in memory, shown by ``/model``.
        api_key: What a client must send; None asks for none on loopback, and refuses everyone elsewhere.
        open_to_all: Whether anyone may ask without a key, from anywhere.
        runtime: What runs the graph: ``"onnxruntime"``, or ``"openvino"`` where it is installed.
        limits: What a request may take.
        monitor: How what is answered is watched.

    Raises:
        ConfigurationError: a key is set, and anyone may ask without one.

    Examples:
        >>> settings = ServiceSettings.from_environment({"FAIRLEAD_BUNDLE": "runs/a/bundle", "FAIRLEAD_SLOTS": "4"})
        >>> settings.bundle.as_posix(), settings.limits.slots
        ('runs/a/bundle', 4)
        >>> ServiceSettings.from_environment({"FAIRLEAD_SLOTS": "many"})
        Traceback (most recent call last):
        fairlead.errors.ConfigurationError: FAIRLEAD_SLOTS is a number, got 'many'; set another, or unset it
    """

    bundle: Path | None = None
    key: Path | None = None
    override: Override | None = None
    api_key: str | None = None
    open_to_all: bool = False
    runtime: str = "onnxruntime"
    limits: ServiceLimits = ServiceLimits()
    monitor: MonitorSettings = field(default_factory=MonitorSettings)

    def __post_init__(self) -> None:
        if self.api_key is not None and self.open_to_all:
            raise ConfigurationError("there is an API key, and anyone may ask without one; leave out one of the two")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> ServiceSettings:
        """Reads the settings from variables that begin with ``FAIRLEAD_``.

        They are ``BUNDLE``, ``KEY``, ``OVERRIDE`` with ``OVERRIDE_BY``, ``API_KEY`` or ``API_KEY_FILE``,
        ``NO_API_KEY``, ``RUNTIME``, the limits by their names in capitals, ``POLICY``, and the settings of monitoring
        by theirs behind ``MONITOR_``; ``MONITOR`` alone switches it.

        Raises:
            ConfigurationError: a value that is none.
            UnreadableFileError: a file of an API key that cannot be read or is empty.
        """
        given = {
            name.removeprefix(_PREFIX): value
            for name, value in (os.environ if environment is None else environment).items()
            if name.startswith(_PREFIX) and value
        }
        given_limits: dict[str, Any] = {
            name: _number(name, given, kind) for name, kind in _LIMITS.items() if name.upper() in given
        }
        limits = ServiceLimits(**given_limits)
        override = None
        if "OVERRIDE" in given or "OVERRIDE_BY" in given:
            override = Override(given.get("OVERRIDE", ""), given.get("OVERRIDE_BY", ""), date.today().isoformat())
        return cls(
            bundle=Path(given["BUNDLE"]) if "BUNDLE" in given else None,
            key=Path(given["KEY"]) if "KEY" in given else None,
            override=override,
            api_key=read_api_key(Path(given["API_KEY_FILE"])) if "API_KEY_FILE" in given else given.get("API_KEY"),
            open_to_all=_switch("NO_API_KEY", given),
            runtime=given.get("RUNTIME", "onnxruntime"),
            limits=limits,
            monitor=_monitor(given),
        )


def read_api_key(file: Path) -> str:
    """Reads the key that clients must send from a file.

    Raises:
        UnreadableFileError: no such file, or an empty one.
    """
    try:
        key = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"the API key's file {file} cannot be read ({error}); name another") from error
    if not key:
        raise UnreadableFileError(f"the API key's file {file} is empty; write the key into it")
    return key


_LIMITS: dict[str, type[int] | type[float]] = {
    "body_bytes": int, "pixels": int, "pictures": int, "slots": int, "deadline": float,
    "explanations": int, "evaluations": int, "drain": float,
}  # fmt: skip


_MONITOR: dict[str, type[int] | type[float]] = {
    "monitor_queue": int, "monitor_queue_bytes": int, "monitor_seed": int, "monitor_alpha": float,
    "monitor_keep_days": float,
}  # fmt: skip


def _monitor(given: Mapping[str, str]) -> MonitorSettings:
    numbers: dict[str, Any] = {
        name.removeprefix("monitor_"): _number(name, given, kind)
        for name, kind in _MONITOR.items()
        if name.upper() in given
    }
    named = [name.strip() for name in given.get("MONITOR_GROUPS", "").split(",")]
    return MonitorSettings(
        on=_switch("MONITOR", {"MONITOR": "true", **given}),
        folder=Path(given["MONITOR_FOLDER"]) if "MONITOR_FOLDER" in given else None,
        policy=Path(given["POLICY"]) if "POLICY" in given else None,
        groups=tuple(dict.fromkeys(name for name in named if name)),
        inputs=_switch("MONITOR_INPUTS", given),
        **numbers,
    )


def _number(name: str, given: Mapping[str, str], kind: type[int] | type[float]) -> int | float:
    text = given[name.upper()]
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{_PREFIX}{name.upper()} is a number, got {text!r}; set another, or unset it"
        ) from error


def _switch(name: str, given: Mapping[str, str]) -> bool:
    text = given.get(name, "").lower()
    if text not in (*_TRUE, *_FALSE):
        raise ConfigurationError(f"{_PREFIX}{name} is true or false, got {text!r}; set one of them")
    return text in _TRUE
