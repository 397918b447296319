// What every emitted C++ kernel begins with: vectors, a small matrix product in registers, elementary functions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#ifdef _OPENMP
#include <omp.h>
#endif

typedef float vec __attribute__((vector_size(64)));
static constexpr int64_t LANES = 16;

static inline vec load(const float* p) { vec v; std::memcpy(&v, p, 64); return v; }
static inline void store(float* p, vec v) { std::memcpy(p, &v, 64); }
static inline int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

// exp to about 2 units in the last place; 0 below the least normal number, infinity above the largest.
static inline float fexp(float x) {
  float c = x < -87.3f ? -87.3f : (x > 88.7f ? 88.7f : x);
  float r = __builtin_floorf(c * 1.44269504f + 0.5f);
  float f = c - r * 0.693359375f;
  f = f + r * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * f + 1.3981999507e-3f;
  p = p * f + 8.3334519073e-3f;
  p = p * f + 4.1665795894e-2f;
  p = p * f + 1.6666665459e-1f;
  p = p * f + 5.0000001201e-1f;
  p = p * f * f + f + 1.0f;
  int32_t bits = ((int32_t)r + 127) << 23;
  float s;
  std::memcpy(&s, &bits, 4);
  float y = p * s;
  y = x < -87.3f ? 0.0f : y;
  return x > 88.7f ? (x > 88.73f ? INFINITY : y) : y;
}
static inline float ftanh(float x) {
  float a = x < 0 ? -x : x, e = fexp(-2.0f * a), s = x * x;
  float large = (1.0f - e) / (1.0f + e);
  float small = a * (1.0f + s * (-0.33333334f + s * (0.13333334f - s * 0.053968254f)));
  float y = a < 0.15f ? small : large;
  return x < 0 ? -y : y;
}
static inline float fsigmoid(float x) { return 1.0f / (1.0f + fexp(-x)); }
static inline float frelu(float x) { return x > 0 ? x : 0.0f; }
static inline float fmax2(float a, float b) { return a > b ? a : b; }
static inline float fmin2(float a, float b) { return a < b ? a : b; }

// C[M, N] (+)= A[M, K] B[K, N]; rows of C and B are dense in N (a multiple of the lanes), A has any strides.
template <int MR, int NV>
static inline void block(int64_t K, const float* A, int64_t rs, int64_t cs, const float* B, int64_t ldb, float* C, int64_t ldc,
                         bool more) {
  vec c[MR][NV];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) c[i][j] = more ? load(C + i * ldc + LANES * j) : vec{};
  for (int64_t k = 0; k < K; k++) {
    vec b[NV];
    for (int j = 0; j < NV; j++) b[j] = load(B + k * ldb + LANES * j);
    for (int i = 0; i < MR; i++) {
      vec a = vec{} + A[i * rs + k * cs];
      for (int j = 0; j < NV; j++) c[i][j] += a * b[j];
    }
  }
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) store(C + i * ldc + LANES * j, c[i][j]);
}
template <int NV>
static inline void rows(int64_t M, int64_t K, const float* A, int64_t rs, int64_t cs, const float* B, int64_t ldb, float* C,
                        int64_t ldc, bool more) {
  constexpr int MR = NV == 4 ? 6 : NV == 2 ? 8 : 12;
  int64_t m = 0;
  for (; m + MR <= M; m += MR) block<MR, NV>(K, A + m * rs, rs, cs, B, ldb, C + m * ldc, ldc, more);
  for (; m + 2 <= M; m += 2) block<2, NV>(K, A + m * rs, rs, cs, B, ldb, C + m * ldc, ldc, more);
  for (; m < M; m++) block<1, NV>(K, A + m * rs, rs, cs, B, ldb, C + m * ldc, ldc, more);
}
static inline void matmul(int64_t M, int64_t N, int64_t K, const float* A, int64_t rs, int64_t cs, const float* B, int64_t ldb,
                          float* C, int64_t ldc, bool more) {
  int64_t n = 0;
  for (; n + 4 * LANES <= N; n += 4 * LANES) rows<4>(M, K, A, rs, cs, B + n, ldb, C + n, ldc, more);
  for (; n + 2 * LANES <= N; n += 2 * LANES) rows<2>(M, K, A, rs, cs, B + n, ldb, C + n, ldc, more);
  for (; n < N; n += LANES) rows<1>(M, K, A, rs, cs, B + n, ldb, C + n, ldc, more);
}

// One thread's room for its tiles.
struct Room {
  char* base;
  int64_t used = 0;
  explicit Room(int64_t bytes) : base((char*)std::aligned_alloc(64, (bytes + 63) / 64 * 64)) {}
  ~Room() { std::free(base); }
  float* take(int64_t count) {
    float* p = (float*)(base + used);
    used += (count * 4 + 63) / 64 * 64;
    return p;
  }
};
