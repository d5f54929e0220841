/* Threads of the core's own and what they talk through: a lock with its condition, and a bounded
   queue of byte buffers whose sender never waits. */
#ifndef VG_BASE_THREAD_H
#define VG_BASE_THREAD_H

#include <pthread.h>

#include "base/status.h"

/* A mutex and one condition, waits on the monotonic clock. */
typedef struct vg_lock {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
} vg_lock;

VG_API void vg_lock_init(vg_lock *k);
VG_API void vg_lock_destroy(vg_lock *k);
VG_API void vg_lock_take(vg_lock *k);
VG_API void vg_lock_give(vg_lock *k);
VG_API void vg_lock_tell(vg_lock *k); /* wakes everybody who waits */
/* Waits, with the lock taken, until told or until `deadline` (vg_clock() seconds; INFINITY: no
   end). False when the time is over. May wake for nothing. */
VG_API bool vg_lock_wait(vg_lock *k, double deadline);

/* A thread with all signals blocked: they belong to the program's own threads. */
VG_API vg_status vg_thread_start(pthread_t *out, void *(*run)(void *), void *argument,
                                 const char *name /* up to 15 bytes */);

/* A buffer on its way. Freed with vg_free by whoever holds it. */
typedef struct vg_packet {
  struct vg_packet *next;
  int kind;    /* the sender's */
  size_t head; /* the sender's: bytes of `data` before the payload */
  size_t size; /* bytes of `data` */
  double when; /* the receiver's */
  char data[];
} vg_packet;

VG_API vg_packet *vg_packet_new(int kind, size_t size); /* NULL when there is no memory */

typedef struct vg_queue vg_queue;

/* Room for `bytes` of packets, headers included. */
VG_API vg_status vg_queue_new(vg_queue **out, size_t bytes);
VG_API void vg_queue_free(vg_queue *q); /* with what is still in it; NULL is fine */

/* Never waits. False when it is full or closed: the packet stays the sender's. Room comes back not
   when a packet is taken out but when the receiver releases it. An empty queue takes a
   packet of any size, and a packet without data always fits. */
VG_API bool vg_queue_push(vg_queue *q, vg_packet *take);
/* All packets there are, oldest first; waits for one until `deadline`. NULL: time is over, or the
   queue is closed and empty. */
VG_API vg_packet *vg_queue_take(vg_queue *q, double deadline);
VG_API void vg_queue_release(vg_queue *q, vg_packet *p); /* frees it */
VG_API void vg_queue_close(vg_queue *q);
VG_API bool vg_queue_is_closed(vg_queue *q);

#endif
