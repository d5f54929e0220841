/* Questions to the terminal: device attributes, graphics. */
#include <lauxlib.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "host/hostlib.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Reads until `final`; returns the length, 0 without an answer in time. */
static size_t answer(char *text, size_t most, char final, double seconds) {
  double end = now() + seconds;
  size_t n = 0;
  while (n < most) {
    double left = end - now();
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    if (left <= 0 || poll(&p, 1, (int)(left * 1000) + 1) <= 0) return 0;
    if (read(STDIN_FILENO, text + n, 1) != 1) return 0;
    if (text[n++] == final) return n;
  }
  return 0;
}

int host_ask(lua_State *L) {
  size_t n, got;
  const char *question = luaL_checklstring(L, 1, &n), *final = luaL_checkstring(L, 2);
  double seconds = luaL_checknumber(L, 3);
  struct termios was, raw;
  char text[512];
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &was) != 0)
    return 0;
  raw = was;
  raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return 0;
  got = write(STDOUT_FILENO, question, n) == (ssize_t)n
            ? answer(text, sizeof text, final[0], seconds)
            : 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &was);
  if (!got) return 0;
  lua_pushlstring(L, text, got);
  return 1;
}
