"""A fine-tuned teacher as a predictor, to set beside its student. Nothing that is deployed needs
it."""

import os

import numpy as np
import tensorflow as tf

from xtremedistil.config import TeacherConfig
from xtremedistil.runtime import files
from xtremedistil.runtime.errors import CheckpointError
from xtremedistil.serving.python.predictor import Predictor
from xtremedistil.students.folder import Codec
from xtremedistil.teachers.checkpoint import is_model_folder
from xtremedistil.teachers.teacher import load_teacher, open_checkpoint


def load(folder: str, task: str) -> Predictor:
    """Loads a teacher.

    Args:
        folder: a fine-tuned teacher (`OUT/teacher`, or any such Hugging Face folder), or a run that
            holds `teacher/`.
        task: `ner` or `classification`.

    Raises:
        CheckpointError: not a usable encoder, or without a head for this task.
    """
    inner = os.path.join(folder, "teacher")
    if not is_model_folder(folder) and files.is_folder(inner):
        folder = inner
    checkpoint = open_checkpoint(TeacherConfig(teacher=folder), task, embedded_vocabulary="")
    if checkpoint.labels is None:
        raise CheckpointError(
            f"{folder}: a teacher beside a student must be fine-tuned for its task, with a head "
            f"for {task}. Received: a checkpoint without one"
        )
    model = load_teacher(checkpoint, checkpoint.labels)
    run = tf.function(
        lambda ids: model(ids, training=False)["logits"],
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )

    def network(ids: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        return run(ids).numpy()

    rows = np.arange(len(checkpoint.tokenizer), dtype=np.int32)
    codec = Codec(checkpoint.tokenizer, rows, checkpoint.labels)
    return Predictor(codec, network, checkpoint.config.max_positions)
