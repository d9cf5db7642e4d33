"""Words and characters: vocabularies, vectors learned from text, sampling and search, BLEU."""

from __future__ import annotations

from .bleu import Bleu, bleu
from .characters import BOUNDARY, Characters, next_characters, padded, windows
from .corpora import glove_50d, king_james, surnames, wordsim353
from .debias import bias_direction, debias, equalize, neutralize
from .sampling import Hypothesis, beam_search, generate, probabilities, sample
from .vectors import VectorsFileError, WordVectors, cosine_similarity, spearman
from .vocabulary import Corpus, Sentences, Vocabulary, split_sentences, tokenize
from .word2vec import Word2Vec
