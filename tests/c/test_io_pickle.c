/* Pickle reader against files written by Python's pickle, and against hostile ones. */
#include "io/pickle.h"
#include "test_io.h"

#define HERE "tests/parity/io/"

static vg_status load(vg_pickle **p, const char *name, char **data) {
  char path[256];
  size_t n;
  snprintf(path, sizeof path, HERE "%s", name);
  *data = read_file(path, &n);
  *p = NULL;
  return vg_pickle_load(p, *data, n, name, NULL);
}

static void batch(const char *name) {
  vg_pickle *p;
  char *data;
  CHECK_OK(load(&p, name, &data));
  if (p) {
    const vg_pk *root = vg_pickle_root(p), *images = vg_pk_get(root, "data");
    const vg_pk *labels = vg_pk_get(root, "labels"), *files = vg_pk_get(root, "filenames");
    CHECK(vg_pk_is(vg_pk_get(root, "batch_label"), "training batch 1 of 5"));
    CHECK(labels && labels->kind == VG_PK_LIST && labels->seq.n == 3 && labels->seq.v[2]->i == 9);
    CHECK(files && files->seq.n == 3 && vg_pk_is(files->seq.v[1], "image_1.png"));
    CHECK(images && images->kind == VG_PK_ARRAY && images->array->ndim == 2);
    CHECK(images && images->array->shape[0] == 3 && images->array->shape[1] == 3072);
    CHECK(images && strcmp(images->array->code, "u1") == 0 && !images->array->fortran);
    for (int i = 0, ok = 1; images && i < 3 * 3072 && ok; i++) {
      ok = ((const unsigned char *)images->array->data)[i] == i * 7 % 251;
      if (!ok || i == 3 * 3072 - 1) CHECK(ok);
    }
    CHECK(!vg_pk_get(root, "nothing"));
  }
  vg_pickle_free(p);
  free(data);
}

static void numbers(const vg_pk *r) {
  CHECK(vg_pk_get(r, "none")->kind == VG_PK_NONE);
  CHECK(vg_pk_get(r, "yes")->kind == VG_PK_BOOL && vg_pk_get(r, "yes")->b);
  CHECK(vg_pk_get(r, "no")->kind == VG_PK_BOOL && !vg_pk_get(r, "no")->b);
  CHECK(vg_pk_get(r, "small")->i == 7 && vg_pk_get(r, "word")->i == 40000);
  CHECK(vg_pk_get(r, "minus")->i == -5 && vg_pk_get(r, "big")->i == ((int64_t)1 << 40) + 1);
  CHECK(vg_pk_get(r, "low")->i == INT64_MIN);
  CHECK(vg_pk_get(r, "pi")->kind == VG_PK_FLOAT && vg_pk_get(r, "pi")->f == 3.25);
  CHECK(vg_pk_get(r, "scalar")->kind == VG_PK_FLOAT && vg_pk_get(r, "scalar")->f == 0.5);
  CHECK(vg_pk_get(r, "long")->kind == VG_PK_INT && vg_pk_get(r, "long")->i == -3);
}

static int32_t last_i4(const vg_pk *a) {
  int32_t v;
  memcpy(&v, (const char *)a->array->data + 4 * (a->array->count - 1), sizeof v);
  return v;
}

static float second_f4(const vg_pk *a) {
  float v;
  memcpy(&v, (const char *)a->array->data + 4, sizeof v);
  return v;
}

static void values(const char *name) {
  vg_pickle *p;
  char *data;
  CHECK_OK(load(&p, name, &data));
  if (p) {
    const vg_pk *r = vg_pickle_root(p), *b = vg_pk_get(r, "bytes"), *v = vg_pk_get(r, "ordered");
    const vg_pk *a = vg_pk_get(r, "array"), *f = vg_pk_get(r, "fortran");
    bool same = b && b->text.n == 256;
    numbers(r);
    CHECK(vg_pk_is(vg_pk_get(r, "text"), "h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x90\x8d\n'q'"));
    CHECK(vg_pk_is(vg_pk_get(r, "empty"), ""));
    for (int i = 0; same && i < 256; i++) same = (unsigned char)b->text.p[i] == i;
    CHECK(same && b->kind == VG_PK_BYTES);
    CHECK(vg_pk_get(r, "list")->seq.v[1]->seq.v[1]->seq.v[0]->i == 3);
    CHECK(vg_pk_get(r, "tuple")->seq.n == 4 && vg_pk_get(r, "pair")->kind == VG_PK_TUPLE);
    CHECK(v && v->kind == VG_PK_DICT && vg_pk_is(v->seq.v[0], "b") && v->seq.v[3]->i == 2);
    CHECK(a && strcmp(a->array->code, "i4") == 0 && last_i4(a) == 5);
    CHECK(f && f->array->fortran && second_f4(f) == 3.0f);
    CHECK(vg_pk_is(vg_pk_get(r, "buffer"), "xyz"));
  }
  vg_pickle_free(p);
  free(data);
}

static void refused(const char *name, const char *text) {
  vg_pickle *p;
  char *data;
  CHECK_FAILS(load(&p, name, &data), VG_EDATA, text);
  vg_pickle_free(p);
  free(data);
}

/* Every cut and every single-byte change of a good file must end in an answer, never in a crash. */
static void damage(const char *name) {
  vg_pickle *p;
  char path[256], *data, *copy;
  size_t n;
  int cut_ok = 0;
  snprintf(path, sizeof path, HERE "%s", name);
  data = read_file(path, &n);
  for (size_t k = 0; k < n; k++) {
    copy = malloc(k + 1); /* exact size: the sanitizer sees one byte too many */
    memcpy(copy, data, k);
    p = NULL;
    cut_ok += vg_pickle_load(&p, copy, k, name, NULL) == VG_OK;
    vg_pickle_free(p);
    free(copy);
  }
  CHECK(cut_ok == 0);
  for (size_t k = 0; k < n && k < 1500; k++) {
    for (int bit = 0; bit < 8; bit++) {
      data[k] = (char)(data[k] ^ 1 << bit);
      p = NULL;
      (void)!vg_pickle_load(&p, data, n, name, NULL);
      vg_pickle_free(p);
      data[k] = (char)(data[k] ^ 1 << bit);
    }
  }
  free(data);
}

static vg_pk_leave allow(void *arg, const char *module, const char *name) {
  (void)arg;
  if (strcmp(module, "torch._utils") == 0 && strcmp(name, "_rebuild_tensor_v2") == 0)
    return VG_PK_ALLOW;
  return strcmp(name, "AttributeDict") == 0 ? VG_PK_AS_DICT : VG_PK_REFUSE;
}

static void hooks(void) {
  static const char text[] =
      "\x80\x02"
      "ctorch._utils\n_rebuild_tensor_v2\nq\x00(U\x03keyQK\x05tRq\x01}b.";
  vg_pickle_options opt = {.allow = allow, .persistent_ids = true};
  vg_pickle *p = NULL;
  const vg_pk *r;
  CHECK_FAILS(vg_pickle_load(&p, text, sizeof text - 1, "hooks", NULL), VG_EDATA,
              "pickle: hooks at byte 2: global 'torch._utils._rebuild_tensor_v2' is refused");
  CHECK_OK(vg_pickle_load(&p, text, sizeof text - 1, "hooks", &opt));
  if (!p) return;
  r = vg_pickle_root(p);
  CHECK(vg_pk_calls(r, "torch._utils", "_rebuild_tensor_v2") && r->kind == VG_PK_CALL);
  CHECK(r->call.args->seq.n == 2 && r->call.args->seq.v[0]->kind == VG_PK_PERSISTENT);
  CHECK(vg_pk_is(r->call.args->seq.v[0]->seq.v[0], "key") && r->call.args->seq.v[1]->i == 5);
  CHECK(r->call.state && r->call.state->kind == VG_PK_DICT);
  CHECK(vg_pickle_used(p) == sizeof text - 1);
  vg_pickle_free(p);
}

static void limits(void) {
  static const char laughs[] =
      "\x80\x04]\x94(h\x00h\x00"
      "e.",
                    deep_int[] = "\x8a\x09xxxxxxxxx.";
  vg_pickle_options small = {.memory_limit = 100000};
  vg_pickle *p = NULL;
  char *many = malloc(200001);
  CHECK_FAILS(vg_pickle_load(&p, laughs, sizeof laughs - 1, "x", NULL), VG_EDATA, "cyclic");
  CHECK_FAILS(vg_pickle_load(&p, deep_int, sizeof deep_int - 1, "x", NULL), VG_EDATA, "too large");
  CHECK_FAILS(vg_pickle_load(&p, "", 0, "x", NULL), VG_EDATA, "cut off");
  CHECK_FAILS(vg_pickle_load(&p, "\x80\x09.", 3, "x", NULL), VG_EDATA, "protocol 9");
  CHECK_FAILS(vg_pickle_load(&p, "Qq.", 3, "x", NULL), VG_EDATA, "stack is empty");
  CHECK_FAILS(vg_pickle_load(&p, "NQ.", 3, "x", NULL), VG_EDATA, "persistent ids are refused");
  CHECK_FAILS(vg_pickle_load(&p, "NN.", 3, "x", NULL), VG_EDATA, "one value");
  CHECK_FAILS(vg_pickle_load(&p, "r\xff\xff\xff\xff.", 6, "x", NULL), VG_EDATA, "stack is empty");
  CHECK_FAILS(vg_pickle_load(&p, "Nr\xff\xff\xff\xff.", 7, "x", NULL), VG_EDATA, "impossible");
  CHECK_FAILS(vg_pickle_load(&p,
                             "X\xff\xff\xff\xff"
                             "abc.",
                             9, "x", NULL),
              VG_EDATA, "cut off");
  memset(many, 'N', 200001);
  CHECK_FAILS(vg_pickle_load(&p, many, 200001, "x", &small), VG_EDATA, "more than 100000 bytes");
  free(many);
}

/* Memory that runs out at any point: an answer, and nothing left behind. */
static void no_memory(void) {
  vg_pickle *p = NULL;
  size_t n;
  char *data = read_file(HERE "values_p2.pkl", &n);
  vg_status st = VG_ENOMEM;
  int rounds = 0;
  while (st == VG_ENOMEM && rounds < 200) {
    vg_alloc_fail_after(++rounds);
    st = vg_pickle_load(&p, data, n, "x", NULL);
    vg_alloc_fail_after(0);
  }
  CHECK_OK(st);
  CHECK(rounds > 3);
  vg_pickle_free(p);
  free(data);
}

int main(void) {
  batch("batch_py2.pkl");
  for (int protocol = 0; protocol < 6; protocol++) {
    char name[64];
    snprintf(name, sizeof name, "batch_p%d.pkl", protocol);
    batch(name);
    snprintf(name, sizeof name, "values_p%d.pkl", protocol);
    values(name);
    damage(name);
  }
  refused("bad_system.pkl", "global 'os.system' is refused");
  refused("bad_eval.pkl", "global 'builtins.eval' is refused");
  refused("bad_cycle.pkl", "cyclic");
  refused("bad_deep.pkl", "nested deeper than 64");
  refused("bad_object_array.pkl", "numpy type 'O8' is refused");
  refused("bad_big_endian.pkl", "big-endian");
  refused("bad_set.pkl", "opcode 0x8f is refused");
  hooks();
  limits();
  no_memory();
  return finish();
}
