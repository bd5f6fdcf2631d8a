"""Training losses: the negative log-likelihood of windows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from gluonts.torch.model.deepar import DeepARModel

from deepar_container.sampling import sample_paths
from deepar_container.windows import TO_COME, Batch

Loss = Callable[[DeepARModel, Batch], torch.Tensor]


def teacher_forced(network: DeepARModel, window: Batch) -> torch.Tensor:
    """Compute GluonTS's loss: every step reads the observed value before it."""
    loss: torch.Tensor = network.loss(**window).mean()
    return loss


def free_running(network: DeepARModel, window: Batch) -> torch.Tensor:
    """Compute the loss of steps that read a path drawn by the network, as in a forecast.

    A network trained only on observed values forecasts the next hour well, but its errors grow
    over a day. This is scheduled sampling (https://arxiv.org/abs/1506.03099) without a schedule:
    a feature tells the network which steps are forecast. Context and forecast have equal weight,
    regardless of their lengths.
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
