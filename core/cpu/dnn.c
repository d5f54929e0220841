/* oneDNN 2.x: engine, stream, the cache of convolution primitives, sgemm. */
#include "cpu/dnn.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cpu/cpu.h"

#if DNNL_VERSION_MAJOR != 2
#error "port this file to the installed oneDNN"
#endif

enum { BUCKETS = 1024, MOST_ENTRIES = 2048 };

/* A tensor of a primitive: the caller's memory and, where the primitive wants another format, its
   own copy with the reorder between the two. */
typedef struct operand {
  dnnl_memory_t user, own;
  dnnl_primitive_t reorder;
  size_t bytes; /* of the copy */
} operand;

enum { OP_X, OP_W, OP_B, OP_Y, OPERANDS };

typedef struct entry {
  vg_conv_problem key;
  dnnl_primitive_t prim; /* NULL: oneDNN has none */
  operand op[OPERANDS];
  dnnl_memory_t scratch;
  size_t scratch_bytes, total_bytes;
  struct entry *next;
} entry;

typedef struct vg_dnn {
  dnnl_engine_t engine;
  dnnl_stream_t stream;
  entry *bucket[BUCKETS];
  int entries;
} vg_dnn;

static vg_status check(dnnl_status_t s, const char *what) {
  if (s == dnnl_success) return VG_OK;
  if (s == dnnl_out_of_memory) return vg_fail(VG_ENOMEM, "%s: oneDNN is out of memory", what);
  return vg_fail(VG_EINTERNAL, "%s: oneDNN failed with status %d", what, (int)s);
}

/* ---- life ---- */

static void entry_free(entry *e) {
  for (int i = 0; i < OPERANDS; i++) {
    dnnl_memory_destroy(e->op[i].user);
    dnnl_memory_destroy(e->op[i].own);
    dnnl_primitive_destroy(e->op[i].reorder);
  }
  dnnl_memory_destroy(e->scratch);
  dnnl_primitive_destroy(e->prim);
  vg_free(e);
}

static void forget_all(vg_dnn *dnn) {
  for (int i = 0; i < BUCKETS; i++) {
    entry *e = dnn->bucket[i], *next;
    for (; e; e = next) {
      next = e->next;
      entry_free(e);
    }
    dnn->bucket[i] = NULL;
  }
  dnn->entries = 0;
}

static void close_dnn(void *p) {
  vg_dnn *dnn = p;
  forget_all(dnn);
  dnnl_stream_destroy(dnn->stream);
  dnnl_engine_destroy(dnn->engine);
  vg_free(dnn);
}

static vg_status open_dnn(vg_dnn **out, vg_device *d) {
  vg_cpu_priv *cpu = vg_cpu_state(d);
  vg_dnn *dnn = cpu->dnn;
  vg_status st;
  *out = dnn;
  if (dnn) return VG_OK;
  dnn = vg_calloc(1, sizeof *dnn);
  if (!dnn) return VG_ENOMEM;
  dnnl_set_primitive_cache_capacity(0); /* ours holds the objects already */
  VG_TRY(check(dnnl_engine_create(&dnn->engine, dnnl_cpu, 0), "engine"));
  VG_TRY(check(dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_default_flags), "stream"));
  vg_cpu_dnn_close = close_dnn;
  cpu->dnn = *out = dnn;
  return VG_OK;
done:
  close_dnn(dnn);
  return st;
}

const char *vg_dnn_version(void) {
  static char text[32];
  const dnnl_version_t *v = dnnl_version();
  snprintf(text, sizeof text, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  return text;
}

/* ---- memory descriptors ---- */

static dnnl_format_tag_t data_tag(int block) {
  return block == 16 ? dnnl_nChw16c : block == 8 ? dnnl_nChw8c : dnnl_nchw;
}

/* What the caller holds (user) and what the primitive is asked for: a blocked tensor stays as it
   is; a plain one may be copied into whatever oneDNN is fast with. */
static dnnl_status_t data_md(dnnl_memory_desc_t *user, dnnl_memory_desc_t *want, int block,
                             const dnnl_dims_t dims) {
  dnnl_status_t s = dnnl_memory_desc_init_by_tag(user, 4, dims, dnnl_f32, data_tag(block));
  if (s != dnnl_success) return s;
  return dnnl_memory_desc_init_by_tag(want, 4, dims, dnnl_f32,
                                      block ? data_tag(block) : dnnl_format_tag_any);
}

typedef struct mds {
  dnnl_memory_desc_t user[OPERANDS], want[OPERANDS];
} mds;

static dnnl_status_t describe(mds *m, const vg_conv_problem *c) {
  dnnl_dims_t b = {c->k}, x = {c->n, c->c, c->h, c->w}, y = {c->n, c->k, c->p, c->q};
  dnnl_dims_t w4 = {c->k, c->c, c->r, c->s};
  dnnl_dims_t w5 = {c->groups, c->k / c->groups, c->c / c->groups, c->r, c->s};
  bool grouped = c->groups > 1;
  dnnl_status_t s = data_md(&m->user[OP_X], &m->want[OP_X], c->block_x, x);
  if (s == dnnl_success) s = data_md(&m->user[OP_Y], &m->want[OP_Y], c->block_y, y);
  if (s == dnnl_success)
    s = dnnl_memory_desc_init_by_tag(&m->user[OP_W], grouped ? 5 : 4, grouped ? w5 : w4, dnnl_f32,
                                     grouped ? dnnl_goihw : dnnl_oihw);
  if (s == dnnl_success)
    s = dnnl_memory_desc_init_by_tag(&m->want[OP_W], grouped ? 5 : 4, grouped ? w5 : w4, dnnl_f32,
                                     dnnl_format_tag_any);
  if (s == dnnl_success) s = dnnl_memory_desc_init_by_tag(&m->user[OP_B], 1, b, dnnl_f32, dnnl_a);
  m->want[OP_B] = m->user[OP_B];
  return s;
}

/* ---- primitives ---- */

static dnnl_status_t conv_desc(dnnl_convolution_desc_t *desc, const vg_conv_problem *c,
                               vg_conv_pass pass, const mds *m) {
  dnnl_alg_kind_t alg =
      c->algorithm == VG_DNN_WINOGRAD ? dnnl_convolution_winograd : dnnl_convolution_direct;
  dnnl_dims_t stride, dilate, lo, hi;
  const int64_t in[2] = {c->h, c->w}, out[2] = {c->p, c->q}, k[2] = {c->r, c->s};
  const dnnl_memory_desc_t *bias = c->bias ? &m->want[OP_B] : NULL;
  for (int i = 0; i < 2; i++) {
    stride[i] = c->stride[i];
    dilate[i] = c->dilation[i] - 1;
    lo[i] = c->pad[i];
    hi[i] = (out[i] - 1) * stride[i] + (k[i] - 1) * c->dilation[i] + 1 - in[i] - lo[i];
  }
  if (pass == VG_CONV_BWD_DATA)
    return dnnl_dilated_convolution_backward_data_desc_init(
        desc, alg, &m->want[OP_X], &m->want[OP_W], &m->want[OP_Y], stride, dilate, lo, hi);
  if (pass == VG_CONV_BWD_WEIGHT)
    return dnnl_dilated_convolution_backward_weights_desc_init(
        desc, alg, &m->want[OP_X], &m->want[OP_W], bias, &m->want[OP_Y], stride, dilate, lo, hi);
  return dnnl_dilated_convolution_forward_desc_init(desc, dnnl_forward_training, alg,
                                                    &m->want[OP_X], &m->want[OP_W], bias,
                                                    &m->want[OP_Y], stride, dilate, lo, hi);
}

static dnnl_status_t make_pd(dnnl_primitive_desc_t *pd, vg_dnn *dnn, const vg_conv_problem *c,
                             const mds *m) {
  dnnl_convolution_desc_t desc;
  dnnl_primitive_desc_t hint = NULL;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_status_t s = dnnl_primitive_attr_create(&attr);
  if (s == dnnl_success)
    s = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
  if (s == dnnl_success && c->pass != VG_CONV_FWD) {
    s = conv_desc(&desc, c, VG_CONV_FWD, m);
    if (s == dnnl_success) s = dnnl_primitive_desc_create(&hint, &desc, attr, dnn->engine, NULL);
  }
  if (s == dnnl_success) s = conv_desc(&desc, c, (vg_conv_pass)c->pass, m);
  if (s == dnnl_success) s = dnnl_primitive_desc_create(pd, &desc, attr, dnn->engine, hint);
  dnnl_primitive_desc_destroy(hint);
  dnnl_primitive_attr_destroy(attr);
  return s;
}

static dnnl_status_t make_reorder(dnnl_primitive_t *out, vg_dnn *dnn,
                                  const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to) {
  dnnl_primitive_desc_t pd = NULL;
  dnnl_status_t s =
      dnnl_reorder_primitive_desc_create(&pd, from, dnn->engine, to, dnn->engine, NULL);
  if (s == dnnl_success) s = dnnl_primitive_create(out, pd);
  dnnl_primitive_desc_destroy(pd);
  return s;
}

static dnnl_status_t make_operand(operand *o, vg_dnn *dnn, const dnnl_memory_desc_t *user,
                                  const dnnl_memory_desc_t *own, bool output) {
  dnnl_status_t s = dnnl_memory_create(&o->user, user, dnn->engine, DNNL_MEMORY_NONE);
  if (s != dnnl_success || dnnl_memory_desc_equal(user, own)) return s;
  o->bytes = (dnnl_memory_desc_get_size(own) + 63) / 64 * 64;
  s = dnnl_memory_create(&o->own, own, dnn->engine, DNNL_MEMORY_NONE);
  if (s == dnnl_success)
    s = make_reorder(&o->reorder, dnn, output ? own : user, output ? user : own);
  return s;
}

static bool is_output(int pass, int op) {
  if (pass == VG_CONV_FWD) return op == OP_Y;
  if (pass == VG_CONV_BWD_DATA) return op == OP_X;
  return op == OP_W || op == OP_B;
}

static const dnnl_memory_desc_t *queried(const_dnnl_primitive_desc_t pd, int pass, int op) {
  static const dnnl_query_t q[3][OPERANDS] = {
      {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_weights_md, dnnl_query_dst_md},
      {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_weights_md,
       dnnl_query_diff_dst_md},
      {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_weights_md,
       dnnl_query_diff_dst_md}};
  return dnnl_primitive_desc_query_md(pd, q[pass][op], op == OP_B);
}

static dnnl_status_t fill_entry(entry *e, vg_dnn *dnn, const mds *m, dnnl_primitive_desc_t pd) {
  const vg_conv_problem *c = &e->key;
  const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
  dnnl_status_t s = dnnl_primitive_create(&e->prim, pd);
  for (int i = 0; i < OPERANDS && s == dnnl_success; i++) {
    if (i == OP_B && !c->bias) continue;
    s = make_operand(&e->op[i], dnn, &m->user[i], queried(pd, c->pass, i), is_output(c->pass, i));
    e->total_bytes += e->op[i].bytes;
  }
  if (s == dnnl_success)
    s = dnnl_memory_create(&e->scratch, scratch, dnn->engine, DNNL_MEMORY_NONE);
  e->scratch_bytes = dnnl_memory_desc_get_size(scratch);
  e->total_bytes += e->scratch_bytes;
  return s;
}

static vg_status make_entry(entry **out, vg_dnn *dnn, const vg_conv_problem *c) {
  dnnl_primitive_desc_t pd = NULL;
  dnnl_status_t s;
  entry *e;
  mds m;
  if (dnn->entries >= MOST_ENTRIES) forget_all(dnn);
  e = vg_calloc(1, sizeof *e);
  if (!e) return VG_ENOMEM;
  e->key = *c;
  s = describe(&m, c);
  if (s == dnnl_success) s = make_pd(&pd, dnn, c, &m);
  if (s == dnnl_success) s = fill_entry(e, dnn, &m, pd);
  dnnl_primitive_desc_destroy(pd);
  if (s == dnnl_unimplemented) s = dnnl_success; /* remembered as an entry without a primitive */
  if (s != dnnl_success) {
    entry_free(e);
    return check(s, "conv2d");
  }
  *out = e;
  return VG_OK;
}

static unsigned hash(const vg_conv_problem *c) {
  const unsigned char *p = (const unsigned char *)c;
  uint64_t h = 1469598103934665603u;
  for (size_t i = 0; i < sizeof *c; i++) h = (h ^ p[i]) * 1099511628211u;
  return (unsigned)(h >> 32) % BUCKETS;
}

static vg_status find(entry **out, vg_device *d, const vg_conv_problem *c) {
  vg_dnn *dnn;
  unsigned at = hash(c);
  vg_status st;
  VG_TRY(open_dnn(&dnn, d));
  for (entry *e = dnn->bucket[at]; e; e = e->next)
    if (!memcmp(&e->key, c, sizeof *c)) {
      *out = e;
      return VG_OK;
    }
  VG_TRY(make_entry(out, dnn, c));
  (*out)->next = dnn->bucket[at];
  dnn->bucket[at] = *out;
  dnn->entries++;
done:
  return st;
}

bool vg_dnn_conv_has(vg_device *d, const vg_conv_problem *c) {
  entry *e;
  return find(&e, d, c) == VG_OK && e->prim;
}

/* ---- execution ---- */

static dnnl_status_t reorder(vg_dnn *dnn, const operand *o, bool back) {
  dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, back ? o->own : o->user},
                             {DNNL_ARG_TO, back ? o->user : o->own}};
  return dnnl_primitive_execute(o->reorder, dnn->stream, 2, args);
}

static dnnl_status_t execute(vg_dnn *dnn, entry *e) {
  static const int arg[3][OPERANDS] = {
      {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
      {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DIFF_DST},
      {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST}};
  dnnl_exec_arg_t args[OPERANDS + 1];
  dnnl_status_t s = dnnl_success;
  int n = 0, pass = e->key.pass;
  for (int i = 0; i < OPERANDS && s == dnnl_success; i++) {
    operand *o = &e->op[i];
    if (!o->user) continue;
    args[n++] = (dnnl_exec_arg_t){arg[pass][i], o->own ? o->own : o->user};
    if (o->reorder && !is_output(pass, i)) s = reorder(dnn, o, false);
  }
  args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, e->scratch};
  if (s == dnnl_success) s = dnnl_primitive_execute(e->prim, dnn->stream, n, args);
  for (int i = 0; i < OPERANDS && s == dnnl_success; i++)
    if (e->op[i].reorder && is_output(pass, i)) s = reorder(dnn, &e->op[i], true);
  if (s == dnnl_success) s = dnnl_stream_wait(dnn->stream);
  return s;
}

vg_status vg_dnn_conv(vg_device *d, const vg_conv_problem *c, const float *x, const float *w,
                      const float *bias, const float *y) {
  const float *user[OPERANDS] = {x, w, bias, y};
  vg_buf work = {0};
  entry *e;
  char *at;
  vg_status st;
  VG_TRY(find(&e, d, c));
  if (!e->prim) VG_TRY(vg_fail(VG_EUNSUPPORTED, "conv2d: oneDNN has no kernel for this problem"));
  VG_TRY(vg_buf_take(&work, d, e->total_bytes));
  if (vg_cpu_plans(d)) goto done;
  at = work.ptr;
  for (int i = 0; i < OPERANDS; i++) {
    operand *o = &e->op[i];
    if (o->user)
      VG_TRY(check(dnnl_memory_set_data_handle(o->user, (void *)(uintptr_t)user[i]), "conv2d"));
    if (o->own) VG_TRY(check(dnnl_memory_set_data_handle(o->own, at), "conv2d"));
    at += o->bytes;
  }
  VG_TRY(check(dnnl_memory_set_data_handle(e->scratch, at), "conv2d"));
  VG_TRY(check(execute(vg_cpu_state(d)->dnn, e), "conv2d"));
done:
  vg_buf_give(&work);
  return st;
}

vg_status vg_dnn_sgemm(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha,
                       const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                       float *c, int64_t ldc) {
  return check(dnnl_sgemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc), "matmul");
}
