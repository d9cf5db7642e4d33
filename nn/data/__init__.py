"""Data sets, samplers and the loader, with torch's names; real digits; random changes of pictures."""

from nn.data import loader as dataloader  # torch's names of the files
from nn.data import sampler as distributed
from nn.data import transforms
from nn.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from nn.data.digits import mnist_5k, split
from nn.data.idx import DEBIAN_FASHION_MNIST, idx_pictures, read_idx
from nn.data.loader import DataLoader, WorkerInfo, default_collate, default_convert, get_worker_info
from nn.data.photographs import photograph
from nn.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from nn.data.transforms import RandomAffine

__all__ = [
    "DEBIAN_FASHION_MNIST",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomAffine",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "WorkerInfo",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "idx_pictures",
    "mnist_5k",
    "photograph",
    "random_split",
    "read_idx",
    "split",
    "transforms",
]
