"""From a trained module to a bundle that answers as it does."""

from fairlead.export.answers import answers_of
from fairlead.export.awkward import awkward_files, golden_files
from fairlead.export.awkward_texts import awkward_texts, golden_texts
from fairlead.export.graph import answering, export_graph, export_weights
from fairlead.export.int8 import Int8Model, Judged, int8_model
from fairlead.export.parity import Parity, check_parity, measure_parity
from fairlead.export.quantisation import quantise
from fairlead.export.reference import reference_tallies
from fairlead.export.run_bundle import ExportSettings, export_run

__all__ = [
    "ExportSettings",
    "Int8Model",
    "Judged",
    "Parity",
    "answering",
    "answers_of",
    "awkward_files",
    "awkward_texts",
    "check_parity",
    "export_graph",
    "export_run",
    "export_weights",
    "golden_files",
    "golden_texts",
    "int8_model",
    "measure_parity",
    "quantise",
    "reference_tallies",
]
