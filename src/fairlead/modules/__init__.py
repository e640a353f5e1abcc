"""LightningModules: a backbone, a head and a task."""

from fairlead.modules.adapters import ADAPTER_METHODS, AdapterSettings
from fairlead.modules.classifier import Classifier
from fairlead.modules.heads import ACTIVATIONS, HeadSettings, LinearHead
from fairlead.modules.image_classifier import ImageClassifier
from fairlead.modules.kept_generators import KeptGenerators
from fairlead.modules.kept_model import load_model
from fairlead.modules.optimization import OptimizationSettings, parameter_groups, warmup_cosine
from fairlead.modules.outputs import Outputs, decide
from fairlead.modules.recurrent_head import RecurrentHead, RecurrentPooling
from fairlead.modules.split_figures import SplitFigures
from fairlead.modules.tasks import TASKS, LossSettings, SoftmaxTask, Task, balanced_weights
from fairlead.modules.text_classifier import TextClassifier

__all__ = [
    "ACTIVATIONS",
    "ADAPTER_METHODS",
    "TASKS",
    "AdapterSettings",
    "Classifier",
    "HeadSettings",
    "ImageClassifier",
    "KeptGenerators",
    "LinearHead",
    "LossSettings",
    "OptimizationSettings",
    "Outputs",
    "RecurrentHead",
    "RecurrentPooling",
    "SoftmaxTask",
    "SplitFigures",
    "Task",
    "TextClassifier",
    "balanced_weights",
    "decide",
    "load_model",
    "parameter_groups",
    "warmup_cosine",
]
