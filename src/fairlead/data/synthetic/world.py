"""A world of synthetic skin lesions with two planted biases of known size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from fairlead.data.synthetic.drawing import Drawing
from fairlead.data.synthetic.lesions import Lesions
from fairlead.data.synthetic.row import LesionRow, row_stream
from fairlead.data.synthetic.signs import LesionSigns
from fairlead.data.synthetic.split_sizes import SplitSizes
from fairlead.errors import ConfigurationError

TONES = ("I", "II", "III", "IV", "V", "VI")
DARKER_TONES = ("V", "VI")
_HAIR_SHARE = 0.4


@dataclass(frozen=True)
class LesionWorld:
    """Parameters of a synthetic dataset: pictures of benign and malignant lesions on six skin tones.

    Every picture is made up. The diagnosis shows in four signs (see ``LesionSigns``) and in nothing else but the
    two biases below. Diagnosis, tone, hair and faintness are independent draws for each row, from the same
    probabilities in every split. A row is a pure function of its number, the seed and the parameters other than
    ``rows``: a world with more rows begins with the same rows.

    **Bias 1: faint signs on darker skin.** On the tones V and VI, which are rare, each malignant lesion is *faint*
    with probability f = ``faint_share``: its signs come from the benign distribution itself. For a reader of the
    lesion alone (one whose answer depends on no tone and no ruler)::

        TPR(V, VI) = (1 - f) TPR(I to IV) + f FPR

    so that its gap in the true-positive rate is f (TPR - FPR) exactly, and its gap in the false-positive rate is
    0. A lesion takes the same colour from the skin on every tone, under the same noise; a reader of pixels may
    still see the tones a little differently, which ``faint_share=0`` measures. A reader that also uses the ruler
    has f (TPR - Q) instead, where Q is its positive rate on benign signs with rulers as frequent as on malignant
    lesions. A reader that was trained here is not blind to the tone: a benign look is rightly less reassuring on V
    and VI, and the more so beside a ruler, so it says malignant there more often, on benign lesions too. For the
    exact gap, judge by ``LesionSigns.log_likelihood_ratio``, or train with ``faint_share=0`` and a ruler of equal
    shares and test on this world.

    **Bias 2: a ruler goes with malignancy.** ``ruler`` holds P(ruler | benign) and P(ruler | malignant), whatever
    the tone and the signs. The ruler alone is right with probability 0.75 (1 - p) + 0.65 p = 0.705 at the defaults,
    where p is the prevalence. Two equal probabilities make it say nothing.

    Attributes:
        rows: Rows of each split.
        size: H = W, pixels, at least 32.
        seed: Another seed, another world of the same kind.
        prevalence: P(malignant), the same on every tone; strictly between 0 and 1.
        faint_share: f above; 0 switches the first bias off.
        ruler: P(ruler | benign), P(ruler | malignant).
        tone_shares: P(tone) of I to VI; they sum to 1.

    Raises:
        ConfigurationError: a parameter outside its range.

    Examples:
        >>> world = LesionWorld(rows=SplitSizes(train=3, val=1, calibration=1, test=1), faint_share=0.0)
        >>> world.draw().images.shape
        (6, 64, 64, 3)
        >>> world.row(0) == LesionWorld(faint_share=0.0).row(0)
        True
        >>> round(LesionWorld().planted_gap(tpr=0.9, fpr=0.1), 2)
        0.32
    """

    rows: SplitSizes = field(default_factory=SplitSizes)
    size: int = 64
    seed: int = 0
    prevalence: float = 0.45
    faint_share: float = 0.4
    ruler: tuple[float, float] = (0.25, 0.65)
    tone_shares: tuple[float, float, float, float, float, float] = (0.20, 0.24, 0.20, 0.16, 0.10, 0.10)

    def __post_init__(self) -> None:
        if self.size < 32:
            raise ConfigurationError(f"size is {self.size}; the signs cannot be drawn on fewer than 32 pixels a side")
        if self.seed < 0:
            raise ConfigurationError(f"seed is {self.seed}; give 0 or a positive integer")
        if not 0 < self.prevalence < 1:
            raise ConfigurationError(f"prevalence is {self.prevalence}; give a share between 0 and 1, neither included")
        if not 0 <= self.faint_share <= 1:
            raise ConfigurationError(f"faint_share is {self.faint_share}; give a share from 0 (no bias) to 1")
        if len(self.ruler) != 2 or not all(0 <= share <= 1 for share in self.ruler):
            raise ConfigurationError(f"ruler is {self.ruler}; give two shares from 0 to 1: of benign, of malignant")
        if len(self.tone_shares) != len(TONES) or not all(0 <= share <= 1 for share in self.tone_shares):
            raise ConfigurationError(f"tone_shares is {self.tone_shares}; give six shares from 0 to 1, of I to VI")
        if not math.isclose(sum(self.tone_shares), 1, abs_tol=1e-6):
            raise ConfigurationError(f"tone_shares sum to {sum(self.tone_shares):g}; make them sum to 1")

    def row(self, number: int) -> LesionRow:
        """Decides the facts of one row; ``rows`` sets no bound to its number.

        Raises:
            ConfigurationError: a negative number.
        """
        if number < 0:
            raise ConfigurationError(f"there is no row {number}; rows are numbered from 0")
        generator = row_stream(self.seed, number, "facts")
        # Every fact has its own draw and is compared with its own probability: changing one parameter changes the
        # facts it is about and leaves all others, in every row.
        diagnosis, tone, faint, ruler, hair = generator.random(5)
        malignant = bool(diagnosis < self.prevalence)
        name = self._tone_at(float(tone))
        is_faint = malignant and name in DARKER_TONES and bool(faint < self.faint_share)
        return LesionRow(
            number=number,
            malignant=malignant,
            tone=name,
            faint=is_faint,
            ruler=bool(ruler < self.ruler[malignant]),
            hair=bool(hair < _HAIR_SHARE),
            signs=LesionSigns.draw(generator, malignant=malignant and not is_faint),
        )

    def draw(self, progress: Callable[[Iterable[int]], Iterable[int]] | None = None) -> Lesions:
        """Draws every row, about 0.7 ms each at 64 pixels on one core.

        Args:
            progress: Wraps the row numbers as they are worked off, e.g. ``tqdm.tqdm`` or ``rich.progress.track``.
        """
        numbers: Iterable[int] = range(self.rows.total)
        rows = tuple(self.row(number) for number in numbers)
        images = np.empty((len(rows), self.size, self.size, 3), dtype=np.uint8)
        for number in progress(numbers) if progress else numbers:
            images[number] = Drawing(rows[number], self.seed, self.size).image()
        return Lesions(rows=rows, split=self.rows.column(), images=images, seed=self.seed)

    def planted_gap(self, tpr: float, fpr: float) -> float:
        """Returns how much lower the true-positive rate is on V and VI, for a reader of the lesion alone.

        Args:
            tpr: The reader's true-positive rate on the tones I to IV.
            fpr: Its false-positive rate, the same on all tones.
        """
        return self.faint_share * (tpr - fpr)

    def probability(self, row: LesionRow) -> float:
        """Returns P(malignant | signs, tone, ruler) by Bayes' rule: what the best reader would answer.

        No model of the pictures can be right more often than this answer at the threshold 0.5; it is right on
        about 94 rows in 100 at the defaults.
        """
        faint_share = self.faint_share if row.tone in DARKER_TONES else 0.0
        ratio = (1 - faint_share) * math.exp(row.signs.log_likelihood_ratio()) + faint_share
        benign, malignant = (share if row.ruler else 1 - share for share in self.ruler)
        for_it, against = self.prevalence * malignant * ratio, (1 - self.prevalence) * benign
        if for_it + against == 0:
            raise ConfigurationError(f"row {row.number} cannot occur in this world; ask the world that drew it")
        return for_it / (for_it + against)

    def _tone_at(self, point: float) -> str:
        """The tone whose stretch of [0, 1) holds the point; a tone of share 0 has none."""
        ends = list(accumulate(self.tone_shares))
        return next(tone for tone, end in zip(TONES, ends, strict=True) if point < end / ends[-1])
