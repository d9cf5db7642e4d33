"""The craft of training, as parts for a loop of one's own: checkpoints, early stopping, learning rates, search, diagnosis."""

from nn.training.checkpoint import Checkpoint
from nn.training.diagnosis import Diagnosis, ErrorTally, diagnose, wilson
from nn.training.early_stopping import EarlyStopping
from nn.training.lr_finder import LearningRates, find_lr
from nn.training.progress import Progress, SummaryWriter
from nn.training.search import (
    Choice,
    LogUniform,
    Range,
    Results,
    ReverseLogUniform,
    Trial,
    Uniform,
    importance,
    search,
)

__all__ = [
    "Checkpoint",
    "Choice",
    "Diagnosis",
    "EarlyStopping",
    "ErrorTally",
    "LearningRates",
    "LogUniform",
    "Progress",
    "Range",
    "Results",
    "ReverseLogUniform",
    "SummaryWriter",
    "Trial",
    "Uniform",
    "diagnose",
    "find_lr",
    "importance",
    "search",
    "wilson",
]
