/* Helpers of the binding. Rules: box first, compute second (push the empty handle, then call the
   core); no owned C memory across a Lua call that can throw; one exit, vglua_return. */
#ifndef VG_BIND_BIND_H
#define VG_BIND_BIND_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "autograd/scope.h"
#include "autograd/tape.h"

#define VGLUA_TENSOR "vgg.Tensor"

/* The state's context, made on first use and freed when the state closes. */
vg_context *vglua_context(lua_State *L);
/* False before the first use and once the context was freed: finalisers ask before they release. */
bool vglua_is_open(lua_State *L);

/* ---- results ---- */
/* st == VG_OK: returns 1 (the value on top of the stack); else raises. Misuse (argument, shape,
   dtype, state, unsupported) is raised as a string with the caller's position; what the world did
   (memory, device, io, data, numeric, interrupted) as a vgg.Error table { message, kind, exit }. */
int vglua_return(lua_State *L, vg_status st);
/* Same, with n results. */
int vglua_return_n(lua_State *L, vg_status st, int n);
/* Raises a vgg.Error with the current message. */
int vglua_raise(lua_State *L, vg_status st);

/* ---- tensors ---- */
/* Pushes an empty handle and returns where the core shall put the tensor. Runs a pending
 * collection. */
vg_tensor **vglua_new_tensor(lua_State *L);
vg_tensor *vglua_check_tensor(lua_State *L, int arg); /* raises for a released handle, too */
vg_tensor *vglua_opt_tensor(lua_State *L, int arg);   /* NULL for nil or none */
vg_tensor *vglua_test_tensor(lua_State *L, int arg);  /* NULL for anything else */
/* Pushes a new handle to an existing tensor (retained), nil for NULL. */
void vglua_push_tensor(lua_State *L, vg_tensor *t);

/* ---- arguments ---- */
/* 1-based or negative dimension of Lua to the core's 0-based or negative one. */
int vglua_check_dim(lua_State *L, int arg);
vg_dtype vglua_check_dtype(lua_State *L, int arg); /* "float32", "bfloat16", "int64", "uint8" */
vg_dtype vglua_opt_dtype(lua_State *L, int arg, vg_dtype otherwise);
vg_device *vglua_check_device(lua_State *L, int arg);
vg_device *vglua_opt_device(lua_State *L, int arg); /* nil: the usual one */
/* A shape as a table { 2, 3 } at `arg`, or as the integers from `arg` on. Returns the dimensions.
 */
int vglua_check_shape(lua_State *L, int arg, int64_t *shape);

/* The nearest of some known words: set `word`, offer each candidate, read `best` (NULL: none near).
   Candidates must outlive it. */
typedef struct vglua_suggestion {
  const char *word, *best;
  size_t least;
} vglua_suggestion;
void vglua_consider(vglua_suggestion *s, const char *candidate);

/* Option tables. `known` is a NULL-ended list: any other string key raises
   `conv2d: unknown option 'padding' (did you mean 'pad'?)`. A missing or nil table has no options.
 */
void vglua_check_options(lua_State *L, int arg, const char *op, const char *const *known);
/* Each reads options[name] of the table at `arg`, or gives the default; wrong types raise. */
double vglua_option_number(lua_State *L, int arg, const char *name, double otherwise);
int64_t vglua_option_integer(lua_State *L, int arg, const char *name, int64_t otherwise);
bool vglua_option_bool(lua_State *L, int arg, const char *name, bool otherwise);
/* 3 or { 3, 5 } */
void vglua_option_pair(lua_State *L, int arg, const char *name, int otherwise, int out[2]);
vg_tensor *vglua_option_tensor(lua_State *L, int arg, const char *name); /* NULL when absent */
/* { kernel =, stride =, pad =, ceil_mode = } as of max_pool2d (bind/dense.c). */
vg_pool2d vglua_check_max_pool(lua_State *L, int arg);

/* ---- registration: each file adds its functions; bind/module.c calls all of them ---- */
/* Adds functions to the Tensor metatable's methods (x:relu()). */
void vglua_add_methods(lua_State *L, const luaL_Reg *methods);
/* Creates core[name] = table of functions (the core table is at the top of the stack). */
void vglua_add_module(lua_State *L, const char *name, const luaL_Reg *functions);
/* Registers the userdata type `name`: what its fields give, and what collects it. */
void vglua_add_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc);

#endif
