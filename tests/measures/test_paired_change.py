"""The interval of a paired change covers at every size, by adding up all that can happen."""

import numpy as np
import pytest
from scipy.stats import multinomial

from fairlead.measures import paired_change


def interval(better, worse, rows):
    before = np.arange(rows) >= better
    after = np.where(np.arange(rows) >= rows - worse, False, True)
    return paired_change(before, after)


@pytest.mark.parametrize("rows", [1, 5, 17])
@pytest.mark.parametrize(
    ("gained", "lost"), [(0.0, 0.0), (0.02, 0.01), (0.1, 0.1), (0.3, 0.05), (0.5, 0.5), (0.9, 0.0)]
)
def test_it_covers(rows, gained, lost):
    law = multinomial(rows, [gained, lost, max(0.0, 1 - gained - lost)])
    covered = 0.0
    for better in range(rows + 1):
        for worse in range(rows + 1 - better):
            found = interval(better, worse, rows)
            assert found.value == pytest.approx((better - worse) / rows)
            if found.low - 1e-9 <= gained - lost <= found.high + 1e-9:
                covered += float(law.pmf([better, worse, rows - better - worse]))
    assert covered >= 0.95 - 1e-9


def test_without_rows_there_is_no_change_to_tell_of():
    assert paired_change(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)) is None
