"""From records to what a person looks at."""

from fairlead.report.confusion import confusion_figure, draw_confusion
from fairlead.report.summary import explain_choice, summarise_figures
from fairlead.report.top_losses import draw_top_losses, top_losses_figure

__all__ = [
    "confusion_figure",
    "draw_confusion",
    "draw_top_losses",
    "explain_choice",
    "summarise_figures",
    "top_losses_figure",
]
