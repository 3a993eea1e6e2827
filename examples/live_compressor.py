"""The levelling amplifier live: sound device in, sound device out, with a VU-style meter of gain reduction.

    pip install "ritornello[live]"
    python examples/live_compressor.py --peak-reduction 65 --block 128

Ctrl-C ends it. Headphones are wise: a microphone that hears its own loudspeaker howls.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import sounddevice

from ritornello.compressor import Leveller, Settings
from ritornello.compressor.process import vu_text


def main() -> None:
    """Read the options and play until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peak-reduction", type=float, default=50)
    parser.add_argument("--mode", choices=("compress", "limit"), default="compress")
    parser.add_argument("--gain", type=float, default=0, help="make-up gain in dB")
    parser.add_argument("--block", type=int, default=128, help="frames at a time")
    parser.add_argument("--sample-rate", type=int, default=48_000)
    parser.add_argument("--channels", type=int, default=1)
    options = parser.parse_args()
    settings = Settings(peak_reduction=options.peak_reduction, mode=options.mode, gain_db=options.gain)
    unit = Leveller(options.sample_rate, options.channels, settings)
    unit.process(np.zeros((options.channels, options.block)))  # the compiled kernel is loaded before the sound begins
    unit.reset()
    late = 0

    def play(
        given: np.ndarray, out: np.ndarray, _frames: int, _time: object, status: sounddevice.CallbackFlags
    ) -> None:
        nonlocal late
        late += bool(status)
        out[:] = unit.process(given.T).T

    with sounddevice.Stream(
        samplerate=options.sample_rate,
        blocksize=options.block,
        channels=options.channels,
        dtype="float32",
        callback=play,
    ):
        try:
            while True:
                print(f"\r{vu_text(float(unit.meter_db.min()))}  late blocks: {late}", end="", file=sys.stderr)
                time.sleep(0.05)
        except KeyboardInterrupt:
            print(file=sys.stderr)


if __name__ == "__main__":
    main()
