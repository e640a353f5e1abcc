"""Synthetic datasets with planted truth: what an audit finds in them can be compared with what is there."""

from fairlead.data.synthetic.application_letter import Letter
from fairlead.data.synthetic.application_row import ApplicationRow
from fairlead.data.synthetic.application_words import IDENTITIES, STYLES
from fairlead.data.synthetic.application_world import PASSED_OVER, ApplicationWorld
from fairlead.data.synthetic.applications import Applications
from fairlead.data.synthetic.lesions import Lesions
from fairlead.data.synthetic.row import LesionRow
from fairlead.data.synthetic.signs import LesionSigns
from fairlead.data.synthetic.split_sizes import SplitSizes
from fairlead.data.synthetic.world import DARKER_TONES, TONES, LesionWorld

__all__ = [
    "DARKER_TONES",
    "IDENTITIES",
    "PASSED_OVER",
    "STYLES",
    "TONES",
    "ApplicationRow",
    "ApplicationWorld",
    "Applications",
    "LesionRow",
    "LesionSigns",
    "LesionWorld",
    "Lesions",
    "Letter",
    "SplitSizes",
]
