/* Handles and scopes: who keeps a tensor alive on behalf of a script. A handle owns one count and
   knows the innermost scope at its birth; closing a scope releases every handle born in it that was
   not moved out. A released handle is empty, it never dangles. */
#ifndef VG_AUTOGRAD_SCOPE_H
#define VG_AUTOGRAD_SCOPE_H

#include "tensor/tensor.h"

typedef struct vg_handle {
  vg_tensor *t; /* owned; NULL: never filled, freed or released by its scope */
  struct vg_handle *prev, *next;
  struct vg_scope *scope;
  vg_context *ctx;
} vg_handle;

typedef struct vg_scope {
  struct vg_scope *parent;
  vg_handle *first; /* handles born here, linked by prev/next */
} vg_scope;

VG_API void vg_handle_init(vg_handle *h,
                           vg_context *ctx); /* empty, registered in the innermost scope */
VG_API void vg_handle_drop(vg_handle *h);    /* releases and unlinks; twice is fine */
VG_API void vg_handle_release(vg_handle *h); /* releases, the handle stays registered */
VG_API void vg_handle_move(vg_handle *h, vg_scope *to); /* to == NULL: outlives all scopes */

VG_API void vg_scope_open(vg_scope *s, vg_context *ctx);
VG_API void vg_scope_close(vg_scope *s, vg_context *ctx); /* the innermost one */

#endif
