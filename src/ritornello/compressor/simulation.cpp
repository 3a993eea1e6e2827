// The electro-optical loop, sample by sample; see simulation.py for the circuit and the order of the numbers.

#include <cmath>
#include <cstdint>

namespace {

enum Constant {
    TAP, DRIVE, SATURATION, TILT_GAIN, TILT_POLE, SHELF_LOSS, SHELF_POLE, RECTIFIER, BRIGHTNESS, FIELD, EXPONENT,
    SENSITIVITY, ATTACK, ATTACK_LIGHT, ATTACK_FILL, RELEASE, CAPTURE, ESCAPE, ESCAPE_FILL, DEEP, DEEP_WEIGHT, CONDUCTANCE, SERIES,
    LOAD, DARK, LINK, STEP
};

inline double divider(double conductance, const double* k) {
    const double cell = 1.0 / conductance, parallel = cell * k[LOAD] / (cell + k[LOAD]);
    return parallel / (k[SERIES] + parallel) / k[DARK];
}

}  // namespace

extern "C" {

// x, y (channels, frames); side null or of the same shape; gain (frames); cell: gain, light, fast, trapped, deep;
// filters (channels, 2): low-passes of the tilt and the shelf. link: 0 loudest channel .. 1 mean.
void simulate(int64_t frames, int64_t channels, const double* x, const double* side, const double* k, double* cell,
              double* filters, double* y, double* gain) {
    const double full = k[SENSITIVITY] * std::pow(k[BRIGHTNESS], k[EXPONENT]);
    double a = cell[0], light = cell[1], fast = cell[2], trapped = cell[3], deep = cell[4];
    for (int64_t t = 0; t < frames; ++t) {
        double loudest = 0, sum = 0;
        for (int64_t c = 0; c < channels; ++c) {
            const double in = x[c * frames + t], heard = side ? side[c * frames + t] : in;
            const double out = a * in;
            y[c * frames + t] = out;
            double v = k[DRIVE] * heard * ((1 - k[TAP]) * a + k[TAP]);
            v = k[SATURATION] * (1 - 2 / (1 + std::exp(2 * v / k[SATURATION])));  // tanh
            double* z = filters + 2 * c;
            z[0] += k[TILT_POLE] * (v - z[0]);
            v += k[TILT_GAIN] * (v - z[0]);
            z[1] += k[SHELF_POLE] * (v - z[1]);
            v -= k[SHELF_LOSS] * z[1];
            v = std::fabs(v);
            loudest = v > loudest ? v : loudest;
            sum += v;
        }
        const double level = loudest + k[LINK] * (sum / channels - loudest);
        light += k[RECTIFIER] * (level - light);
        const double dimness = light > 1e-9 ? k[FIELD] / std::sqrt(light) : 1e9;
        const double shine = k[BRIGHTNESS] * std::exp(-dimness);
        const double wanted = full * std::exp(-k[EXPONENT] * dimness);
        const double quicker = (1 + shine / k[ATTACK_LIGHT]) * (1 + k[ATTACK_FILL] * trapped);
        const double pace = wanted > fast ? k[ATTACK] * quicker : k[RELEASE];
        const double caught = k[CAPTURE] * fast * (1 - trapped);
        const double freed = k[ESCAPE] * trapped / (1 + k[ESCAPE_FILL] * trapped);
        fast += (pace < 0.5 ? pace : 0.5) * (wanted - fast) - caught + freed;
        trapped += caught - freed;
        deep += k[DEEP] * (fast - deep);
        if (fast < 1e-15) fast = 0;
        if (trapped < 1e-15) trapped = 0;
        if (deep < 1e-15) deep = 0;
        gain[t] = a;
        a = divider(0.5e-6 + k[CONDUCTANCE] * ((1 - k[DEEP_WEIGHT]) * fast + k[DEEP_WEIGHT] * deep), k);
    }
    for (int64_t c = 0; c < 2 * channels; ++c)
        if (std::fabs(filters[c]) < 1e-15) filters[c] = 0;
    cell[0] = a;
    cell[1] = light < 1e-15 ? 0 : light;
    cell[2] = fast;
    cell[3] = trapped;
    cell[4] = deep;
}
}
