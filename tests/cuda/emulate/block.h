/* One block of an emulated kernel: its threads run in turn, each until it must wait for others.
   Threads that never wait run as a plain loop. Single-threaded: the shim holds a lock. */
#ifndef VG_EMULATE_BLOCK_H
#define VG_EMULATE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vg_emulated_index {
  unsigned x, y, z;
} vg_emulated_index;

typedef struct vg_emulated_thread {
  vg_emulated_index index;
  int state;
  struct vg_fiber *fiber; /* in which it waits */
  int kind, source;       /* of the barrier or exchange it waits for */
  unsigned mask;
  uint64_t value; /* posted, then the result */
} vg_emulated_thread;

typedef struct vg_emulated_launch {
  const char *kernel;
  vg_emulated_index grid, block;
  size_t shared;        /* bytes of dynamic shared memory */
  void (*body)(void *); /* one thread of the kernel */
  void *arguments;
} vg_emulated_launch;

/* What the running thread reads as threadIdx, blockIdx, blockDim, gridDim. */
extern vg_emulated_thread *vg_emulated_self;
extern vg_emulated_index vg_emulated_block_index, vg_emulated_block, vg_emulated_grid;

/* Runs every block, in order (VG_EMULATE_ORDER=reverse or a number: threads and blocks backwards or
   shuffled by that seed; a right kernel does not notice). A rule broken by the kernel ends the
   process, with kernel, block and thread in the message. */
void vg_emulated_run(const vg_emulated_launch *l);

enum { VG_SYNC, VG_SYNC_OR, VG_SYNC_AND, VG_SYNC_COUNT };
/* Waits for all threads of the block; the combination of their `value`s. */
int vg_emulated_barrier(int kind, int value);

enum {
  VG_WARP_SYNC,
  VG_WARP_SHUFFLE, /* the result is the value of lane `source` */
  VG_WARP_BALLOT,  /* bit i: lane i had a value other than 0 */
  VG_WARP_ADD,
  VG_WARP_MIN,
  VG_WARP_MAX,
  VG_WARP_MIN_SIGNED,
  VG_WARP_MAX_SIGNED,
  VG_WARP_AND,
  VG_WARP_OR,
  VG_WARP_XOR
};
/* Waits for the lanes of `mask` that have not left the kernel. */
uint64_t vg_emulated_exchange(int kind, unsigned mask, uint64_t value, int source);
unsigned vg_emulated_lane(void);

/* The block's dynamic shared memory, filled with NaNs when the block starts. */
void *vg_emulated_shared(void);

#ifdef __cplusplus
}
#endif
#endif
