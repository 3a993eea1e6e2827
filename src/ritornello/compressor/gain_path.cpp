// The gain path of our model, sample by sample; see gain_path.py for the formulas and the order of the numbers.

#include <cmath>
#include <cstdint>

namespace {

enum Number { THRESHOLD, SLOPE, KNEE, LIGHT, ATTACK, FAST_RELEASE, SLOW_RELEASE, FAST_SHARE, MEMORY_SHIFT, MEMORY_UP,
              MEMORY_DOWN, MEMORY_FULL, MEAN_LINK, LINK_AMOUNT, MAKEUP, COUNT };

constexpr double DB = 8.685889638065037;  // 20 / ln 10
constexpr double NEPER = 1 / DB;
constexpr double TINY = 1e-15;
constexpr double LOUDEST_SIDE = 100;

inline double flushed(double value) { return value < TINY && value > -TINY ? 0.0 : value; }

// state: light, fast, slow, memory, gain as a factor.
inline double output_level(double side, const double* state) {
    const double level = std::fabs(side);
    return (level < LOUDEST_SIDE ? level : LOUDEST_SIDE) * state[4];
}

// Returns the gain in decibels.
inline double step(double heard, const double* k, double* state) {
    double &light = state[0], &fast = state[1], &slow = state[2], &memory = state[3];
    light += k[LIGHT] * (heard - light);
    const double over = DB * std::log(light > 1e-6 ? light : 1e-6) - k[THRESHOLD] + k[MEMORY_SHIFT] * memory;
    const double half = 0.5 * k[KNEE];
    double knee = 0;
    if (over >= half) knee = over;
    else if (over > -half) knee = (over + half) * (over + half) / (2 * k[KNEE]);
    const double wanted = -k[SLOPE] * knee;
    fast += (wanted < fast ? k[ATTACK] : k[FAST_RELEASE]) * (wanted - fast);
    slow += (wanted < slow ? k[ATTACK] : k[SLOW_RELEASE]) * (wanted - slow);
    const double gain = k[FAST_SHARE] * fast + (1 - k[FAST_SHARE]) * slow;
    const double reduction = -gain * 0.05 < k[MEMORY_FULL] ? -gain * 0.05 : k[MEMORY_FULL];
    memory += (reduction > memory ? k[MEMORY_UP] : k[MEMORY_DOWN]) * (reduction - memory);
    state[4] = std::exp(gain * NEPER);
    return gain;
}

}  // namespace

extern "C" {

// side (channels, frames): what the lamp sees; numbers (rows, 15): one row, or one for each frame; states (channels,
// 5); decibels (channels, frames): the gain that each frame is heard with, make-up included; loud and wet (channels,
// frames): what is multiplied by the gain, and the product.
void follow(int64_t frames, int64_t channels, const double* side, const double* numbers, int64_t rows, double* states,
            double* decibels, const double* loud, double* wet) {
    double makeup = std::exp(numbers[MAKEUP] / DB);
    for (int64_t t = 0; t < frames; ++t) {
        const double* k = numbers + (rows > 1 ? t * COUNT : 0);
        if (rows > 1) makeup = std::exp(k[MAKEUP] / DB);
        double loudest = 0, sum = 0;
        for (int64_t c = 0; c < channels; ++c) {
            const double level = output_level(side[c * frames + t], states + 5 * c);
            loudest = level > loudest ? level : loudest;
            sum += level;
        }
        const double common = loudest + k[MEAN_LINK] * (sum / channels - loudest);
        for (int64_t c = 0; c < channels; ++c) {
            double* state = states + 5 * c;
            double heard = common;
            if (k[LINK_AMOUNT] < 1) {
                const double own = output_level(side[c * frames + t], state);
                heard = own + k[LINK_AMOUNT] * (common - own);
            }
            const double gain = step(heard, k, state);
            decibels[c * frames + t] = gain + k[MAKEUP];
            wet[c * frames + t] = loud[c * frames + t] * state[4] * makeup;
        }
    }
    for (int64_t i = 0; i < 5 * channels; ++i) states[i] = flushed(states[i]);
}
}
