#include "autograd/scope.h"

static vg_handle **head_of(vg_handle *h) { return h->scope ? &h->scope->first : &h->ctx->handles; }

static void link_in(vg_handle *h) {
  vg_handle **head = head_of(h);
  h->prev = NULL;
  h->next = *head;
  if (*head) (*head)->prev = h;
  *head = h;
}

static void unlink_from(vg_handle *h) {
  if (h->prev)
    h->prev->next = h->next;
  else
    *head_of(h) = h->next;
  if (h->next) h->next->prev = h->prev;
}

void vg_handle_init(vg_handle *h, vg_context *ctx) {
  *h = (vg_handle){.ctx = ctx, .scope = ctx->scope};
  link_in(h);
}

void vg_handle_release(vg_handle *h) {
  vg_tensor *t = h->t;
  h->t = NULL;
  vg_release(t);
}

void vg_handle_drop(vg_handle *h) {
  if (!h->ctx) return;
  vg_handle_release(h);
  unlink_from(h);
  h->ctx = NULL;
}

void vg_handle_move(vg_handle *h, vg_scope *to) {
  unlink_from(h);
  h->scope = to;
  link_in(h);
}

void vg_scope_open(vg_scope *s, vg_context *ctx) {
  *s = (vg_scope){.parent = ctx->scope};
  ctx->scope = s;
}

void vg_scope_close(vg_scope *s, vg_context *ctx) {
  VG_ASSERT(ctx->scope == s);
  ctx->scope = s->parent;
  while (s->first) { /* emptied handles live on in the outermost list until they are collected */
    vg_handle_release(s->first);
    vg_handle_move(s->first, NULL);
  }
}
