"""What a watch finds of what was planted, and that it says nothing of what was not."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from fairlead.errors import DataError, UnknownNameError
from fairlead.evidence import Verdict
from fairlead.judgement import DRIFT_FAMILIES, LIVE_SHARE, DriftFamily, Policy
from fairlead.measures import ScoreReference
from fairlead.monitoring import Watch, WatchSettings
from fairlead.records import Feedback, Observation
from tests.fakes.traffic import LABELS, MODEL, World, items, labels_of, observed, reference, watch


def _after_change(changed: World, seed: int = 0, calm: int = 500, later: int = 1500, told: bool = False) -> Watch:
    watching = watch(seed)
    drawn = items(World(), calm, seed + 1) + items(changed, later, seed + 2)
    seen = observed(drawn)
    for start in range(0, len(seen), 100):
        watching.add(seen[start : start + 100])
        if told:
            watching.told(labels_of(drawn[start : start + 100], seen[start : start + 100]))
    return watching


def _raised(watching: Watch) -> set[str]:
    return {alarm.name for alarm in watching.report().alarms}


def test_shares_and_codes_of_the_families() -> None:
    assert sum(family.share for family in DRIFT_FAMILIES) + LIVE_SHARE == pytest.approx(1)
    assert [family.code for family in DRIFT_FAMILIES] == [f"DRIFT-{number:03d}" for number in range(1, 6)]
    with pytest.raises(UnknownNameError, match=r"inputs.*did you mean 'input'"):
        DriftFamily.named("inputs")


def test_thresholds_spend_alpha_and_no_more() -> None:
    watching = watch(alpha=0.05)
    spent = {}
    for monitor in watching.report().drift:
        spent[monitor.family] = spent.get(monitor.family, 0.0) + np.exp(-monitor.threshold)
    assert spent == pytest.approx({"confidence": 0.005, "input": 0.01, "prediction": 0.01, "error": 0.0075})
    assert [monitor.name for monitor in watching.report().drift] == [
        "confidence", "input.brightness", "predicted.yes", "error", "error.sex=f", "error.sex=m",
    ]  # fmt: skip


def test_an_unchanged_stream_raises_nothing() -> None:
    for seed in range(6):
        assert not _raised(_after_change(World(), seed * 10, later=2000, told=True))


def test_brighter_inputs_are_named() -> None:
    watching = _after_change(World(brightness=1.0))
    assert _raised(watching) == {"input.brightness"}
    [alarm] = watching.report().alarms
    assert (alarm.code, alarm.family) == ("DRIFT-004", "input")
    assert alarm.raised_item is not None
    assert 500 < alarm.raised_item < 700
    assert alarm.raised_time == 1e9 + alarm.raised_item - 1  # items come a second apart
    assert alarm.peak >= alarm.threshold


def test_an_alarm_stays() -> None:
    watching = _after_change(World(brightness=1.0), later=300)
    first = watching.report().alarms
    watching.add(observed(items(World(), 2000, 77), first=5000))
    assert [(a.raised_item, a.raised_time) for a in first] == [
        (a.raised_item, a.raised_time) for a in watching.report().alarms
    ]


def test_other_shares_of_the_classes_are_named() -> None:
    assert _raised(_after_change(World(positives=0.75))) == {"predicted.yes"}


def test_errors_of_one_group_are_named() -> None:
    watching = _after_change(World(wrong_f=0.4), told=True)
    raised = {name for name in _raised(watching) if name.startswith("error")}
    assert "error.sex=f" in raised
    assert "error.sex=m" not in raised


def test_errors_without_labels_are_not_seen() -> None:
    assert "error.sex=f" not in _raised(_after_change(World(wrong_f=0.4)))


def test_a_report_does_not_depend_on_portions() -> None:
    drawn = items(World(brightness=0.3), 700, 5)
    seen = observed(drawn, apart=7.0)
    told = labels_of(drawn, seen)[::3]
    reports = []
    for size in (1, 7, 700):
        watching = watch()
        for start in range(0, len(seen), size):
            watching.add(seen[start : start + size])
        for start in range(0, len(told), size):
            watching.told(told[start : start + size])
        reports.append((watching.report().to_dict(), watching.to_dict()))
    assert reports[0] == reports[1] == reports[2]


def test_what_moved_is_named_in_the_window() -> None:
    watching = _after_change(World(brightness=1.0))
    moved = watching.report().moved
    first = moved[0]
    assert (first.name, first.explained) == ("input.brightness", False)
    assert True not in {score.explained for score in moved}  # shares that do not fit explain nothing
    assert first.p_value < 1e-6
    assert first.window - first.reference > 0.7
    calm = _after_change(World()).report()
    assert calm.moved
    assert min(score.p_value for score in calm.moved) > 0.01


def test_other_shares_of_the_classes_are_named_a_prior_shift() -> None:
    shift = _after_change(World(positives=0.75)).report().prior_shift
    assert shift is not None
    assert shift.fits
    assert abs(shift.window["yes"] - 0.75) < 0.08
    brighter = _after_change(World(brightness=1.0)).report().prior_shift
    assert brighter is not None
    assert not brighter.fits


def test_nothing_is_said_of_a_window_of_few() -> None:
    watching = watch()
    watching.add(observed(items(World(), 99, 1)))
    report = watching.report()
    assert (report.moved, report.prior_shift, report.window_items) == ((), None, 99)
    assert {figure.withheld[:26] for figure in report.quality} == {"the window holds 99 items,"}
    watching.add(observed(items(World(), 1, 2), first=99))
    assert len(watching.report().moved) == 3


def test_quality_is_told_beside_labels_and_withheld_while_an_alarm_stands() -> None:
    calm = _after_change(World(), told=True).report().quality[0]
    assert calm.figure == "accuracy"
    assert calm.estimate is not None
    assert calm.realised is not None
    assert calm.realised.low < 0.9 < calm.realised.high
    assert abs(calm.estimate.value - 0.9) < 0.1
    moved = _after_change(World(brightness=1.0)).report().quality
    assert all(figure.estimate is None and "an alarm of drift stands" in figure.withheld for figure in moved)


def test_a_report_changes_nothing() -> None:
    watching = _after_change(World(), later=100, told=True)
    before = watching.to_dict()
    watching.report()
    assert watching.to_dict() == before


def test_only_items_that_lead_are_tested_and_all_are_counted() -> None:
    seen = observed(items(World(brightness=3.0), 400, 3))
    watching = watch()
    watching.add([replace(one, leads=number == 0) for number, one in enumerate(seen)])
    report = watching.report()
    assert {monitor.items for monitor in report.drift if monitor.family != "error"} == {1}
    assert (report.items, report.requests, sum(group.items or 0 for group in report.groups)) == (400, 1, 400)
    watching.told([Feedback(one.id, one.time, "yes") for one in seen])
    assert watching.monitors[3].items == 1


def test_items_of_another_model_or_class_are_counted_and_not_read() -> None:
    [seen] = observed(items(World(), 1, 3))
    watching = watch()
    watching.add(
        [
            replace(seen, model="b" * 64),
            replace(seen, predicted="perhaps"),
            replace(seen, probabilities=(0.2, 0.3, 0.5)),
            replace(seen, time=-1.0),
            replace(seen, time=1e300),
        ]
    )
    report = watching.report()
    assert (report.items, dict(report.counts)) == (0, {"impossible_time": 2, "other_model": 3})


def test_a_value_that_is_no_declared_group_is_kept_nowhere() -> None:
    seen = [replace(one, groups={"sex": "Ada Lovelace"}) for one in observed(items(World(), 20, 3))]
    watching = watch()
    watching.add(seen)
    report = watching.report()
    assert {group.group: group.items for group in report.groups} == {"f": 0, "m": 0, "(missing)": 20}
    assert report.counts["undeclared_groups"] == 20
    assert "Lovelace" not in str(watching.to_dict()) + str(report.to_dict())


def test_ids_of_requests_are_not_kept() -> None:
    watching = watch()
    watching.add([replace(observed(items(World(), 1, 3))[0], id="patient-4711")])
    assert "4711" not in str(watching.to_dict())


def test_a_feature_that_is_not_allowed_is_not_watched() -> None:
    watching = watch(features=())
    watching.add(observed(items(World(), 50, 3)))
    report = watching.report()
    assert not report.groups
    assert not [monitor for monitor in report.drift if "sex" in monitor.name]
    with pytest.raises(UnknownNameError, match="sensitive feature 'gender'"):
        watch(features=("gender",))


def test_without_a_reference_groups_are_still_watched() -> None:
    watching = watch(with_reference=False)
    drawn = items(World(), 200, 3)
    seen = observed(drawn)
    watching.add(seen)
    watching.told(labels_of(drawn, seen))
    report = watching.report()
    assert report.drift == ()
    assert report.reference_rows == 0
    assert report.prior_shift is None
    assert "no reference" in report.note
    assert sum(group.labelled or 0 for group in report.groups) == 200


def test_small_groups_are_not_shown() -> None:
    drawn = items(World(), 60, 3)
    few = [replace(item, sex=0 if number < 4 else 1) for number, item in enumerate(drawn)]
    seen = observed(few)
    watching = watch()
    watching.add(seen)
    shown = {group.group: group.items for group in watching.report().groups}
    assert shown == {"f": None, "m": None, "(missing)": 0}  # m alone would give f away
    watching.told(labels_of(few, seen))
    hidden = {monitor.name: monitor.items for monitor in watching.report().drift if monitor.family == "error"}
    assert hidden == {"error": 60, "error.sex=f": 0, "error.sex=m": 0}


def test_labels_of_a_small_group_are_not_shown() -> None:
    drawn = items(World(), 300, 3)
    seen = observed(drawn)
    watching = watch()
    watching.add(seen)
    told = [label for item, label in zip(drawn, labels_of(drawn, seen), strict=True) if item.sex]
    watching.told([*told, *[la for i, la in zip(drawn, labels_of(drawn, seen), strict=True) if not i.sex][:3]])
    shown = {group.group: (group.items is None, group.labelled) for group in watching.report().groups}
    assert shown == {"f": (False, None), "m": (False, None), "(missing)": (False, 0)}


def test_memory_does_not_grow() -> None:
    watching = watch(pending=500, buckets=12)
    sizes = []
    for portion in range(4):
        for start in range(0, 5000, 500):
            first = portion * 5000 + start
            drawn = items(World(), 500, first)
            seen = observed(drawn, first=first, apart=30.0)
            watching.add(seen)
            watching.told(labels_of(drawn, seen)[::5])
        sizes.append((_size(watching), watching.report().items))
    assert [read for _, read in sizes] == [5000, 10_000, 15_000, 20_000]
    # The tallies since each start are more by one whenever the run has doubled.
    assert sizes[-1][0] < 1.2 * sizes[0][0]


def _size(thing: object, seen: set[int] | None = None) -> int:
    """Bytes of an object and all it holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, type):
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return int(thing.nbytes)
    inside: list[object] = []
    if isinstance(thing, dict):
        inside = [*thing.keys(), *thing.values()]
    elif isinstance(thing, list | tuple | set):
        inside = list(thing)
    elif hasattr(thing, "__dict__"):
        inside = list(vars(thing).values())
    return sys.getsizeof(thing) + sum(_size(part, seen) for part in inside)


def test_late_items_go_to_their_bucket_or_to_the_totals_alone() -> None:
    watching = watch(buckets=3, bucket_seconds=10.0)
    drawn = items(World(), 6, 1)
    seen = [replace(one, time=time) for one, time in zip(observed(drawn), (100, 110, 120, 101, 131, 109), strict=True)]
    watching.add(seen)
    report = watching.report()
    assert (report.items, report.window_items, report.counts["late"]) == (6, 3, 1)
    assert (report.started, report.latest) == (100, 131)


def test_settings_that_cannot_work() -> None:
    for wrong, said in (
        ({"alpha": 0.0}, "alpha lies between 0 and 1"),
        ({"bucket_seconds": float("nan")}, "at least 1 second"),
        ({"pending": 0}, "pending lies from 1"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(Exception, match=said):
            WatchSettings(**wrong)


def test_a_model_is_watched_with_its_own_classes() -> None:
    known, tallies = reference()
    with pytest.raises(Exception, match="of its own classes"):
        Watch(known, tallies, replace(LABELS, names=("a", "b")), model=MODEL, policy=Policy.default())


def test_an_item_without_a_score_lets_its_monitor_wait() -> None:
    seen = [replace(one, scores={}) for one in observed(items(World(), 30, 3))]
    watching = watch()
    watching.add(seen)
    counts = {monitor.name: monitor.items for monitor in watching.report().drift if monitor.family != "error"}
    assert counts == {"confidence": 30, "input.brightness": 0, "predicted.yes": 30}


def test_labels_live_once() -> None:
    first, second, twice = observed(items(World(), 3, 3))
    watching = watch(pending=3)
    watching.add([first, second, twice, replace(twice, time=twice.time + 1)])
    feedback = [
        Feedback(first.id, 2e9, "yes"), Feedback(first.id, 2e9, "yes"), Feedback(first.id, 2e9, "no"),
        Feedback(twice.id, 2e9, "no"), Feedback("never", 2e9, "no"), Feedback(second.id, 2e9, "zebra"),
    ]  # fmt: skip
    statuses = ["joined", "duplicate", "conflict", "ambiguous", "unknown", "unknown_class"]
    assert watching.told(feedback) == statuses
    report = watching.report()
    assert {name: report.counts[f"feedback_{name}"] for name in statuses} == dict.fromkeys(statuses, 1)
    assert report.counts["ambiguous_ids"] == 1
    watching.add(observed(items(World(), 3, 4), first=10))
    assert watching.told([Feedback(second.id, 2e9, "no")]) == ["unknown"]  # it had to give way


def test_observations_of_no_items() -> None:
    watching = watch()
    watching.add([])
    assert watching.told([]) == []
    assert watching.report().items == 0
    assert watching.report().started is None
    with pytest.raises(DataError):
        Observation("", 0.0, MODEL, "yes", (0.5, 0.5))


def test_alike_items_of_a_request_count_once_for_a_limit_and_all_for_the_page() -> None:
    """Two requests of 200 like pictures each, of one group each, say as much of rates as two pictures do."""
    watching = watch(with_reference=False)
    sure = {"yes": (0.1, 0.9), "no": (0.9, 0.1)}
    for request, (said, sex) in enumerate((("yes", "f"), ("no", "m"))):
        seen = [
            Observation(f"r{request}/{place}", 1e9, MODEL, said, sure[said], {}, {"sex": sex}, leads=place == 7)
            for place in range(200)
        ]
        watching.add(seen)
        watching.told([Feedback(one.id, 1e9, "yes") for one in seen])
    report = watching.report()
    assert {finding.verdict for finding in report.findings} <= {Verdict.INSUFFICIENT, Verdict.NOT_APPLICABLE}
    assert [(group.items, group.labelled) for group in report.groups[:2]] == [(200, 200)] * 2
    assert Watch.from_dict(watching.to_dict(), watching.watched).report() == report


def test_where_requests_hold_many_items_the_window_waits_for_enough_requests() -> None:
    """500 items in 32 requests would leave too few independent ones to compare."""
    watching = watch()
    drawn = items(World(), 3200, 1)
    seen = [replace(one, leads=place % 16 == 0) for place, one in enumerate(observed(drawn, apart=20.0))]
    watching.add(seen)
    report = watching.report()
    assert report.window_items >= 1600
    assert report.moved


def test_a_score_that_no_row_gave_bins_is_not_watched_and_the_note_says_so() -> None:
    known, tallies = reference()
    binless = ScoreReference("input.sharpness", "input", np.zeros(0), np.array([[400], [600], [0]]))
    watching = Watch(
        replace(known, scores=(*known.scores, binless)), tallies, LABELS, model=MODEL, policy=Policy.default()
    )
    watching.add([replace(one, scores={"input.sharpness": 0.5}) for one in observed(items(World(), 300, 1))])
    report = watching.report()
    assert "no row gave the bins of input.sharpness" in report.note
    assert "input.sharpness" not in {monitor.name for monitor in report.drift}
    json.dumps(report.to_dict(), allow_nan=False)
