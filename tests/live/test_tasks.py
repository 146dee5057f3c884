"""Every task that is installed works on the page, with all that the page offers."""

from typing import Any

import pytest
import torch

from seqimg.live.engine import Engine, Wishes
from seqimg.live.pictures import Moment
from seqimg.live.source import LiveSource
from seqimg.modelfolder import LoadedModel
from seqimg.plugins.manager import plugin_host
from tests.streaming.models import learn
from tests.support.live import clip_of, until

GIVEN: dict[str, dict[str, Any]] = {
    "predict": {"context": 2, "horizon": 2, "widths": (4,)},
    "classify": {"widths": (4, 6), "classes": ("run", "walk")},
    "detect": {"classes": ("car", "person")},
    "style": {"width": 4, "blocks": 1, "state": 4},
    "texture": {},
}


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_a_task_answers_as_frames_come_and_beside_itself_without_memory(name: str) -> None:
    kind = plugin_host().tasks.load(name)
    task = kind(kind.Config(channels=3, **GIVEN[name]))
    model = task.build_model().eval()
    if name == "style":
        learn(model)
    loaded = LoadedModel(task, model, {}, (), {}, {})
    options, moments = kind.while_live(kind.RunOptions()), list[Moment]()
    source = LiveSource(clip_of(None, fps=25), task, "model")
    engine = Engine(loaded, source, options, torch.device("cpu"), moments.append)
    engine.start()
    try:
        until(lambda: engine.state == "failed" or sum(moment.fresh for moment in moments) >= 3, 60)
        engine.wish(Wishes(options, compare=True), "beside")
        until(lambda: engine.state == "failed" or moments[-1].bare is not None, 60)
        engine.reset()
        count = len(moments)
        until(lambda: engine.state == "failed" or len(moments) > count + 2, 60)
        assert engine.error is None
        assert moments[-1].answer is not None
        if name == "classify":
            until(lambda: moments[-1].line is not None, 60)
            assert any(label in str(moments[-1].line) for label in ("run", "walk"))
    finally:
        engine.stop()
