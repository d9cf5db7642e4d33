"""The craft of training, as parts for a loop of one's own: early stopping, checkpoints, the learning-rate test, progress."""

from nn.training.checkpoint import Checkpoint
from nn.training.early_stopping import EarlyStopping
from nn.training.lr_finder import LearningRates, find_lr
from nn.training.progress import Progress, SummaryWriter

__all__ = ["Checkpoint", "EarlyStopping", "LearningRates", "Progress", "SummaryWriter", "find_lr"]
