/* Recording, topological backward, release without recursion. */
#include "autograd/tape.h"

#include <string.h>

#include "base/alloc.h"

/* ---- release ---- */

static void empty(vg_node *n) {
  for (int i = 0; i < VG_NODE_SAVED; i++) {
    vg_release(n->saved[i]);
    n->saved[i] = NULL;
  }
  vg_buf_give(&n->ws);
  vg_release(n->gy);
  n->gy = NULL;
}

/* Drops one count; dead nodes are chained through edge[0].leaf so that a deep graph needs no stack.
 */
static void node_release(vg_node *first) {
  vg_node *stack = NULL, *n = first;
  if (!n || --n->refs > 0) return;
  n->watch = (vg_tensor *)(void *)stack;
  stack = n;
  while ((n = stack)) {
    stack = (vg_node *)(void *)n->watch;
    for (int i = 0; i < n->nedges; i++) {
      vg_node *up = n->edge[i].node;
      vg_release(n->edge[i].leaf);
      if (!up || --up->refs > 0) continue;
      up->watch = (vg_tensor *)(void *)stack;
      stack = up;
    }
    empty(n);
    if (n->edge != n->edge_inline) vg_free(n->edge);
    vg_free(n);
  }
}

static void history_release(vg_tensor *t) {
  vg_node *n = t->node;
  t->node = NULL;
  if (n->watch == t) n->watch = NULL;
  node_release(n);
}

void vg_detach(vg_tensor *y) {
  if (y->node) history_release(y);
  y->requires_grad = false;
}

/* ---- recording ---- */

bool vg_wants_grad(const vg_tensor *x) {
  return x && !x->dev->ctx->no_grad && (x->node || x->requires_grad);
}

vg_status vg_record(vg_node **out, const char *op, vg_backward_fn backward, vg_tensor *y, int nin,
                    vg_tensor *const *in) {
  vg_node *n;
  bool wanted = false;
  vg_history_release = history_release;
  *out = NULL;
  for (int i = 0; i < nin; i++) wanted = wanted || vg_wants_grad(in[i]);
  if (!wanted) return VG_OK;
  n = vg_calloc(1, sizeof *n);
  if (!n) return VG_ENOMEM;
  n->edge = n->edge_inline;
  if (nin > VG_NODE_EDGES) n->edge = vg_calloc((size_t)nin, sizeof *n->edge);
  if (!n->edge) {
    vg_free(n);
    return VG_ENOMEM;
  }
  n->refs = 1;
  n->seq = y->dev->ctx->next_seq++;
  n->op = op;
  n->backward = backward;
  n->nedges = nin;
  for (int i = 0; i < nin; i++) {
    if (!vg_wants_grad(in[i])) continue;
    n->edge[i].node = in[i]->node;
    if (in[i]->node)
      in[i]->node->refs++;
    else
      n->edge[i].leaf = vg_retain(in[i]);
  }
  VG_ASSERT(!y->node);
  y->node = n;
  *out = n;
  return VG_OK;
}

vg_status vg_save(vg_node *n, int slot, vg_tensor *t) {
  vg_status st = VG_OK;
  if (!t) return VG_OK;
  if (t->node) /* without its history: no cycle through our output, no recursion on release */
    VG_TRY(vg_alias(&n->saved[slot], t));
  else
    n->saved[slot] = vg_retain(t);
  n->saved_version[slot] = t->storage->version;
done:
  return st;
}

bool vg_edge_wants(const vg_node *n, int i) { return n->edge[i].node || n->edge[i].leaf; }

/* ---- accumulation ---- */

static vg_status add_into(vg_tensor **slot, vg_tensor *gx) {
  vg_tensor *old = *slot, *same = NULL, *sum = NULL;
  bool ours;
  vg_status st;
  const vg_elementwise_vt *k = gx->dev->be->elementwise;
  if (!old) {
    *slot = vg_retain(gx);
    return VG_OK;
  }
  if (!k || !k->binary) return vg_unsupported(gx->dev, "gradient accumulation");
  if (old->layout || gx->layout)
    VG_TRY(vg_relayout(&same, gx, old->layout));
  else
    same = vg_retain(gx);
  ours = old->refs == 1 && old->storage->refs == 1 && (old->layout || vg_is_dense(old));
  if (!ours) VG_TRY(vg_new_same_walk(&sum, old));
  VG_TRY(k->binary(gx->dev, VG_ADD, ours ? old : sum, old, same));
  if (ours) vg_bump(old);
  if (!ours) {
    vg_release(old);
    *slot = sum;
    sum = NULL;
  }
done:
  vg_release(same);
  vg_release(sum);
  return st;
}

/* A leaf's gradient is its own memory, in a layout or in the leaf's order, as PyTorch has it:
   optimizers and clipping change it in place. The caller's count is the only one when nobody else
   holds gx. */
static vg_status add_to_leaf(vg_tensor *leaf, vg_tensor *gx) {
  bool alone = gx->refs == 1 && gx->storage->refs == 1 && (gx->layout || vg_same_walk(gx, leaf));
  vg_tensor *own = NULL;
  vg_status st;
  if (leaf->grad || alone) return add_into(&leaf->grad, gx);
  VG_TRY(gx->layout || leaf->layout ? vg_new_like(&own, gx) : vg_new_same_walk(&own, leaf));
  VG_TRY(vg_copy_into(own, gx));
  leaf->grad = own;
  own = NULL;
done:
  vg_release(own);
  return st;
}

vg_status vg_edge_add(vg_node *n, int i, vg_tensor *gx) {
  vg_edge *e = &n->edge[i];
  if (e->leaf) return add_to_leaf(e->leaf, gx);
  if (e->node) return add_into(&e->node->gy, gx);
  return VG_OK;
}

/* ---- backward: a heap of nodes by sequence number; consumers always have the higher one ---- */

typedef struct heap {
  vg_node **item;
  int n, cap;
} heap;

static vg_status heap_push(heap *h, vg_node *n) {
  int i = h->n;
  if (n->queued) return VG_OK;
  if (h->n == h->cap) {
    int cap = h->cap ? 2 * h->cap : 32;
    vg_node **p = vg_realloc(h->item, (size_t)cap * sizeof *p);
    if (!p) return VG_ENOMEM;
    h->item = p;
    h->cap = cap;
  }
  n->queued = true;
  n->refs++;
  h->n++;
  while (i > 0 && h->item[(i - 1) / 2]->seq < n->seq) {
    h->item[i] = h->item[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  h->item[i] = n;
  return VG_OK;
}

static vg_node *heap_pop(heap *h) {
  vg_node *top = h->item[0], *last = h->item[--h->n];
  int i = 0;
  for (;;) {
    int c = 2 * i + 1;
    if (c >= h->n) break;
    if (c + 1 < h->n && h->item[c + 1]->seq > h->item[c]->seq) c++;
    if (h->item[c]->seq <= last->seq) break;
    h->item[i] = h->item[c];
    i = c;
  }
  if (h->n > 0) h->item[i] = last;
  top->queued = false;
  return top;
}

static vg_status check_usable(const vg_node *n) {
  if (n->done)
    return vg_fail(VG_ESTATE,
                   "backward: the graph of %s was freed by an earlier backward; "
                   "pass retain_graph = true to the first one",
                   n->op);
  for (int i = 0; i < VG_NODE_SAVED; i++)
    if (n->saved[i] && n->saved[i]->storage->version != n->saved_version[i])
      return vg_fail(VG_ESTATE, "backward: a tensor saved by %s was changed in place since", n->op);
  return VG_OK;
}

/* Of the largest gradient that n may make for a leaf which has none yet. */
static size_t leaf_bytes(const vg_node *n) {
  int64_t most = 0;
  for (int i = 0; i < n->nedges; i++) {
    const vg_tensor *leaf = n->edge[i].leaf;
    if (leaf && !leaf->grad && leaf->n > most) most = leaf->n;
  }
  return (size_t)most * sizeof(float);
}

static vg_status call_backward(vg_node *n, vg_tensor *gy) {
  vg_status st;
  vg_pool_want_lasting(gy->dev, leaf_bytes(n)); /* gradients outlive their step */
  st = n->backward(n, gy);
  vg_pool_want_lasting(gy->dev, 0);
  return st;
}

static vg_status run_node(vg_node *n, heap *h, bool keep) {
  vg_tensor *gy = n->gy;
  vg_status st;
  n->gy = NULL;
  VG_TRY(check_usable(n));
  if (n->watch) VG_TRY(add_into(&n->watch->grad, gy));
  VG_TRY(call_backward(n, gy));
  for (int i = 0; i < n->nedges; i++)
    if (n->edge[i].node && n->edge[i].node->gy) VG_TRY(heap_push(h, n->edge[i].node));
done:
  vg_release(gy);
  if (!keep && st == VG_OK) {
    empty(n);
    n->done = true;
  }
  return st;
}

static vg_status ones_like(vg_tensor **out, const vg_tensor *y) {
  vg_status st;
  VG_TRY(vg_new(out, y->dev, y->dtype, y->ndim, y->shape));
  st = y->dev->be->elementwise->fill(y->dev, *out, 1);
done:
  return st;
}

static vg_status start(vg_tensor *y, vg_tensor *gy) {
  vg_tensor *ones = NULL;
  vg_status st = VG_OK;
  if (!y->node && !y->requires_grad)
    return vg_fail(VG_ESTATE,
                   "backward: the tensor has no history and does not require a gradient");
  if (!gy && y->n != 1)
    return vg_fail(VG_ESHAPE,
                   "backward: %s needs a gradient argument; only one element does without",
                   vg_shape_str(y));
  if (gy && !vg_same_shape(y, gy))
    return vg_fail(VG_ESHAPE, "backward: gradient is %s, tensor is %s", vg_shape_str(gy),
                   vg_shape_str(y));
  if (!gy)
    VG_TRY(ones_like(&ones, y));
  else
    ones = vg_retain(gy); /* the caller's count and ours: a leaf makes its own copy */
  st = y->node ? add_into(&y->node->gy, ones) : add_to_leaf(y, ones);
done:
  vg_release(ones);
  return st;
}

vg_status vg_backward(vg_tensor *y, vg_tensor *gy, bool keep) {
  heap h = {0};
  vg_status st;
  vg_context *c = y->dev->ctx;
  vg_no_grad_begin(c);
  VG_TRY(start(y, gy));
  if (y->node) VG_TRY(heap_push(&h, y->node));
  while (h.n > 0) {
    vg_node *n = heap_pop(&h);
    st = run_node(n, &h, keep);
    node_release(n);
    if (st != VG_OK) goto done;
  }
done:
  while (h.n > 0) { /* after a failure: drop what was collected */
    vg_node *n = heap_pop(&h);
    vg_release(n->gy);
    n->gy = NULL;
    node_release(n);
  }
  vg_free(h.item);
  vg_no_grad_end(c);
  return st;
}

vg_status vg_retain_grad(vg_tensor *y) {
  if (!y->node && !y->requires_grad)
    return vg_fail(VG_ESTATE, "retain_grad: the tensor has no history");
  y->retains_grad = true;
  if (y->node) y->node->watch = y;
  return VG_OK;
}
