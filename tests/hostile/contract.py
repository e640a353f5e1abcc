"""Requests that schemathesis makes from the OpenAPI document, and whether the document is true of the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.case import Case
from tests.hostile.exchange import Answer
from tests.hostile.laws import broken

# 422 is for what no schema can say of bytes; 413 is documented, and outside of schemathesis' own list.
_SCHEMA_VALID = [200, 202, 422, 429, 503]
_SCHEMA_INVALID = [400, 401, 404, 405, 413, 415, 422, 429, 503]
SHARES = {("POST", "/predict"): 5, ("POST", "/explain"): 2, ("POST", "/feedback"): 1}


@dataclass
class Seen:
    """What came of the requests.

    Attributes:
        statuses: By operation.
        failures: What broke, and the request as a command line; at most one of a kind.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Requests."""
        return sum(counts.total() for counts in self.statuses.values())


def conform(url: str, cases: int, seed: int, tick: Callable[[], None] = lambda: None) -> Seen:
    """Asks with what the document allows and with what it does not; holds every check of schemathesis, and our laws.

    Args:
        url: Of the service.
        cases: About how many; of an operation without a body there is little to vary.
        seed: Of hypothesis.
        tick: Is called after each.
    """
    import schemathesis

    config = schemathesis.Config.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": _SCHEMA_VALID},
                "negative_data_rejection": {"expected-statuses": _SCHEMA_INVALID},
            }
        }
    )
    schema = schemathesis.openapi.from_url(f"{url}/docs.json", config=config)
    seen, operations = Seen(), [found.ok() for found in schema.get_all_operations()]
    parts = sum(SHARES.get((one.method.upper(), one.path), 0) for one in operations)
    for operation in operations:
        share = SHARES.get((operation.method.upper(), operation.path), 0) * cases // (2 * parts)
        for mode in ("positive", "negative") if share else ("positive",):
            _ask(operation, schemathesis.GenerationMode(mode), max(share, 3), seed, _judged(operation, seen, tick))
    return seen


def _ask(operation: Any, mode: Any, examples: int, seed: int, judge: Callable[[Any], None]) -> None:
    import hypothesis

    settings = hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    hypothesis.seed(seed)(settings(hypothesis.given(case=operation.as_strategy(generation_mode=mode))(judge)))()


def _judged(operation: Any, seen: Seen, tick: Callable[[], None]) -> Callable[[Any], None]:
    statuses = seen.statuses.setdefault(f"{operation.method.upper()} {operation.path}", Counter())

    def judge(case: Any) -> None:
        response = case.call()
        statuses[response.status_code] += 1
        tick()
        for failure in (*_failures(case, response), *_lawless(operation, response)):
            seen.failures.setdefault(f"{operation.label}: {failure}", case.as_curl_command()[:2000])

    return judge


def _failures(case: Any, response: Any) -> Iterator[str]:
    """Of schemathesis, each in a line."""
    try:
        case.validate_response(response)
    except BaseExceptionGroup as group:
        for one in group.exceptions:
            said = f"{type(one).__name__}: {' '.join(str(one).split())[:300]}"
            if not _is_beyond_schema(said, case, response.status_code):
                yield said


def _is_beyond_schema(said: str, case: Any, status: int) -> bool:
    """Whether schemathesis expects what no schema can say, or no form can."""
    body = case.body if isinstance(case.body, dict) else {}
    sensitive = body.get("sensitive")
    if said.startswith("RejectedPositiveData") and status == 400:  # the document names no labels, and pairs no lists
        return "label" in body or isinstance(sensitive, list)
    if said.startswith("AcceptedNegativeData"):
        if "/sensitive/additionalProperties" in said and isinstance(sensitive, dict):  # null became a text: still good
            return all(value is None or isinstance(value, str) for value in sensitive.values())
        return case.media_type == "multipart/form-data" and [] in body.values()  # an empty list is not sent
    return False


def _lawless(operation: Any, response: Any) -> list[str]:
    answer = Answer(
        response.status_code,
        {name.lower(): ", ".join(values) for name, values in response.headers.items()},
        response.content,
        response.elapsed,
    )
    return broken(Case("schemathesis", operation.label, (), method=operation.method.upper()), answer)
