"""The levelling amplifier live: sound device in, sound device out, with a VU-style meter of gain reduction.

    pip install "ritornello[live]"
    python examples/live_compressor.py --peak-reduction 65 --block 128

Ctrl-C ends it. Headphones are wise: a microphone that hears its own loudspeaker howls.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from ritornello.compressor import Leveller, Settings
from ritornello.compressor.process import vu_text
from ritornello.errors import RitornelloError


def main() -> int:
    """Read the options and play until Ctrl-C; return 0, or 2 after an error."""
    options = read_options()
    try:
        if not 1 <= options.block <= 4096:
            raise RitornelloError(f"--block {options.block} is out of range; it goes from 1 to 4096")
        settings = Settings(peak_reduction=options.peak_reduction, mode=options.mode, gain_db=options.gain)
        unit = Leveller(options.sample_rate, options.channels, settings, model=options.model)
    except RitornelloError as error:
        return complain(str(error))
    try:
        import sounddevice
    except ImportError:
        return complain('sounddevice is not installed; run: pip install "ritornello[live]"')
    except OSError:  # PortAudio belongs to the system on Linux
        return complain("PortAudio is not installed; on Debian and Ubuntu run: apt install libportaudio2")
    device = int(options.device) if options.device and options.device.isdecimal() else options.device
    play = Player(unit, options.block)
    try:
        with sounddevice.Stream(
            samplerate=options.sample_rate,
            blocksize=options.block,
            channels=options.channels,
            device=device,
            dtype="float32",
            callback=play,
        ):
            show(unit, play, lambda line: print(f"\r{line}", end="", file=sys.stderr, flush=True))
    except (sounddevice.PortAudioError, ValueError) as error:
        reason = " ".join(str(error).split())
        return complain(f"no stream of {options.channels} channels at {options.sample_rate} Hz: {reason}; see --device")
    return 0


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peak-reduction", type=float, default=50, help="0 to 100")
    parser.add_argument("--mode", choices=("compress", "limit"), default="compress")
    parser.add_argument("--gain", type=float, default=0, help="make-up gain in dB")
    parser.add_argument("--model", default="ours", help="ours, sim, or the file or folder of a model")
    parser.add_argument("--block", type=int, default=128, help="frames at a time, 1 to 4096")
    parser.add_argument("--sample-rate", type=int, default=48_000)
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--device", help="name or number; python -m sounddevice lists them")
    return parser.parse_args()


class Player:
    """What the sound device calls for each block.

    Args:
        unit: the amplifier.
        block: frames at a time.

    Attributes:
        late: how many blocks came too late or were lost.
    """

    def __init__(self, unit: Leveller, block: int) -> None:
        self.unit, self.late = unit, 0
        unit.process(np.zeros((unit.channels, block)))  # the compiled kernel is loaded before the sound begins
        unit.reset()

    def __call__(self, given: np.ndarray, out: np.ndarray, frames: int, clock: object, status: object) -> None:
        """Compress ``given`` into ``out``, both float32 ``(frames, channels)``."""
        self.late += bool(status)
        out[:] = self.unit.process(given.T).T


def show(unit: Leveller, play: Player, put: Callable[[str], None]) -> None:
    """Put the meter twenty times a second, until Ctrl-C."""
    try:
        while True:
            put(f"{vu_text(float(unit.meter_db.min()))}  late blocks: {play.late}")
            time.sleep(0.05)
    except KeyboardInterrupt:
        put("\n")


def complain(message: str) -> int:
    """Print an error in one line and return the exit code of bad input."""
    print(f"live_compressor: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
