/* core.metric: accumulators are int64 tensors; values come back as Lua numbers. */
#include <math.h>
#include <string.h>

#include "bind/bind.h"
#include "metric/metric.h"

static vg_status zero(vg_tensor *t) {
  vg_bump(t);
  return t->dev->be->memory->fill(t->dev, vg_data(t), 0, (size_t)t->n * sizeof(int64_t));
}

/* zeros(rows, columns [, device]): an accumulator */
static int l_zeros(lua_State *L) {
  int64_t shape[2] = {(int64_t)luaL_checkinteger(L, 1), (int64_t)luaL_checkinteger(L, 2)};
  vg_device *dev = vglua_opt_device(L, 3);
  vg_tensor **out = vglua_new_tensor(L);
  vg_status st;
  VG_TRY(vg_new(out, dev, VG_I64, 2, shape));
  VG_TRY(zero(*out));
done:
  return vglua_return(L, st);
}

static vg_tensor *check_state(lua_State *L, int arg) {
  vg_tensor *t = vglua_check_tensor(L, arg);
  if (t->dtype != VG_I64 || t->ndim != 2 || !vg_is_contiguous(t))
    luaL_argerror(L, arg, "want an accumulator made by zeros");
  return t;
}

static int l_reset(lua_State *L) { /* reset(state) */
  return vglua_return_n(L, zero(check_state(L, 1)), 0);
}

static vg_metric_args check_args(lua_State *L, int ignore, int top_k) {
  vg_metric_args a = {.ignore_index = INT64_MIN, .top_k = (int)luaL_optinteger(L, top_k, 1)};
  if (!lua_isnoneornil(L, ignore)) a.ignore_index = (int64_t)luaL_checknumber(L, ignore);
  return a;
}

/* confusion(counts, preds, target [, ignore_index [, top_k]]) */
static int l_confusion(lua_State *L) {
  vg_tensor *counts = check_state(L, 1), *x = vglua_check_tensor(L, 2);
  vg_tensor *t = vglua_check_tensor(L, 3);
  vg_metric_args a = check_args(L, 4, 5);
  return vglua_return_n(L, vg_confusion_update(counts, x, t, &a), 0);
}

/* calibration(bins, preds, target [, ignore_index]) */
static int l_calibration(lua_State *L) {
  vg_tensor *bins = check_state(L, 1), *x = vglua_check_tensor(L, 2);
  vg_tensor *t = vglua_check_tensor(L, 3);
  vg_metric_args a = check_args(L, 4, 5);
  return vglua_return_n(L, vg_calibration_update(bins, x, t, &a), 0);
}

/* An accumulator's values in host memory which lives on the Lua stack. */
static int64_t *read_state(lua_State *L, const vg_tensor *t) {
  int64_t *host = lua_newuserdata(L, (size_t)(t->n + 1) * sizeof *host);
  vg_status st = vg_read(t, host);
  if (st != VG_OK) vglua_raise(L, st);
  return host;
}

/* add(state, other): state += other */
static int l_add(lua_State *L) {
  vg_tensor *a = check_state(L, 1), *b = check_state(L, 2);
  int64_t *x, *y;
  if (!vg_same_shape(a, b))
    return luaL_error(L, "metric: cannot merge counts of %s into %s", vg_shape_str(b),
                      vg_shape_str(a));
  x = read_state(L, a);
  y = read_state(L, b);
  for (int64_t i = 0; i < a->n; i++) x[i] += y[i];
  return vglua_return_n(L, vg_write(a, x), 0);
}

/* score(counts, kind, average, beta, top_k, ignore_index) -> number or array */
static int l_score(lua_State *L) {
  static const char *const kinds[] = {"accuracy", "precision", "recall", "specificity",
                                      "fbeta",    "jaccard",   NULL};
  static const char *const averages[] = {"micro", "macro", "weighted", "none", NULL};
  vg_tensor *counts = check_state(L, 1);
  int64_t classes = counts->shape[0];
  vg_score s = {.kind = (vg_score_kind)luaL_checkoption(L, 2, NULL, kinds),
                .average = (vg_average)luaL_checkoption(L, 3, "macro", averages),
                .beta = luaL_optnumber(L, 4, 1),
                .top_k = (int)luaL_optinteger(L, 5, 1),
                .ignore_index = INT64_MIN};
  if (!lua_isnoneornil(L, 6)) s.ignore_index = (int64_t)luaL_checknumber(L, 6);
  int64_t *n = read_state(L, counts);
  double *out = lua_newuserdata(L, (size_t)(classes + 1) * sizeof *out);
  vg_score_compute(out, n, classes, &s);
  if (s.average != VG_PER_CLASS) {
    lua_pushnumber(L, *out);
    return 1;
  }
  lua_createtable(L, (int)classes, 0);
  for (int64_t i = 0; i < classes; i++) {
    lua_pushnumber(L, out[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static int l_cohen_kappa(lua_State *L) { /* cohen_kappa(counts, weights) */
  static const char *const names[] = {"none", "linear", "quadratic", NULL};
  vg_tensor *counts = check_state(L, 1);
  vg_kappa_weights w = (vg_kappa_weights)luaL_checkoption(L, 2, "none", names);
  lua_pushnumber(L, vg_cohen_kappa(read_state(L, counts), counts->shape[0], w));
  return 1;
}

static int l_matthews(lua_State *L) { /* matthews(counts) */
  vg_tensor *counts = check_state(L, 1);
  lua_pushnumber(L, vg_matthews(read_state(L, counts), counts->shape[0]));
  return 1;
}

/* matrix(counts, normalize) -> C x C tensor (int64, float32 when normalised), number of 0 / 0 */
static int l_matrix(lua_State *L) {
  static const char *const names[] = {"none", "true", "pred", "all", NULL};
  vg_tensor *counts = check_state(L, 1), **out;
  vg_normalize how = (vg_normalize)luaL_checkoption(L, 2, "none", names);
  int64_t c = counts->shape[0], shape[2] = {c, c}, *n = read_state(L, counts), empty = 0;
  void *host = lua_newuserdata(L, (size_t)(c * c) * sizeof(int64_t));
  vg_status st;
  if (how == VG_NORM_NONE)
    for (int64_t i = 0; i < c; i++)
      memcpy((int64_t *)host + i * c, n + i * (c + 1), (size_t)c * sizeof *n);
  else
    empty = vg_confusion_normalize(host, n, c, how);
  out = vglua_new_tensor(L);
  VG_TRY(vg_new(out, vg_cpu(vglua_context(L)), how == VG_NORM_NONE ? VG_I64 : VG_F32, 2, shape));
  VG_TRY(vg_write(*out, host));
  lua_pushnumber(L, (lua_Number)empty);
done:
  return vglua_return_n(L, st, 2);
}

static int l_calibration_error(lua_State *L) { /* calibration_error(bins, norm) */
  static const char *const names[] = {"l1", "l2", "max", NULL};
  vg_tensor *bins = check_state(L, 1);
  vg_calibration_norm how = (vg_calibration_norm)luaL_checkoption(L, 2, "l1", names);
  lua_pushnumber(L, vg_calibration_error(read_state(L, bins), bins->shape[0], how));
  return 1;
}

static const luaL_Reg functions[] = {{"zeros", l_zeros},
                                     {"reset", l_reset},
                                     {"add", l_add},
                                     {"confusion", l_confusion},
                                     {"calibration", l_calibration},
                                     {"score", l_score},
                                     {"cohen_kappa", l_cohen_kappa},
                                     {"matthews", l_matthews},
                                     {"matrix", l_matrix},
                                     {"calibration_error", l_calibration_error},
                                     {NULL, NULL}};

void vglua_open_metric(lua_State *L);
void vglua_open_metric(lua_State *L) { vglua_add_module(L, "metric", functions); }
