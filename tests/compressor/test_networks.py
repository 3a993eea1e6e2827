"""The networks and their state-space layer: published sizes, recurrence is convolution, streams equal whole files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ritornello.compressor import Leveller, Settings, network_engine, pretrained
from ritornello.compressor.network_engine import s4_stream, s4_weights
from ritornello.compressor.networks import NETWORKS, NetworkConfig, TcnNetwork, make_network
from ritornello.errors import ArgumentError
from ritornello.nn import state_space
from ritornello.nn.state_space import DiagonalStateSpace
from ritornello.nn.weights import save_weights

SIZES = {
    "s4-16-4": 8_233, "s4-32-4": 16_857, "s4-32-8": 18_905, "tcn-300": 50_737, "tcn-100": 25_905, "lstm-32": 4_769,
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_networks_have_their_published_number_of_parameters(name: str) -> None:
    assert sum(p.numel() for p in make_network(NETWORKS[name]).parameters()) == SIZES[name]


@pytest.mark.parametrize(("channels", "states"), [(16, 4), (32, 3), (5, 2)])
def test_recurrence_and_convolution_are_the_same_with_their_gradients(channels: int, states: int) -> None:
    if not state_space.has_kernel():
        pytest.skip("there is no C++ compiler")
    torch.manual_seed(0)
    layer = DiagonalStateSpace(channels, states)
    signal = torch.randn(2, 150, channels, requires_grad=True)
    weight = torch.randn(2, 150, channels)
    found = []
    for method in ("fft", "recurrence"):
        layer.zero_grad()
        signal.grad = None
        output = layer(signal, method)
        (output * weight).sum().backward()
        found.append([output.detach(), signal.grad.clone(), *(p.grad.clone() for p in layer.parameters())])
    for first, second in zip(*found, strict=True):
        assert (first - second).abs().max() < 1e-4 * (1 + first.abs().max())


def test_the_numbers_of_the_recurrence_are_those_of_the_kernel() -> None:
    torch.manual_seed(1)
    layer = DiagonalStateSpace(3, 4)
    numbers = layer.at_rate()
    impulse = np.zeros((60, 3))
    impulse[0] = 1
    output, _ = numbers.recur(np.zeros((3, 4), complex), impulse)
    kernel = layer.kernel(60).detach().numpy()
    assert np.allclose(output.T - np.diag(numbers.skip) @ impulse.T, kernel, atol=1e-4)
    assert np.allclose(numbers.kernel(60), kernel, atol=1e-4)


def test_a_layer_at_twice_the_rate_decays_half_as_fast_a_frame() -> None:
    layer = DiagonalStateSpace(2, 3)
    assert np.allclose(layer.at_rate(0.5).poles ** 2, layer.at_rate(1.0).poles)


@pytest.mark.parametrize("is_compiled", [True, False])
def test_the_s4_cell_streams_what_the_network_computes(is_compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_compiled:
        monkeypatch.setattr(network_engine, "_kernel", lambda: None)
    torch.manual_seed(2)
    config = NetworkConfig("s4", channels=16, states=4)
    network = make_network(config)
    network(torch.randn(2, 500), torch.tensor([[0.0, 40.0], [1.0, 90.0]]))  # fills the running statistics
    network.eval()
    signal = np.random.default_rng(0).standard_normal(300).astype(np.float32) * 0.1
    with torch.no_grad():
        wanted = network(torch.from_numpy(signal)[None], torch.tensor([[1.0, 65.0]]))[0].numpy()
    weights = s4_weights(network, (1.0, 65.0))
    states = np.zeros(4 * 2 * 4 * 16, np.float32)
    parts = [s4_stream(config, weights, signal[a:b], states) for a, b in ((0, 1), (1, 64), (64, 200), (200, 300))]
    assert np.abs(np.concatenate(parts) - wanted).max() < 1e-5


@pytest.mark.parametrize("name", ["tcn-100", "lstm-32"])
def test_tcn_and_lstm_stream_what_they_compute_at_once(name: str) -> None:
    torch.manual_seed(3)
    network = make_network(NETWORKS[name]).eval()
    signal, setting = torch.randn(1, 700) * 0.1, torch.tensor([[0.0, 50.0]])
    with torch.no_grad():
        if isinstance(network, TcnNetwork):
            silence = torch.zeros(1, network.reach)
            # A convolution of silence is not its zero padding further up: FiLM shifts it. Both start from zeros inside.
            whole = network.stream(signal, setting, None)[0]
            assert network(torch.cat((silence, signal), 1), setting).shape == signal.shape
        else:
            whole = network(signal, setting)
        parts, state = [], None
        for piece in signal.split([1, 99, 300, 300], 1):
            output, state = network.stream(piece, setting, state)
            parts.append(output)
    assert (torch.cat(parts, 1) - whole).abs().max() < 1e-5


def test_what_a_network_does_not_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_network(NetworkConfig("s4", channels=8, states=2)).eval()
    monkeypatch.setattr(pretrained, "load_network", lambda name: network)
    for word, knobs in (
        ("by itself", {"link": "max"}), ("by itself", {"link": "mean"}), ("by itself", {"link_amount": 0.5}),
        ("side chain", {"sidechain_highpass_hz": 100}), ("colour", {"colour": False}),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=word):
            Leveller(44_100, 2, model="s4", **knobs)
    unit = Leveller(44_100, 2, model="s4", link="off", hiss=True)
    with pytest.raises(ArgumentError, match="side chain"):
        unit.process(np.zeros((2, 10)), np.zeros((2, 10)))
    with pytest.raises(ArgumentError, match="side chain"):
        unit.settings = Settings(sidechain_highpass_hz=100)
    first, second = unit.process(np.stack([np.zeros(500), np.ones(500)]))
    assert np.allclose(first, Leveller(44_100, 1, model="s4", hiss=False).process(np.zeros(500)), atol=1e-3)
    assert not np.allclose(first, second, atol=1e-2)


@pytest.mark.parametrize("name", ["s4-16-4", "tcn-100", "lstm-32"])
def test_written_weights_are_read_and_do_the_same(name: str, tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = make_network(NETWORKS[name])
    network(torch.randn(2, 6000), torch.tensor([[0.0, 40.0], [1.0, 90.0]]))  # fills the running statistics
    network.eval()
    config = {"format": pretrained.FORMAT, "version": pretrained.VERSION, "network": network.config.as_json()}
    save_weights(tmp_path / "model", network.state_dict(), config, half=False)
    signal = np.random.default_rng(0).standard_normal(500).astype(np.float32) * 0.1
    found = Leveller(44_100, model=str(tmp_path / "model"), peak_reduction=70).process(signal)
    with torch.no_grad():
        given, setting = torch.from_numpy(signal)[None], torch.tensor([[0.0, 70.0]])
        wanted = network(given, setting) if name == "s4-16-4" else network.stream(given, setting, None)[0]
    assert np.abs(found - wanted[0].numpy()).max() < 1e-5


def test_without_gates_in_the_way_the_sidechain_form_keeps_silence() -> None:
    network = make_network(NetworkConfig("s4", channels=8, states=2, side_chain=True, final_tanh=False))
    assert not network(torch.zeros(1, 50), torch.tensor([[0.0, 50.0]])).any()


def test_a_network_that_learned_to_invert_is_turned_upright(tmp_path: Path) -> None:
    for name in ("s4-16-4", "tcn-100", "lstm-32"):
        network = make_network(NETWORKS[name]).eval()
        folder = tmp_path / name
        folder.mkdir()
        save_file(network.state_dict(), folder / "best.safetensors")
        for polarity in (1, -1):
            note = {"network": NETWORKS[name].as_json(), "validation_polarity": polarity}
            (folder / "best.json").write_text(json.dumps(note))
            audio = torch.randn(1, 9000) * 0.1
            setting = torch.tensor([[1.0, 40.0]])
            with torch.no_grad():
                assert torch.allclose(
                    pretrained.load_run(folder)(audio, setting), polarity * network(audio, setting), atol=1e-6
                )


def test_no_weight_of_the_cell_makes_denormal_numbers() -> None:
    network = make_network(NetworkConfig("s4", channels=4, states=2)).eval()
    with torch.no_grad():
        network.blocks[0].state_space.frequency[:, 0] = 1e-38  # its imaginary pole is then a denormal number
    weights = s4_weights(network, (0.0, 50.0))
    assert np.abs(weights[weights != 0]).min() > np.finfo(np.float32).tiny
