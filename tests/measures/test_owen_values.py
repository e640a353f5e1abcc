"""Owen values against their definition, and against shap where it is right."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import ConfigurationError, DataError
from fairlead.measures import PartitionTree, owen_values

ALL = 10**6


def nested(rng, players):
    """A random binary tree over players in a random order."""
    nodes = [int(player) for player in rng.permutation(players)]
    while len(nodes) > 1:
        left, right = (nodes.pop(int(rng.integers(len(nodes)))) for _ in range(2))
        nodes.append((left, right))
    return nodes[0]


def table_game(rng, players):
    """A game in which every coalition has a worth of its own."""
    worths = rng.normal(size=2**players)
    return lambda plays: worths[(plays * 2 ** np.arange(players)).sum(axis=1)]


def orders(node):
    """Every order in which each group of the tree comes in one piece."""
    if not isinstance(node, tuple):
        return [(node,)]
    left, right = map(orders, node)
    both = [(a + b, b + a) for a, b in itertools.product(left, right)]
    return list(itertools.chain.from_iterable(both))


def by_definition(game, node, players):
    found = np.zeros(players)
    every = orders(node)
    for order in every:
        plays = np.zeros(players, dtype=bool)
        before = game(plays[None])[0]
        for player in order:
            plays[player] = True
            after = game(plays[None])[0]
            found[player] += (after - before) / len(every)
            before = after
    return found


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(2, 9))
@settings(max_examples=60, deadline=None)
def test_with_enough_evaluations_they_are_the_mean_over_the_orders_of_the_tree(players, seed, batch):
    rng = np.random.default_rng(seed)
    tree, game = nested(rng, players), table_game(rng, players)
    found = owen_values(game, PartitionTree.of_nested(tree), evaluations=ALL, batch=batch)
    np.testing.assert_allclose(found.values, by_definition(game, tree, players), atol=1e-12)
    assert found.grain == 1


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_they_add_up_whatever_the_evaluations_and_whenever_it_stops(players, seed, evaluations, rounds):
    rng = np.random.default_rng(seed)
    game, left, asked = table_game(rng, players), iter(range(rounds)), []

    def counted(plays):
        asked.append(len(plays))
        return game(plays)

    found = owen_values(
        counted,
        PartitionTree.of_nested(nested(rng, players)),
        evaluations=evaluations,
        batch=4,
        go_on=lambda: next(left, None) is not None,
    )
    assert found.values.sum() == pytest.approx(found.full - found.base, abs=1e-9)
    assert sum(asked) == found.evaluations <= evaluations
    assert max(asked) <= 4
    assert 1 - 1e-9 <= found.grain <= players + 1e-9


def test_who_adds_nothing_gets_nothing_and_equals_get_the_same():
    def game(plays):  # 0 does nothing; 1 and 2 need each other; 3 alone is worth 2
        return plays[:, 1] * plays[:, 2] * 3.0 + plays[:, 3] * 2.0

    found = owen_values(game, PartitionTree.of_nested(((0, 3), (1, 2))), evaluations=ALL)
    assert found.values.tolist() == [0.0, 1.5, 1.5, 2.0]


def test_parts_that_cancel_each_other_are_still_found():
    worth = np.zeros(64)
    worth[0], worth[63] = 5.0, -5.0  # the whole grid is worth 0, as is each half of another split
    found = owen_values(lambda plays: plays @ worth, PartitionTree.of_grid(8, 8), evaluations=200)
    np.testing.assert_allclose(found.values[[0, 63]], [5.0, -5.0], atol=1e-12)
    assert found.evaluations <= 200


def test_players_that_do_not_interact_are_exact_once_each_group_was_split():
    worth = np.random.default_rng(0).normal(size=196)
    tree = PartitionTree.of_grid(14, 14)
    found = owen_values(lambda plays: plays @ worth, tree, evaluations=1000)
    np.testing.assert_allclose(found.values, worth, atol=1e-9)
    assert found.grain == pytest.approx(1)
    assert found.inferred > 0.5  # most coalitions were never asked
    few = owen_values(lambda plays: plays @ worth, tree, evaluations=100)
    assert few.grain > 2


def test_at_equal_evaluations_they_are_nearer_the_truth_than_without_inference():
    rng, players = np.random.default_rng(5), 16
    tree, ours, evenly = PartitionTree.of_grid(4, 4), [], []
    for _ in range(20):
        weights, pairs = rng.normal(size=players), rng.normal(size=(players, players)) / 8

        def game(plays, weights=weights, pairs=pairs):
            return np.tanh(plays @ weights / 4) * 4 + ((plays @ pairs) * plays).sum(axis=1)

        exact = owen_values(game, tree, evaluations=ALL)
        assert exact.inferred == 0
        few = owen_values(game, tree, evaluations=40)
        ours.append(np.abs(few.values - exact.values).sum())
        quarters = exact.values.reshape(2, 2, 2, 2).mean(axis=(1, 3), keepdims=True)  # known exactly, spread evenly
        evenly.append(np.abs(np.broadcast_to(quarters, (2, 2, 2, 2)).reshape(-1) - exact.values).sum())
    assert np.mean(ours) < 0.75 * np.mean(evenly)


def test_they_are_those_of_shap(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling its two loops takes ten times as long as running them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls matplotlib in an older way
        import shap

    rng = np.random.default_rng(3)
    players = 7
    tree, game = nested(rng, players), table_game(rng, players)
    masker = shap.maskers.Partition(np.zeros((1, players)), clustering=linkage(tree, players))
    explainer = shap.explainers.Partition(lambda rows: game(rows > 0.5), masker)
    theirs = explainer(np.ones((1, players)), max_evals=5000, silent=True).values[0]
    ours = owen_values(game, PartitionTree.of_nested(tree), evaluations=5000)
    assert ours.grain == 1
    np.testing.assert_allclose(ours.values, theirs, atol=1e-9)


def linkage(tree, players):
    """The tree as SciPy writes a hierarchy."""
    rows = []

    def number(node):
        if not isinstance(node, tuple):
            return node, 1
        (left, few), (right, more) = map(number, node)
        rows.append([left, right, len(rows) + 1, few + more])
        return players + len(rows) - 1, few + more

    number(tree)
    return np.array(rows, dtype=float)


def test_a_grid_is_halved_until_each_cell_is_alone():
    tree = PartitionTree.of_grid(3, 5)
    assert tree.players == 15
    assert tree.members.shape == (29, 15)
    first = tree.members[tree.children[0]].reshape(2, 3, 5)
    assert first[0, :, :2].all()
    assert first[1, :, 2:].all()
    assert first.sum() == 15


def test_what_is_no_tree_or_no_budget_is_refused():
    with pytest.raises(DataError, match="each once"):
        PartitionTree.of_nested((0, (0, 1)))
    with pytest.raises(ConfigurationError, match="at least 2"):
        owen_values(lambda plays: plays.sum(axis=1), PartitionTree.of_grid(2, 2), evaluations=1)
