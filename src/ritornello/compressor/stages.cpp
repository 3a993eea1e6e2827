// Where sound enters and leaves the unit; see stages.py.

#include <cmath>
#include <cstdint>

namespace {

template <typename Sample>
int64_t take(int64_t count, double faintest, double loudest, const Sample* x, double* y) {
    int64_t replaced = 0;
    for (int64_t i = 0; i < count; ++i) {
        const double sample = x[i], level = std::fabs(sample);
        const bool is_sound = level <= loudest;  // NaN is not
        replaced += !is_sound;
        y[i] = is_sound && level >= faintest ? sample : 0;
    }
    return replaced;
}

}  // namespace

extern "C" {

// x (count), float32 or float64; y (count). Returns how many samples were no sound.
int64_t enter(int64_t count, int64_t is_double, double faintest, double loudest, const void* x, double* y) {
    return is_double ? take(count, faintest, loudest, static_cast<const double*>(x), y)
                     : take(count, faintest, loudest, static_cast<const float*>(x), y);
}

// wet, dry, decibels, y (channels, frames); levels (3, rows): gain, trim and mix, in one column or one for each frame;
// meters (2, channels): the last gain, and that of the VU meter with its pace.
void leave(int64_t frames, int64_t channels, int64_t rows, double pace, const double* wet, const double* dry,
           const double* decibels, const double* levels, double* meters, float* y) {
    const double *gain = levels, *trim = levels + rows, *mix = levels + 2 * rows;
    const double factor = mix[0] * gain[0] / trim[0], share = 1 - mix[0];
    for (int64_t c = 0; c < channels; ++c) {
        if (rows == 1)
            for (int64_t t = 0; t < frames; ++t) y[t] = static_cast<float>(wet[t] * factor + dry[t] * share);
        else
            for (int64_t t = 0; t < frames; ++t)
                y[t] = static_cast<float>(wet[t] * (mix[t] * gain[t] / trim[t]) + dry[t] * (1 - mix[t]));
        double &last = meters[c], &meter = meters[channels + c];
        last = decibels[frames - 1];
        for (int64_t t = 0; t < frames; ++t) meter += pace * (decibels[t] - meter);
        wet += frames, dry += frames, decibels += frames, y += frames;
    }
}
}
