"""What a service watches its model with."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fairlead.bundle import Bundle, scores_of
from fairlead.errors import UnreadableFileError
from fairlead.judgement import Policy
from fairlead.measures import EmbeddingSketch
from fairlead.monitoring import RequestLog, Watch, WatchSettings, load_watch, save_watch
from fairlead.records import Labels, Observation
from fairlead.serving.answered_request import AnsweredRequest
from fairlead.serving.monitor_settings import MonitorSettings
from fairlead.serving.state_place import StatePlace

logger = logging.getLogger("bentoml.fairlead")


@dataclass(eq=False)
class Watching:
    """A watch, a log, and what makes observations of answers. It is of one thread: the recorder's.

    Attributes:
        watch: Reads the observations.
        labels: The C classes.
        model: Digest of the bundle.
        sketch: Makes scores of embeddings; None where the bundle has none.
        features: Sensitive features whose values are kept, with the groups that are known of each.
        log: Keeps the records; None for none.
        state: Where the watch outlives its process; None for nowhere.
        seed: Of the lots that choose which item stands for its request.
    """

    watch: Watch
    labels: Labels
    model: str
    sketch: EmbeddingSketch | None = None
    features: Mapping[str, frozenset[str]] = field(default_factory=dict)
    log: RequestLog | None = None
    state: StatePlace | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        self._lots = np.random.default_rng([self.seed, 1])  # other lots than those that break ties

    @classmethod
    def of(cls, bundle: Bundle, settings: MonitorSettings) -> Watching:
        """Goes on where a state was left, or begins anew.

        A state that cannot be read, or is of other settings, is put aside under a name of its own and never written
        over.

        Raises:
            UnknownNameError: a feature that is to be watched and that the bundle has no tally of.
            UnreadableFileError: a policy that cannot be read.
        """
        policy = None if settings.policy is None else Policy.from_file(settings.policy)
        asked = WatchSettings(alpha=settings.alpha, seed=settings.seed, features=settings.groups)
        folder = settings.folder
        place = None if folder is None else StatePlace.take(folder, bundle.digest)
        state = None if place is None else place.path
        known = {tally.by.feature: frozenset(tally.by.groups) for tally in bundle.tallies}
        return cls(
            _resumed(bundle, state, asked, policy),
            bundle.labels,
            bundle.digest,
            bundle.reference.sketch if bundle.reference is not None else None,
            {name: known[name] for name in settings.groups},
            None if folder is None else RequestLog(folder, keep_days=settings.keep_days, keep_inputs=settings.inputs),
            place,
            settings.seed,
        )

    def observed(self, answered: Sequence[AnsweredRequest]) -> list[Observation]:
        """Makes observations of answered requests.

        Raises:
            FairleadError: one of them cannot be read; then none of them is.
        """
        seen = [one for request in answered for one in request.seen]
        scores = scores_of(seen, self.sketch)
        rows = {name: np.asarray(values, dtype=np.float64).tolist() for name, values in scores.items()}
        made: list[Observation] = []
        for request in answered:
            leading = int(self._lots.integers(len(request.seen))) if request.seen else 0
            for place, one in enumerate(request.seen):
                row = len(made)
                kept = {name: values[row] for name, values in rows.items() if np.isfinite(values[row])}
                made.append(
                    Observation(
                        request.name(one.place),
                        request.time,
                        self.model,
                        self.labels[one.code],
                        tuple(np.clip(one.probabilities, 0, 1).tolist()),
                        kept,
                        self._groups(request, one.place),
                        place == leading,
                    )
                )
        return made

    def save(self) -> None:
        """Writes the state, where there is a place for it.

        Raises:
            OSError: a folder that cannot be written, or a full disk.
        """
        if self.state is not None:
            self.state.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            save_watch(self.watch, self.state.path)

    def close(self) -> None:
        """Ends the log, and lets another service have the state's place."""
        if self.state is not None:
            self.state.free()
        if self.log is not None:
            self.log.close()

    def _groups(self, request: AnsweredRequest, place: int) -> dict[str, str | None]:
        given = request.sensitive[place] if place < len(request.sensitive) else {}
        named = {name: given.get(name) for name in self.features}
        return {name: value if value in self.features[name] else None for name, value in named.items()}


def _resumed(bundle: Bundle, state: Path | None, settings: WatchSettings, policy: Policy | None) -> Watch:
    fresh = Watch.of(bundle, settings, policy)
    try:
        if state is None or not state.exists():
            return fresh
        return load_watch(state, bundle, settings=settings, policy=policy)
    except (UnreadableFileError, OSError) as error:
        logger.warning("monitoring begins anew: %s", error)
        _put_aside(state)
        fresh.count("state_lost")
        return fresh


def _put_aside(state: Any) -> None:
    number = 1
    try:
        while (aside := state.with_suffix(f".unread{number}")).exists():
            number += 1
        state.rename(aside)
    except OSError as error:
        logger.warning("%s cannot be put aside: %s", state, error)
