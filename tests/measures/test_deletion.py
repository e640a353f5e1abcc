"""Deletion curves of games whose area is known."""

import numpy as np
import pytest

from fairlead.measures import deletion_areas


def test_the_area_of_a_constant_loss_is_half():
    game = lambda plays: plays.mean(axis=1) * 8.0  # noqa: E731
    orders = np.stack([np.random.default_rng(seed).permutation(16) for seed in range(3)])
    np.testing.assert_allclose(deletion_areas(game, orders, base=0.0, full=8.0), 4.0)


def test_the_players_leave_in_their_order_and_no_batch_is_too_large():
    asked = []

    def game(plays):
        asked.append(len(plays))
        return plays[:, 3] * 1.0

    orders = np.stack([np.roll(np.arange(16), -3), np.roll(np.arange(16), -4)])  # 3 leaves first, and last
    first, last = deletion_areas(game, orders, base=0.0, full=1.0, batch=3)
    assert first == pytest.approx(1 / 32)
    assert last == pytest.approx(0.75)
    assert asked == [3, 3, 2]


@pytest.mark.parametrize("players", [1, 2, 3])
def test_few_players_have_a_curve_too(players):
    areas = deletion_areas(
        lambda plays: plays.sum(axis=1) * 1.0, np.arange(players)[None], base=0.0, full=float(players)
    )
    assert 0 <= areas[0] <= players
