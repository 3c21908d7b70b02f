"""What installing the package brings is what its code imports, no more and no less."""

import ast
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).parent.parent
MODULES = {"absl_py": "absl", "scikit_learn": "sklearn"}  # where the name is another
# tf.summary writes with tensorboard; faker's parts are imported by names made from its lists.
NOT_SEEN = {"tensorboard", "faker"}


def imported() -> set[str]:
    """Modules of others that the package imports anywhere."""
    found = set()
    for path in (TOP / "xtremedistil").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module.split(".")[0])
    return found - {"xtremedistil"} - set(sys.stdlib_module_names)


def declared() -> set[str]:
    """Modules of what setup.py asks for, but for the extra of the tests."""
    calls = (n for n in ast.walk(ast.parse((TOP / "setup.py").read_text("utf-8"))))
    (setup,) = (n for n in calls if isinstance(n, ast.Call) and ast.unparse(n.func) == "setup")
    given = {keyword.arg: keyword.value for keyword in setup.keywords}
    extras = ast.literal_eval(given["extras_require"])
    asked = ast.literal_eval(given["install_requires"])
    asked += [one for name, extra in extras.items() if name != "test" for one in extra]
    names = {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in asked}
    return {MODULES.get(name, name) for name in names}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    assert imported() == declared() - NOT_SEEN
