/* Counting for the metrics: whole numbers, so that atomics give the same sums in any order. Nothing
   is counted once a class out of range was noted. */
#include "base/score.h"
#include "cuda/device.h"

namespace {

const int THREADS = 128;

__device__ inline bool faulty(const vg_cuda_fault *fault) { return fault->code != 0; }
__device__ inline const float *scores_at(const vg_cuda_scores &b, int64_t i) {
  return b.scores + i / b.inner * b.classes * b.inner + i % b.inner;
}

/* Positions are counted twice over: target, then label. `raw` becomes 1 where a score of a pair
   that counts lies outside 0..1. */
__global__ void __launch_bounds__(THREADS)
    check(vg_cuda_scores b, vg_cuda_fault *fault, unsigned *raw) {
  VG_FOR(i, b.count) {
    int64_t t = b.target[i];
    if (t == b.ignore_index) continue;
    if (t < 0 || t >= b.classes) vg_note_fault(fault, 2 * i);
    if (b.labels && (b.labels[i] < 0 || b.labels[i] >= b.classes)) vg_note_fault(fault, 2 * i + 1);
    if (!raw) continue;
    const float *s = scores_at(b, i);
    for (int64_t c = 0; c < b.classes; c++)
      if (s[c * b.inner] < 0 || s[c * b.inner] > 1) atomicOr(raw, 1u);
  }
}

__device__ inline void count_at(int64_t *p, int64_t n) {
  atomicAdd((unsigned long long *)p, (unsigned long long)n);
}

__global__ void __launch_bounds__(THREADS)
    confusion(vg_cuda_scores b, int64_t *counts, int64_t top_k, const vg_cuda_fault *fault) {
  if (faulty(fault)) return;
  VG_FOR(i, b.count) {
    int64_t t = b.target[i];
    if (t == b.ignore_index) continue;
    count_at(counts + t * (b.classes + 1) +
                 (b.labels ? b.labels[i]
                           : vg_score_predicted(scores_at(b, i), b.classes, b.inner, t, top_k)),
             1);
  }
}

__global__ void __launch_bounds__(THREADS)
    calibration(vg_cuda_scores b, int64_t *bins, int64_t nbins, const unsigned *raw,
                const vg_cuda_fault *fault) {
  if (faulty(fault)) return;
  VG_FOR(i, b.count) {
    const float *s = scores_at(b, i);
    int64_t at;
    float m = vg_score_largest(s, b.classes, b.inner, &at);
    if (b.target[i] == b.ignore_index || m != m) continue;
    if (*raw) m = vg_score_softmax_of_largest(s, b.classes, b.inner, m);
    if (m != m) continue; /* infinite logits */
    int64_t *row = bins + 3 * vg_bin_of(m, nbins);
    count_at(row, 1);
    count_at(row + 1, at == b.target[i]);
    count_at(row + 2, (int64_t)((double)m * 1099511627776.0));
  }
}

}  // namespace

extern "C" {

cudaError_t vg_cuda_confusion(int64_t *counts, const vg_cuda_scores *b, int64_t top_k,
                              vg_cuda_fault *fault, cudaStream_t stream) {
  unsigned blocks = vg_blocks(b->count, THREADS);
  if (b->count == 0) return cudaSuccess;
  VG_LAUNCH(check, blocks, THREADS, 0, stream, *b, fault, (unsigned *)NULL);
  VG_LAUNCH(confusion, blocks, THREADS, 0, stream, *b, counts, top_k, (const vg_cuda_fault *)fault);
  return cudaGetLastError();
}

cudaError_t vg_cuda_calibration(int64_t *bins, int64_t nbins, const vg_cuda_scores *b,
                                uint32_t *raw, vg_cuda_fault *fault, cudaStream_t stream) {
  unsigned blocks = vg_blocks(b->count, THREADS);
  cudaError_t e;
  if (b->count == 0) return cudaSuccess;
  e = cudaMemsetAsync(raw, 0, sizeof *raw, stream);
  if (e != cudaSuccess) return e;
  VG_LAUNCH(check, blocks, THREADS, 0, stream, *b, fault, (unsigned *)raw);
  VG_LAUNCH(calibration, blocks, THREADS, 0, stream, *b, bins, nbins, (const unsigned *)raw,
            (const vg_cuda_fault *)fault);
  return cudaGetLastError();
}

}  // extern "C"
