"""Configuration: one pydantic class a task, and where each value came from.

Precedence, lowest first: the class's defaults, the user's file, the project's file, `--config FILE`,
`SEQIMG_<TASK>_<FIELD>` in the environment, flags on the command line. The files are TOML with one
table a task:

```toml
[predict]
horizon = 10
batch_size = 16
```

In a file given with `--config` the keys may also stand outside a table.
"""

from seqimg.config.classes import (
    Config,
    Numbers,
    Range,
    ReadingConfig,
    TaskConfig,
    Words,
    odd_side,
    positive_widths,
)
from seqimg.config.controls import Control, controls_of, turnable
from seqimg.config.pace import PaceConfig, PaceWithCutsConfig
from seqimg.config.sources import Resolved, check_flags, resolve_config, to_toml
from seqimg.config.template import FieldWords, describe_fields, to_template

__all__ = [
    "Config",
    "Control",
    "FieldWords",
    "Numbers",
    "PaceConfig",
    "PaceWithCutsConfig",
    "Range",
    "ReadingConfig",
    "Resolved",
    "TaskConfig",
    "Words",
    "check_flags",
    "controls_of",
    "describe_fields",
    "odd_side",
    "positive_widths",
    "resolve_config",
    "to_template",
    "to_toml",
    "turnable",
]
