/* The host: a thin client of the embedding API. Everything it does is in lua/vgg/main.lua. */
#include <stdio.h>

#include "host/hostlib.h"
#include "vgglua/vgglua.h"

int main(int argc, char **argv) {
  vgglua *v = vgglua_create(NULL);
  int status;
  if (!v) {
    fprintf(stderr, "%s\n", vgglua_error(NULL));
    return VGGLUA_ERROR;
  }
  host_open(vgglua_lua(v));
  status = vgglua_call_module(v, "vgg.main", argc, argv);
  if (*vgglua_error(v)) {
    fflush(stdout);
    fprintf(status == VGGLUA_OK ? stdout : stderr, "%s\n", vgglua_error(v));
  }
  vgglua_close(v);
  return status;
}
