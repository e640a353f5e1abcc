"""Tallies and pure mathematics over arrays. NumPy and SciPy only; no state, and no lot but the same for all."""

from fairlead.measures.bounded_means import BoundedMeans
from fairlead.measures.calibration import expected_calibration_error
from fairlead.measures.cluster_counts import ClusterCounts
from fairlead.measures.confusion import ConfusionCounts
from fairlead.measures.deletion import deletion_areas, insertion_areas, map_curves
from fairlead.measures.disparity import difference_ends, shortfall_ends, worst_rate_ends
from fairlead.measures.embedding_sketch import EmbeddingSketch
from fairlead.measures.expected_performance import expected_accuracy, expected_performance
from fairlead.measures.feature_groups import FeatureGroups
from fairlead.measures.group_rates import RATES, GroupRates
from fairlead.measures.group_scores import CalibrationCurve, group_auc, group_calibration
from fairlead.measures.group_tally import GroupTally, written_tallies
from fairlead.measures.held_out import held_out_figures
from fairlead.measures.intervals import binomial_interval, macro_interval, mean_loss_interval
from fairlead.measures.intervention_tally import EVERY_ROW, InterventionTally
from fairlead.measures.loss_tally import LossTally
from fairlead.measures.moved_maps import MOVED, centre_map, moved_maps
from fairlead.measures.owen_values import OwenValues, owen_values
from fairlead.measures.paired_change import PAIRED_METHOD, net_change_ends, paired_change
from fairlead.measures.pairwise import largest_difference, largest_ratio
from fairlead.measures.partition_tree import PartitionTree
from fairlead.measures.planning import Plan, bounded_mean_rows, net_change_rows, worst_rate_rows
from fairlead.measures.prior_shift import prior_shift
from fairlead.measures.rank_martingales import RankMartingales
from fairlead.measures.ranking import macro_auroc
from fairlead.measures.rate_sequence import rate_sequence_ends
from fairlead.measures.rates import accuracy, macro_f1, macro_precision, macro_recall
from fairlead.measures.reference import Reference, ScoreReference
from fairlead.measures.region_mass import region_mass
from fairlead.measures.scoring import brier_score, log_loss
from fairlead.measures.started_tallies import StartedTallies
from fairlead.measures.tail_shares import TailShares
from fairlead.measures.temperature import fit_temperature, softmax
from fairlead.measures.window_shift import moved_scores

__all__ = [
    "EVERY_ROW",
    "MOVED",
    "PAIRED_METHOD",
    "RATES",
    "BoundedMeans",
    "CalibrationCurve",
    "ClusterCounts",
    "ConfusionCounts",
    "EmbeddingSketch",
    "FeatureGroups",
    "GroupRates",
    "GroupTally",
    "InterventionTally",
    "LossTally",
    "OwenValues",
    "PartitionTree",
    "Plan",
    "RankMartingales",
    "Reference",
    "ScoreReference",
    "StartedTallies",
    "TailShares",
    "accuracy",
    "binomial_interval",
    "bounded_mean_rows",
    "brier_score",
    "centre_map",
    "deletion_areas",
    "difference_ends",
    "expected_accuracy",
    "expected_calibration_error",
    "expected_performance",
    "fit_temperature",
    "group_auc",
    "group_calibration",
    "held_out_figures",
    "insertion_areas",
    "largest_difference",
    "largest_ratio",
    "log_loss",
    "macro_auroc",
    "macro_f1",
    "macro_interval",
    "macro_precision",
    "macro_recall",
    "map_curves",
    "mean_loss_interval",
    "moved_maps",
    "moved_scores",
    "net_change_ends",
    "net_change_rows",
    "owen_values",
    "paired_change",
    "prior_shift",
    "rate_sequence_ends",
    "region_mass",
    "shortfall_ends",
    "softmax",
    "worst_rate_ends",
    "worst_rate_rows",
    "written_tallies",
]
