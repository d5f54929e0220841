/* The tape: every operation on a tensor that wants a gradient leaves a node which knows its inputs'
   edges, what it saved and how to go backward. Nodes are owned by their output tensor and by the
   edges that point at them; each is emptied right after its backward ran. */
#ifndef VG_AUTOGRAD_TAPE_H
#define VG_AUTOGRAD_TAPE_H

#include "vgglua/backend.h"

enum { VG_NODE_EDGES = 4, VG_NODE_SAVED = 6 };

typedef struct vg_node vg_node;

/* Where a gradient flows: to the node that computed the input, or to a leaf; neither: not wanted.
 */
typedef struct vg_edge {
  vg_node *node;
  vg_tensor *leaf;
} vg_edge;

/* Computes the inputs' gradients from gy (shape of the output, never NULL) and hands each on with
   vg_edge_add. gy may be in any layout the output had, or strided. */
typedef vg_status (*vg_backward_fn)(vg_node *n, vg_tensor *gy);

typedef union vg_attr {
  vg_conv2d conv;
  struct {
    vg_pool2d p;
    int64_t shape[4]; /* of the input, whose values the backward does not need */
    const vg_layout *layout;
    vg_dtype dtype;
  } pool;
  struct {
    vg_norm p;
    vg_pool2d pool; /* of the maximum in the same pass */
  } norm;
  vg_reduce_dims dims;
  vg_loss loss;
  struct {
    vg_stream stream;
    double p;
  } dropout;
  struct {
    int kind; /* vg_unary, vg_binary or vg_reduction */
    vg_scalars s;
  } scalar;
  struct {
    int ndim;
    int64_t shape[VG_MAX_DIMS], stride[VG_MAX_DIMS];
    int64_t offset;
    int dim;
  } view; /* shape and position in the input */
  struct {
    vg_reduction kind;
    vg_reduce_dims dims;
    vg_scalars s;
    int ndim;
    int64_t shape[VG_MAX_DIMS]; /* of the input */
  } reduce;
  struct {
    int kind, ndim[2];
    int64_t shape[2][VG_MAX_DIMS];
  } pair; /* the shapes of two operands that are broadcast */
  int64_t words[20];
} vg_attr;

struct vg_node {
  int refs;
  uint64_t seq;
  const char *op;
  vg_backward_fn backward;
  int nedges;
  vg_edge *edge; /* edge_inline, or allocated for more inputs */
  vg_edge edge_inline[VG_NODE_EDGES];
  vg_tensor *saved[VG_NODE_SAVED];
  uint32_t saved_version[VG_NODE_SAVED];
  vg_buf ws; /* the kernel's opaque workspace, owned */
  vg_attr attr;
  vg_tensor *gy;    /* gradient collected so far */
  vg_tensor *watch; /* the output if it retains its gradient; not owned */
  bool done;        /* emptied: a second backward is an error */
  bool queued;
};

/* True when gradients are recorded and x is part of a history or a leaf that wants one. */
VG_API bool vg_wants_grad(const vg_tensor *x);

/* Makes y the output of a node over `nin` inputs (NULL inputs allowed). *n is NULL when nothing
   needs a gradient. Call it after the forward kernel succeeded. */
VG_API vg_status vg_record(vg_node **n, const char *op, vg_backward_fn backward, vg_tensor *y,
                           int nin, vg_tensor *const *in);
/* Saves a tensor for the backward, without its history. NULL is fine. */
VG_API vg_status vg_save(vg_node *n, int slot, vg_tensor *t);
VG_API bool vg_edge_wants(const vg_node *n, int i);
/* Adds gx (borrowed, shape of input i) to what edge i collected; nothing if the edge wants none. */
VG_API vg_status vg_edge_add(vg_node *n, int i, vg_tensor *gx);

/* Backward from y with cotangent gy (NULL: 1, for a single element). Leaves accumulate into ->grad.
   `keep`: the graph stays for another backward. Errors: VG_ESTATE for a graph already used or a
   saved tensor changed in place since. */
VG_API vg_status vg_backward(vg_tensor *y, vg_tensor *gy, bool keep);

/* y->grad will hold the gradient of a non-leaf after backward. */
VG_API vg_status vg_retain_grad(vg_tensor *y);
/* Forgets y's history in place (detach_). */
VG_API void vg_detach(vg_tensor *y);

/* no_grad regions nest. */
static inline void vg_no_grad_begin(vg_context *c) { c->no_grad++; }
static inline void vg_no_grad_end(vg_context *c) { c->no_grad--; }

#endif
