"""`ritornello compress`: one recording through the levelling amplifier, block by block."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.app.inputs import check_output_file, check_pre_roll
from ritornello.errors import ArgumentError


def compress(
    source: Path,
    out: Path,
    /,
    *,
    peak_reduction: float = 50.0,
    mode: Literal["compress", "limit"] = "compress",
    gain: float = 0.0,
    trim: float = 0.0,
    mix: float = 1.0,
    sidechain: Path | None = None,
    sidechain_highpass: float = 0.0,
    link: Literal["max", "mean", "off"] | None = None,
    link_amount: float = 1.0,
    model: str = "ours",
    colour: bool = True,
    hiss: Annotated[bool, Parameter(negative="")] = False,
    target_lufs: float | None = None,
    trace: Path | None = None,
    pre_roll: float = 2.0,
    block: Whole = 65536,
    seed: Whole = 0,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Compress a recording like the LA-2A levelling amplifier.

    Any length in the memory of a block; sample rate, sample format, length and text metadata stay.

    Examples:
      ritornello compress voice.wav out.wav --peak-reduction 65
      ritornello compress mix.flac out.flac --mode limit --peak-reduction 40 --target-lufs -16 --trace gain.png
      ritornello compress pad.wav out.wav --sidechain kick.wav --sidechain-highpass 60

    Args:
        source: The recording: WAV, FLAC, AIFF or OGG, 44.1 to 192 kHz, 1 to 64 channels.
        out: The file to write; its suffix tells the format.
        peak_reduction: The knob, 0 to 100.
        mode: compress, or limit for a steeper curve.
        gain: Make-up gain in dB, -40 to 40.
        trim: Level into the unit in dB, taken back after it; 0 is the level of the recordings it was fitted on.
        mix: 0 is dry, 1 is wet.
        sidechain: Another recording that the detector hears, of the same sample rate and length.
        sidechain_highpass: Corner in Hz of a high-pass before the detector, 20 to 500; 0 for none.
        link: Channels follow the loudest (max), their mean, or each its own level (off). If not given it is max, with
            networks off; sim has no off, networks have nothing else.
        link_amount: How much of the common level they follow, 0 to 1.
        model: ours, sim (the simulated circuit), s4, tcn, lstm, or the file or folder of a model.
        colour: The amplifier's own sound besides its gain.
        hiss: Add the hardware's own noise, at -88 dBFS.
        target_lufs: Loudness to reach in LUFS, -40 to -5, by make-up gain; peaks are not limited.
        trace: Also write the gain over time: .csv (every 1 ms) or .png.
        pre_roll: Seconds of the recording's beginning that the unit has heard before it, backwards, 0 to 60: a
            recording that begins in mid-sound then begins compressed. 0 begins with the cell in the dark.
        block: Frames at a time; the result does not depend on it.
        seed: Of the noise.
        force: Replace an existing file.
    """
    if block < 1 or block > 2**24:
        raise ArgumentError(f"--block {block} is out of range; it goes from 1 to {2**24}")
    check_pre_roll(pre_roll)
    if target_lufs is not None and not -40 <= target_lufs <= -5:
        raise ArgumentError(f"--target-lufs {target_lufs:g} is out of range; it goes from -40 to -5 LUFS")
    if target_lufs is not None and gain:
        raise ArgumentError("--target-lufs and --gain contradict each other; leave one out")
    if target_lufs is not None and mix != 1:
        raise ArgumentError("--target-lufs and --mix contradict each other: make-up gain moves the wet signal only")
    if trace is not None and trace.suffix.lower() not in (".csv", ".png"):
        raise ArgumentError(f"--trace {trace}: write a name that ends in .csv or .png")
    check_output_file(out, force, source, sidechain, option="OUT")
    if trace is not None:
        check_output_file(trace, force, source, sidechain, out, option="--trace")
    from ritornello.compressor.files import compress_file
    from ritornello.compressor.process import Settings
    from ritornello.sound.streams import open_audio

    settings = Settings(
        peak_reduction=peak_reduction, mode=mode, gain_db=gain, trim_db=trim, mix=mix, link=link,
        link_amount=link_amount, sidechain_highpass_hz=sidechain_highpass, colour=colour, hiss=hiss, seed=seed,
    )  # fmt: skip
    begun = time.perf_counter()
    with ExitStack() as stack:
        given = stack.enter_context(open_audio(source))
        heard = None if sidechain is None else stack.enter_context(open_audio(sidechain))
        progress = stack.enter_context(progress_bar("Compressing", common))
        done = compress_file(
            given, out, settings, model=model, sidechain=heard, target_lufs=target_lufs, trace=trace, block=block,
            pre_roll_s=pre_roll, progress=progress,
        )  # fmt: skip
    seconds = time.perf_counter() - begun
    report = {
        "out": str(out), "model": model, "peak_reduction": peak_reduction, "mode": mode, **done,
        "times_real_time": round(done["duration_s"] / max(seconds, 1e-9), 1),
    }  # fmt: skip
    return Outcome(_summary(out, report), report)


def _summary(out: Path, report: dict[str, object]) -> str:
    def lufs(value: object) -> str:
        return "too short or quiet to tell" if value is None else f"{value:.1f} LUFS"

    def peak(value: object) -> str:
        return "none, it is silent" if value is None else f"{value:.1f} dBFS"

    lines = [
        f"{out}: {report['duration_s']:.1f} s, {report['times_real_time']} times real time",
        f"loudness {lufs(report['loudness_before_lufs'])} before, {lufs(report['loudness_after_lufs'])} after",
        f"peak {peak(report['peak_before_dbfs'])} before, {peak(report['peak_after_dbfs'])} after",
        f"gain reduction at most {report['max_reduction_db']:.1f} dB, {report['mean_reduction_db']:.1f} dB on average",
    ]
    if report["gain_db"]:
        lines.append(f"make-up gain {report['gain_db']:+.1f} dB")
    if report["replaced_samples"]:
        lines.append(
            f"{report['replaced_samples']} samples were no finite number, or beyond any sound, and became silence"
        )
    if report["clipped_samples"]:
        lines.append(f"{report['clipped_samples']} samples are beyond full scale and clip in this format; lower --gain")
    return "\n".join(lines)
