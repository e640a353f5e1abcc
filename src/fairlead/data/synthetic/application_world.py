"""A world of synthetic job applications with a planted bias of known size."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import accumulate

from fairlead.data.synthetic.application_letter import Letter, write_letter
from fairlead.data.synthetic.application_row import DEGREES, ApplicationRow, application_stream
from fairlead.data.synthetic.application_words import ASPECTS, IDENTITIES, STYLES
from fairlead.data.synthetic.applications import Applications
from fairlead.data.synthetic.split_sizes import SplitSizes
from fairlead.errors import ConfigurationError

PASSED_OVER = ("Muslim", "Sikh")
_ENDS = list(accumulate(DEGREES))


@dataclass(frozen=True)
class ApplicationWorld:
    """Parameters of a synthetic dataset: short job applications, invited or declined.

    Every text is made up by a grammar; what happens to whom in it says nothing of real people. An applicant is
    *qualified* or not, and this shows in two to four of four aspects that an application mentions (experience,
    training, reference, availability), each in one of four degrees; see ``DEGREES`` in ``application_row``. Every
    application mentions one identity term, at a known place, and is written in one of three styles. Qualification,
    identity, style and what is mentioned are independent draws, from the same probabilities in every split.

    **The bias.** A qualified applicant of an identity in ``PASSED_OVER`` is declined nonetheless with probability
    b = ``bias``; all other qualified applicants are invited, and no unqualified one is. So, with q = ``qualified``::

        P(invite | passed over) = (1 - b) q        P(invite | any other) = q
        P(invite | text, passed over) = (1 - b) P(invite | the same text with another term)

    The selection rates of the decisions differ by b q, which is 0.225 at the defaults, and a reader who has learned
    the decisions well answers (1 - b) times as high when the term is swapped. Nothing depends on the style, nor on
    which of the other identities it is. ``bias=0`` turns it off.

    A row is a pure function of its number, the seed and the parameters other than ``rows``: a world with more rows
    begins with the same rows. (Two rows of the same text, which thousands of draws do not bring about, would have
    the later one worded again.)

    Attributes:
        rows: Rows of each split.
        seed: Another seed, another world of the same kind.
        qualified: q above; strictly between 0 and 1.
        bias: b above; 0 switches it off.
        identity_shares: P(identity) of Buddhist, Christian, Hindu, Jewish, Muslim and Sikh; they sum to 1.

    Raises:
        ConfigurationError: a parameter outside its range.

    Examples:
        >>> world = ApplicationWorld(rows=SplitSizes(train=3, val=1, calibration=1, test=1), bias=0.0)
        >>> len(world.draw()), world.row(0) == ApplicationWorld(bias=0.0).row(0)
        (6, True)
        >>> round(ApplicationWorld().planted_gap, 3)
        0.225
    """

    rows: SplitSizes = field(default_factory=lambda: SplitSizes(train=800, val=400, calibration=400, test=3000))
    seed: int = 0
    qualified: float = 0.5
    bias: float = 0.45
    identity_shares: tuple[float, float, float, float, float, float] = (0.12, 0.30, 0.14, 0.14, 0.18, 0.12)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigurationError(f"seed is {self.seed}; give 0 or a positive integer")
        if not 0 < self.qualified < 1:
            raise ConfigurationError(f"qualified is {self.qualified}; give a share between 0 and 1, neither included")
        if not 0 <= self.bias <= 1:
            raise ConfigurationError(f"bias is {self.bias}; give a share from 0 (no bias) to 1")
        shares = self.identity_shares
        if len(shares) != len(IDENTITIES) or not all(0 <= share <= 1 for share in shares):
            raise ConfigurationError(f"identity_shares is {shares}; give six shares from 0 to 1")
        if not math.isclose(sum(shares), 1, abs_tol=1e-6):
            raise ConfigurationError(f"identity_shares sum to {sum(shares):g}; make them sum to 1")

    @property
    def planted_gap(self) -> float:
        """How much lower the selection rate of the decisions is for those passed over."""
        return self.bias * self.qualified

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
        name = IDENTITIES[_stretch(identity, list(accumulate(self.identity_shares)))]
        degrees = [_stretch(point, _ENDS) for point in draws[5 : 5 + len(ASPECTS)]]
        rank = sorted(range(len(ASPECTS)), key=lambda aspect: draws[5 + len(ASPECTS) + aspect])
        told = set(rank[: 2 + int(mentioned * (len(ASPECTS) - 1))])
        return ApplicationRow(
            number=number,
            qualified=fit,
            invited=fit and not (name in PASSED_OVER and passed_over < self.bias),
            identity=name,
            style=STYLES[int(style * len(STYLES))],
            degrees=tuple(
                (degree if fit else len(DEGREES) - 1 - degree) if aspect in told else None
                for aspect, degree in enumerate(degrees)
            ),
        )

    def letter(self, number: int, attempt: int = 0) -> Letter:
        """Writes one application; another attempt words it otherwise."""
        return write_letter(self.row(number), application_stream(self.seed, number, "wording", attempt))

    def draw(self) -> Applications:
        """Writes every application, about 0.05 ms each on one core; no two have the same text."""
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

        No model can be right more often than this answer at the threshold 0.5.
        """
        odds = self.qualified / (1 - self.qualified) * math.exp(row.log_likelihood_ratio())
        return odds / (1 + odds) * (1 - self.bias if row.identity in PASSED_OVER else 1)

    def _written(self, row: ApplicationRow, attempt: int) -> Letter:
        return write_letter(row, application_stream(self.seed, row.number, "wording", attempt))


def _stretch(point: float, ends: list[float]) -> int:
    """Returns which stretch of [0, 1) holds the point; one of share 0 holds none."""
    return next(place for place, end in enumerate(ends) if point < end / ends[-1])
