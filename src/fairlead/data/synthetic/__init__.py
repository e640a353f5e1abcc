"""Synthetic datasets with planted truth: what an audit finds in them can be compared with what is there."""

from fairlead.data.synthetic.lesions import Lesions
from fairlead.data.synthetic.row import LesionRow
from fairlead.data.synthetic.signs import LesionSigns
from fairlead.data.synthetic.split_sizes import SplitSizes
from fairlead.data.synthetic.world import DARKER_TONES, TONES, LesionWorld

__all__ = ["DARKER_TONES", "TONES", "LesionRow", "LesionSigns", "LesionWorld", "Lesions", "SplitSizes"]
