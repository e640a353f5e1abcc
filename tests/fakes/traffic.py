"""A model's traffic with planted truth: exchangeable with its reference until something is changed on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fairlead.judgement import Policy
from fairlead.measures import FeatureGroups, GroupTally, Reference, ScoreReference
from fairlead.monitoring import Watch, WatchSettings
from fairlead.records import Feedback, Labels, Observation

LABELS = Labels(("no", "yes"))
SEX = FeatureGroups("sex", ("f", "m"))
MODEL = "a1" * 32


@dataclass(frozen=True)
class World:
    """How items come about.

    Attributes:
        positives: Share of the positive class.
        brightness: Shift of the inputs' brightness.
        wrong_f: Chance that an answer on group f is wrong.
        wrong_m: The same of group m.
    """

    positives: float = 0.4
    brightness: float = 0.0
    wrong_f: float = 0.1
    wrong_m: float = 0.1


@dataclass(frozen=True)
class Item:
    """One item with its truth."""

    truth: int
    decided: int
    sex: int
    probability: float
    brightness: float


def items(world: World, count: int, seed: int) -> list[Item]:
    """Draws independent items."""
    lots = np.random.default_rng(seed)
    truth = (lots.random(count) < world.positives).astype(int)
    sex = lots.integers(0, 2, count)
    wrong = lots.random(count) < np.where(sex == 0, world.wrong_f, world.wrong_m)
    decided = np.where(wrong, 1 - truth, truth)
    sure = lots.beta(8, 1, count) / 2 + 0.5
    brightness = lots.normal(world.brightness, 1, count)
    columns = zip(truth, decided, sex, np.where(decided == 1, sure, 1 - sure), brightness, strict=True)
    return [Item(int(t), int(d), int(s), float(p), float(b)) for t, d, s, p, b in columns]


def reference(seed: int = 0, rows: int = 1000) -> tuple[Reference, tuple[GroupTally, ...]]:
    """Counts reference rows of the unchanged world."""
    drawn = items(World(), rows, 10_000 + seed)
    truth, decided = (np.array([getattr(item, name) for item in drawn]) for name in ("truth", "decided"))
    probability = np.array([[1 - item.probability, item.probability] for item in drawn])
    values = {"confidence": probability.max(axis=1), "input.brightness": np.array([i.brightness for i in drawn])}
    edges = {"confidence": np.linspace(0.55, 0.99, 12), "input.brightness": np.linspace(-2, 2, 20)}
    families = {"confidence": "confidence", "input.brightness": "input"}
    scores = []
    for name, column in values.items():
        counts = np.zeros((3, len(edges[name]) + 1), dtype=np.int64)
        np.add.at(counts, (truth, np.searchsorted(edges[name], column, side="right")), 1)
        scores.append(ScoreReference(name, families[name], edges[name], counts))
    cells = np.zeros((3, 2), dtype=np.int64)
    np.add.at(cells, (truth, decided), 1)
    expected, squares = np.zeros((2, 2)), np.zeros(2)
    np.add.at(expected, decided, probability)
    np.add.at(squares, decided, ((truth == decided) - probability[np.arange(rows), decided]) ** 2)
    sexes = np.array([item.sex for item in drawn])
    tally = GroupTally.count(SEX, LABELS, sexes, truth, decided)
    return Reference(LABELS, tuple(scores), cells, expected, squares), (tally,)


def observed(drawn: Sequence[Item], *, first: int = 0, start: float = 1e9, apart: float = 1.0) -> list[Observation]:
    """Returns what a service keeps of items that come so many seconds apart."""
    return [
        Observation(
            f"r{number}",
            start + number * apart,
            MODEL,
            LABELS[item.decided],
            (1 - item.probability, item.probability),
            {"input.brightness": item.brightness},
            {"sex": SEX.groups[item.sex]},
        )
        for number, item in enumerate(drawn, start=first)
    ]


def labels_of(drawn: Sequence[Item], seen: Sequence[Observation], *, later: float = 60.0) -> list[Feedback]:
    """Returns the truth of items, told later."""
    return [Feedback(o.id, o.time + later, LABELS[item.truth]) for item, o in zip(drawn, seen, strict=True)]


def watch(seed: int = 0, *, with_reference: bool = True, **settings: object) -> Watch:
    """Returns a fresh watch over the world's model."""
    known, tallies = reference(seed)
    kept = replace(WatchSettings(seed=seed), **settings)  # type: ignore[arg-type]
    return Watch(
        known if with_reference else None, tallies, LABELS, model=MODEL, policy=Policy.default(), settings=kept
    )
