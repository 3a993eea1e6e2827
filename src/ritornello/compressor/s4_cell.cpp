// The S4 network of networks.py, streamed: strips of frames through all blocks, batch norm and FiLM folded into a scale
// and a shift. Channels lie across vector lanes; see s4_block.py for the order of the weights.

#include <cmath>
#include <cstdint>

namespace {

constexpr int64_t STRIP = 32;
constexpr int64_t WIDEST = 64;

template <int H>
void run(int64_t frames, int64_t channels, int64_t n, int64_t blocks, int64_t has_tanh, const float* weights,
         const float* x, float* states, float* y) {
    const int64_t size = H ? H : channels, bank = n * size;
    float now[STRIP][WIDEST], mixed[STRIP][WIDEST];
    const float *expand = weights, *expand_bias = expand + size, *first_block = expand_bias + size;
    const int64_t block_size = size * size + size + 1 + 4 * bank + 4 * size + 1;
    const float *contract = first_block + blocks * block_size, *contract_bias = contract + size;
    for (int64_t start = 0; start < frames; start += STRIP) {
        const int64_t length = frames - start < STRIP ? frames - start : STRIP;
        for (int64_t t = 0; t < length; ++t)
#pragma omp simd
            for (int64_t h = 0; h < size; ++h) now[t][h] = x[start + t] * expand[h] + expand_bias[h];
        for (int64_t b = 0; b < blocks; ++b) {
            const float *linear = first_block + b * block_size, *bias = linear + size * size, *slope = bias + size;
            const float *pr = slope + 1, *pi = pr + bank, *mr = pi + bank, *mi = mr + bank, *skip = mi + bank;
            const float *scale = skip + size, *shift = scale + size, *residual = shift + size;
            const float second = residual[size];
            float *sr = states + b * 2 * bank, *si = sr + bank;
            for (int64_t t = 0; t < length; ++t) {
                float* out = mixed[t];
#pragma omp simd
                for (int64_t h = 0; h < size; ++h) out[h] = bias[h];
                for (int64_t i = 0; i < size; ++i) {
                    const float value = now[t][i];
                    const float* row = linear + i * size;
#pragma omp simd
                    for (int64_t h = 0; h < size; ++h) out[h] += value * row[h];
                }
#pragma omp simd
                for (int64_t h = 0; h < size; ++h) out[h] = out[h] > 0 ? out[h] : *slope * out[h];
            }
            for (int64_t t = 0; t < length; ++t) {
                const float* in = mixed[t];
                float sum[WIDEST];
#pragma omp simd
                for (int64_t h = 0; h < size; ++h) sum[h] = skip[h] * in[h];
                for (int64_t k = 0; k < n; ++k) {
                    const int64_t row = k * size;
#pragma omp simd
                    for (int64_t h = 0; h < size; ++h) {
                        const float real = pr[row + h] * sr[row + h] - pi[row + h] * si[row + h] + in[h];
                        const float imag = pr[row + h] * si[row + h] + pi[row + h] * sr[row + h];
                        sr[row + h] = real;
                        si[row + h] = imag;
                        sum[h] += mr[row + h] * real - mi[row + h] * imag;
                    }
                }
#pragma omp simd
                for (int64_t h = 0; h < size; ++h) {
                    const float moved = scale[h] * sum[h] + shift[h];
                    now[t][h] = (moved > 0 ? moved : second * moved) + residual[h] * now[t][h];
                }
            }
        }
        for (int64_t t = 0; t < length; ++t) {
            float sum = *contract_bias;
#pragma omp simd reduction(+ : sum)
            for (int64_t h = 0; h < size; ++h) sum += contract[h] * now[t][h];
            y[start + t] = has_tanh ? std::tanh(sum) : sum;
        }
    }
    for (int64_t i = 0; i < blocks * 2 * bank; ++i)
        if (states[i] < 1e-15f && states[i] > -1e-15f) states[i] = 0;
}

}  // namespace

extern "C" void s4_stream(int64_t frames, int64_t channels, int64_t n, int64_t blocks, int64_t has_tanh,
                          const float* weights, const float* x, float* states, float* y) {
    const auto chosen = channels == 32 ? run<32> : channels == 16 ? run<16> : run<0>;
    chosen(frames, channels, n, blocks, has_tanh, weights, x, states, y);
}
