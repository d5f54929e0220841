/* Line editing over libedit. Ctrl-C, a changed window and coming back from Ctrl-Z are handled in
   our own character reader, since libedit's handling re-sends signals to the whole process group.
 */
#include <errno.h>
#include <histedit.h>
#include <lauxlib.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "bind/signals.h"
#include "host/hostlib.h"

/* One terminal, one editor. */
static struct {
  EditLine *el;
  History *history;
  HistEvent event;
  lua_State *L; /* during readline */
  const char *prompt;
  int complete; /* stack index of the completion function, 0 none */
  bool interrupted;
  volatile sig_atomic_t resized, continued;
} ed;

static char *prompt(EditLine *el) {
  (void)el;
  return (char *)(uintptr_t)ed.prompt;
}

static void on_resize(int number) {
  (void)number;
  ed.resized = 1;
}

static void on_continue(int number) {
  (void)number;
  ed.continued = 1;
}

/* ---- reading ---- */

/* Waits with SIGINT and friends let in only while waiting, so that none falls between the cracks.
   Returns 1 when there is a byte, 0 at a signal, -1 at the end. */
static int wait_for_byte(void) {
  struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
  sigset_t block, old;
  int rc;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  sigaddset(&block, SIGWINCH);
  sigaddset(&block, SIGCONT);
  sigaddset(&block, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &block, &old);
  rc = vglua_signals_pressed() || vglua_signals_ending() || ed.resized || ed.continued
           ? -1
           : ppoll(&p, 1, NULL, &old);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (rc > 0) return 1;
  if (vglua_signals_pressed()) {
    ed.interrupted = true;
    return -1;
  }
  if (vglua_signals_ending()) return -1;
  if (ed.resized) el_resize(ed.el);
  if (ed.continued) el_set(ed.el, EL_PREP_TERM, 1);
  if (ed.resized || ed.continued) el_set(ed.el, EL_REFRESH);
  ed.resized = ed.continued = 0;
  return 0;
}

/* One character, decoded from the locale's encoding; a byte that is none stands for itself. */
static int read_char(EditLine *el, wchar_t *out) {
  mbstate_t state;
  char bytes[8];
  (void)el;
  for (size_t n = 0; n < sizeof bytes;) {
    int ready = wait_for_byte();
    size_t used;
    if (ready < 0) return ed.interrupted ? -1 : 0;
    if (ready == 0) continue;
    if (read(STDIN_FILENO, bytes + n, 1) != 1) return 0;
    memset(&state, 0, sizeof state);
    used = mbrtowc(out, bytes, ++n, &state);
    if (used == (size_t)-2) continue;
    if (used == (size_t)-1) *out = (unsigned char)bytes[0];
    return 1;
  }
  return 0;
}

/* ---- completion ---- */

static size_t common_prefix(lua_State *L, int list, int n) {
  size_t len;
  lua_rawgeti(L, list, 1);
  const char *first = lua_tolstring(L, -1, &len);
  for (int i = 2; i <= n; i++) {
    lua_rawgeti(L, list, i);
    const char *s = lua_tostring(L, -1);
    size_t k = 0;
    while (k < len && s[k] == first[k]) k++;
    len = k;
    lua_pop(L, 1);
  }
  lua_pop(L, 1); /* the list keeps the string */
  while (len > 0 && ((unsigned char)first[len] & 0xc0) == 0x80) len--; /* no half character */
  return len;
}

static void show(lua_State *L, int list, int n) {
  size_t widest = 0;
  int rows, columns, shown = n < 200 ? n : 200;
  for (int i = 1; i <= shown; i++) {
    lua_rawgeti(L, list, i);
    if (lua_objlen(L, -1) > widest) widest = lua_objlen(L, -1);
    lua_pop(L, 1);
  }
  columns = 80 / (int)(widest + 2);
  if (columns < 1) columns = 1;
  rows = (shown + columns - 1) / columns;
  fputc('\n', stdout);
  for (int r = 0; r < rows; r++) {
    for (int i = r + 1; i <= shown; i += rows) {
      lua_rawgeti(L, list, i);
      printf("%-*s", i + rows <= shown ? (int)widest + 2 : 0, lua_tostring(L, -1));
      lua_pop(L, 1);
    }
    fputc('\n', stdout);
  }
  if (shown < n) printf("... %d more\n", n - shown);
  fflush(stdout);
}

/* complete(line, bytes before the cursor) -> start of the word (bytes), whole words, shown words */
static unsigned char on_tab(EditLine *el, int ch) {
  const LineInfo *line = el_line(el);
  lua_State *L = ed.L;
  int top = lua_gettop(L), n, typed;
  unsigned char act = CC_NORM;
  (void)ch;
  if (!ed.complete) return CC_ERROR;
  lua_pushvalue(L, ed.complete);
  lua_pushlstring(L, line->buffer, (size_t)(line->lastchar - line->buffer));
  lua_pushinteger(L, line->cursor - line->buffer);
  if (lua_pcall(L, 2, 3, 0) != 0 || !lua_istable(L, top + 2)) {
    lua_settop(L, top);
    return CC_ERROR;
  }
  n = (int)lua_objlen(L, top + 2);
  typed = (int)(line->cursor - line->buffer) - (int)lua_tointeger(L, top + 1);
  if (n == 0) {
    act = CC_ERROR;
  } else {
    size_t len = common_prefix(L, top + 2, n);
    lua_rawgeti(L, top + 2, 1);
    const char *word = lua_tostring(L, -1);
    if (len > (size_t)typed) {
      lua_pushlstring(L, word + typed, len - (size_t)typed);
      act = el_insertstr(el, lua_tostring(L, -1)) == 0 ? CC_REFRESH : CC_ERROR;
    } else if (n > 1) {
      show(L, lua_istable(L, top + 3) ? top + 3 : top + 2, n);
      act = CC_REDISPLAY;
    }
  }
  lua_settop(L, top);
  return act;
}

/* ---- Lua ---- */

static void open_editor(lua_State *L) {
  const char *locale = setlocale(LC_CTYPE, "");
  /* A system without a locale: what a terminal of today sends is UTF-8. */
  if (!locale || !strcmp(locale, "C") || !strcmp(locale, "POSIX")) setlocale(LC_CTYPE, "C.UTF-8");
  ed.el = el_init("vgglua", stdin, stdout, stderr);
  ed.history = history_init();
  if (!ed.el || !ed.history) luaL_error(L, "the line editor does not start");
  history(ed.history, &ed.event, H_SETSIZE, 10000);
  el_set(ed.el, EL_PROMPT_ESC, prompt, '\1');
  el_set(ed.el, EL_EDITOR, "emacs");
  el_set(ed.el, EL_HIST, history, ed.history);
  el_set(ed.el, EL_SIGNAL, 0);
  /* A Ctrl-C that empties the queue between our poll and our read would leave the read waiting. */
  el_set(ed.el, EL_SETTY, "-d", "+noflsh", NULL);
  el_set(ed.el, EL_GETCFN, read_char);
  el_set(ed.el, EL_ADDFN, "vgg-complete", "complete names", on_tab);
  el_set(ed.el, EL_BIND, "\t", "vgg-complete", NULL);
  el_set(ed.el, EL_BIND, "^R", "em-inc-search-prev", NULL);
  el_set(ed.el, EL_BIND, "\033[3~", "ed-delete-next-char", NULL);
  el_set(ed.el, EL_BIND, "\033[1;5D", "ed-prev-word", NULL);
  el_set(ed.el, EL_BIND, "\033[1;5C", "em-next-word", NULL);
  el_source(ed.el, NULL); /* ~/.editrc */
}

static void catch_signals(struct sigaction old[2], bool on) {
  struct sigaction a;
  memset(&a, 0, sizeof a);
  sigemptyset(&a.sa_mask);
  a.sa_handler = on_resize;
  sigaction(SIGWINCH, on ? &a : &old[0], on ? &old[0] : NULL);
  a.sa_handler = on_continue;
  sigaction(SIGCONT, on ? &a : &old[1], on ? &old[1] : NULL);
}

/* readline(prompt [, complete]) -> line without its end; nil, "eof" or "interrupt" */
int host_readline(lua_State *L) {
  struct sigaction old[2];
  const char *line;
  int n = 0;
  ed.prompt = luaL_checkstring(L, 1);
  lua_settop(L, 2);
  if (!ed.el) open_editor(L);
  ed.L = L;
  ed.complete = lua_isfunction(L, 2) ? 2 : 0;
  ed.interrupted = false;
  vglua_signals_reading(true);
  vglua_signals_reset(L);
  catch_signals(old, true);
  el_set(ed.el, EL_PREP_TERM, 1); /* before the prompt shows, or a quick Ctrl-D would be lost */
  line = el_gets(ed.el, &n);
  catch_signals(old, false);
  if (ed.interrupted)
    vglua_signals_reset(L); /* still reading: the next call follows at once */
  else
    vglua_signals_reading(false);
  if (ed.interrupted) {
    tcflush(STDIN_FILENO, TCIFLUSH); /* the rest of the cancelled line */
    el_reset(ed.el);
    fputs("^C\n", stdout);
    fflush(stdout);
    return lua_pushnil(L), lua_pushliteral(L, "interrupt"), 2;
  }
  if (!line || n <= 0) return lua_pushnil(L), lua_pushliteral(L, "eof"), 2;
  if (line[n - 1] == '\n') n--;
  lua_pushlstring(L, line, (size_t)n);
  return 1;
}

/* remember(text): an entry of the arrow-key history; it may have several lines */
int host_remember(lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  if (!ed.el) open_editor(L);
  history(ed.history, &ed.event, H_ENTER, text);
  return 0;
}
