"""The walk through time, forward."""

from seqimg.kernels.convolution import channels_last, new_frames
from seqimg.kernels.fused.clip import FAMILIES, Inputs, Kept, chunk_frames, chunks
from seqimg.kernels.fused.recurrence import Form, Operands

__all__ = ["run_forward"]


def run_forward(op: Operands, form: Form, *, save: bool) -> Kept:
    """Run a clip; with `save`, keep what the backward pass needs."""
    frames, state = op.x.shape[0], channels_last(op.h0)
    family = FAMILIES[form.family](op, form)
    chunk = chunk_frames(op, family)
    states = new_frames(frames, state, state.shape[1])
    kept = frames if save else 0 if family.joins else chunk
    gates = [new_frames(kept, state, width) for width in family.widths]
    side = new_frames(frames if save and family.side else 1, state, family.side or family.scratch)
    inputs = Inputs(op, form, family, chunk)
    for span in chunks(frames, chunk):
        at = span.start if save else 0
        if not family.joins:
            inputs.project(span, [buffer[at : at + len(span)] for buffer in gates])
        for time in span:
            if op.keep is not None:
                state = state * op.keep[time].view(-1, 1, 1, 1)
            beside = side[time if side.shape[0] > 1 else 0]
            if family.joins:
                now, found = family.join(channels_last(op.x[time]), state)
                if save:
                    for buffer, gate in zip(gates, now, strict=True):
                        buffer[time].copy_(gate)
                if save and found is not None:
                    beside.copy_(found)
            else:
                now = [buffer[time - span.start + at] for buffer in gates]
                family.complete(now, state, beside)
            family.advance(now, state, None if op.update is None else op.update[time], states[time])
            state = states[time]
    if not save:
        return Kept(states, [], states.new_empty(0))
    return Kept(states, gates, side if family.side else states.new_empty(0))
