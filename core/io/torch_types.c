/* The names that may appear in a file of torch.save. */
#include <string.h>

#include "io/torchfile_impl.h"

static const struct {
  const char *storage, *dtype;
  vg_st_dtype type;
} types[] = {
    {"FloatStorage", "float32", VG_ST_F32},
    {"DoubleStorage", "float64", VG_ST_F64},
    {"HalfStorage", "float16", VG_ST_F16},
    {"BFloat16Storage", "bfloat16", VG_ST_BF16},
    {"LongStorage", "int64", VG_ST_I64},
    {"IntStorage", "int32", VG_ST_I32},
    {"ShortStorage", "int16", VG_ST_I16},
    {"CharStorage", "int8", VG_ST_I8},
    {"ByteStorage", "uint8", VG_ST_U8},
    {"BoolStorage", "bool", VG_ST_BOOL},
    {NULL, "uint16", VG_ST_U16},
    {NULL, "uint32", VG_ST_U32},
    {NULL, "uint64", VG_ST_U64},
    {NULL, "float8_e4m3fn", VG_ST_F8_E4M3},
    {NULL, "float8_e5m2", VG_ST_F8_E5M2},
};

/* Further names, as "module name"; a trailing * stands for any end. */
static const char *const allowed[] = {
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_parameter_with_state",
    "torch._tensor _rebuild_from_type_v2",
    "torch.nn.parameter Parameter",
    "torch.nn.parameter Buffer",
    "torch Tensor",
    "torch Size",
    "torch device",
    "torch.serialization _get_layout",
    "torch UntypedStorage",
    "torch.storage UntypedStorage",
    "torch.storage TypedStorage",
    "builtins set",
    "__builtin__ set",
    "builtins frozenset",
    "__builtin__ frozenset",
    "builtins list",
    "__builtin__ list",
    "builtins dict",
    "__builtin__ dict",
    "builtins int",
    "__builtin__ int",
    "builtins float",
    "__builtin__ float",
    "builtins complex",
    "__builtin__ complex",
    "pathlib PosixPath",
    "pathlib WindowsPath",
    "pathlib PurePosixPath",
    "pathlib._local PosixPath",
    "pathlib._local WindowsPath",
    "datetime timedelta",
    "argparse Namespace",
    "types SimpleNamespace",
    /* names of callbacks, which were keys in old Lightning files */
    "pytorch_lightning.callbacks.*",
    "lightning.pytorch.callbacks.*",
};

static const char *const dicts[] = {
    "collections defaultdict",
    "collections Counter",
    "lightning.fabric.utilities.data AttributeDict",
    "lightning_fabric.utilities.data AttributeDict",
    "lightning.pytorch.utilities.parsing AttributeDict",
    "pytorch_lightning.utilities.parsing AttributeDict",
    "pytorch_lightning.utilities.data AttributeDict",
};

static bool fits(const char *pattern, const char *module, const char *name) {
  size_t n = strlen(module);
  const char *star = strchr(pattern, '*');
  if (star) return strncmp(pattern, module, (size_t)(star - pattern)) == 0;
  return strncmp(pattern, module, n) == 0 && pattern[n] == ' ' &&
         strcmp(pattern + n + 1, name) == 0;
}

static bool is_torch(const char *module) {
  return strcmp(module, "torch") == 0 || strcmp(module, "torch.cuda") == 0;
}

static bool type_name(const char *name) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if ((types[i].storage && strcmp(types[i].storage, name) == 0) ||
        strcmp(types[i].dtype, name) == 0)
      return true;
  return false;
}

vg_pk_leave vg_torch_allow(void *arg, const char *module, const char *name) {
  (void)arg;
  if (is_torch(module) && type_name(name)) return VG_PK_ALLOW;
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (fits(allowed[i], module, name)) return VG_PK_ALLOW;
  for (size_t i = 0; i < sizeof dicts / sizeof *dicts; i++)
    if (fits(dicts[i], module, name)) return VG_PK_AS_DICT;
  return VG_PK_REFUSE;
}

static bool is(vg_pk_bytes b, const char *text) {
  return text && strlen(text) == b.n && memcmp(b.p, text, b.n) == 0;
}

bool vg_torch_storage_type(const vg_pk *g, vg_st_dtype *out) {
  if (g->kind != VG_PK_GLOBAL) return false;
  *out = VG_ST_DTYPES;
  if (is(g->call.name, "UntypedStorage")) return true;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!is(g->call.name, types[i].storage)) continue;
    *out = types[i].type;
    return true;
  }
  return false;
}

bool vg_torch_dtype(const vg_pk *g, vg_st_dtype *out) {
  if (g->kind != VG_PK_GLOBAL || !is(g->call.module, "torch")) return false;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (!is(g->call.name, types[i].dtype)) continue;
    *out = types[i].type;
    return true;
  }
  return false;
}
