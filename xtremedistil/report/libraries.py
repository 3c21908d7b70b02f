"""pandas and Jinja2, of the extra `[report]`, or one error that says how to get them."""

from xtremedistil.runtime.errors import ConfigError

try:
    import jinja2
    import pandas as pd
except ImportError as error:
    raise ConfigError(
        f'reports need pandas and jinja2: pip install "xtremedistil[report]". Received: {error}'
    ) from error

__all__ = ["jinja2", "pd"]
