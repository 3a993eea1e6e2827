// The learned residual at work: level and gain are gathered over a hop, the network runs once a hop, and its correction
// of the gain is reached at the end of the next hop. See s4_block.py for the order of a block's weights, residual.py for
// the rest.

#include <cmath>
#include <cstdint>

namespace {

constexpr int64_t WIDEST = 64, SUMS = 4;
constexpr double DB = 8.685889638065036553;  // 20 / ln 10

struct Sizes {
    int64_t h, n, blocks;
    int64_t block() const { return h * h + h + 1 + 4 * h * n + 4 * h + 1; }
};

// One hop of one channel: returns the correction, moves the states.
double step(const Sizes& size, const double* w, double level, double gain, double* states) {
    const int64_t h = size.h, bank = size.h * size.n;
    double now[WIDEST], mixed[WIDEST];
    for (int64_t i = 0; i < h; ++i) now[i] = level * w[i] + gain * w[h + i] + w[2 * h + i];
    const double* p = w + 3 * h;
    for (int64_t b = 0; b < size.blocks; ++b, p += size.block(), states += 2 * bank) {
        const double *bias = p + h * h, first = bias[h], *pr = bias + h + 1, *pi = pr + bank, *mr = pi + bank;
        const double *mi = mr + bank, *skip = mi + bank, *scale = skip + h, *shift = scale + h, *rest = shift + h;
        const double second = rest[h];
        double *sr = states, *si = states + bank;
        for (int64_t i = 0; i < h; ++i) mixed[i] = bias[i];
        for (int64_t k = 0; k < h; ++k)
            for (int64_t i = 0; i < h; ++i) mixed[i] += now[k] * p[k * h + i];
        for (int64_t i = 0; i < h; ++i) {
            const double in = mixed[i] > 0 ? mixed[i] : first * mixed[i];
            double sum = skip[i] * in;
            for (int64_t row = i; row < bank; row += h) {
                const double real = pr[row] * sr[row] - pi[row] * si[row] + in;
                si[row] = pr[row] * si[row] + pi[row] * sr[row];
                sr[row] = real;
                sum += mr[row] * real - mi[row] * si[row];
            }
            const double moved = scale[i] * sum + shift[i];
            now[i] = (moved > 0 ? moved : second * moved) + rest[i] * now[i];
        }
    }
    double sum = -p[h];
    for (int64_t i = 0; i < h; ++i) sum += p[i] * now[i];
    return p[h + 1] * std::tanh(sum);
}

}  // namespace

// counters: frames of this hop so far, hops of the knob's way left, its length. memory, by channel: the correction before
// this hop and after it, the sums of power and gain, the states.
extern "C" void correct(int64_t frames, int64_t channels, int64_t hop, int64_t h, int64_t n, int64_t blocks,
                        int64_t count, const double* from, const double* target, double* row, int64_t* counters,
                        double* memory, double makeup, double mean, double link, double* wet, double* decibels) {
    const Sizes size{h, n, blocks};
    const int64_t own = SUMS + 2 * h * n * blocks;
    for (int64_t t = 0; t < frames; ++t) {
        const double place = double(counters[0] + 1) / hop;
        for (int64_t c = 0; c < channels; ++c) {
            double *m = memory + c * own, &x = wet[c * frames + t], &gain = decibels[c * frames + t];
            const double factor = 1 + m[0] + (m[1] - m[0]) * place;
            m[2] += x * x;
            m[3] += gain - makeup;
            x *= factor;
            gain += DB * std::log(factor);
        }
        if (++counters[0] < hop) continue;
        counters[0] = 0;
        if (counters[1] > 0) --counters[1];
        const double share = counters[1] ? 1 - double(counters[1]) / counters[2] : 1;
        for (int64_t i = 0; i < count; ++i) row[i] = from[i] + share * (target[i] - from[i]);
        double loudest = 0, sum = 0;
        for (int64_t c = 0; c < channels; ++c) {
            const double power = memory[c * own + 2];
            loudest = power > loudest ? power : loudest;
            sum += power;
        }
        const double common = loudest + mean * (sum / channels - loudest);
        for (int64_t c = 0; c < channels; ++c) {
            double* m = memory + c * own;
            const double power = (m[2] + link * (common - m[2])) / hop;
            double level = DB * std::log(std::sqrt(power > 0 ? power : 0) + 1e-4);
            level = level < 20 ? level : 20;
            const double next = step(size, row, (level + 80) / 40, m[3] / hop / 10, m + SUMS);
            m[0] = m[1];
            m[1] = next;
            m[2] = m[3] = 0;
        }
    }
}
