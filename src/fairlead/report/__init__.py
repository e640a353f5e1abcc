"""From records to what a person looks at."""

from fairlead.report.attribution import attribution_png
from fairlead.report.card import write_card
from fairlead.report.confusion import confusion_figure, draw_confusion
from fairlead.report.document import write_document
from fairlead.report.explanation_files import explanations_json, write_attributions
from fairlead.report.explanation_page import explanations_html, write_explanations
from fairlead.report.explanations import draw_explanations, explanations_figure
from fairlead.report.groups import draw_groups, groups_figure
from fairlead.report.mitigation import compare_accuracy, compare_findings
from fairlead.report.publish import write_report
from fairlead.report.published_groups import PublishedGroups
from fairlead.report.run_record import RunRecord
from fairlead.report.status_page import status_page
from fairlead.report.summary import explain_choice, summarise_figures
from fairlead.report.text_losses import draw_text_losses, text_losses_figure
from fairlead.report.top_losses import draw_top_losses, top_losses_figure
from fairlead.report.verdicts import explain_gate, how_many_unsettled, is_advisory, summarise_findings

__all__ = [
    "PublishedGroups",
    "RunRecord",
    "attribution_png",
    "compare_accuracy",
    "compare_findings",
    "confusion_figure",
    "draw_confusion",
    "draw_explanations",
    "draw_groups",
    "draw_text_losses",
    "draw_top_losses",
    "explain_choice",
    "explain_gate",
    "explanations_figure",
    "explanations_html",
    "explanations_json",
    "groups_figure",
    "how_many_unsettled",
    "is_advisory",
    "status_page",
    "summarise_figures",
    "summarise_findings",
    "text_losses_figure",
    "top_losses_figure",
    "write_attributions",
    "write_card",
    "write_document",
    "write_explanations",
    "write_report",
]
