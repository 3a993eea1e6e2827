// The recurrence of a bank of diagonal state-space systems and its adjoint; see state_space.py for the formulas.
//
// Everything has the channels last, so that they lie across vector lanes: signals (T, H), states, poles and mixing (N, H)
// with real and imaginary parts apart. The adjoint needs all states again; they are stored at the start of each strip and
// computed anew within it, which costs less than reading them from memory.

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t STRIP = 64;

template <int H>
inline void advance(int64_t n, int64_t channels, const float* u, const float* pr, const float* pi, float* sr, float* si) {
    const int64_t size = H ? H : channels;
    for (int64_t k = 0; k < n; ++k) {
        const int64_t row = k * size;
#pragma omp simd
        for (int64_t h = 0; h < size; ++h) {
            const float real = pr[row + h] * sr[row + h] - pi[row + h] * si[row + h] + u[h];
            si[row + h] = pr[row + h] * si[row + h] + pi[row + h] * sr[row + h];
            sr[row + h] = real;
        }
    }
}

// u, y (T, H); sr, si (N, H) in and out; kept: null, or (strips, 2, N, H), the states before each strip.
template <int H>
void forward(int64_t frames, int64_t channels, int64_t n, const float* u, const float* pr, const float* pi,
             const float* mr, const float* mi, const float* skip, float* sr, float* si, float* kept, float* y) {
    const int64_t size = H ? H : channels;
    for (int64_t t = 0; t < frames; ++t) {
        if (kept && t % STRIP == 0) {
            std::memcpy(kept, sr, n * size * sizeof(float));
            std::memcpy(kept + n * size, si, n * size * sizeof(float));
            kept += 2 * n * size;
        }
        const float* in = u + t * size;
        float* out = y + t * size;
        advance<H>(n, channels, in, pr, pi, sr, si);
#pragma omp simd
        for (int64_t h = 0; h < size; ++h) out[h] = skip[h] * in[h];
        for (int64_t k = 0; k < n; ++k) {
            const int64_t row = k * size;
#pragma omp simd
            for (int64_t h = 0; h < size; ++h) out[h] += mr[row + h] * sr[row + h] - mi[row + h] * si[row + h];
        }
    }
}

template <int H>
void backward(int64_t frames, int64_t channels, int64_t n, const float* u, const float* pr, const float* pi,
              const float* mr, const float* mi, const float* skip, const float* kept, const float* gy, float* gu,
              float* gpr, float* gpi, float* gmr, float* gmi, float* gskip) {
    const int64_t size = H ? H : channels, bank = n * size;
    std::vector<float> states((STRIP + 1) * 2 * bank), adjoint(2 * bank, 0.0f);
    float *gr = adjoint.data(), *gi = gr + bank;
    for (int64_t strip = (frames - 1) / STRIP; strip >= 0; --strip) {
        const int64_t start = strip * STRIP, length = frames - start < STRIP ? frames - start : STRIP;
        std::memcpy(states.data(), kept + strip * 2 * bank, 2 * bank * sizeof(float));
        for (int64_t t = 0; t < length; ++t) {
            float* now = states.data() + (t + 1) * 2 * bank;
            std::memcpy(now, now - 2 * bank, 2 * bank * sizeof(float));
            advance<H>(n, channels, u + (start + t) * size, pr, pi, now, now + bank);
        }
        for (int64_t t = length - 1; t >= 0; --t) {
            const float *before_r = states.data() + t * 2 * bank, *before_i = before_r + bank;
            const float *now_r = before_r + 2 * bank, *now_i = now_r + bank;
            const float *in = u + (start + t) * size, *error = gy + (start + t) * size;
            float* out = gu + (start + t) * size;
#pragma omp simd
            for (int64_t h = 0; h < size; ++h) {
                out[h] = skip[h] * error[h];
                gskip[h] += in[h] * error[h];
            }
            for (int64_t k = 0; k < n; ++k) {
                const int64_t row = k * size;
#pragma omp simd
                for (int64_t h = 0; h < size; ++h) {
                    const int64_t j = row + h;
                    const float real = error[h] * mr[j] + pr[j] * gr[j] + pi[j] * gi[j];
                    const float imag = -error[h] * mi[j] + pr[j] * gi[j] - pi[j] * gr[j];
                    gmr[j] += error[h] * now_r[j];
                    gmi[j] -= error[h] * now_i[j];
                    gpr[j] += real * before_r[j] + imag * before_i[j];
                    gpi[j] += imag * before_r[j] - real * before_i[j];
                    gr[j] = real;
                    gi[j] = imag;
                    out[h] += real;
                }
            }
        }
    }
}

}  // namespace

extern "C" {

int64_t strip_frames() { return STRIP; }

// u, y (B, T, H); states (B, 2, N, H), in and out; kept null or (B, strips, 2, N, H).
void scan(int64_t batch, int64_t frames, int64_t channels, int64_t n, const float* u, const float* pr, const float* pi,
          const float* mr, const float* mi, const float* skip, float* states, float* kept, float* y) {
    const auto run = channels == 32 ? forward<32> : channels == 16 ? forward<16> : forward<0>;
    const int64_t signal = frames * channels, bank = n * channels, strips = (frames + STRIP - 1) / STRIP;
    for (int64_t b = 0; b < batch; ++b)
        run(frames, channels, n, u + b * signal, pr, pi, mr, mi, skip, states + b * 2 * bank, states + b * 2 * bank + bank,
            kept ? kept + b * strips * 2 * bank : nullptr, y + b * signal);
}

// Gradients of poles, mixing and skip are added to what is there.
void scan_adjoint(int64_t batch, int64_t frames, int64_t channels, int64_t n, const float* u, const float* pr,
                  const float* pi, const float* mr, const float* mi, const float* skip, const float* kept,
                  const float* gy, float* gu, float* gpr, float* gpi, float* gmr, float* gmi, float* gskip) {
    const auto run = channels == 32 ? backward<32> : channels == 16 ? backward<16> : backward<0>;
    const int64_t signal = frames * channels, bank = n * channels, strips = (frames + STRIP - 1) / STRIP;
    for (int64_t b = 0; b < batch; ++b)
        run(frames, channels, n, u + b * signal, pr, pi, mr, mi, skip, kept + b * strips * 2 * bank, gy + b * signal,
            gu + b * signal, gpr, gpi, gmr, gmi, gskip);
}
}
