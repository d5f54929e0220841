/* Runs a program on a pseudo-terminal as a person would: ptydrive PROGRAM [ARGS] < steps.
   Steps, one a line: "send TEXT" (\n \t \e \xNN), "expect TEXT" (within ten seconds, from where the
   last match ended), "absent TEXT" (not since the last match), "wait MS", "size COLUMNS", "kill
   SIGNAL", "end" (closes the terminal's input with Ctrl-D and waits). What the program wrote goes
   to stdout. Exit code: the program's; 99 when a step failed, with a line on stderr. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char seen[1 << 20];
static size_t length, from; /* bytes read; where the next expectation begins */
static int terminal;
static pid_t child;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Reads what comes within `ms`; false when the program has closed the terminal. */
static bool pump(int ms) {
  struct pollfd p = {.fd = terminal, .events = POLLIN};
  ssize_t n;
  if (poll(&p, 1, ms) <= 0) return true;
  n = read(terminal, seen + length, sizeof seen - 1 - length);
  if (n <= 0) return false;
  fwrite(seen + length, 1, (size_t)n, stdout);
  length += (size_t)n;
  seen[length] = 0;
  return true;
}

static int finish(void) {
  int status = 0;
  for (double stop = now() + 10; now() < stop && pump(50);) continue;
  for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) == 0; i++) usleep(50000);
  if (kill(child, 0) == 0) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    fprintf(stderr, "ptydrive: the program did not end\n");
    return 99;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int give_up(const char *step) {
  fprintf(stderr, "ptydrive: failed at: %s\n", step);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return 99;
}

/* In place: \n \t \e \\ \xNN. Returns the number of bytes. */
static size_t unescape(char *s) {
  char *out = s;
  for (char *p = s; *p; p++) {
    if (*p != '\\' || !p[1]) {
      *out++ = *p;
      continue;
    }
    p++;
    if (*p == 'n')
      *out++ = '\n';
    else if (*p == 't')
      *out++ = '\t';
    else if (*p == 'e')
      *out++ = 27;
    else if (*p == 'x' && p[1] && p[2]) {
      char hex[3] = {p[1], p[2], 0};
      *out++ = (char)strtol(hex, NULL, 16);
      p += 2;
    } else
      *out++ = *p;
  }
  *out = 0;
  return (size_t)(out - s);
}

static bool expect(const char *text) {
  for (double stop = now() + 10;;) {
    char *at = strstr(seen + from, text);
    if (at) {
      from = (size_t)(at - seen) + strlen(text);
      return true;
    }
    if (now() > stop || !pump(50)) return strstr(seen + from, text) != NULL;
  }
}

static bool send_text(char *text) {
  size_t n = unescape(text);
  for (size_t i = 0; i < n; i++) { /* a byte at a time, as keys come */
    if (write(terminal, text + i, 1) != 1) return false;
    pump(0);
  }
  return true;
}

static void resize(int columns) {
  struct winsize w = {.ws_row = 24, .ws_col = (unsigned short)columns};
  ioctl(terminal, TIOCSWINSZ, &w);
}

static bool do_step(char *line) {
  char *rest = strchr(line, ' ');
  if (rest)
    *rest++ = 0;
  else
    rest = line + strlen(line);
  if (!strcmp(line, "send")) return send_text(rest);
  if (!strcmp(line, "absent")) return unescape(rest), !strstr(seen + from, rest);
  if (!strcmp(line, "expect")) return unescape(rest), expect(rest);
  if (!strcmp(line, "kill")) return kill(child, atoi(rest)) == 0;
  if (!strcmp(line, "size")) return resize(atoi(rest)), true;
  if (!strcmp(line, "wait")) {
    for (double stop = now() + atoi(rest) * 1e-3; now() < stop && pump(10);) continue;
    return true;
  }
  return !*line;
}

int main(int argc, char **argv) {
  struct winsize w = {.ws_row = 24, .ws_col = 80};
  char line[8192], copy[8192];
  if (argc < 2) return fprintf(stderr, "usage: ptydrive PROGRAM [ARGS] < steps\n"), 2;
  signal(SIGPIPE, SIG_IGN);
  child = forkpty(&terminal, NULL, NULL, &w);
  if (child < 0) return perror("forkpty"), 2;
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    _exit(127);
  }
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    memcpy(copy, line, sizeof copy);
    if (!strcmp(line, "end")) {
      if (write(terminal, "\x04", 1) != 1) return give_up("end");
      break;
    }
    if (!do_step(line)) return give_up(copy);
  }
  return finish();
}
