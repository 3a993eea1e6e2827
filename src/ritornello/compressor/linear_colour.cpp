// The filter of the colour: taps over the input first, which vectorises, then the one pole, sample by sample.

#include <cmath>
#include <cstdint>

extern "C" {

// x, y (channels, frames); numerator (taps); one pole; state (channels, taps): the last inputs, newest last, and the
// last output.
void colour(int64_t frames, int64_t channels, int64_t taps, const double* numerator, double pole,
            const double* x, double* state, double* y) {
    const int64_t order = taps - 1;
    for (int64_t c = 0; c < channels; ++c) {
        double* past = state + c * taps;
        const double* in = x + c * frames;
        double* out = y + c * frames;
        for (int64_t t = 0; t < frames; ++t) out[t] = numerator[0] * in[t];
        for (int64_t i = 1; i <= order; ++i) {
            const double tap = numerator[i];
            const int64_t before = i < frames ? i : frames;
            for (int64_t t = 0; t < before; ++t) out[t] += tap * past[order + t - i];
            for (int64_t t = before; t < frames; ++t) out[t] += tap * in[t - i];
        }
        double last = past[order];
        for (int64_t t = 0; t < frames; ++t) out[t] = last = out[t] + pole * last;
        const int64_t kept = order > frames ? order - frames : 0;
        for (int64_t i = 0; i < kept; ++i) past[i] = past[i + order - kept];
        for (int64_t i = kept; i < order; ++i) past[i] = in[frames - order + i];
        past[order] = std::fabs(last) < 1e-15 ? 0 : last;
    }
}
}
