"""What a compacted log holds: its columns, and what became of the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.errors import DataError
from fairlead.records import Labels, Observation

_FIXED = ("id", "time", "model", "predicted", "target", "leads", "split")
_PROBABILITY = "probability_"
_MOST = 500


@dataclass(frozen=True)
class Compacted:
    """What became of the records of a log.

    Attributes:
        rows: Answers of the model, each a row.
        labelled: Those with a true class.
        conflicts: Those of which different classes were told; the first is kept.
        ambiguous: Ids that were answered more than once; their rows have no true class.
        unmatched: Labels of what is not in the log, or of another model's answers.
        unknown_classes: Labels that the model does not know, which are left out.
        unfit: Answers that are not as this model's are, or of no time that a calendar has; left out.
        other_models: Answers of other models by their digests; left out.
        features: Sensitive features, and the column of each.
    """

    rows: int
    labelled: int
    conflicts: int
    ambiguous: int
    unmatched: int
    unknown_classes: int
    unfit: int
    other_models: Mapping[str, int]
    features: Mapping[str, str]


class CompactedColumns:
    """The columns of a table of answers, found while they are read.

    Args:
        labels: The C classes.

    Raises:
        DataError: classes whose names differ by case alone, which columns cannot.

    Examples:
        >>> columns = CompactedColumns(Labels(("cat", "dog")))
        >>> columns.add(Observation("r1", 1.5, "ab12", "cat", (0.75, 0.25), {}, {"sex": "f", "target": "x"}))
        >>> columns.features
        {'sex': 'sex', 'target': 'group.target'}
    """

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self._scores: set[str] = set()
        self._groups: set[str] = set()
        alike: dict[str, str] = {}
        for label in labels:
            other = alike.setdefault(label.casefold(), label)
            if other != label:
                raise DataError(
                    f"the classes {other!r} and {label!r} differ by case alone, and columns of a table cannot; a log "
                    "of this model is read with `fairlead monitor`, or export it with other class names"
                )

    def add(self, answer: Observation) -> None:
        """Takes the names of an answer's scores and groups.

        Raises:
            DataError: more names than a table has columns, or one that no column can have.
        """
        new = (answer.scores.keys() - self._scores) | (answer.groups.keys() - self._groups)
        for name in new:
            if "\0" in name:
                raise DataError(
                    f"the name {name!r} in answer {answer.id!r} holds a NUL; leave that line out of the log"
                )
        self._scores.update(answer.scores)
        self._groups.update(answer.groups)
        if len(self._scores) + len(self._groups) > _MOST:
            raise DataError(
                f"the log has more than {_MOST} different names of scores and groups, and no service of ours writes "
                "so many; name the folder that the service writes to"
            )

    @property
    def features(self) -> dict[str, str]:
        """The column of each sensitive feature: its own name, unless another column has that."""
        return self._named()[1]

    def query(self, model: str) -> str:
        """Returns what selects every column from the joined answers."""
        scores, groups = self._named()
        selected = [
            "seen.id AS id",
            "to_timestamp(seen.time) AS time",
            f"{literal(model)} AS model",
            "seen.predicted AS predicted",
            *(
                f"seen.probabilities[{place}] AS {_name(_PROBABILITY + label)}"
                for place, label in enumerate(self._labels, start=1)
            ),
            "CASE WHEN answers.times = 1 THEN truths.label END AS target",
            "seen.leads AS leads",
            *(f"map_extract(seen.scores, {literal(key)})[1] AS {_name(name)}" for key, name in scores.items()),
            *(f"map_extract(seen.groups, {literal(key)})[1] AS {_name(name)}" for key, name in groups.items()),
        ]
        joined = "FROM seen JOIN answers USING (id) LEFT JOIN truths USING (id)"
        return f"SELECT {', '.join(selected)} {joined}"

    def _named(self) -> tuple[dict[str, str], dict[str, str]]:
        taken = {name.casefold() for name in _FIXED}
        scores = {name: _free(name, "score.", taken) for name in sorted(self._scores)}
        groups = {name: _free(name, "group.", taken) for name in sorted(self._groups)}
        return scores, groups


def _free(name: str, prefix: str, taken: set[str]) -> str:
    """Returns a column's name that no other has, whatever its case, and that is read as no probability."""
    while not name or name.casefold() in taken or name.casefold().startswith(_PROBABILITY):
        name = prefix + name
    taken.add(name.casefold())
    return name


def _name(text: str) -> str:
    return '"' + utf8_text(text).replace('"', '""') + '"'


def literal(text: str) -> str:
    """Returns text as SQL has it.

    Examples:
        >>> literal("it's")
        "'it''s'"
    """
    return "'" + utf8_text(text).replace("'", "''") + "'"


def utf8_text(text: str) -> str:
    r"""Returns text that can be written as UTF-8: half a surrogate pair, as JSON may hold, is spelled out.

    Examples:
        >>> utf8_text("a\ud800")
        'a\\ud800'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
