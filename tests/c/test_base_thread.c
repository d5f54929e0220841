/* The bounded queue with senders and a receiver in threads of their own; CRC-32C. Also run under
   the thread sanitizer. */
#include <math.h>
#include <sched.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crc32c.h"
#include "base/thread.h"
#include "checks.h"

enum { SENDERS = 3, EACH = 3000, ROOM = 64 << 10 };

typedef struct sender {
  vg_queue *q;
  pthread_t thread;
  int number, refused;
} sender;

static vg_packet *packet(int kind, const void *data, size_t n) {
  vg_packet *p = vg_packet_new(kind, n);
  VG_ASSERT(p);
  if (n) memcpy(p->data, data, n);
  return p;
}

static void *send(void *argument) {
  sender *s = argument;
  for (int i = 0; i < EACH; i++) {
    vg_packet *p = packet(s->number, &i, sizeof i);
    while (!vg_queue_push(s->q, p)) {
      s->refused++;
      sched_yield();
    }
  }
  return NULL;
}

/* Each sender's packets come once and in its order, though the room holds a part of them only. */
static void test_many_senders(void) {
  sender s[SENDERS] = {0};
  int seen[SENDERS] = {0}, wrong = 0;
  vg_queue *q = NULL;
  CHECK_OK(vg_queue_new(&q, ROOM));
  for (int i = 0; i < SENDERS; i++) {
    s[i].q = q;
    s[i].number = i;
    CHECK_OK(vg_thread_start(&s[i].thread, send, &s[i], "test-sender"));
  }
  for (int total = 0; total < SENDERS * EACH;) {
    vg_packet *next, *p = vg_queue_take(q, vg_clock() + 20);
    if (!p) break;
    for (; p; p = next, total++) {
      int value;
      next = p->next;
      memcpy(&value, p->data, sizeof value);
      if (value != seen[p->kind]++) wrong++;
      vg_queue_release(q, p);
    }
  }
  for (int i = 0; i < SENDERS; i++) {
    pthread_join(s[i].thread, NULL);
    CHECK(seen[i] == EACH);
  }
  CHECK(wrong == 0);
  vg_queue_free(q);
}

static void test_room(void) {
  static const char data[100];
  vg_queue *q = NULL;
  vg_packet *p, *second, *taken;
  CHECK_OK(vg_queue_new(&q, 200 + 2 * sizeof(vg_packet)));
  CHECK(vg_queue_push(q, packet(1, data, 100)));
  CHECK(vg_queue_push(q, packet(2, data, 100)));
  p = packet(3, data, 1);
  CHECK(!vg_queue_push(q, p));
  CHECK(vg_queue_push(q, packet(4, NULL, 0))); /* always fits */
  taken = vg_queue_take(q, 0);
  CHECK(taken && taken->kind == 1 && taken->next && taken->next->kind == 2);
  CHECK(!vg_queue_push(q, p)); /* taken out is not released */
  second = taken->next;
  vg_queue_release(q, second->next);
  vg_queue_release(q, second);
  vg_queue_release(q, taken);
  CHECK(vg_queue_push(q, p));
  taken = vg_queue_take(q, 0);
  CHECK(taken == p && !taken->next);
  vg_queue_release(q, taken);
  p = packet(5, data, 100);
  CHECK(vg_queue_push(q, p)); /* still in it when it goes */
  vg_queue_close(q);
  CHECK(vg_queue_is_closed(q));
  p = packet(6, data, 1);
  CHECK(!vg_queue_push(q, p));
  vg_free(p);
  vg_queue_free(q);
}

static void test_large(void) {
  vg_queue *q = NULL;
  vg_packet *p = vg_packet_new(1, 1000);
  CHECK_OK(vg_queue_new(&q, 10));
  CHECK(vg_queue_push(q, p));
  vg_queue_free(q);
}

static void *close_soon(void *q) {
  struct timespec t = {.tv_nsec = 20000000};
  nanosleep(&t, NULL);
  vg_queue_close(q);
  return NULL;
}

static void test_waiting(void) {
  vg_queue *q = NULL;
  pthread_t thread;
  double start = vg_clock();
  CHECK_OK(vg_queue_new(&q, ROOM));
  CHECK(!vg_queue_take(q, start + 0.03));
  CHECK(vg_clock() - start >= 0.029);
  CHECK_OK(vg_thread_start(&thread, close_soon, q, "test-closer"));
  CHECK(!vg_queue_take(q, INFINITY)); /* woken by the end */
  pthread_join(thread, NULL);
  vg_queue_free(q);
}

/* RFC 3720, B.4, and the usual check value. */
static void test_crc32c(void) {
  unsigned char b[48];
  uint32_t half;
  memset(b, 0, 32);
  CHECK(vg_crc32c(0, b, 32) == 0x8a9136aau);
  memset(b, 0xff, 32);
  CHECK(vg_crc32c(0, b, 32) == 0x62a8ab43u);
  for (int i = 0; i < 32; i++) b[i] = (unsigned char)i;
  CHECK(vg_crc32c(0, b, 32) == 0x46dd794eu);
  CHECK(vg_crc32c(0, "123456789", 9) == 0xe3069283u);
  CHECK(vg_crc32c(0, "", 0) == 0);
  half = vg_crc32c(0, "1234", 4);
  CHECK(vg_crc32c(half, "56789", 5) == 0xe3069283u);
}

int main(void) {
  int64_t before = vg_alloc_statistics().live_blocks;
  test_many_senders();
  test_room();
  test_large();
  test_waiting();
  test_crc32c();
  CHECK(vg_alloc_statistics().live_blocks == before);
  return tally("thread");
}
