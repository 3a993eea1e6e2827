// The ratio of two signals' levels, frame by frame; see gain_meter.py.

#include <cmath>
#include <cstdint>

namespace {

inline double flushed(double level) { return level < 1e-15 ? 0.0 : level; }

}  // namespace

extern "C" {

// before, after, decibels (channels, frames); levels (channels, 2): of both signals, at the end of the last block.
void measure(int64_t frames, int64_t channels, double pace, double faintest, const double* before, const double* after,
             double* levels, double* decibels) {
    for (int64_t c = 0; c < channels; ++c) {
        double &first = levels[2 * c], &second = levels[2 * c + 1];
        for (int64_t t = 0; t < frames; ++t) {
            first += pace * (before[t] * before[t] - first);
            second += pace * (after[t] * after[t] - second);
            decibels[t] = (second > faintest ? second : faintest) / (first > faintest ? first : faintest);
        }
        for (int64_t t = 0; t < frames; ++t) decibels[t] = 10 * std::log10(decibels[t]);
        first = flushed(first);
        second = flushed(second);
        before += frames, after += frames, decibels += frames;
    }
}
}
