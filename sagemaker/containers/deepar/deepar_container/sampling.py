"""Draws sample paths from a network."""

from __future__ import annotations

import torch
from gluonts.torch.model.deepar import DeepARModel

from deepar_container.windows import Batch


def sample_paths(network: DeepARModel, window: Batch, count: int) -> torch.Tensor:
    """Draw paths, shape (series, count, prediction_length), in the targets' units.

    The paths equal those of ``DeepARModel.forward``, which copies a series' whole past for every
    path and step. Here the paths of a series share its past; only drawn values are separate.
    """
    ahead = window["future_time_feat"]
    parameters, scale, _, static, state = network.unroll_lagged_rnn(
        **{**window, "future_time_feat": ahead[:, :1]}
    )
    past = window["past_target"] / scale
    parameters = [values.repeat_interleave(count, dim=0) for values in parameters]
    state = [values.repeat_interleave(count, dim=1) for values in state]
    scale = scale.repeat_interleave(count, dim=0)
    drawn: list[torch.Tensor] = []
    for step in range(network.prediction_length):
        if step:
            # lag 0 is the latest value; lags from `step` on refer to values before the forecast
            recent = [drawn[step - 1 - lag] for lag in network.lags_seq if lag < step]
            older = [lag for lag in network.lags_seq if lag >= step]
            known = torch.cat(
                [past[:, [step - 1 - lag for lag in older]], static, ahead[:, step]], dim=-1
            )
            inputs = torch.cat([*recent, known.repeat_interleave(count, dim=0)], dim=-1)
            output, state = network.rnn(inputs[:, None], state)
            parameters = network.param_proj(output)
        distribution = network.output_distribution(parameters, scale=scale, trailing_n=1)
        drawn.append(distribution.sample() / scale)
    paths: torch.Tensor = network.post_process_samples(torch.cat(drawn, dim=1) * scale)
    return paths.reshape(-1, count, network.prediction_length)
