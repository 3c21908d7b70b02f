"""The tokenizers that a graph can hold, by kind. A new one is a file of its own and a line here."""

from collections.abc import Callable

from xtremedistil.runtime.errors import ConfigError
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


def check_graph(tokenizer: Tokenizer) -> None:
    """Raises ConfigError where no graph splits text as tokenizers of this kind do."""
    if tokenizer.kind not in GRAPH_TOKENIZERS:
        raise ConfigError(
            "a SavedModel reads raw text with a tokenizer of kind "
            f"{', '.join(GRAPH_TOKENIZERS)}; others are served from Python (--noexport, "
            f"and an export as onnx). Received: tokenizer={tokenizer.kind}"
        )


def graph_tokenizer(tokenizer: Tokenizer) -> GraphTokenizer:
    """The graph of a tokenizer; raises as `check_graph` does."""
    check_graph(tokenizer)
    return GRAPH_TOKENIZERS[tokenizer.kind](tokenizer)
