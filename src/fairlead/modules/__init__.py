"""LightningModules: a backbone, a head and a task."""

from fairlead.modules.classifier import Classifier
from fairlead.modules.heads import ACTIVATIONS, HeadSettings, LinearHead
from fairlead.modules.image_classifier import ImageClassifier
from fairlead.modules.kept_model import load_model
from fairlead.modules.optimization import OptimizationSettings, parameter_groups, warmup_cosine
from fairlead.modules.outputs import Outputs
from fairlead.modules.tasks import TASKS, LossSettings, SoftmaxTask, Task, balanced_weights
from fairlead.modules.text_classifier import TextClassifier

__all__ = [
    "ACTIVATIONS",
    "TASKS",
    "Classifier",
    "HeadSettings",
    "ImageClassifier",
    "LinearHead",
    "LossSettings",
    "OptimizationSettings",
    "Outputs",
    "SoftmaxTask",
    "Task",
    "TextClassifier",
    "balanced_weights",
    "load_model",
    "parameter_groups",
    "warmup_cosine",
]
