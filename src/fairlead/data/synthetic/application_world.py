"""A world of synthetic job applications with a planted bias of known size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import accumulate, product

from fairlead.data.synthetic.application_letter import Letter, write_letter
from fairlead.data.synthetic.application_row import DEGREES, LOG_RATIOS, ApplicationRow, application_stream
from fairlead.data.synthetic.application_words import ASPECTS, IDENTITIES, STYLES
from fairlead.data.synthetic.applications import Applications
from fairlead.data.synthetic.split_sizes import SplitSizes
from fairlead.errors import ConfigurationError

PASSED_OVER = ("Muslim", "Sikh")
FEWEST_TOLD = 2  # of the four aspects
_ENDS = list(accumulate(DEGREES))


@dataclass(frozen=True)
class ApplicationWorld:
    """Parameters of a synthetic dataset: short job applications, invited or declined.

    Every text is made up by a grammar; what happens to whom in it says nothing of real people. An applicant is
    *qualified* or not, and this shows in two to four of four aspects that an application mentions (experience,
    training, reference, availability), each in one of four degrees; see ``DEGREES`` in ``application_row``. Every
    application mentions one identity term, at a known place, and is written in one of three styles. Qualification,
    identity, style and what is mentioned are independent draws, from the same probabilities in every split.

    **The bias: a double standard.** An applicant of an identity outside ``PASSED_OVER`` is invited if qualified. With
    one inside, the same application must speak for itself more clearly: the odds of an invitation are e^b times
    smaller, b being ``bias``, so that qualified applicants are passed over, seldom where everything speaks for them
    and often where little does. No unqualified one is ever invited. For the best reader of the whole text::

        logit P(invite | text, passed over) = logit P(invite | the same text with another term) - b

    At the defaults 50 % of the others are invited and 28 % of those passed over, and so the best reader would decide
    (``selection_rates``). Nothing depends on the style, nor on which of the other identities it is. ``bias=0`` turns
    it off.

    A row is a pure function of its number, the seed and the parameters other than ``rows``: a world with more rows
    begins with the same rows. (Two rows of the same text, which thousands of draws do not bring about, would have
    the later one worded again.)

    Attributes:
        rows: Rows of each split.
        seed: Another seed, another world of the same kind.
        qualified: P(qualified), the same for every identity; strictly between 0 and 1.
        bias: b above, in log odds; 0 switches it off.
        identity_shares: P(identity) of Buddhist, Christian, Hindu, Jewish, Muslim and Sikh; they sum to 1.

    Raises:
        ConfigurationError: a parameter outside its range.

    Examples:
        >>> world = ApplicationWorld(rows=SplitSizes(train=3, val=1, calibration=1, test=1), bias=0.0)
        >>> len(world.draw()), world.row(0) == ApplicationWorld(bias=0.0).row(0)
        (6, True)
        >>> [round(rate, 2) for rate in ApplicationWorld().selection_rates()]
        [0.5, 0.28]
    """

    rows: SplitSizes = field(default_factory=lambda: SplitSizes(train=800, val=400, calibration=400, test=3000))
    seed: int = 0
    qualified: float = 0.5
    bias: float = 4.0
    identity_shares: tuple[float, float, float, float, float, float] = (0.12, 0.30, 0.14, 0.14, 0.18, 0.12)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigurationError(f"seed is {self.seed}; give 0 or a positive integer")
        if not 0 < self.qualified < 1:
            raise ConfigurationError(f"qualified is {self.qualified}; give a share between 0 and 1, neither included")
        if not 0 <= self.bias <= 20:
            raise ConfigurationError(f"bias is {self.bias}; give log odds from 0 (no bias) to 20 (none is invited)")
        shares = self.identity_shares
        if len(shares) != len(IDENTITIES) or not all(0 <= share <= 1 for share in shares):
            raise ConfigurationError(f"identity_shares is {shares}; give six shares from 0 to 1")
        if not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise ConfigurationError(f"identity_shares sum to {sum(shares):g}; make them sum to 1")

    def row(self, number: int) -> ApplicationRow:
        """Decides the facts of one application; ``rows`` sets no bound to its number.

        Raises:
            ConfigurationError: a negative number.
        """
        if number < 0:
            raise ConfigurationError(f"there is no row {number}; rows are numbered from 0")
        # Every fact has its own draw and is compared with its own probability: changing one parameter changes the
        # facts it is about and leaves all others, in every row.
        draws = application_stream(self.seed, number, "facts").random(5 + 2 * len(ASPECTS)).tolist()
        qualified, identity, style, passed_over, mentioned = draws[:5]
        fit = qualified < self.qualified
        degrees = [_stretch(point, _ENDS) for point in draws[5 : 5 + len(ASPECTS)]]
        rank = sorted(range(len(ASPECTS)), key=lambda aspect: draws[5 + len(ASPECTS) + aspect])
        told = set(rank[: FEWEST_TOLD + int(mentioned * (len(ASPECTS) - FEWEST_TOLD + 1))])
        row = ApplicationRow(
            number=number,
            qualified=fit,
            invited=fit,
            identity=IDENTITIES[_stretch(identity, list(accumulate(self.identity_shares)))],
            style=STYLES[int(style * len(STYLES))],
            degrees=tuple(
                (degree if fit else len(DEGREES) - 1 - degree) if aspect in told else None
                for aspect, degree in enumerate(degrees)
            ),
        )
        passes = passed_over * self._qualified(row.log_likelihood_ratio()) < self.probability(row)
        return replace(row, invited=fit and passes)

    def letter(self, number: int, attempt: int = 0) -> Letter:
        """Writes one application; another attempt words it otherwise."""
        return write_letter(self.row(number), application_stream(self.seed, number, "wording", attempt))

    def draw(self) -> Applications:
        """Writes every application, about 0.1 ms each on one core; no two have the same text."""
        rows = tuple(self.row(number) for number in range(self.rows.total))
        letters: list[Letter] = []
        seen: set[str] = set()
        for row in rows:
            attempt = 0
            letter = self._written(row, attempt)
            while letter.text in seen:
                attempt += 1
                letter = self._written(row, attempt)
            seen.add(letter.text)
            letters.append(letter)
        return Applications(rows=rows, split=self.rows.column(), letters=tuple(letters))

    def probability(self, row: ApplicationRow) -> float:
        """Returns P(invite | degrees, identity) by Bayes' rule: what the best reader of the whole text would answer.

        No model can be right more often than this answer at the threshold 0.5, which is right on 93 rows in 100 at
        the defaults.
        """
        return self._qualified(row.log_likelihood_ratio() - (self.bias if row.identity in PASSED_OVER else 0))

    def selection_rates(self, *, best_reader: bool = False) -> tuple[float, float]:
        """Returns the share of invited applicants among the others and among those passed over, exactly.

        Args:
            best_reader: Of the best reader's decisions at the threshold 0.5, instead of those in the labels.
        """
        others = passed_over = 0.0
        for chance, ratio in self._ratios():
            answers = [self._qualified(ratio - bias) for bias in (0, self.bias)]
            if best_reader:  # at 0.5 it is of two minds
                answers = [0.5 if abs(answer - 0.5) < 1e-9 else float(answer > 0.5) for answer in answers]
            others += chance * answers[0]
            passed_over += chance * answers[1]
        return others, passed_over

    def _qualified(self, ratio: float) -> float:
        """P(qualified) of an application by its log likelihood ratio."""
        return 1 / (1 + math.exp(-ratio) * (1 - self.qualified) / self.qualified)

    def _ratios(self) -> Iterator[tuple[float, float]]:
        """Every combination of degrees: how often it occurs, and its log likelihood ratio."""
        counts = range(FEWEST_TOLD, len(ASPECTS) + 1)
        for told in counts:  # which aspects are told does not matter, for all have one distribution
            for degrees in product(range(len(DEGREES)), repeat=told):
                fit = self.qualified * math.prod(DEGREES[degree] for degree in degrees)
                unfit = (1 - self.qualified) * math.prod(DEGREES[-1 - degree] for degree in degrees)
                yield (fit + unfit) / len(counts), sum(LOG_RATIOS[degree] for degree in degrees)

    def _written(self, row: ApplicationRow, attempt: int) -> Letter:
        return write_letter(row, application_stream(self.seed, row.number, "wording", attempt))


def _stretch(point: float, ends: list[float]) -> int:
    """Returns which stretch of [0, 1) holds the point; one of share 0 holds none."""
    return next(place for place, end in enumerate(ends) if point < end / ends[-1])
