#include "bind/signals.h"

#include <lauxlib.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bind/bind.h"
#include "device/interrupt.h"

enum { INT, TERM, USR1, QUIT, COUNT };
static const int numbers[COUNT] = {SIGINT, SIGTERM, SIGUSR1, SIGQUIT};
static const int64_t TWO_SECONDS = 2000000000;

/* One set for the process, as signals are; written by the thread that owns the state. */
static struct {
  lua_State *_Atomic state;       /* whose code SIGINT stops; NULL: not watching */
  const void *owner;              /* the registry of the state that asked last */
  pthread_t thread;               /* the one that runs it */
  lua_State *_Atomic droppable;   /* deferred, but what runs now may be stopped inside; or NULL */
  atomic_bool deferred, held;     /* held: deferred, but for a prompt that stands inside */
  bool terminal;                  /* stderr is one: a deferred press is answered there */
  atomic_int pending;             /* SIGINT or SIGTERM seen while deferred, 0 none */
  atomic_bool checkpoint, prompt; /* SIGUSR1, SIGQUIT */
  _Atomic int64_t last_press;     /* ns */
  atomic_bool reading; /* the prompt waits: presses cancel the line and never end the process */
  atomic_int arming;   /* interruptions being set up */
  bool installed[COUNT];
  struct sigaction before[COUNT];
} sig;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- interrupting Lua ---- */

static void stop_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  vg_fail(VG_EINTR, "interrupted");
  vglua_raise(L, VG_EINTR);
}

/* The flag comes last: whoever sees it finds the hook in place and takes both down. */
void vglua_signals_interrupt(lua_State *L) {
  atomic_fetch_add(&sig.arming, 1);
  lua_sethook(L, stop_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
  vg_interrupt_request();
  atomic_fetch_sub(&sig.arming, 1);
}

bool vglua_signals_pressed(void) { return vg_interrupted(); }
bool vglua_signals_ending(void) {
  return atomic_load(&sig.pending) && (atomic_load(&sig.deferred) || atomic_load(&sig.held));
}

void vglua_signals_clear(lua_State *L) {
  while (atomic_load(&sig.arming)) sched_yield(); /* another thread is between the two */
  vg_interrupt_clear();
  if (lua_gethook(L) == stop_hook) lua_sethook(L, NULL, 0, 0);
}

void vglua_signals_reading(bool on) { atomic_store(&sig.reading, on); }

void vglua_signals_reset(lua_State *L) {
  vglua_signals_clear(L);
  atomic_store(&sig.last_press, 0);
}

/* ---- handlers ---- */

static void drop(void) {
  lua_State *L = atomic_load(&sig.droppable);
  if (L) vglua_signals_interrupt(L);
}

static void on_interrupt(void) {
  int64_t t = now(), last = atomic_exchange(&sig.last_press, t);
  lua_State *L = atomic_load(&sig.state);
  if (last && t - last < TWO_SECONDS && !atomic_load(&sig.reading)) _exit(130);
  if (atomic_load(&sig.deferred)) {
    static const char words[] = "\nstopping (once more: at once, saving nothing)\n";
    ssize_t n = sig.terminal ? write(STDERR_FILENO, words, sizeof words - 1) : 0;
    (void)n;
    atomic_store(&sig.pending, SIGINT);
    drop();
  } else if (atomic_load(&sig.reading)) {
    vg_interrupt_request(); /* the reader sees the flag; a hook would strike the prompt's own code
                             */
  } else if (L) {
    vglua_signals_interrupt(L);
  }
}

static void on_signal(int number) {
  if (!pthread_equal(pthread_self(), sig.thread)) { /* a worker got it: Lua's thread must have it */
    pthread_kill(sig.thread, number);
    return;
  }
  if (number == SIGINT) on_interrupt();
  if (number == SIGTERM) {
    if (atomic_exchange(&sig.pending, SIGTERM) == SIGTERM) _exit(143);
    drop();
  }
  if (number == SIGUSR1) atomic_store(&sig.checkpoint, true);
  if (number == SIGQUIT) atomic_store(&sig.prompt, true);
}

/* No SA_RESTART: a blocked read shall come back. */
static void install(int which) {
  struct sigaction a;
  if (sig.installed[which]) return;
  memset(&a, 0, sizeof a);
  a.sa_handler = on_signal;
  sigemptyset(&a.sa_mask);
  sig.installed[which] = sigaction(numbers[which], &a, &sig.before[which]) == 0;
}

static void restore(int which) {
  if (!sig.installed[which]) return;
  sigaction(numbers[which], &sig.before[which], NULL);
  sig.installed[which] = false;
}

static bool is_ignored(int number) {
  struct sigaction a;
  return sigaction(number, NULL, &a) == 0 && a.sa_handler == SIG_IGN;
}

static void own(lua_State *L) {
  sig.owner = lua_topointer(L, LUA_REGISTRYINDEX);
  sig.thread = pthread_self();
}

void vglua_signals_watch(lua_State *L) {
  own(L);
  atomic_store(&sig.state, L);
  if (!is_ignored(SIGINT)) install(INT);
}

void vglua_signals_unwatch(void) {
  atomic_store(&sig.state, NULL);
  atomic_store(&sig.droppable, NULL);
  atomic_store(&sig.deferred, false);
  for (int i = 0; i < COUNT; i++) restore(i);
}

/* ---- Lua ---- */

/* signals.defer(true): SIGINT and SIGTERM only show in pending(), SIGUSR1 asks for a checkpoint.
   A second SIGINT within two seconds or a second SIGTERM ends the process. defer(false): as before.
 */
static int l_defer(lua_State *L) {
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  if (lua_toboolean(L, 1)) {
    own(L);
    atomic_store(&sig.pending, 0);
    atomic_store(&sig.checkpoint, false);
    sig.terminal = isatty(STDERR_FILENO);
    atomic_store(&sig.deferred, true);
    for (int i = 0; i < QUIT; i++) install(i);
  } else {
    atomic_store(&sig.deferred, false);
    atomic_store(&sig.droppable, NULL);
    atomic_store(&sig.held, false);
    atomic_store(&sig.last_press, 0);
    for (int i = atomic_load(&sig.state) ? TERM : INT; i < COUNT; i++) restore(i);
  }
  return 0;
}

/* signals.droppable(true): what runs from here on can be done again, so that SIGINT and SIGTERM,
   one that is pending included, raise an interruption inside it, beside showing in pending().
   droppable(false): over; an interruption that was not raised by now never will be. */
static int l_droppable(lua_State *L) {
  bool on = lua_toboolean(L, 1);
  atomic_store(&sig.droppable, on ? L : NULL);
  if (!on)
    vglua_signals_clear(L);
  else if (vglua_signals_ending())
    vglua_signals_interrupt(L);
  return 0;
}

/* signals.prompts(true): SIGQUIT (Ctrl-\\) only shows in pending() until the next defer(false). */
static int l_prompts(lua_State *L) {
  (void)L;
  own(L);
  atomic_store(&sig.prompt, false);
  install(QUIT);
  return 0;
}

/* signals.hold(false): while a prompt stands inside a training, SIGINT stops what was typed;
   SIGTERM still shows in pending(). hold(true): the training's again. */
static int l_hold(lua_State *L) {
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  atomic_store(&sig.deferred, lua_toboolean(L, 1));
  atomic_store(&sig.held, !lua_toboolean(L, 1));
  atomic_store(&sig.last_press, 0);
  atomic_store(&sig.prompt, false);
  return 0;
}

/* signals.pending() -> nil, "INT" or "TERM" (until the next defer), "USR1", "QUIT" (told once) */
static int l_pending(lua_State *L) {
  int p = atomic_load(&sig.pending);
  if (p)
    lua_pushstring(L, p == SIGINT ? "INT" : "TERM");
  else if (atomic_exchange(&sig.checkpoint, false))
    lua_pushliteral(L, "USR1");
  else if (atomic_exchange(&sig.prompt, false))
    lua_pushliteral(L, "QUIT");
  else
    lua_pushnil(L);
  return 1;
}

static int l_watch(lua_State *L) {
  if (!lua_pushthread(L)) return luaL_error(L, "signals.watch: not from a coroutine");
  vglua_signals_watch(L);
  return 0;
}

static int l_reset(lua_State *L) {
  vglua_signals_reset(L);
  return 0;
}

static const luaL_Reg functions[] = {
    {"defer", l_defer}, {"pending", l_pending}, {"watch", l_watch},         {"prompts", l_prompts},
    {"hold", l_hold},   {"reset", l_reset},     {"droppable", l_droppable}, {NULL, NULL}};

static int state_closes(lua_State *L) {
  if (sig.owner == lua_topointer(L, LUA_REGISTRYINDEX)) vglua_signals_unwatch();
  return 0;
}

void vglua_open_signals(lua_State *L);
void vglua_open_signals(lua_State *L) {
  vglua_add_module(L, "signals", functions);
  lua_getfield(L, LUA_REGISTRYINDEX, "vgg.signals");
  if (lua_isnil(L, -1)) {
    lua_newuserdata(L, 1); /* its finaliser takes the handlers down with the state */
    lua_newtable(L);
    lua_pushcfunction(L, state_closes);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, "vgg.signals");
  }
  lua_pop(L, 1);
}
