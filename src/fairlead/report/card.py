"""A run as a first model card, in the form the Hugging Face Hub reads."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.evidence import Estimate
from fairlead.report.explanation_sections import changed_sections, explained_words, mass_section
from fairlead.report.markdown import grid, plain, scalar
from fairlead.report.run_record import RunRecord
from fairlead.report.sections import (
    Section,
    figures_section,
    group_sections,
    mitigation_sections,
    places_of,
    splits_of,
    untested,
)
from fairlead.report.verdicts import explain_gate, how_many_unsettled, is_advisory

_METRICS = {"f1_macro": "f1", "precision_macro": "precision", "recall_macro": "recall", "auroc_macro": "roc_auc"}
_HUB = "hub "  # as the origin of a backbone begins that the Hub names


def write_card(record: RunRecord) -> str:
    """Returns the card: what the evidence says, and places for what only its author knows.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> card = write_card(RunRecord("a: b", Ledger(), GateDecision(True), {}, {}, {}, {}))
        >>> card.splitlines()[0], "# a: b" in card, "To be written by you" in card
        ('---', True, True)
    """
    parts = [
        f"# {plain(record.name)}",
        "A first model card, written from the evidence of a run. What only you can know is marked "
        "**To be written by you**; write it before you publish, and read the rest as its signer.",
        _gate(record),
        _what(record),
        _trained(record),
        _data(record),
        *_tables([figures_section(record)]),
        *_tables(_verdicts(record, split) for split in splits_of(record)),
        *_tables(group_sections(record)),
        *_tables(mitigation_sections(record)),
        _looks_at(record),
        *_tables(changed_sections(record)),
        "## Intended use\n\n**To be written by you:** who may use this model, for which decisions, on which inputs; "
        "and for what it must not be used. Nothing in the evidence answers this.",
        "## What was not tested\n\n" + "\n".join(f"- {plain(one)}" for one in untested(record)),
        "## License\n\n**To be written by you:** none is stated. That of the pretrained weights and that of the data "
        "bind you; add a license entry to the head of this file.",
    ]
    return _front(record) + "\n" + "\n\n".join(part for part in parts if part) + "\n"


def _front(record: RunRecord) -> str:
    trained = "Backbone" in record.model
    lines = ["---"]
    tags = ["fairlead"]
    if trained:
        lines += ["library_name: fairlead", "pipeline_tag: image-classification"]
        tags += ["image-classification", "timm"]
        weights = record.model.get("Weights", "")
        if weights.startswith(_HUB):
            lines += [f"base_model: {scalar(weights.removeprefix(_HUB))}"]
    lines += ["tags:", *(f"- {tag}" for tag in tags)]
    measured = {name: found for name, found in record.test.items() if found}
    if measured:
        names = dict.fromkeys(_METRICS.get(name, name) for name in measured)
        lines += ["metrics:", *(f"- {scalar(name)}" for name in names)]
    if measured and trained:
        lines += _index(record.name, measured)
    return "\n".join([*lines, "---"]) + "\n"


def _index(name: str, measured: dict[str, Estimate]) -> list[str]:
    lines = [
        "model-index:",
        f"- name: {scalar(name)}",
        "  results:",
        "  - task:",
        "      type: image-classification",
        "    dataset:",
        "      type: own-data",
        "      name: The test rows of this run",
        "      split: test",
        "    metrics:",
    ]
    for figure, found in measured.items():
        lines += [
            f"    - type: {scalar(_METRICS.get(figure, figure))}",
            f"      name: {scalar(figure.replace('_', ' '))}",
            f"      value: {scalar(found.value)}",
            "      args:",  # the form has no place of its own for an interval and the rows it rests on
            *(f"        {key}: {scalar(value)}" for key, value in found.to_dict().items() if key != "value"),
        ]
    return lines


def _gate(record: RunRecord) -> str:
    decision = record.decision
    answer = f"**The release gate: {'passes' if decision.passes else 'blocked'}.**"
    if decision.override or decision.passes:
        unsettled = how_many_unsettled(record.ledger.on("test"))
        told = explain_gate(decision, unsettled).removeprefix("passes: ")
        return f"{answer} {plain(told[:1].upper() + told[1:])}."
    return answer + "\n\n" + "\n".join(f"- {plain(reason)}" for reason in decision.blocked_by)


def _what(record: RunRecord) -> str:
    if "Backbone" not in record.model:
        return (
            "## What it is\n\nAn audit of predictions; of the model that made them the evidence says nothing more.\n\n"
            "**To be written by you:** what the model is and how it was trained."
        )
    kept = record.model.get("Kept", "a model")
    return f"## What it is\n\nAn image classifier: {plain(kept)} on the backbone {plain(record.model['Backbone'])}."


def _trained(record: RunRecord) -> str:
    if not record.model:
        return ""
    return "## How it was trained\n\n" + grid(("Fact", "Value"), record.model.items())


def _data(record: RunRecord) -> str:
    told = "## Data\n\n"
    if record.rows:
        told += (
            "The model was fitted on *train* rows and chosen on *val* rows; *calibration* rows set its temperature, "
            "and thresholds where there are any. The figures below are of *test* rows, on which nothing was chosen.\n\n"
        )
        told += grid(("Split", "Rows"), [(split, str(count)) for split, count in record.rows.items()]) + "\n\n"
    return (
        told + "**To be written by you:** where the data came from, who is in them, who labelled them, and what they "
        "leave out."
    )


def _looks_at(record: RunRecord) -> str:
    told, section = explained_words(record), mass_section(record)
    if not told:
        return ""
    table = f"\n\n{plain(section.caption)}\n\n{grid(section.head, section.rows)}" if section.rows else ""
    return f"## {section.title}\n\n{plain(told)}{table}"


def _verdicts(record: RunRecord, split: str) -> Section:
    rows = []
    for finding in record.ledger.on(split):
        found = record.estimate_of(finding)
        rows.append(
            (
                finding.code + (", advisory" if is_advisory(finding) else ""),
                finding.figure.replace("_", " "),
                places_of(finding),
                finding.verdict.value.replace("_", " "),
                f"{found}" if found else "no value shown",
                f"{found.rows}" if found else "",
                f"{finding.limit.most:g}" if finding.limit else "",
                record.remedy_of(finding),
            )
        )
    head = ("Code", "Figure", "Of", "Verdict", "Value and interval", "Rows", "Limit", "What to do")
    caption = "Each figure is held against its limit, the most that is accepted: the less, the better."
    return Section(f"Verdicts on {split} rows", caption, head, tuple(rows))


def _tables(sections: Iterable[Section]) -> list[str]:
    return [
        f"## {plain(section.title)}\n\n{plain(section.caption)}\n\n{grid(section.head, section.rows)}"
        for section in sections
        if section.rows
    ]
