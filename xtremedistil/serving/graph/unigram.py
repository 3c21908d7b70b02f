"""SentencePiece's Unigram model as a TensorFlow graph.

The op of tensorflow-text is the same code as the library that training uses; its markers and its
reversed order are left alone, because their ids are those of the model file, not the checkpoint's.
"""

import tensorflow as tf
import tensorflow_text as tf_text

from xtremedistil.serving.graph.tokenizer import GraphTokenizer
from xtremedistil.tokenization.unigram import Unigram


class GraphUnigram(GraphTokenizer):
    """The op, and the ids of its pieces."""

    def __init__(self, tokenizer: Unigram):
        super().__init__(tokenizer)
        self.sentencepiece = tf_text.SentencepieceTokenizer(tokenizer.model, out_type=tf.int32)
        self.ids = tf.constant(tokenizer.checkpoint_ids[tokenizer.numbering])

    def pieces(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        found = self.sentencepiece.tokenize(words.values)
        found = found.with_values(tf.gather(self.ids, found.values))
        return words.with_values(self.at_least_one(found))
