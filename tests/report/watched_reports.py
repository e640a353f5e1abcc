"""Reports of monitoring as a service may give them: quiet, alarming, empty, and with names meant to harm."""

import math

from explained import NASTY

from fairlead.evidence import (
    DriftMonitor,
    Estimate,
    Finding,
    Ledger,
    Limit,
    LiveGroup,
    MovedScore,
    PriorShift,
    QualityEstimate,
    Verdict,
    WatchReport,
)

NOON = 1796032920.0  # 2026-11-30 10:02 UTC
MODEL = {
    "digest": "3f9c2a7be1d04c58",
    "task": "multiclass",
    "precision": "float32",
    "runtime": "onnxruntime",
    "labels": ["normal", "pneumonia"],
    "gate": {"passes": False, "blocked_by": ["FAIR-003 true_positive_rate_difference, sex: flagged"]},
    "override": {"name": "A. Person", "date": "2026-11-02", "reason": "a pilot with two clinics", "held": "bundle"},
    "signature": "holds",
}
LIMIT = Limit(0.1)


def monitor(code, name, family, evidence=0.3, *, peak=None, share=0.2, monitors=4, items=12400, raised=None):
    """One test; ``raised`` is the item of its alarm."""
    most = max(evidence, 0.0) if peak is None else peak
    first = (raised, NOON) if raised else ()
    return DriftMonitor(code, name, family, evidence, most, math.log(monitors / (0.05 * share)), items, *first)


def drift(*extra):
    return (
        monitor("DRIFT-004", "input.brightness", "input", 0.9, peak=1.9),
        monitor("DRIFT-004", "input.contrast", "input", -1.2, peak=0.4),
        monitor("DRIFT-001", "embedding.distance", "embedding", 2.1, peak=2.6),
        monitor("DRIFT-001", "embedding.direction_3", "embedding", -0.5),
        monitor("DRIFT-002", "predicted.pneumonia", "prediction", 0.2, monitors=1),
        monitor("DRIFT-003", "confidence", "confidence", 0.6, share=0.1, monitors=1),
        monitor("DRIFT-005", "error", "error", 0.1, share=0.15, items=840),
        monitor("DRIFT-005", "error.sex=f", "error", 0.4, share=0.15, items=402),
        *extra,
    )


def finding(verdict=Verdict.CLEAR, low=0.01, value=0.03, high=0.06, **changed):
    fields = {"code": "FAIR-001", "figure": "selection_rate_difference", "split": "live", "verdict": verdict}
    measured = verdict in (Verdict.CLEAR, Verdict.FLAGGED, Verdict.UNDECIDED)
    estimate = Estimate(value, low, high, 0.95, 12400, "confidence sequence") if measured else None
    return Finding(**(fields | {"feature": "sex", "estimate": estimate, "limit": LIMIT} | changed))


def quiet(**changed):
    given = {
        "started": NOON - 86400,
        "latest": NOON + 3600,
        "items": 12400,
        "requests": 11020,
        "reference_rows": 1200,
        "counts": {"dropped": 12, "feedback_joined": 840, "feedback_duplicate": 3, "feedback_unknown": 9},
        "drift": drift(),
        "window_items": 512,
        "moved": (
            MovedScore("input.brightness", 0.21, 0.48, 0.51, 0.06, None),
            MovedScore("predicted.pneumonia", 1.0, 0.625, 0.64, 0.015, None),
            MovedScore("confidence", 1.0, 0.913, 0.921, 0.03, None),
        ),
        "prior_shift": PriorShift(
            {"normal": 0.375, "pneumonia": 0.625}, {"normal": 0.36, "pneumonia": 0.64}, True, 0.9
        ),
        "quality": (
            QualityEstimate(
                "accuracy",
                Estimate(0.912, 0.889, 0.934, 0.95, 512, "CBPE"),
                0.924,
                realised=Estimate(0.905, 0.84, 0.95, 0.95, 96, "exact"),
            ),
            QualityEstimate("recall.pneumonia", Estimate(0.94, 0.91, 0.965, 0.95, 512, "CBPE"), 0.951),
        ),
        "findings": Ledger(
            (
                finding(),
                finding(
                    Verdict.INSUFFICIENT,
                    code="FAIR-003",
                    figure="true_positive_rate_difference",
                    remedy="collect 120 labels of sex=f, positives",
                ),
            )
        ),
        "groups": (
            LiveGroup("sex", "f", 5980, 0.631, 402, 0.09),
            LiveGroup("sex", "m", 6410, 0.652, 431, 0.084),
            LiveGroup("sex", "(missing)", None, None, None, None),
        ),
    }
    return WatchReport("3f9c2a7be1d04c58", 0.05, **(given | changed))


def alarming():
    raised = (
        monitor("DRIFT-004", "input.brightness", "input", 41.0, peak=44.0, raised=812),
        monitor("DRIFT-001", "embedding.distance", "embedding", 9.1, peak=9.4, raised=2040),
        monitor("DRIFT-004", "input.contrast", "input", 1.1, peak=3.4),
        monitor("DRIFT-003", "confidence", "confidence", 3.9, peak=4.8, share=0.1, monitors=1),
        monitor("DRIFT-002", "predicted.pneumonia", "prediction", 2.2, monitors=1),
        monitor("DRIFT-005", "error", "error", 0.0, items=0, share=0.15),
    )
    moved = (
        MovedScore("input.brightness", 1e-12, 0.48, 0.71, 0.62, False),
        MovedScore("confidence", 0.0004, 0.913, 0.842, 0.21, False),
        MovedScore("predicted.pneumonia", 0.03, 0.625, 0.702, 0.077, True),
        MovedScore("input.contrast", 0.8, 0.21, 0.2, 0.04, None),
    )
    withheld = "drift is raised: the reference no longer covers what is asked"
    flagged = finding(Verdict.FLAGGED, 0.17, 0.22, 0.27, remedy="compare who is sent by the clients of sex=f and sex=m")
    return quiet(
        drift=raised,
        moved=moved,
        prior_shift=PriorShift({"normal": 0.375, "pneumonia": 0.625}, {"normal": 0.24, "pneumonia": 0.76}, False, 2e-6),
        quality=tuple(QualityEstimate(name, None, 0.92, withheld) for name in ("accuracy", "recall.pneumonia")),
        findings=Ledger((finding(code="FAIR-002", figure="disparate_impact"), flagged)),
        counts={"dropped": 312, "feedback_joined": 0, "feedback_unknown": 9},
        note="Feedback: none has come back for the latest 8 900 items.",
    )


def many_classes(count=100):
    names = [f"class {number} with a name of some length, such as registries have" for number in range(count)]
    share = dict.fromkeys(names, 1 / count)
    return names, quiet(
        drift=tuple(
            monitor("DRIFT-002", f"predicted.{name}", "prediction", number / 20, monitors=count)
            for number, name in enumerate(names)
        ),
        moved=tuple(MovedScore(f"predicted.{name}", 1.0, 0.01, 0.01, 0.0) for name in names),
        prior_shift=PriorShift(share, share, True, 1.0),
        quality=tuple(
            QualityEstimate(f"recall.{name}", Estimate(0.9, 0.8, 0.95, 0.95, 90, "CBPE"), 0.9) for name in names
        ),
    )


def hostile(name=NASTY):
    """Every text that may come from outside is ``name``."""
    text, long = name, name * 40
    model = dict.fromkeys(("digest", "task", "precision", "runtime", "signature"), long) | {
        "labels": [text, long, "\ud800"],
        "gate": {"passes": False, "blocked_by": [text]},
        "override": {"name": text, "date": text, "reason": long, "held": text},
    }  # fmt: skip
    return model, quiet(
        drift=(
            monitor("DRIFT-002", f"predicted.{long}", "prediction", 12.0, raised=3),
            monitor("DRIFT-005", f"error.{text}={text}", text, math.nan),
            monitor("DRIFT-004", "input.\ud800", "input", math.inf, raised=2),
        ),
        moved=(MovedScore(f"predicted.{text}", 0.0, math.nan, 2.0, -1.0, False),),
        prior_shift=PriorShift({text: 0.5, long: 0.5}, {text: math.nan, long: 1.0}, False, 0.0),
        quality=(QualityEstimate(f"recall.{long}", None, None, text),),
        findings=Ledger((finding(Verdict.FLAGGED, 0.2, 0.3, 0.4, feature=text, group=long, remedy=text),)),
        groups=(LiveGroup(text, long, 3, math.nan, 2, 0.5),),
        counts={text: 3},
        note=text,
        started=math.inf,
        latest=math.nan,
    )
