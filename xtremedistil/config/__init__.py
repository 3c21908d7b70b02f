"""What a run can be asked for, concern by concern: the one place where a default is written.

Each field carries the help text, the legal values and the range of its flag (`cli` derives the
flags), and each dataclass checks its own fields once, on construction. The defaults are the paper's
best configuration (Tables 10 to 13) where it gives one; `docs/method.md` says how the others were
chosen.
"""

from xtremedistil.config import recipes
from xtremedistil.config.data import TASKS, DataConfig
from xtremedistil.config.distillation import STRATEGIES, DistillationConfig
from xtremedistil.config.run import STAGES, RunConfig
from xtremedistil.config.student import StudentConfig
from xtremedistil.config.teacher import TeacherConfig
from xtremedistil.config.whole import Config, options

__all__ = [
    "STAGES",
    "STRATEGIES",
    "TASKS",
    "Config",
    "DataConfig",
    "DistillationConfig",
    "RunConfig",
    "StudentConfig",
    "TeacherConfig",
    "options",
    "recipes",
]
