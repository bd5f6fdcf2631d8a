"""What training minimises: the negative log-likelihood of windows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from gluonts.torch.model.deepar import DeepARModel

from deepar_container.sampling import sample_paths
from deepar_container.windows import TO_COME, Batch

Loss = Callable[[DeepARModel, Batch], torch.Tensor]


def teacher_forced(network: DeepARModel, window: Batch) -> torch.Tensor:
    """GluonTS's own: every step reads what came before it."""
    loss: torch.Tensor = network.loss(**window).mean()
    return loss


def free_running(network: DeepARModel, window: Batch) -> torch.Tensor:
    """Steps of the forecast read a path that the network draws itself, as when it forecasts.

    A network that has only ever read what came is right about the next hour, and lets its errors
    run away over a day. This is scheduled sampling (https://arxiv.org/abs/1506.03099) without a
    schedule: which steps are forecast, the network is told. Context and forecast weigh the same,
    however long each is.
    """
    known = {name: values for name, values in window.items() if name not in TO_COME}
    with torch.no_grad():
        drawn = sample_paths(network, known, 1)[:, 0]
    parameters, scale, *_ = network.unroll_lagged_rnn(**known, future_target=drawn)
    first = window["past_target"].shape[1] - network.context_length + 1
    target = torch.cat([window["past_target"][:, first:], window["future_target"]], dim=1)
    observed = torch.cat(
        [window["past_observed_values"][:, first:], window["future_observed_values"]], dim=1
    )
    losses = network.distr_output.loss(target=target, distr_args=parameters, scale=scale) * observed
    ahead = network.prediction_length
    weight = torch.ones(losses.shape[1])
    weight[:-ahead] /= max(1, losses.shape[1] - ahead)
    weight[-ahead:] /= ahead
    loss: torch.Tensor = (losses * weight).sum() / (weight.sum() * len(losses))
    return loss
