"""The model artefact: written whole, opened only if whole, and answering without torch."""

from fairlead.bundle.answer import Answer
from fairlead.bundle.bundle import Bundle
from fairlead.bundle.contents import check_content
from fairlead.bundle.cores import usable_cores
from fairlead.bundle.explainer import Explainer
from fairlead.bundle.goldens import Goldens
from fairlead.bundle.manifest import FileDigest, Manifest
from fairlead.bundle.predictor import Predictor
from fairlead.bundle.runtime import RUNTIMES, check_runtime
from fairlead.bundle.seen import Observe, Seen, scores_of
from fairlead.bundle.signature import sign_bundle, verify_signature
from fairlead.bundle.writing import check_target, write_bundle

__all__ = [
    "RUNTIMES",
    "Answer",
    "Bundle",
    "Explainer",
    "FileDigest",
    "Goldens",
    "Manifest",
    "Observe",
    "Predictor",
    "Seen",
    "check_content",
    "check_runtime",
    "check_target",
    "scores_of",
    "sign_bundle",
    "usable_cores",
    "verify_signature",
    "write_bundle",
]
