"""The smallest model learns what it is known for, in a second or two."""

import torch
from torch.nn.functional import cross_entropy

from seqimg.data import collate
from seqimg_classify.config import ClassifyConfig
from seqimg_classify.task import ClassifyTask


def test_rows_learn_to_read_digits() -> None:
    config = ClassifyConfig(
        model="rows", data=("demo:sklearn-digits",), split="balanced", holdout=0.2, frames=1, crop=0, size=0
    )
    task = ClassifyTask(config)
    data = task.datasets()
    torch.manual_seed(0)
    model = task.settled(data).build_model()
    train, test = (collate([part[i] for i in range(len(part))]) for part in (data.train, data.test))
    assert train.labels is not None
    assert test.labels is not None
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(8):
        for chosen in torch.randperm(len(train.frames)).split(64):
            loss = cross_entropy(model(train.frames[chosen])[0][:, -1], train.labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        answers = model.eval()(test.frames)[0][:, -1].argmax(1)
    assert float((answers == test.labels).float().mean()) >= 0.93
    data.close()
