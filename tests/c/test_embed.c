/* The embedding API as a program would use it: results, errors, interrupts, several states. */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "checks.h"
#include "vgglua/vgglua.h"

static int run(vgglua *v, const char *text) {
  return vgglua_dostring(v, text, strlen(text), "=test");
}

static bool says(const vgglua *v, const char *part) {
  return strstr(vgglua_error(v), part) != NULL;
}

static void test_results(vgglua *v) {
  CHECK(run(v, "local x = require('vgg').tensor{1, 2} assert(x.shape[1] == 2)") == VGGLUA_OK);
  CHECK(*vgglua_error(v) == 0);
  CHECK(run(v, "return 7") == 7);
  CHECK(run(v, "local function f() error('boom') end\nf()\n") == VGGLUA_ERROR);
  CHECK(says(v, "test:1: boom\n  test:1: in function 'f'\n  test:2: in main chunk"));
  CHECK(!says(v, "[C]") && !says(v, "script.lua"));
  CHECK(run(v, "x = = 1") == VGGLUA_ERROR);
  CHECK(says(v, "test:1: unexpected symbol near '='\n  x = = 1\n      ^"));
  CHECK(run(v, "error({})") == VGGLUA_ERROR && says(v, "a table value"));
  CHECK(run(v, "error()") == VGGLUA_ERROR && *vgglua_error(v));
  CHECK(run(v, "require('vgg.util').fail('data', 'data: %d of %d', 1, 2)") == VGGLUA_INPUT);
  CHECK(!strcmp(vgglua_error(v), "data: 1 of 2"));
  CHECK(run(v, "require('vgg.util').fail('numbers', 'nan')") == VGGLUA_NUMBERS);
  CHECK(run(v, "return") == VGGLUA_OK && *vgglua_error(v) == 0);
}

static void test_arguments(vgglua *v) {
  char path[] = "/tmp/vgglua_embed_XXXXXX", *argv[] = {"a", "--b"};
  int fd = mkstemp(path);
  const char text[] =
      "#!/usr/bin/env vgglua\nlocal a, b = ...\n"
      "return arg[0] and #arg == 2 and a == 'a' and b == '--b' and 42 or 0\n";
  CHECK(fd >= 0 && write(fd, text, sizeof text - 1) == (ssize_t)(sizeof text - 1));
  close(fd);
  CHECK(vgglua_dofile(v, path, 2, argv) == 42);
  unlink(path);
  CHECK(vgglua_dofile(v, path, 0, NULL) == VGGLUA_USAGE && says(v, "no such file"));
  CHECK(vgglua_call_module(v, "vgg.nothing", 0, NULL) == VGGLUA_ERROR);
}

static void test_memory_error(vgglua *v) {
  CHECK(run(v, "return ('x'):rep(2^16):rep(2^16)") != VGGLUA_OK);
  CHECK(*vgglua_error(v));
  CHECK(run(v, "return 5") == 5); /* the state is still good */
}

static void *interrupt_soon(void *v) {
  struct timespec t = {.tv_nsec = 100000000};
  nanosleep(&t, NULL);
  vgglua_interrupt(v);
  return NULL;
}

static void test_interrupt(void) {
  vgglua_config c;
  vgglua *v;
  pthread_t thread;
  vgglua_config_init(&c);
  c.interruptible = 1;
  v = vgglua_create(&c);
  CHECK(v != NULL);
  if (!v) return;
  CHECK(pthread_create(&thread, NULL, interrupt_soon, v) == 0);
  CHECK(run(v, "while true do end") == VGGLUA_INTERRUPTED);
  CHECK(!strcmp(vgglua_error(v), "interrupted"));
  pthread_join(thread, NULL);
  CHECK(run(v, "local n = 0 for i = 1, 1000 do n = n + i end return 3") == 3);
  CHECK(pthread_create(&thread, NULL, interrupt_soon, v) == 0);
  CHECK(run(v, "local t = require('vgg').tensor while true do t{1} end") == VGGLUA_INTERRUPTED);
  pthread_join(thread, NULL);
  vgglua_close(v);
}

static void *own_state(void *result) {
  vgglua *v = vgglua_create(NULL);
  *(int *)result = v ? run(v,
                           "local t = require('vgg').tensor local s = 0 for i = 1, 500 do "
                           "s = s + t{i}:item() end return s == 125250 and 9 or 1")
                     : -1;
  vgglua_close(v);
  return NULL;
}

static void test_states(void) {
  pthread_t threads[4];
  int results[4] = {0};
  for (int i = 0; i < 4; i++) CHECK(!pthread_create(&threads[i], NULL, own_state, &results[i]));
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], NULL);
    CHECK(results[i] == 9);
  }
}

static void test_refusals(void) {
  vgglua_config c;
  vgglua_config_init(&c);
  c.abi = VGGLUA_ABI + 1;
  CHECK(vgglua_create(&c) == NULL && says(NULL, "another version"));
  vgglua_config_init(&c);
  c.lua_tree = "/nowhere";
  CHECK(vgglua_create(&c) == NULL && says(NULL, "no vgg/init.lua in '/nowhere'"));
  vgglua_close(NULL);
}

int main(void) {
  vgglua *v = vgglua_create(NULL);
  CHECK(v != NULL);
  if (!v) return fprintf(stderr, "%s\n", vgglua_error(NULL)), 1;
  CHECK(vgglua_lua(v) != NULL && *vgglua_version());
  test_results(v);
  test_arguments(v);
  test_memory_error(v);
  vgglua_close(v);
  test_interrupt();
  test_states();
  test_refusals();
  return tally("embed");
}
