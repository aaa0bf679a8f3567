"""`py:module:callable`: objects from the user's own code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import UsageError


def load_user_object(text: str) -> Any:
    """The object that `module:name` or `file.py:name` names; modules are also looked for in the working folder.

    Raises UsageError when there is none, or importing it fails.
    """
    module, colon, name = text.rpartition(":")
    if not colon or not module or not name:
        raise UsageError(f"py:{text} must be py:module:callable or py:file.py:callable")
    try:
        found: Any = _module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, OSError, SyntaxError) as error:
        raise UsageError(f"py:{text} cannot be loaded: {error}") from error
    return found


@contextmanager
def told_as_usage_error(title: str) -> Iterator[None]:
    """What code named by `py:` raises is the user's to mend, not a bug of ours. Data handed in from Python keeps its
    exceptions."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        if not title.startswith("py:"):
            raise
        raise UsageError(f"{title} raised {type(error).__name__}: {error}") from error


def _module(text: str) -> Any:
    if not text.endswith(".py"):
        folder = str(Path.cwd())
        if folder not in sys.path:
            sys.path.insert(0, folder)
        return importlib.import_module(text)
    path = Path(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
