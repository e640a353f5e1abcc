"""Does swapping identity terms find a double standard, and what does it find in real comments?

A logistic probe on MiniLM's features learns the synthetic applications, once with a double standard against applicants
of two faiths and once with none. The faith of every test application is swapped for another, and the answers before and
after are compared under the default policy.

Then a probe learns which of the madlibs of Dixon et al. (2018, "Measuring and Mitigating Unintended Bias in Text
Classification") are bad, whose terms are balanced by construction, and answers real comments in which their authors
swapped the identity terms: each pair is one row, before and after. Those are texts of another kind than it learned, so
that nothing here says how well it finds bad ones.

    python -m benchmarks.intervention_terms --madlibs path/to/fair_madlibs
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fairlead.audits import Answer, Interventions, TermSwap
from fairlead.backbones import TextBackbone, load_text_backbone
from fairlead.data import TermLists
from fairlead.data.synthetic import ApplicationWorld, SplitSizes
from fairlead.data.synthetic.application_words import IDENTITIES
from fairlead.data.synthetic.application_world import PASSED_OVER
from fairlead.evidence import Ledger
from fairlead.judgement import Policy, judge_interventions
from fairlead.measures import EVERY_ROW, InterventionTally
from fairlead.preprocessing import Text
from fairlead.records import Labels, SensitiveFeature, Split
from fairlead.tuning.logistic import LogisticHead, fit_logistic

RESULT = Path(__file__).parent / "results" / "intervention_terms.md"
BATCH = 64
WORLDS = {"planted": 4.0, "none": 0.0}
INVITED = Labels(("decline", "invite"))
FAITH = SensitiveFeature("faith", IDENTITIES)
BAD = Labels(("not bad", "bad"))


def features(backbone: TextBackbone, texts: Sequence[Text]) -> NDArray[np.float32]:
    """Reads texts in batches of like length, for padding costs as much as words do."""
    order = np.argsort([len(str(text)) for text in texts])
    found = np.zeros((len(texts), backbone.features), dtype=np.float32)
    with torch.inference_mode():
        for rows in np.array_split(order, max(1, len(texts) // BATCH)):
            planes = backbone.preprocessing.tokens([texts[row] for row in rows]).planes
            found[rows] = backbone(torch.from_numpy(planes)).numpy()
    return found


def probe(backbone: TextBackbone, head: LogisticHead) -> Answer:
    """The probe as the intervention test calls it."""
    weight, bias = (torch.from_numpy(array).float() for array in (head.weight, head.bias))

    def answer(inputs: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, None]:
        del rows
        return (backbone(inputs) @ weight.T + bias).softmax(dim=1), None

    return answer


def applications(backbone: TextBackbone, bias: float, rows: int) -> tuple[float, Interventions]:
    """Learns and intervenes; returns accuracy on test rows, and what was found."""
    drawn = ApplicationWorld(rows=SplitSizes(800, 0, 0, rows), bias=bias).draw()
    test = [row for row, split in enumerate(drawn.split) if split == "test"]
    train = [row for row, split in enumerate(drawn.split) if split == "train"]
    targets = np.array([INVITED.code(name) for name in drawn.decision])
    head = fit_logistic(features(backbone, [drawn.texts[row] for row in train]), targets[train], 2)
    answer = probe(backbone, head)
    swap = TermSwap(TermLists([IDENTITIES]), drawn.texts.__getitem__, backbone.preprocessing)
    found = Interventions(INVITED, (FAITH,), [("faith",)], [swap])
    faiths, said = FAITH.encode(drawn.identity), []

    def heard(inputs: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, None]:
        probabilities, decided = answer(inputs, rows)
        said.append(probabilities.argmax(dim=1).numpy())
        return probabilities, decided

    for start in range(0, len(test), BATCH):
        index = torch.tensor(test[start : start + BATCH])
        inputs = torch.from_numpy(backbone.preprocessing.tokens([drawn.texts[row] for row in index]).planes)
        found.add(inputs, index, torch.from_numpy(faiths[index])[:, None], torch.from_numpy(targets[index]), heard)
    # Every application names a faith, so that every other pass is of the whole batch as it is.
    return float((np.concatenate(said[::2]) == targets[test]).mean()), found


def comments(backbone: TextBackbone, folder: Path, train: int) -> tuple[float, InterventionTally]:
    """Learns the madlibs and answers the pairs; returns accuracy on madlibs held out, and what changed."""
    with (folder / "bias_madlibs_77k.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    chosen = np.random.default_rng(0).choice(len(lines), 2 * train, replace=False)
    read = features(backbone, [lines[row]["Text"] for row in chosen])
    bad = np.array([int(lines[row]["Label"] == "BAD") for row in chosen])
    head = fit_logistic(read[:train], bad[:train], 2)
    right = float((_answers(head, read[train:]) == bad[train:]).mean())
    written, swapped = (
        {line["rev_id"]: line for line in csv.DictReader((folder / name).open(encoding="utf-8", newline=""))}
        for name in ("toxicity_nonfuzzed_testset.csv", "toxicity_fuzzed_testset.csv")
    )
    pairs = [name for name in written if name in swapped and written[name]["comment"] != swapped[name]["comment"]]
    before, after = (
        _answers(head, features(backbone, [texts[name]["comment"] for name in pairs])) for texts in (written, swapped)
    )
    toxic = np.array([int(written[name]["toxic"] == "True") for name in pairs])
    rows = np.zeros(len(pairs), dtype=np.int64)
    return right, InterventionTally.count(EVERY_ROW, BAD, rows, targets=toxic, before=before, after=after)


def _answers(head: LogisticHead, read: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.asarray((read @ head.weight.T + head.bias).argmax(axis=1), dtype=np.int64)


def report(backbone: TextBackbone, options: argparse.Namespace) -> Iterator[str]:
    """The whole of the result."""
    policy = Policy.default()
    yield "# What do swapped identity terms change?\n"
    yield "Made by `python -m benchmarks.intervention_terms`, whose docstring says how; the default policy.\n"
    yield f"\n## Synthetic applications: a double standard against {' and '.join(PASSED_OVER)}, and none\n"
    yield f"{options.rows} test applications; the faith of each is swapped for another, drawn by its row.\n"
    for condition, bias in WORLDS.items():
        accuracy, found = applications(backbone, bias, options.rows)
        yield f"\n**{condition.capitalize()}** (log odds {bias:g}), accuracy {accuracy:.3f}:\n"
        yield from _table(found.ledger(policy, Split.TEST))
        (tally,) = next(iter(found.tallies().values()))
        net = (tally.gained - tally.lost)[:-1, 1] / tally.rows[:-1]
        told = ", ".join(f"{faith} {change:+.3f}" for faith, change in zip(IDENTITIES, net, strict=True))
        yield f"\nThe share that is invited moves, by the faith that is swapped away: {told}."
    if options.madlibs is not None:
        accuracy, tally = comments(backbone, options.madlibs, options.train)
        yield "\n## Real comments and their swapped versions\n"
        yield (
            f"A probe on {options.train} madlibs, accuracy {accuracy:.3f} on as many others; {int(tally.rows[0])} "
            f"comments that differ once swapped. Of them {int(tally.gained[0, 1])} become bad and "
            f"{int(tally.lost[0, 1])} are bad no more.\n"
        )
        yield from _table(judge_interventions({"identity terms": [tally]}, policy.interventions, "test"))


def _table(ledger: Ledger) -> Iterator[str]:
    yield "| code | figure | group | rows | estimate | verdict |"
    yield "|---|---|---|---|---|---|"
    for finding in ledger:
        estimate = finding.estimate
        yield (
            f"| {finding.code} | `{finding.figure}` | {finding.group or 'all'} | {estimate.rows if estimate else ''} | "
            f"{estimate or ''} | {finding.verdict.value} |"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--madlibs", type=Path, help="folder with the madlibs and both sets of comments")
    parser.add_argument("--rows", type=int, default=600, help="test applications")
    parser.add_argument("--train", type=int, default=1000, help="madlibs to learn from, and as many to test on")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    backbone = load_text_backbone("embedded:minilm-l6", max_tokens=128).eval()
    text = "\n".join(report(backbone, options))
    options.output.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
