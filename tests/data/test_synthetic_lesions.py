"""The synthetic lesions: what is said to be planted is there, and nothing else.

Every statistical test is exact or nearly so and asks for p > 1e-6: over about 100 such comparisons, a correct
world drawn from another seed would fail one run in ten thousand.
"""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from fairlead.data.synthetic import DARKER_TONES, TONES, Lesions, LesionSigns, LesionWorld, SplitSizes
from fairlead.data.synthetic.drawing import Drawing
from fairlead.data.synthetic.outline import REACH
from fairlead.errors import ConfigurationError

RARE = 1e-6
FEW = SplitSizes(train=30, val=10, calibration=10, test=30)
SIGNS = ("asymmetry", "border", "colour", "diameter")


def as_stated(successes, trials, share):
    return stats.binomtest(int(successes), int(trials), share).pvalue > RARE


class Facts:
    """Columns of many rows, no pixel drawn."""

    def __init__(self, world, rows=8000):
        self.rows = [world.row(number) for number in range(rows)]
        self.malignant = np.array([row.malignant for row in self.rows])
        self.tone = np.array([row.tone for row in self.rows])
        self.dark = np.isin(self.tone, DARKER_TONES)
        self.faint = np.array([row.faint for row in self.rows])
        self.ruler = np.array([row.ruler for row in self.rows])
        self.hair = np.array([row.hair for row in self.rows])
        self.signs = np.array([astuple(row.signs) for row in self.rows])
        self.ratio = np.array([row.signs.log_likelihood_ratio() for row in self.rows])


@pytest.fixture(scope="module")
def facts():
    return Facts(LesionWorld())


@pytest.fixture(scope="module")
def lesions():
    return LesionWorld(rows=FEW).draw()


def some(lesions, **wanted):
    return [
        i for i, row in enumerate(lesions.rows) if all(getattr(row, name) == value for name, value in wanted.items())
    ]


class TestDraw:
    def test_the_same_parameters_give_the_same_pixels(self, lesions):
        again = LesionWorld(rows=FEW).draw()
        assert np.array_equal(again.images, lesions.images)
        assert again.rows == lesions.rows

    def test_another_seed_gives_other_rows_and_pixels(self, lesions):
        other = LesionWorld(rows=FEW, seed=1).draw()
        assert other.rows != lesions.rows
        assert not np.array_equal(other.images[0], lesions.images[0])

    def test_a_row_does_not_depend_on_how_many_there_are(self, lesions):
        fewer = LesionWorld(rows=SplitSizes(train=3, val=0, calibration=0, test=2)).draw()
        assert np.array_equal(fewer.images, lesions.images[:5])
        assert fewer.rows == lesions.rows[:5]

    def test_a_row_drawn_alone_is_the_row_drawn_among_others(self, lesions):
        alone = LesionWorld().row(41)
        assert alone == lesions.rows[41]
        assert np.array_equal(Drawing(alone, seed=0, size=64).image(), lesions.images[41])

    def test_no_two_rows_are_alike(self, lesions):
        assert len({image.tobytes() for image in lesions.images}) == len(lesions)
        assert len({row.signs for row in lesions.rows}) == len(lesions)

    def test_the_columns_say_what_the_rows_hold(self, lesions):
        assert isinstance(lesions, Lesions)
        assert lesions.images.dtype == np.uint8
        assert lesions.split == ["train"] * 30 + ["val"] * 10 + ["calibration"] * 10 + ["test"] * 30
        assert lesions.diagnosis == ["malignant" if row.malignant else "benign" for row in lesions.rows]
        assert lesions.tone == [row.tone for row in lesions.rows]
        assert [value == "yes" for value in lesions.ruler] == [row.ruler for row in lesions.rows]
        assert [value == "yes" for value in lesions.hair] == [row.hair for row in lesions.rows]

    def test_progress_sees_every_row_in_order(self):
        seen = []

        def watch(numbers):
            for number in numbers:
                seen.append(number)
                yield number

        watched = LesionWorld(rows=SplitSizes(2, 1, 1, 1), size=32).draw(progress=watch)
        assert seen == list(range(5))
        assert watched.images.std(axis=(1, 2, 3)).min() > 5

    @pytest.mark.parametrize("size", [32, 97, 160])
    def test_any_size(self, size):
        drawn = LesionWorld(rows=SplitSizes(2, 0, 0, 1), size=size).draw()
        assert drawn.images.shape == (3, size, size, 3)
        assert drawn.lesion_mask(0).shape == drawn.ruler_mask(0).shape == (size, size)

    def test_another_size_is_the_same_picture_at_another_resolution(self, lesions):
        for number in range(8):
            large = Drawing(lesions.rows[number], seed=0, size=128).image().astype(float)
            halved = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
            assert np.abs(halved - lesions.images[number]).mean() < 6
            unlike = lesions.images[number + 1].astype(float)
            assert np.abs(halved - unlike).mean() > 6


class TestStatedShares:
    def test_prevalence_is_the_same_on_every_tone(self, facts):
        for tone in TONES:
            here = facts.malignant[facts.tone == tone]
            assert as_stated(here.sum(), len(here), 0.45)

    def test_tones(self, facts):
        for tone, share in zip(TONES, LesionWorld().tone_shares, strict=True):
            assert as_stated((facts.tone == tone).sum(), len(facts.tone), share)

    @pytest.mark.parametrize("dark", [False, True])
    def test_the_ruler_goes_with_the_diagnosis_and_nothing_else(self, facts, dark):
        for malignant, share in ((False, 0.25), (True, 0.65)):
            here = facts.ruler[(facts.malignant == malignant) & (facts.dark == dark)]
            assert as_stated(here.sum(), len(here), share)
            large = facts.signs[:, 3] > 0.4
            here = facts.ruler[(facts.malignant == malignant) & large]
            assert as_stated(here.sum(), len(here), share)

    def test_hair_goes_with_nothing(self, facts):
        for chosen in (facts.malignant, ~facts.malignant, facts.dark, ~facts.dark, facts.ruler, facts.faint):
            assert as_stated(facts.hair[chosen].sum(), chosen.sum(), 0.4)

    def test_every_split_has_the_same_shares(self, facts):
        split = np.array(SplitSizes(train=2000, val=2000, calibration=2000, test=2000).column())
        for name in ("train", "val", "calibration", "test"):
            here = split == name
            assert as_stated(facts.malignant[here].sum(), here.sum(), 0.45)
            assert as_stated(facts.dark[here].sum(), here.sum(), 0.2)
            assert as_stated(facts.ruler[here & facts.malignant].sum(), (here & facts.malignant).sum(), 0.65)

    def test_the_default_test_split_has_a_hundred_positives_on_every_tone(self):
        world = LesionWorld()
        first = world.rows.total - world.rows.test
        test = [world.row(number) for number in range(first, world.rows.total)]
        assert min(sum(row.malignant and row.tone == tone for row in test) for tone in TONES) >= 100

    @settings(max_examples=20, deadline=None)
    @given(
        shares=st.lists(st.floats(0, 1), min_size=6, max_size=6).filter(lambda shares: sum(shares) > 0.1),
        number=st.integers(0, 10**9),
    )
    def test_a_tone_of_share_zero_never_occurs(self, shares, number):
        shares = tuple(share / sum(shares) for share in shares)
        tone = LesionWorld(tone_shares=shares).row(number).tone
        assert shares[TONES.index(tone)] > 0


class TestFaintSigns:
    def test_only_malignant_lesions_on_darker_skin_are_faint_in_the_stated_share(self, facts):
        at_risk = facts.malignant & facts.dark
        assert not facts.faint[~at_risk].any()
        assert as_stated(facts.faint.sum(), at_risk.sum(), 0.4)

    @pytest.mark.parametrize("sign", range(4), ids=SIGNS)
    def test_faint_signs_are_distributed_as_benign_ones(self, facts, sign):
        benign = facts.signs[~facts.malignant, sign]
        assert stats.ks_2samp(facts.signs[facts.faint, sign], benign).pvalue > RARE
        shown = facts.signs[facts.malignant & ~facts.faint, sign]
        assert stats.ks_2samp(shown, benign).pvalue < 1e-100

    @pytest.mark.parametrize("sign", range(4), ids=SIGNS)
    def test_signs_follow_the_stated_distributions(self, facts, sign):
        assert stats.kstest(facts.signs[~facts.malignant, sign], stats.beta(2, 5).cdf).pvalue > RARE
        shown = facts.signs[facts.malignant & ~facts.faint, sign]
        assert stats.kstest(shown, stats.beta(5, 3).cdf).pvalue > RARE

    @pytest.mark.parametrize("threshold", [-1.5, 0.0, 2.0])
    def test_a_reader_of_the_lesion_has_the_planted_gap(self, facts, threshold):
        says = facts.ratio > threshold
        light, dark = facts.malignant & ~facts.dark, facts.malignant & facts.dark
        tpr, fpr = says[light].mean(), says[~facts.malignant].mean()
        expected = tpr - LesionWorld().planted_gap(tpr, fpr)
        assert as_stated(says[dark].sum(), dark.sum(), expected)
        assert not as_stated(says[dark].sum(), dark.sum(), tpr)

    def test_switching_it_off_changes_the_faint_rows_and_no_other(self, facts):
        world = LesionWorld(faint_share=0.0)
        assert world.planted_gap(0.9, 0.1) == 0
        for row in facts.rows[:3000]:
            without = world.row(row.number)
            assert not without.faint
            assert (without == row) is not row.faint
            assert replace(without, faint=row.faint, signs=row.signs) == row


class TestRuler:
    def test_equal_shares_make_it_say_nothing(self):
        facts = Facts(LesionWorld(ruler=(0.5, 0.5)), rows=4000)
        for malignant in (False, True):
            here = facts.ruler[facts.malignant == malignant]
            assert as_stated(here.sum(), len(here), 0.5)

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_never_and_always(self, share):
        drawn = LesionWorld(rows=SplitSizes(12, 0, 0, 0), size=32, ruler=(share, share)).draw()
        assert set(drawn.ruler) == {"yes" if share else "no"}
        assert all(drawn.ruler_mask(index).any() == bool(share) for index in range(12))

    @pytest.mark.parametrize("size", [32, 64, 128])
    def test_it_changes_the_pixels_of_its_mask_a_lot_and_no_other(self, size):
        drawn = LesionWorld(rows=SplitSizes(24, 0, 0, 0), size=size, ruler=(1.0, 1.0)).draw()
        for index in range(len(drawn)):
            mask, without = drawn.ruler_mask(index), drawn.without_ruler(index)
            change = np.abs(drawn.images[index].astype(int) - without).max(axis=2)
            assert not change[~mask].any()
            assert change[mask].mean() > 30
            assert (change[mask] > 0).mean() > 0.9
            assert 0.05 < mask.mean() < 0.2

    def test_a_row_without_one_is_its_own_counterfactual(self, lesions):
        for index in some(lesions, ruler=False)[:5]:
            assert not lesions.ruler_mask(index).any()
            assert np.array_equal(lesions.without_ruler(index), lesions.images[index])

    def test_it_lies_at_every_edge_and_never_on_the_lesion(self):
        drawn = LesionWorld(rows=SplitSizes(150, 0, 0, 0), size=32, ruler=(1.0, 1.0)).draw()
        edges = set()
        for index in range(len(drawn)):
            ruler = drawn.ruler_mask(index)
            assert not (ruler & ndimage.binary_dilation(drawn.lesion_mask(index))).any()
            edges.add(int(np.argmax([ruler[0].mean(), ruler[-1].mean(), ruler[:, 0].mean(), ruler[:, -1].mean()])))
        assert edges == {0, 1, 2, 3}


class TestPicture:
    def test_the_lesion_mask_covers_what_is_darker_than_the_skin(self, lesions):
        for index in range(len(lesions)):
            mask, image = lesions.lesion_mask(index), lesions.without_ruler(index).astype(float)
            skin = ~ndimage.binary_dilation(mask, iterations=4)
            contrast = np.median(image[skin], axis=0) - image[ndimage.binary_erosion(mask)].mean(axis=0)
            assert contrast.min() > 15
            assert contrast.sum() > 90

    def test_the_lesion_is_one_piece_within_its_reach(self, lesions):
        for index in range(len(lesions)):
            mask = lesions.lesion_mask(index)
            assert ndimage.label(mask)[1] == 1
            assert np.abs((np.argwhere(mask) + 0.5) / 64 - 0.5).max() <= REACH + 1e-6

    @pytest.mark.parametrize("tone", TONES[1:])
    def test_every_tone_shows_the_same_difference_from_its_skin(self, lesions, tone):
        for index in some(lesions, hair=False)[:6]:
            row = replace(lesions.rows[index], ruler=False)
            lightest, here = (
                Drawing(replace(row, tone=name), seed=0, size=64).image().astype(int) for name in ("I", tone)
            )
            change = lightest - here
            usual = np.median(change, axis=(0, 1))
            # Where a pixel reaches black or white it cannot follow; all others differ by rounding alone.
            inside = ((here > 0) & (lightest < 255)).all(axis=2)
            assert np.abs(change[inside] - usual).max() <= 1
            assert inside.mean() > 0.93

    def test_diameter_sets_the_area(self, lesions):
        for index in range(len(lesions)):
            signs = lesions.rows[index].signs
            radius = np.sqrt(lesions.lesion_mask(index).mean() / np.pi)
            # Equal but for the rare lesion that is shrunk to fit its reach, and for whole pixels.
            assert radius <= 0.12 + 0.14 * signs.diameter + 0.01
            assert radius >= 0.9 * (0.12 + 0.14 * signs.diameter)

    def test_each_other_sign_shows_in_what_it_is_named_for(self):
        figures = {sign: [[], []] for sign in SIGNS[:3]}
        calm = LesionSigns(asymmetry=0.1, border=0.1, colour=0.1, diameter=0.6)
        plain = replace(LesionWorld(tone_shares=(1, 0, 0, 0, 0, 0)).row(0), ruler=False, hair=False)
        for number in range(30):
            for strong in (0, 1):
                for sign, measured in figures.items():
                    signs = replace(calm, **{sign: 0.9}) if strong else calm
                    drawing = Drawing(replace(plain, number=number, signs=signs), seed=0, size=128)
                    measured[strong].append(MEASURES[sign](drawing))
        for sign, (weak, strong) in figures.items():
            assert np.mean(np.array(strong) > np.array(weak)) > 0.9, sign
            assert np.mean(strong) > 1.7 * np.mean(weak), sign


def _skew(drawing):
    """How far the outline is from its own image under a half turn about its centre of mass."""
    mask = drawing.lesion_mask()
    middle = np.rint(np.argwhere(mask).mean(axis=0)).astype(int)
    padded = np.pad(mask, 128)
    window = padded[middle[0] + 65 : middle[0] + 192, middle[1] + 65 : middle[1] + 192]
    return (window ^ window[::-1, ::-1]).sum() / mask.sum()


def _jaggedness(drawing):
    """How much of the outline a smoothing of it takes away or fills in."""
    mask = drawing.lesion_mask()
    smooth = ndimage.gaussian_filter(mask.astype(float), 6) > 0.5
    return (mask ^ smooth).sum() / mask.sum()


def _variegation(drawing):
    """How much the chromaticity varies inside the lesion."""
    inner = drawing.image()[ndimage.binary_erosion(drawing.lesion_mask(), iterations=5)].astype(float)
    return np.std(inner[:, 0] - inner[:, 2])


MEASURES = {"asymmetry": _skew, "border": _jaggedness, "colour": _variegation}


class TestBestReader:
    def test_the_log_likelihood_ratio_is_that_of_the_stated_distributions(self, facts):
        for row in facts.rows[:200]:
            signs = np.array(astuple(row.signs))
            expected = (stats.beta(5, 3).logpdf(signs) - stats.beta(2, 5).logpdf(signs)).sum()
            assert row.signs.log_likelihood_ratio() == pytest.approx(expected, abs=1e-9)

    def test_signs_at_the_ends_of_their_range_have_a_finite_ratio(self):
        assert LesionSigns(0, 0, 0, 0).log_likelihood_ratio() < -50
        assert LesionSigns(1, 1, 1, 1).log_likelihood_ratio() > 50

    @pytest.mark.parametrize("chosen", ["all", "dark", "light", "ruler", "no ruler"])
    def test_its_probabilities_come_true(self, facts, chosen):
        rows = {
            "all": np.ones(len(facts.rows), dtype=bool),
            "dark": facts.dark,
            "light": ~facts.dark,
            "ruler": facts.ruler,
            "no ruler": ~facts.ruler,
        }[chosen]
        world = LesionWorld()
        said = np.array([world.probability(row) for row in facts.rows])
        for few in np.array_split(np.flatnonzero(rows)[np.argsort(said[rows])], 4):
            error = (facts.malignant[few] - said[few]).sum() / np.sqrt((said[few] * (1 - said[few])).sum())
            assert abs(error) < 5  # five standard errors: p = 6e-7

    def test_the_default_world_can_be_read_well_and_never_wholly(self, facts):
        world = LesionWorld()
        right = [(world.probability(row) > 0.5) == row.malignant for row in facts.rows]
        assert 0.93 < np.mean(right) < 0.96

    def test_certain_rulers(self):
        world = LesionWorld(ruler=(0.0, 1.0))
        assert all(world.probability(world.row(number)) == world.row(number).malignant for number in range(50))
        stranger = replace(world.row(0), ruler=True)
        with pytest.raises(ConfigurationError, match="row 0 cannot occur"):
            LesionWorld(ruler=(0.0, 0.0)).probability(stranger)


class TestRefusals:
    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"size": 16}, "size is 16"),
            ({"seed": -1}, "seed is -1"),
            ({"prevalence": 0.0}, "prevalence is 0.0"),
            ({"prevalence": 1.0}, "prevalence is 1.0"),
            ({"prevalence": float("nan")}, "prevalence is nan"),
            ({"faint_share": 1.1}, "faint_share is 1.1"),
            ({"faint_share": float("nan")}, "faint_share is nan"),
            ({"ruler": (0.2,)}, "two shares"),
            ({"ruler": (0.2, 1.7)}, "two shares"),
            ({"tone_shares": (0.5, 0.5)}, "six shares"),
            ({"tone_shares": (1.5, -0.5, 0, 0, 0, 0)}, "six shares"),
            ({"tone_shares": (0.5, 0.2, 0, 0, 0, 0)}, "sum to 0.7"),
        ],
    )
    def test_a_parameter_outside_its_range(self, wrong, said):
        with pytest.raises(ConfigurationError, match=said):
            LesionWorld(**wrong)

    def test_splits_without_rows(self):
        with pytest.raises(ConfigurationError, match="val split cannot have -1 rows"):
            SplitSizes(val=-1)
        with pytest.raises(ConfigurationError, match="every split has 0 rows"):
            SplitSizes(0, 0, 0, 0)

    def test_a_negative_row(self):
        with pytest.raises(ConfigurationError, match="no row -3"):
            LesionWorld().row(-3)
