"""The tokenizers that a graph can hold, by kind. A new one is a file of its own and a line here."""

from collections.abc import Callable

from xtremedistil.serving.graph.tokenizer import GraphTokenizer
from xtremedistil.serving.graph.unigram import GraphUnigram
from xtremedistil.serving.graph.wordpiece import GraphWordPiece
from xtremedistil.tokenization.base import Tokenizer
from xtremedistil.tokenization.unigram import Unigram
from xtremedistil.tokenization.wordpiece import WordPiece

GRAPH_TOKENIZERS: dict[str, Callable[[Tokenizer], GraphTokenizer]] = {
    WordPiece.kind: GraphWordPiece,
    Unigram.kind: GraphUnigram,
}


def has_graph(tokenizer: Tokenizer) -> bool:
    """Whether a graph can split text as a tokenizer does."""
    return tokenizer.kind in GRAPH_TOKENIZERS


def graph_tokenizer(tokenizer: Tokenizer) -> GraphTokenizer:
    """The graph of a tokenizer that has one."""
    return GRAPH_TOKENIZERS[tokenizer.kind](tokenizer)
