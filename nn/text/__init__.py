"""Words: vocabularies, vectors learned from text, and what can be done with them."""

from .corpora import glove_50d, king_james, wordsim353
from .debias import bias_direction, debias, equalize, neutralize
from .vectors import VectorsFileError, WordVectors, cosine_similarity, spearman
from .vocabulary import Corpus, Sentences, Vocabulary, split_sentences, tokenize
from .word2vec import Word2Vec
