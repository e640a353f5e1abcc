"""The classes of a table, and the codes of its values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.errors import ConfigurationError, DataError, LabelError, UnknownNameError
from fairlead.records import Labels
from fairlead.tables.answers import Answers
from fairlead.tables.columns import AnswerColumns
from fairlead.tables.texts import class_text, in_order

MOST_CLASSES = 100
_TRUTH_VALUES = {"false": "0", "true": "1"}


@dataclass(frozen=True)
class Classes:
    """Class names in the order of their codes, and how values of the table are read as classes.

    Attributes:
        labels: The C classes.
        coded: Whether predictions are codes already.
        alike: Values of the table that are written otherwise than the class they stand for.
    """

    labels: Labels
    coded: bool
    alike: dict[str, str]

    @classmethod
    def of(
        cls, truths: Iterable[object], said: Iterable[object], answers: Answers, columns: AnswerColumns, where: str
    ) -> Classes:
        """Takes the classes from the names of columns of probabilities, or from the values of the whole table.

        Raises:
            LabelError: values that are not among the classes, or truths and predictions that have none in common.
            DataError: no truth at all, or so many different ones that they are no classes.
            UnknownNameError: a positive class that does not occur.
            ConfigurationError: a number of classes that does not fit the prediction or a positive class.
        """
        true = _texts(truths)
        predicted = set() if answers.coded else _texts(said)
        check_classes(true, columns.target, where)
        if not true:
            raise DataError(
                f"column {columns.target!r} of {where} has no value in any row; name the column of the truth"
            )
        if answers.labels is not None:
            strange = in_order((true | predicted) - set(answers.labels))
            if strange:
                raise LabelError(
                    f"{where} has the class {strange[0]!r}, and no column of its probability (there are "
                    f"{', '.join(answers.labels[:4])}); add it, or rename those columns if another model made them"
                )
            return cls(Labels(answers.labels), answers.coded, {})
        if answers.coded:
            return cls(Labels(_two(true, columns, where)), True, {})
        alike = _alike(true, predicted)
        together = {alike.get(text, text) for text in true | predicted}
        if predicted and not {alike.get(text, text) for text in predicted} & {alike.get(text, text) for text in true}:
            raise LabelError(
                f"no class of {columns.prediction!r} ({_few(predicted)}) is one of {columns.target!r} ({_few(true)}) "
                f"in {where}; write both alike, or name the column of the prediction"
            )
        check_classes(together, columns.target, where)
        return cls(Labels(_with_positive(together, columns, where)), False, alike)

    def true_code(self, value: object) -> int:
        """Returns the code of a true class; -1 for none."""
        text = class_text(value)
        return -1 if text is None else self.labels.code(self.alike.get(text, text))

    def said_code(self, value: object) -> int:
        """Returns the code of a predicted class."""
        if self.coded:
            return int(value)  # type: ignore[call-overload,no-any-return]
        return self.true_code(value)


def check_classes(texts: Iterable[str], target: str, where: str) -> None:
    """Refuses what are no classes.

    Raises:
        DataError: too many different values.
    """
    if len(set(texts)) > MOST_CLASSES:
        raise DataError(
            f"column {target!r} of {where} has more than {MOST_CLASSES} different values, which are no classes; a "
            "table is audited for classes: put a number into classes first"
        )


def _texts(values: Iterable[object]) -> set[str]:
    return {text for value in values if (text := class_text(value)) is not None}


def _two(true: set[str], columns: AnswerColumns, where: str) -> tuple[str, ...]:
    classes = true | {columns.positive} if columns.positive and len(true) == 1 else true
    if len(classes) != 2:
        raise ConfigurationError(
            f"column {columns.prediction!r} of {where} holds one probability, which tells two classes apart, and "
            f"{columns.target!r} has {len(classes)} ({_few(classes)}); "
            + (
                "name the other one with --positive, if it is that of the probability"
                if len(classes) == 1
                else "name a column of predicted classes, or give each class a column of probabilities"
            )
        )
    return _with_positive(classes, columns, where)


def _with_positive(classes: set[str], columns: AnswerColumns, where: str) -> tuple[str, ...]:
    ordered = in_order(classes)
    positive = columns.positive
    if len(ordered) < 2:
        raise DataError(
            f"{where} has one class alone, {_few(classes)}, in {columns.target!r} and {columns.prediction!r}; an audit "
            "compares how two or more are told apart: add rows of another class"
        )
    if positive is None:
        return ordered
    if positive not in ordered:
        raise UnknownNameError("class", positive, ordered, where=f"column {columns.target!r} of {where}")
    if len(ordered) > 2:
        raise ConfigurationError(f"a positive class is one of two, and there are {len(ordered)}; leave out --positive")
    return (*(label for label in ordered if label != positive), positive)


def _alike(true: set[str], predicted: set[str]) -> dict[str, str]:
    """Pairs true and false with 1 and 0 where one column has the first and the other the second."""
    for one, other in ((true, predicted), (predicted, true)):
        if one and other and {text.casefold() for text in one} <= set(_TRUTH_VALUES) and other <= {"0", "1"}:
            return {text: _TRUTH_VALUES[text.casefold()] for text in one}
    return {}


def _few(texts: Iterable[str]) -> str:
    ordered = in_order(texts)
    return ", ".join(ordered[:4]) + (", ..." if len(ordered) > 4 else "")
