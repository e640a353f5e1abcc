"""What a project accepts, written down before the figures are seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

from fairlead.errors import ConfigurationError, EvidenceError, UnknownNameError, UnreadableFileError
from fairlead.evidence import Ledger, Limit, Verdict
from fairlead.judgement.registry import FIGURES, INTERVENTION_FIGURES, Figure, InterventionFigure

_ENTRIES = ("limits", "block", "interventions")
_LIMIT_ENTRIES = ("most", "margin", "rows")
_BLOCK = (Verdict.FLAGGED, Verdict.FAILED)


def _usual_interventions() -> dict[str, Limit]:
    # Any fill turns some answers that were close, either way; what pushes most of them one way is a shortcut. What
    # was seen of both is in benchmarks/results/intervention_truth.md.
    return {
        "answer_change_rate": Limit(0.1, margin=0.05, rows=50),
        "selection_rate_change": Limit(0.05, margin=0.05, rows=50),
    }


@dataclass(frozen=True)
class Policy:
    """The figures to be judged, the limit of each, and the verdicts that stop a release.

    Attributes:
        limits: A limit for each figure by its name. Every sensitive feature is held against every limit.
        block: Verdicts on the test split that block; all others are shown all the same.
        interventions: A limit for each figure of an intervention. Every region that is masked and every list of terms
            that is swapped is held against each, over all rows and by group. By default, one answer in ten may change,
            and a selection rate move by one in twenty; empty for none.

    Raises:
        UnknownNameError: a figure that is not registered; the known are listed.
        ConfigurationError: no limits, a limit that its figure cannot reach, or *clear* among the verdicts that block.

    Examples:
        >>> policy = Policy.from_mapping({"limits": {"selection_rate_difference": 0.1}})
        >>> policy.limits["selection_rate_difference"], [verdict.value for verdict in policy.block]
        (Limit(most=0.1, margin=0.05, rows=50), ['flagged', 'failed'])
        >>> policy.interventions["answer_change_rate"]
        Limit(most=0.1, margin=0.05, rows=50)
        >>> Policy.from_mapping(policy.to_mapping()) == policy
        True
    """

    limits: Mapping[str, Limit]
    block: tuple[Verdict, ...] = field(default=_BLOCK)
    interventions: Mapping[str, Limit] = field(default_factory=_usual_interventions)

    def __post_init__(self) -> None:
        if not self.limits:
            raise ConfigurationError("a policy holds at least one limit, e.g. limits: {selection_rate_difference: 0.1}")
        for name, limit in self.limits.items():
            figure = Figure.named(name)
            if limit.most < 0 or (figure.is_share and limit.most >= 1):
                raise ConfigurationError(
                    f"the limit of {name} is a share from 0 to 1, got {limit.most}; 0.1 is ten points in a hundred"
                    if figure.is_share
                    else f"the limit of {name} is at least 0, got {limit.most}"
                )
        for name, limit in self.interventions.items():
            figure_of = InterventionFigure.named(name)
            if not 0 <= limit.most < 1:
                raise ConfigurationError(
                    f"the limit of {name} ({figure_of.code}) is a share from 0 to 1, got {limit.most}; "
                    "0.1 is one row in ten"
                )
        if Verdict.CLEAR in self.block:
            raise ConfigurationError("a clear figure cannot block a release; take 'clear' off the list")

    @classmethod
    def default(cls) -> Policy:
        """The policy of a run without one: three differences, each at most 0.1."""
        names = ("true_positive_rate_difference", "false_positive_rate_difference", "selection_rate_difference")
        return cls({name: Limit(0.1, margin=0.05, rows=50) for name in names})

    @classmethod
    def of_ledger(cls, ledger: Ledger) -> Policy:
        """Returns the limits that findings were held against; the default policy where they have none.

        Where splits were held against different limits, those of the test split hold.

        Args:
            ledger: All findings of a run, or of a bundle.

        Examples:
            >>> from fairlead.evidence import Finding
            >>> limit = Limit(0.2)
            >>> found = Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT, limit=limit)
            >>> dict(Policy.of_ledger(Ledger((found,))).limits)
            {'selection_rate_difference': Limit(most=0.2, margin=0.05, rows=50)}
        """
        known = {figure.name for figure in FIGURES}
        findings = (*ledger, *ledger.on("test"))
        limits = {found.figure: found.limit for found in findings if found.limit is not None and found.figure in known}
        return cls(limits) if limits else cls.default()

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], where: str = "the policy") -> Policy:
        """Reads what a policy file holds: ``{limits: {FIGURE: 0.1 | {most, margin, rows}}, block: [VERDICT, ...]}``.

        Where ``interventions``, written as ``limits`` are, is left out, the default ones hold.

        Args:
            content: The file's content.
            where: What an error names.

        Raises:
            UnknownNameError: an entry, figure or verdict that is not known.
            ConfigurationError: a limit that is no number.
        """
        if not isinstance(content, Mapping) or not isinstance(content.get("limits"), Mapping):
            raise ConfigurationError(f"{where} needs limits, e.g. limits: {{selection_rate_difference: 0.1}}")
        _check_names("entry", content, _ENTRIES, where)
        _check_names("figure", content["limits"], [figure.name for figure in FIGURES], where)
        limits = {str(name): _limit(str(name), value, where) for name, value in content["limits"].items()}
        return cls(limits, _block(content, where), _interventions(content, where))

    @classmethod
    def from_file(cls, path: Path) -> Policy:
        """Reads a policy from a YAML file.

        Raises:
            UnreadableFileError: a file that is not there or not YAML.
            UnknownNameError: an entry, figure or verdict that is not known.
            ConfigurationError: content that is no policy.
        """
        import yaml

        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UnreadableFileError(f"{path} is not readable YAML: {error}; mend it or name another file") from error
        return cls.from_mapping(content, str(path))

    def to_mapping(self) -> dict[str, Any]:
        """Returns plain values, as a policy file holds them."""
        return {
            "limits": {name: limit.to_dict() for name, limit in self.limits.items()},
            "block": [verdict.value for verdict in self.block],
            "interventions": {name: limit.to_dict() for name, limit in self.interventions.items()},
        }


def _block(content: Mapping[str, Any], where: str) -> tuple[Verdict, ...]:
    if "block" not in content:
        return _BLOCK
    block = content["block"]
    if not isinstance(block, list):
        raise ConfigurationError(f"block in {where} is a list of verdicts, got {block!r}; write [flagged, failed]")
    _check_names("verdict", block, [verdict.value for verdict in Verdict], where)
    return tuple(dict.fromkeys(Verdict(name) for name in block))


def _interventions(content: Mapping[str, Any], where: str) -> dict[str, Limit]:
    if "interventions" not in content:
        return _usual_interventions()
    given = content["interventions"]
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"interventions in {where} are limits by name, got {given!r}; write {{answer_change_rate: 0.1}}, or {{}} "
            "for none"
        )
    _check_names("intervention figure", given, [figure.name for figure in INTERVENTION_FIGURES], where)
    return {str(name): _limit(str(name), value, where) for name, value in given.items()}


def _check_names(kind: str, names: Iterable[object], known: Sequence[str], where: str) -> None:
    for name in names:
        if name not in known:
            raise UnknownNameError(kind, str(name), known, where=where)


def _limit(name: str, value: object, where: str) -> Limit:
    content = value if isinstance(value, Mapping) else {"most": value}
    _check_names(f"entry of {name}", content, _LIMIT_ENTRIES, where)
    numbers = all(isinstance(number, Real) and not isinstance(number, bool) for number in content.values())
    if "most" not in content or not numbers or not isinstance(content.get("rows", 1), int):
        raise ConfigurationError(
            f"the limit of {name} in {where} is a number, or {{most, margin, rows}} with whole rows; got {value!r}"
        )
    try:
        return Limit.from_dict(content)
    except EvidenceError as error:
        raise ConfigurationError(f"the limit of {name} in {where}: {error}; mend it") from error
