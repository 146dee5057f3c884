"""The walk through time, forward and backward, for any family of launches."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from seqimg.kernels.clip_op import Walks
from seqimg.kernels.convolution import channels_last, new_frames
from seqimg.kernels.fused.clip import Inputs, Kept, chunk_frames, chunks, states_before
from seqimg.kernels.fused.recurrence import Form, Operands
from seqimg.kernels.fused.sums import Gradients, Sums
from seqimg.kernels.triton_clip.family import Family, Piece
from seqimg.kernels.triton_gates import as_rows

__all__ = ["walks"]

Choice = Callable[[Operands, Form], type[Family]]


def walks(choice: Choice) -> Walks:
    """Return the walks of a kernel that computes a call with the family that `choice` picks."""

    def back(
        op: Operands,
        form: Form,
        kept: Kept,
        d_states: Tensor | None,
        d_last: Tensor,
        *,
        x: bool,
        weights: bool,
    ) -> Gradients:
        walk = _Backward(choice(op, form)(op, form), kept, x=x, weights=weights)
        return walk.run(d_states, d_last)

    return Walks(partial(_forward, choice), back, partial(_empty, choice))


def _empty(choice: Choice, op: Operands, form: Form, keeps: str) -> Kept:
    """Return what a forward pass fills in."""
    family, frames, gates = choice(op, form), op.x.shape[0], op.bias_x.shape[0]
    return Kept(
        new_frames(frames, op.h0, op.h0.shape[1] // family.parts),
        [new_frames(frames, op.h0, gates)] if keeps == "gates" else [],
        family.empty_side(op, keeps),
    )


class _Walk:
    """What both directions share: chunks, and the rows of pixels of their frames."""

    def __init__(self, family: Family, kept: Kept) -> None:
        self.op, self.family, self.kept = family.op, family, kept
        self.chunk = chunk_frames(self.op, family, least_memory=not kept.gates)
        self.inputs = Inputs(self.op, family.form, family, self.chunk)
        self.first = channels_last(self.op.h0)
        self.first_output = channels_last(self.op.h0[:, : family.c])
        self.held = family.held_in(kept.states, kept.side)
        keep = self.op.keep
        self.keep = None if keep is None else keep.to(torch.float32).contiguous()
        self.spare = None if kept.gates else new_frames(self.chunk, self.op.h0, family.widths[0])

    def gates(self, span: range) -> Tensor:
        """Return the frames `[k, B, P, H, W]` for the gates of `span`, to be filled in if they are not kept."""
        if self.spare is None:
            return self.kept.gates[0][span.start : span.stop]
        return self.spare[: len(span)]

    def side(self, span: range) -> Tensor | None:
        """Return rows `[k, N, side]` for what is kept beside the gates."""
        return _rows(self.kept.side[span.start : span.stop]) if self.kept.side.numel() else None

    def update(self, span: range) -> Tensor | None:
        """Return the share of `span`'s updates, `[k, B]`, or `[k, N, S]` where a sample has several."""
        if self.op.update is None:
            return None
        given = self.op.update[span.start : span.stop]
        if given.shape[2:].numel() == 1:
            return given.flatten(1).to(torch.float32).contiguous()
        each = given.expand(*given.shape[:2], *self.op.h0.shape[1:])
        return _rows(each.movedim(2, -1).contiguous().movedim(-1, 2))

    def keeps(self, span: range) -> Tensor | None:
        """Return `span`'s factors `[k, B]`."""
        return None if self.keep is None else self.keep[span.start : span.stop]


def _forward(choice: Choice, op: Operands, form: Form, keeps: str) -> tuple[Kept, Tensor]:
    kept = _empty(choice, op, form, keeps)
    family = choice(op, form)(op, form)
    walk = _Walk(family, kept)
    state = as_rows(walk.first).to(torch.float32, copy=True)
    before = as_rows(walk.first_output)
    held = None if walk.held is None else _rows(walk.held)
    for span in chunks(op.x.shape[0], walk.chunk):
        gates, states = walk.gates(span), _rows(kept.states[span.start : span.stop])
        walk.inputs.project(span, [gates])
        places = [state] * len(span) if held is None else list(held[span.start : span.stop])
        family.forward(
            Piece(
                _rows(gates),
                [before, *states[:-1]],
                [state, *places],
                states,
                walk.side(span),
                walk.keeps(span),
                walk.update(span),
            )
        )
        state, before = places[-1], states[-1]
    return kept, family.pictures(state.to(op.h0.dtype, copy=True))


class _Backward(_Walk):
    """Buffers and running sums of one backward pass."""

    def __init__(self, family: Family, kept: Kept, *, x: bool, weights: bool) -> None:
        super().__init__(family, kept)
        family.prepare_back(self.chunk)
        self.d_gates = new_frames(self.chunk, self.op.h0, family.widths[0])
        self.sums = Sums(self.op, family.form, family.widths, self.chunk, x=x, weights=weights)

    def run(self, d_states: Tensor | None, d_last: Tensor) -> Gradients:
        """Return all gradients."""
        d_state = as_rows(channels_last(d_last)).to(torch.float32, copy=True)
        for span in reversed(list(chunks(self.op.x.shape[0], self.chunk))):
            dy = None
            if d_states is not None:
                given = d_states[span.start : span.stop].flatten(0, 1)
                dy = as_rows(channels_last(given)).view(len(span), -1, self.family.c)
            self._back(span, d_state, dy)
        share = self.family.first_share()
        if share is not None:
            d_state[:, : self.family.c].add_(share)
        return self.sums.result(self.family.pictures(d_state.to(self.op.h0.dtype)))

    def _back(self, span: range, d_state: Tensor, dy: Tensor | None) -> None:
        piece, d_gates = self._piece(span), self.d_gates[: len(span)]
        rows = _rows(d_gates)
        self.family.back(piece, d_state, dy, rows)
        flat = [d_gates.flatten(0, 1)]
        self.sums.add(span, flat)
        if self.sums.of_weights:
            self.sums.add_weights(
                self.inputs.frames(span),
                flat,
                self.family.convolved(piece, rows),
                self.family.extra_gradient(piece, rows),
            )

    def _piece(self, span: range) -> Piece:
        """Return the frames as the forward pass left them; gates that were not kept are computed again."""
        gates, states = self.gates(span), self.kept.states
        held: Tensor | list[Tensor] = []
        if self.held is not None and self.held is not states:
            held = _rows(states_before(self.first.float(), self.held, span))
        piece = Piece(
            _rows(gates),
            _rows(states_before(self.first_output, states, span)),
            held,
            _rows(states[span.start : span.stop]),
            self.side(span),
            self.keeps(span),
            self.update(span),
        )
        if self.spare is not None:
            self.inputs.project(span, [gates])
            self.family.recompute(piece)
        return piece


def _rows(frames: Tensor) -> Tensor:
    """Return channels-last frames `[k, B, C, H, W]` as the array `[k, N, C]` that they are in memory."""
    rows = as_rows(frames.flatten(0, 1))
    return rows.view(frames.shape[0], -1, rows.shape[1])
