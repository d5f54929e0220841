#include "cpu/bf16_weight.h"

#include <string.h>

#include "base/alloc.h"

enum { BLOCK = 32 * 32 };

/* What hangs on a weight's storage. */
typedef struct note {
  vg_bf16_matrix m;
  int64_t offset;
  uint32_t version[2];
  vg_buf form[2];
} note;

static void note_free(void *p) {
  note *n = p;
  vg_buf_give(&n->form[0]);
  vg_buf_give(&n->form[1]);
  vg_free(n);
}

static int64_t blocks(int64_t n) { return (n + 31) / 32; }

typedef struct job {
  const vg_bf16_kernels *k;
  vg_bf16_matrix m;
  const float *w;
  uint16_t *to[2]; /* by form; NULL: not wanted */
} job;

/* One block of 32 x 32 of every tap, rows in order: x[tap][row][column]. */
static void read_block(const job *j, uint16_t *x, int64_t rb, int64_t cb) {
  int64_t taps = j->m.taps, c0 = 32 * cb, columns = j->m.columns - c0;
  uint16_t line[32];
  if (columns > 32) columns = 32;
  memset(x, 0, (size_t)(taps * BLOCK) * sizeof *x);
  for (int64_t r = 32 * rb; r < 32 * rb + 32 && r < j->m.rows; r++) {
    const float *from = j->w + r * j->m.row + c0 * taps;
    uint16_t *to = x + r % 32 * 32;
    if (taps == 1) {
      j->k->round(to, from, columns);
      continue;
    }
    for (int64_t i = 0; i < columns * taps; i += 32) { /* tap by tap out of the row */
      int64_t n = columns * taps - i < 32 ? columns * taps - i : 32;
      j->k->round(line, from + i, n);
      for (int64_t e = 0, c = i / taps, t = i % taps; e < n; e++) {
        to[t * BLOCK + c] = line[e];
        if (++t == taps) t = 0, c++;
      }
    }
  }
}

/* Where tap t of a block goes, by form; NULL: not wanted. */
static uint16_t *columns_of(const job *j, int64_t rb, int64_t cb, int64_t t) {
  uint16_t *to = j->to[VG_SUM_COLUMNS];
  return to ? to + ((2 * rb * j->m.taps + t) * blocks(j->m.columns) + cb) * VG_TILE : NULL;
}
static uint16_t *rows_of(const job *j, int64_t rb, int64_t cb, int64_t t) {
  uint16_t *to = j->to[VG_SUM_ROWS];
  return to ? to + ((2 * cb * j->m.taps + t) * blocks(j->m.rows) + rb) * VG_TILE : NULL;
}

/* A whole block of several taps: turned around, so that a tap's elements lie densely. */
static void pack_taps(const job *j, float *v, int64_t rb, int64_t cb) {
  int64_t taps = j->m.taps, right = taps * blocks(j->m.columns) * VG_TILE;
  int64_t next = taps * blocks(j->m.rows) * VG_TILE;
  const float *w = j->w + 32 * rb * j->m.row + 32 * cb * taps;
  for (int64_t half = 0; half < 2; half++, w += 16 * taps) {
    for (int64_t r = 0; r < 32; r += 16)
      for (int64_t i = 0; i < 16 * taps; i += 16)
        j->k->turn_floats(v + 32 * i + r, 32, w + r * j->m.row + i, j->m.row, false);
    for (int64_t t = 0; t < taps; t++) {
      uint16_t *columns = columns_of(j, rb, cb, t), *rows = rows_of(j, rb, cb, t);
      j->k->weight_pairs(columns ? columns + 256 * half : NULL, right,
                         rows ? rows + next * half : NULL, v + 32 * t, 32 * taps);
    }
  }
}

static void pack_block(const job *j, void *room, int64_t rb, int64_t cb) {
  int64_t taps = j->m.taps, rbs = blocks(j->m.rows), cbs = blocks(j->m.columns);
  uint16_t *x = room;
  if (taps > 1 && 32 * rb + 32 <= j->m.rows && 32 * cb + 32 <= j->m.columns) {
    pack_taps(j, room, rb, cb);
    return;
  }
  read_block(j, x, rb, cb);
  for (int64_t t = 0; t < taps; t++) {
    uint16_t *columns = columns_of(j, rb, cb, t), *rows = rows_of(j, rb, cb, t);
    if (columns) j->k->turn(columns, taps * cbs * VG_TILE, x + t * BLOCK);
    if (rows) j->k->pairs(rows, taps * rbs * VG_TILE, x + t * BLOCK, 16 * 32, 32);
  }
}

static void pack(const job *j, uint16_t *room, int threads) {
  int64_t rbs = blocks(j->m.rows), cbs = blocks(j->m.columns), size = j->m.taps * BLOCK;
#pragma omp parallel for schedule(static) num_threads(threads) if (threads > 1)
  for (int part = 0; part < threads; part++)
    for (int64_t i = rbs * cbs * part / threads; i < rbs * cbs * (part + 1) / threads; i++)
      pack_block(j, room + part * size, i / cbs, i % cbs);
}

static bool same(const note *n, const vg_tensor *w, const vg_bf16_matrix *m) {
  return n->offset == w->offset && n->m.rows == m->rows && n->m.columns == m->columns &&
         n->m.taps == m->taps && n->m.row == m->row;
}

/* The weight's note for this matrix, its forms dropped if they were another matrix's. */
static vg_status note_of(note **out, const vg_tensor *w, const vg_bf16_matrix *m) {
  vg_storage *s = w->storage;
  if (!s->note || s->note_free != note_free || !same(s->note, w, m)) {
    note *n = vg_calloc(1, sizeof *n);
    if (!n) return VG_ENOMEM;
    n->m = *m;
    n->offset = w->offset;
    if (s->note) s->note_free(s->note);
    s->note = n;
    s->note_free = note_free;
  }
  *out = s->note;
  return VG_OK;
}

/* Takes the memory of the forms that are wanted and not valid; tells whether there are any. */
static vg_status missing(bool *any, job *j, vg_device *d, note *n, uint32_t version, int form) {
  int64_t size = blocks(j->m.rows) * blocks(j->m.columns) * j->m.taps * BLOCK;
  vg_status st = VG_OK;
  for (int f = 0; f < 2; f++) {
    bool valid = n->form[f].ptr && n->version[f] == version;
    if (valid || (f != form && d->ctx->no_grad)) continue;
    if (!n->form[f].ptr) VG_TRY(vg_buf_take(&n->form[f], d, (size_t)size * sizeof(uint16_t)));
    n->version[f] = version;
    j->to[f] = n->form[f].ptr;
    *any = true;
  }
done:
  return st;
}

vg_status vg_bf16_weight(const uint16_t **out, vg_device *d, const vg_tensor *w,
                         const vg_bf16_matrix *m, vg_bf16_form form) {
  int64_t size = blocks(m->rows) * blocks(m->columns) * m->taps * BLOCK;
  int threads = size < VG_CPU_GRAIN ? 1 : vg_cpu_threads(d);
  job j = {.k = vg_bf16_get(), .m = *m, .w = vg_data(w)};
  vg_buf room = {0};
  bool any = false;
  note *n;
  vg_status st;
  VG_TRY(note_of(&n, w, m));
  VG_TRY(missing(&any, &j, d, n, w->storage->version, (int)form));
  if (any) VG_TRY(vg_buf_take(&room, d, (size_t)(threads * m->taps) * BLOCK * sizeof *j.to[0]));
  if (any && !vg_cpu_plans(d)) pack(&j, room.ptr, threads);
  *out = n->form[form].ptr;
done:
  vg_buf_give(&room);
  return st;
}

/* ---- renewal ---- */

static note *kept(const vg_tensor *w) {
  note *n = w->storage->note;
  bool ours = n && w->storage->note_free == note_free && n->offset == w->offset;
  bool dense = ours && n->m.row == n->m.columns * n->m.taps && n->m.rows * n->m.row == w->n;
  return dense && (n->form[0].ptr || n->form[1].ptr) ? n : NULL;
}

/* Blocks of columns in a piece: a page of each row. */
static int64_t wide(const note *n) {
  int64_t w = 1024 / (32 * n->m.taps);
  return w > 1 ? w : 1;
}
static int64_t across(const note *n) { return (blocks(n->m.columns) + wide(n) - 1) / wide(n); }

int64_t vg_bf16_pieces(const vg_tensor *w) {
  const note *n = kept(w);
  return n ? blocks(n->m.rows) * across(n) : 0;
}

vg_bf16_piece vg_bf16_piece_of(const vg_tensor *w, int64_t i) {
  const note *n = kept(w);
  int64_t r = i / across(n) * 32, c = i % across(n) * wide(n) * 32;
  int64_t rows = n->m.rows - r, columns = n->m.columns - c;
  if (rows > 32) rows = 32;
  if (columns > 32 * wide(n)) columns = 32 * wide(n);
  return (vg_bf16_piece){r * n->m.row + c * n->m.taps, n->m.row, rows, columns * n->m.taps};
}

int64_t vg_bf16_renew_room(const vg_tensor *w) { return kept(w)->m.taps * BLOCK; }

void vg_bf16_renew(const vg_tensor *w, int64_t piece, uint16_t *room) {
  note *n = kept(w);
  job j = {.k = vg_bf16_get(), .m = n->m, .w = vg_data(w), .to = {n->form[0].ptr, n->form[1].ptr}};
  int64_t from = piece % across(n) * wide(n), to = from + wide(n);
  if (to > blocks(n->m.columns)) to = blocks(n->m.columns);
  for (int64_t cb = from; cb < to; cb++) pack_block(&j, room, piece / across(n), cb);
}

void vg_bf16_renewed(const vg_tensor *w) {
  note *n = kept(w);
  n->version[0] = n->version[1] = w->storage->version + 1;
}
