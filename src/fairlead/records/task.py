"""What a model is asked for."""

from __future__ import annotations

from enum import StrEnum


class TaskKind(StrEnum):
    """The kind of answer: it decides the loss, the activation and the figures, each looked up by kind.

    Examples:
        >>> TaskKind.of_classes(2)
        <TaskKind.BINARY: 'binary'>
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"

    @classmethod
    def of_classes(cls, classes: int) -> TaskKind:
        """Returns the kind of a single-label problem with so many classes."""
        return cls.BINARY if classes == 2 else cls.MULTICLASS
