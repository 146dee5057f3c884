"""The contract between a task and the core, and what a task shows.

The core owns the loop, the commands, the files and the report; the task owns the meaning: its
configuration, model, data, loss, figures, baselines, and what an answer looks like.
"""

from seqimg.task.contract import Task
from seqimg.task.values import Answers, Baseline, Example, Frame, Losses, Seen, Shown

__all__ = ["Answers", "Baseline", "Example", "Frame", "Losses", "Seen", "Shown", "Task"]
