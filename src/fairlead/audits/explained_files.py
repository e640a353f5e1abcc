"""What the SHAP audit leaves in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.audits.explained_summary import mass_by_group, reliable_by_group
from fairlead.judgement import FEWEST_SHOWN
from fairlead.records import RunFolder, SensitiveFeature, Split
from fairlead.report import draw_explanations, explanations_json, write_attributions, write_explanations

if TYPE_CHECKING:
    from fairlead.audits.shap_audit import Shown


def keep_explanations(
    folder: str | Path, shown: Shown, split: Split, sensitive: Sequence[SensitiveFeature] = ()
) -> None:
    """Writes the picture, the page, the figures and the values of one split's explanations; each file whole.

    Those of test rows have the names of a run folder; those of validation rows begin with ``val_``.

    Args:
        folder: Where.
        shown: What is written.
        split: Of the rows.
        sensitive: The declared features.
    """
    run, explanations = RunFolder(Path(folder)), shown.explanations
    run.path.mkdir(parents=True, exist_ok=True)
    rows, flips = explanations.rows, [flip for found in shown.flips.values() for flip in found]

    def place(path: Path) -> Path:
        return path if split is Split.TEST else path.with_name(f"{split.value}_{path.name}")

    content = explanations_json(
        rows,
        mass=mass_by_group(rows, sensitive),
        reliable=reliable_by_group(rows, sensitive),
        seconds=explanations.seconds,
        stopped=explanations.stopped or explanations.failure,
        fewest=FEWEST_SHOWN,
    )
    content["flips"] = [flip.to_dict() for flip in flips]
    RunFolder.write_json(place(run.explanations), content)
    write_attributions(place(run.attributions), rows)
    title = f"What speaks for the answers to {split.value} rows"
    if rows:
        draw_explanations(rows, place(run.explanations_picture), title=title)
    write_explanations(rows, place(run.explanations_page), title=title, flips=flips)
